"""`bids`: the history of an auction and of a user, in the order of the posts, with the verdicts as they stand now."""

import json

import pytest

from adapters.redis.client import execute
from auction.day import AuctionDay
from messages.commands import AuctionCommand, PlaceBid
from messages.events import DayStarted
from messages.x_ids import posted_at_ms
from tests.commands.line import Line
from tests.harness.builders import AUCTION, ETH, OPENING, OPENS_MS, gone, reply
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("BID-11")

LOW, HIGH, THIRD = reply(1_000, 1, "0.1"), reply(2_000, 2, "5"), reply(3_000, 3, "0.3")
CHAT, LATE = reply(4_000, 1, "hello #AuctionDay [bold]\x1b[2J"), reply(1_500, 4, "0.2")


@pytest.fixture
def day(marathon: Store) -> AuctionDay:
    """An auction in which a late find and a withdrawal have changed verdicts that were told before."""
    house, auction, day = marathon.journal("house"), marathon.journal(AUCTION), AuctionDay(AUCTION)
    house.begin()
    auction.begin()
    house.commit([DayStarted(message_id="start", at_ms=OPENS_MS, auction_id=AUCTION, day=1)])
    batches: list[list[AuctionCommand]] = [list(OPENING), [LOW], [HIGH, THIRD], [CHAT, LATE], [gone(HIGH)]]
    for batch in batches:
        auction.commit(day.decide(batch, OPENS_MS + 5_000))
    return day


def words(out: str) -> list[list[str]]:
    return [row.split() for row in out.splitlines()[1:]]


@pytest.mark.usefixtures("day")
def test_the_history_has_every_bid_with_amount_time_and_verdict_as_of_now(line: Line) -> None:
    said = line("bids", AUCTION)
    assert (said.code, said.err) == (0, "")
    rows = words(said.out)
    assert [row[1] for row in rows] == [str(bid.post_id) for bid in (LOW, LATE, HIGH, THIRD, CHAT)]
    assert [" ".join(row[4:]) for row in rows] == [
        "@user1 0.1 ETH accepted",
        "@user4 0.2 ETH accepted",  # found late
        "@user2 5 ETH WITHDRAWN",
        "@user3 0.3 ETH accepted",  # refused when it was found, while 5 ETH still stood
        "@user1 - NO_AMOUNT",
    ]
    assert " ".join(rows[0][:4]) == f"{AUCTION} {LOW.post_id} 2027-01-15 08:00:01.000Z"
    assert "\x1b" not in said.out


@pytest.mark.usefixtures("day")
@pytest.mark.requirement("RED-5")
@pytest.mark.parametrize("place", range(4))
def test_a_log_that_lacks_an_entry_is_told_in_one_line(line: Line, marathon: Store, place: int) -> None:
    entry_id, _ = execute(marathon.client, "XRANGE", marathon.keys.log, "-", "+")[place]
    marathon.client.xdel(marathon.keys.log, entry_id)
    said = line("bids", AUCTION)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("auction-manager: the log is damaged: seq ")
    assert said.err.count("\n") == 1


def test_the_verdicts_are_those_of_the_day(line: Line, day: AuctionDay) -> None:
    assert day.standings
    told = json.loads(line("bids", AUCTION, "--json").out)
    assert told["next"] is None
    assert [(bid["post_id"], bid["reason"]) for bid in told["bids"]] == [
        (str(verdict.bid.post_id), verdict.refusal) for verdict in day.standings.verdicts()
    ]


@pytest.mark.requirement("BID-2")
@pytest.mark.usefixtures("day")
def test_as_json_ids_and_wei_are_strings(line: Line) -> None:
    *_, first, _ = reversed(json.loads(line("bids", AUCTION, "--json").out)["bids"])
    assert first == {
        "auction_id": AUCTION,
        "post_id": str(LATE.post_id),
        "posted_at_ms": posted_at_ms(LATE.post_id),
        "bidder_id": "4",
        "bidder_handle": "user4",
        "injected": False,
        "text": "0.2 ETH #AuctionDay",
        "amount_wei": str(ETH // 5),
        "accepted": True,
        "reason": None,
        "required_wei": None,
    }


@pytest.mark.usefixtures("day")
def test_page_by_page_every_bid_comes_once(line: Line) -> None:
    found, after = [], "0"
    while after:
        page = json.loads(line("bids", AUCTION, "--limit", "2", "--after", after, "--json").out)
        assert len(page["bids"]) <= 2
        found += [bid["post_id"] for bid in page["bids"]]
        after = page["next"]
    assert found == [str(bid.post_id) for bid in (LOW, LATE, HIGH, THIRD, CHAT)]


@pytest.mark.usefixtures("day")
def test_people_are_told_how_to_go_on(line: Line) -> None:
    said = line("bids", AUCTION, "--limit", "2")
    assert len(words(said.out)) == 2
    assert said.err == f"3 more: --after {LATE.post_id}\n"


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("user", "bids"), [("1", [LOW, CHAT]), ("@user1", [LOW, CHAT]), ("3", [THIRD]), ("user1", []), ("99", [])]
)
def test_a_user_has_a_history_of_his_own(line: Line, user: str, bids: list[PlaceBid]) -> None:
    told = json.loads(line("bids", "--user", user, "--json").out)["bids"]
    assert [bid["post_id"] for bid in told] == [str(bid.post_id) for bid in bids]
    assert {bid["auction_id"] for bid in told} <= {AUCTION}


@pytest.mark.usefixtures("day")
def test_an_auction_that_is_not_in_the_log_is_told(line: Line) -> None:
    said = line("bids", "test-09")
    assert (said.code, said.out, said.err) == (1, "", "auction-manager: there is no auction test-09 in the log\n")
