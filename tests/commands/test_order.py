"""Orders on the command line: wrong usage, and what --dry-run foretells from the log without a word to anybody."""

import json
from pathlib import Path
from typing import Any

import pytest

from actors.scheduler.actor import HOUSE
from adapters import process_file
from adapters.http.auth import Operators
from adapters.http.private import Identity
from adapters.http.server import HttpSettings
from adapters.process_file import ProcessFile
from adapters.redis.log import LogReader
from adapters.redis.queue import START, Queue
from adapters.redis.writes import BidHistories, HashSet
from auction.day import AuctionDay
from auction.day_view import day_view
from auction.wording.moments import utc
from messages.codec import to_json
from messages.commands import AuctionCommand, PlaceBid
from messages.events import DayStarted
from messages.x_ids import posted_at_ms
from tests.commands.line import Line
from tests.harness.builders import AUCTION, OPENING, OPENS_MS, reply
from tests.harness.shown_auction import serving
from tests.harness.stage import day_plan
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("LIFE-8", "BID-8")

WHY = ("--why", "same wallet")
LOW, HIGH = reply(1_000, 1, "0.1"), reply(2_000, 2, "5")


@pytest.fixture
def day(marathon: Store) -> AuctionDay:
    """An auction on stage in which user2 leads with 5 ETH before user1 with 0.1."""
    house, auction, day = marathon.journal(HOUSE), marathon.journal(AUCTION), AuctionDay(AUCTION)
    house.begin()
    auction.begin()
    house.commit([DayStarted(message_id="start", at_ms=OPENS_MS, auction_id=AUCTION, day=1)])
    batches: list[list[AuctionCommand]] = [list(OPENING), [LOW], [HIGH]]
    for batch in batches:
        events = day.decide(batch, OPENS_MS + 5_000)
        view, keys = day_view(day), marathon.keys
        bids = [(posted_at_ms(bid.post_id), bid.post_id, bid.author_id) for bid in batch if isinstance(bid, PlaceBid)]
        history = BidHistories(keys.bids(AUCTION), keys.own_bids, f"{AUCTION}:", bids)
        auction.commit(events, [HashSet(keys.day(1), view), HashSet(keys.current, view), history])
    return day


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["pause"], 2, "the following arguments are required: --why"),
        (["invalidate", *WHY], 2, "the following arguments are required: POST"),
        (["invalidate", "@user2", *WHY], 2, "argument POST: '@user2' is not a number from 1"),
        (["ban", "user2", *WHY], 2, "argument BIDDER: 'user2' is not a number from 1"),
        (["hold", "-1", *WHY], 2, "argument POST: '-1' is not a number from 1"),
        (["hold", str(1 << 70), *WHY], 2, "argument POST: '1180591620717411303424' is not a number from 1"),
        (["skip", "m-03", *WHY], 2, "argument DAY: 'm-03' is not a number from 1"),
        (["skip", *WHY], 2, "the following arguments are required: DAY"),
        (["skip", "3", "--auction", "m-01", *WHY], 2, "unrecognized arguments: --auction m-01"),
        (["ban", "42", "--auction", "m-01", *WHY], 2, "unrecognized arguments: --auction m-01"),
        (["extend", "soon", *WHY], 1, "auction-manager: 'soon' is not a duration such as"),
        (["extend", "-5 min", *WHY], 1, "auction-manager: '-5 min' is not a duration such as"),
        (["pause", *WHY, "--data-dir", "nowhere"], 1, "auction-manager: no marathon has run in nowhere"),
        (["pause", *WHY, "--dry-run", "--data-dir", "nowhere"], 1, "auction-manager: no marathon has run in nowhere"),
    ],
)
def test_an_order_used_wrongly_is_told_in_one_line(line: Line, arguments: list[str], code: int, says: str) -> None:
    said = line(*arguments)
    assert (said.code, said.out) == (code, "")
    assert says in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("marathon")
@pytest.mark.parametrize("command", ["pause", "extend"])
def test_an_order_that_reaches_nobody_says_so(line: Line, command: str) -> None:
    said = line(command, *(["10 min"] if command == "extend" else []), *WHY)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("auction-manager: nobody answers on port")
    assert "Errno" not in said.err


USER1 = f"@user1 leads with 0.1 ETH (post {LOW.post_id})"
USER2 = f"@user2 leads with 5 ETH (post {HIGH.post_id})"
NOTHING = f"{AUCTION}: {USER2}; it would change nothing"
FALLS = f"{AUCTION}: {USER2}; it would be: {USER1}"
STAYS = f"{AUCTION}: {USER2}; that would stay so"
NOBODY = f"{AUCTION}: {USER2}; it would be: nobody wins"
BY = "(ordered by dry run: same wallet)"


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["invalidate", str(HIGH.post_id)],
            [f"BidInvalidated {HIGH.post_id} {BY}", "revised   @user1 leads with 0.1 ETH", FALLS],
        ),
        (["hold", str(HIGH.post_id)], [f"BidHeld {HIGH.post_id} {BY}", "revised   @user1 leads with 0.1 ETH", FALLS]),
        (["hold", "12"], [f"BidHeld 12 {BY}", STAYS]),
        (["void"], [f"result    void {BY}", NOBODY]),
        (["resume"], [NOTHING]),
        (["name-result"], [NOTHING]),
        (["unban", "2"], [NOTHING]),
    ],
    ids=lambda value: " ".join(value)[:20] if value else "",
)
def test_a_dry_run_foretells_what_the_order_changes_and_leaves_everything_as_it_is(
    line: Line, marathon: Store, arguments: list[str], told: list[str]
) -> None:
    log, queue = LogReader(marathon.client, marathon.keys), Queue(marathon.client, marathon.keys)
    before = log.last_seq()
    said = line(*arguments, *WHY, "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == told
    assert log.last_seq() == before
    assert queue.read(AUCTION, START, 1) == queue.read(HOUSE, START, 1) == []


@pytest.mark.usefixtures("day")
def test_a_dry_run_of_a_ban_shows_the_auction_on_stage(line: Line) -> None:
    said = line("ban", "2", *WHY, "--dry-run")
    assert said.code == 0
    assert said.out.startswith("BidderBarred 2 from ")
    assert said.out.splitlines()[-1].startswith(f"{AUCTION}: {USER2}; it would be: ")


@pytest.mark.usefixtures("day")
def test_a_dry_run_goes_by_the_clock_of_the_house_where_it_is_at_work(
    line: Line, marathon: Store, tmp_path: Path
) -> None:
    async def status() -> dict[str, Any]:
        return {"store": {"as_of_ms": OPENS_MS + 6_000}}

    identity = Identity(marathon.keys.marathon_id, "ab" * 32)
    with serving(HttpSettings(operators=Operators(is_local=True), identity=identity), status=status) as house:
        port = int(house.private.rpartition(":")[2])
        process_file.write(tmp_path, ProcessFile(identity.marathon_id, 1, port, secret=identity.secret))
        said = line("ban", "2", *WHY, "--dry-run")
    assert said.out.startswith(f"BidderBarred 2 from {utc(OPENS_MS + 6_000)}"), said


@pytest.mark.usefixtures("day")
def test_a_dry_run_as_json(line: Line) -> None:
    told = json.loads(line("invalidate", str(HIGH.post_id), *WHY, "--dry-run", "--json").out)
    assert told["auction_id"] == AUCTION
    assert told["before"].startswith("@user2 leads")
    assert told["after"].startswith("@user1 leads")
    assert len(told["events"]) == 2


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["void", "--auction", "test-09"], "there is no auction test-09 in the log"),
    ],
)
def test_a_dry_run_of_what_cannot_be_ordered_says_why(line: Line, arguments: list[str], says: str) -> None:
    said = line(*arguments, *WHY, "--dry-run")
    assert (said.code, said.out) == (1, "")
    assert says in said.err


@pytest.mark.usefixtures("day")
def test_a_dry_run_without_a_reason_is_refused_as_the_order_would_be(line: Line) -> None:
    said = line("pause", "--why", " ", "--dry-run")
    assert said.code == 1
    assert "say why" in said.err


def test_a_dry_run_on_a_log_that_does_not_add_up_foretells_nothing(
    line: Line, marathon: Store, day: AuctionDay
) -> None:
    marathon.client.hset(marathon.keys.day(1), "amount_wei", "1")
    said = line("void", *WHY, "--dry-run")
    assert said.code == 1
    assert "the log does not add up" in said.err


def test_with_nothing_on_stage_a_dry_run_wants_an_auction(line: Line, marathon: Store) -> None:
    assert "say auction_id" in line("void", *WHY, "--dry-run").err
    assert "no auction on stage in the log" in line("ban", "2", *WHY, "--dry-run").err


@pytest.mark.usefixtures("day")
def test_a_dry_run_of_a_skip_tells_what_becomes_of_the_lot_or_why_not(line: Line, marathon: Store) -> None:
    days = [day_plan(day, marathon_id="test") for day in (1, 2, 3)]
    marathon.client.set(marathon.keys.config, to_json(days))
    said = line("skip", "2", *WHY, "--dry-run")
    assert said.out == "test-02: day 2 would not be held, and Lot 2 would come again behind day 3\n"
    assert json.loads(line("skip", "2", *WHY, "--dry-run", "--json").out)["auction_id"] == "test-02"
    begun, unknown = line("skip", "1", *WHY, "--dry-run"), line("skip", "4", *WHY, "--dry-run")
    assert (begun.code, "test-01 has begun" in begun.err) == (1, True)
    assert (unknown.code, "has no day 4" in unknown.err) == (1, True)
