"""`dead-letters`: every letter is listed and shown; one that is tried again stands in its queue, one that is discarded
in the log, and none in two places or in none.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from actors.auction.actor import Auction
from actors.scheduler.actor import HOUSE, Scheduler
from adapters.redis.client import execute
from adapters.redis.queue import START, DeadLetter, Queue
from messages.codec import pack_batch, to_json, unpack_commands
from messages.commands import DiscardLetter, PlaceBid
from messages.events import BidAccepted, LetterDiscarded
from tests.commands.line import Line
from tests.harness.builders import AUCTION_POST, OPENING, OPENS_MS, reply
from tests.harness.stage import Clock, Stage, day_plan
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("QUE-2")

BID = reply(1_000, 7, "0.5")
POST: dict[str, Any] = {
    "data": {
        "id": str(BID.post_id),
        "author_id": "7",
        "text": "0.5 ETH #AuctionDay",
        "conversation_id": str(AUCTION_POST),
        "referenced_tweets": [{"type": "replied_to", "id": str(AUCTION_POST)}],
    },
    "includes": {"users": [{"id": "7", "username": "user7", "created_at": "2020-01-01T00:00:00.000Z"}]},
}
GONE = {"data": {"event_type": "post.delete", "payload": {"id": str(BID.post_id)}}}

Bury = Callable[..., str]


@pytest.fixture
def bury(marathon: Store) -> Bury:
    """Makes a dead letter; its id."""

    def make(data: bytes, auction_id: str = "m-01", error: str = "it cannot be read", attempts: int = 1) -> str:
        letter = DeadLetter(
            auction_id=auction_id, entry_id="1-1", data=data, error=error, attempts=attempts, at_ms=OPENS_MS
        )
        return Queue(marathon.client, marathon.keys).dead_letter(letter)

    return make


def letters(store: Store) -> list[str]:
    return [letter_id for letter_id, _ in Queue(store.client, store.keys).dead_letters(START, 100)]


def queued(store: Store, auction_id: str) -> list[Any]:
    entries = Queue(store.client, store.keys).read(auction_id, START, 100)
    return [command for _, data in entries for command in unpack_commands(data)]


def goes_on(store: Store) -> None:
    """The auction m-01 is open on X."""
    store.client.set(store.keys.config, to_json([day_plan(1)]))
    store.client.hset(store.keys.day(1), mapping={"post_id": AUCTION_POST, "auction_id": "m-01", "phase": "ACTIVE"})


# ---- looking


def test_a_letter_that_is_none_is_listed_shown_and_discarded_like_the_others(
    line: Line, bury: Bury, marathon: Store
) -> None:
    whole = bury(b"{}")
    broken = execute(marathon.client, "XADD", marathon.keys.dead, "*", "batch", b"\xc1").decode()
    other = execute(marathon.client, "XADD", marathon.keys.dead, "*", "some", "field").decode()
    assert [row.split()[0] for row in line("dead-letters", "list").out.splitlines()[1:]] == [whole, broken, other]
    assert json.loads(line("dead-letters", "show", broken, "--json").out)["hex"] == "c1"
    assert line("dead-letters", "retry", broken).code == 1
    assert line("dead-letters", "discard", broken, other, "--why", "rubbish").code == 0
    assert letters(marathon) == [whole]


def test_all_are_listed_oldest_first(line: Line, bury: Bury) -> None:
    assert line("dead-letters", "list").code == 0
    first = bury(b"\xff" * 2000, error="line\n[bold]\x1b[2J")
    second = bury(b"{}", auction_id="", attempts=3)
    rows = line("dead-letters", "list").out.splitlines()[1:]
    assert [row.split()[:7] for row in rows] == [
        [first, "m-01", "2027-01-15", "08:00:00.000Z", "1", "2000", "line\\n[bold]\\x1b[2J"],
        [second, "-", "2027-01-15", "08:00:00.000Z", "3", "2", "it"],
    ]
    found = [json.loads(row) for row in line("dead-letters", "list", "--json").out.splitlines()]
    assert [(each["id"], each["bytes"], each["attempts"]) for each in found] == [(first, 2000, 1), (second, 2, 3)]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (pack_batch([BID]), {"commands": [{"type": "PlaceBid", "text": "0.5 ETH #AuctionDay"}]}),
        (b'{"not": "a post"}\n', {"text": '{"not": "a post"}\n'}),
        (b"\xff\x00", {"hex": "ff00"}),
    ],
    ids=["commands", "text", "bytes"],
)
def test_one_is_shown_as_readable_as_it_is(line: Line, bury: Bury, data: bytes, shown: dict[str, Any]) -> None:
    letter_id = bury(data)
    told = json.loads(line("dead-letters", "show", letter_id, "--json").out)
    assert (told["id"], told["error"]) == (letter_id, "it cannot be read")
    [(name, content)] = shown.items()
    if name == "commands":
        assert content[0].items() <= told[name][0].items()
        content = '"text": "0.5 ETH #AuctionDay"'
    else:
        assert told[name] == content
    out = line("dead-letters", "show", letter_id).out
    assert content.replace("\n", "\\n") in out
    assert f"bytes      {len(data)}\n" in out


# ---- trying again


def test_a_batch_is_put_back_and_then_decided(line: Line, bury: Bury, marathon: Store) -> None:
    stage = Stage(marathon, Clock(OPENS_MS + 5_000))
    try:
        auction: Auction = stage.auction()
        stage.queues.append("m-01", OPENING)
        letter_id = bury(pack_batch([BID]), error="RuntimeError: mended since", attempts=3)
        assert line("dead-letters", "retry", letter_id).out == f"{letter_id} waits in the queue of m-01\n"
        stage.step(auction)
        assert [event.post_id for event in stage.logged(BidAccepted)] == [BID.post_id]
        assert letters(marathon) == []
    finally:
        stage.close()


@pytest.mark.parametrize(
    ("payload", "found_for", "kind"),
    [(POST, "", "PlaceBid"), (POST["data"], "m-01", "PlaceBid"), (GONE, "", "WithdrawBid")],
    ids=["a line of the stream", "a post of a search", "a deletion"],
)
def test_what_x_sent_is_read_again_and_goes_where_it_replied_to(
    line: Line, bury: Bury, marathon: Store, payload: dict[str, Any], found_for: str, kind: str
) -> None:
    goes_on(marathon)
    letter_id = bury(json.dumps(payload).encode(), auction_id=found_for)
    said = line("dead-letters", "retry", letter_id, "--json")
    assert json.loads(said.out) == {"id": letter_id, "queue": "m-01"}
    [command] = queued(marathon, "m-01")
    assert (type(command).__name__, command.post_id, letters(marathon)) == (kind, BID.post_id, [])
    if isinstance(command, PlaceBid):
        assert (command.author_id, command.replied_to_id, command.source) == (7, AUCTION_POST, "dead letter")


@pytest.mark.parametrize(
    ("data", "auction_id", "says"),
    [
        (b"\xc1", "m-01", "it still cannot be read"),
        (b"\xc1", "", "it still cannot be read"),
        (b"{}", "", "it still cannot be read"),
        (b'{"data": {"id": "5", "author_id": "7", "text": "1 ETH"}}', "m-01", "it does not say what it replies to"),
        (json.dumps(POST).replace(str(AUCTION_POST), "17").encode(), "", "it belongs to no auction that is open"),
        (pack_batch([BID]), "m-02", "m-02 has its result, which nothing changes any more"),
    ],
)
def test_where_trying_again_cannot_help_the_letter_stays(
    line: Line, bury: Bury, marathon: Store, data: bytes, auction_id: str, says: str
) -> None:
    goes_on(marathon)
    marathon.client.hset(marathon.keys.day(2), "phase", "COMPLETED")
    letter_id = bury(data, auction_id=auction_id)
    said = line("dead-letters", "retry", letter_id)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"auction-manager: {letter_id} cannot be tried again: {says}")
    assert said.err.count("\n") == 1
    assert (letters(marathon), queued(marathon, auction_id)) == ([letter_id], [])


# ---- discarding


@pytest.mark.requirement("RED-5")
def test_what_is_discarded_is_logged_once_with_who_and_why(line: Line, bury: Bury, marathon: Store) -> None:
    letter_id, other = bury(b"\xc1" * 10), bury(b"other")
    said = line("dead-letters", "discard", letter_id, "--why", "not a post")
    assert (said.code, said.out) == (0, f"{letter_id} is discarded; the running process logs that\n")
    assert letters(marathon) == [other]
    [order] = queued(marathon, HOUSE)
    assert isinstance(order, DiscardLetter)
    stage = Stage(marathon, Clock(OPENS_MS))
    try:
        for _ in range(2):
            stage.step(
                stage.enter(
                    "scheduler",
                    lambda context: Scheduler(context, [], stage.access, stage.clock, lambda name: None, ()),
                )
            )
        [told] = stage.logged(LetterDiscarded)
        wanted = (letter_id, "m-01", "it cannot be read", 10, "local", "not a post")
        assert (told.letter_id, told.auction_id, told.error, told.size, told.by, told.why) == wanted
        assert stage.queued(HOUSE) == []
    finally:
        stage.close()


# ---- wrong usage


@pytest.mark.usefixtures("marathon")
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "the following arguments are required: list|show|retry|discard"),
        (["burn"], 2, "invalid choice: 'burn'"),
        (["show"], 2, "the following arguments are required: ID"),
        (["show", "first"], 2, "'first' is no id such as 1803931200000-0"),
        (["discard", "1-1"], 2, "the following arguments are required: --why"),
        (["discard", "1-1", "--why", " "], 2, "a reason has 1 to 500 characters"),
        (["show", "1-1"], 1, "there is no dead letter 1-1; `dead-letters list` shows them all"),
        (["retry", "1-1"], 1, "there is no dead letter 1-1"),
        (["discard", "1-1", "--why", "x"], 1, "there is no dead letter 1-1"),
        (["list", "--data-dir", "nowhere"], 1, "no marathon has run in nowhere"),
    ],
)
def test_wrong_usage_is_told_in_one_line(line: Line, arguments: list[str], code: int, says: str) -> None:
    said = line("dead-letters", *arguments)
    assert (said.code, said.out) == (code, "")
    assert says in said.err.splitlines()[-1]
