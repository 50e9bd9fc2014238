"""Orders over HTTP, down to the queue in a real store: who gave them, and what is told to those who mistype."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from actors.auction.receipts import ReceiptReader
from actors.scheduler.actor import HOUSE
from adapters.http.auth import Operators
from adapters.http.server import HttpSettings
from adapters.redis.client import connect_async
from adapters.redis.queue import START, Queue
from api.process_api import ProcessApi
from messages.base import Phase, Refusal
from messages.codec import to_json, unpack_commands
from messages.commands import BarBidder, ExtendAuction, InvalidateBid, PauseAuction, SkipDay
from supervision import ChildSpec, Context, Group, Supervisor
from tests.harness.asking import TOKENS, ask
from tests.harness.builders import OPENS_MS
from tests.harness.shown_auction import House, serving
from tests.harness.stage import day_plan
from tests.harness.store import Store

OPS, CI = ({"Authorization": f"Bearer {TOKENS[name]}"} for name in ("ops", "ci"))
WHY = {"why": "same wallet as the artist"}
POST = 1_801_234_567_890_123_456
DAY_MS = 86_400_000


@dataclass
class Desk:
    """A server that takes orders for the auctions m-01 and m-02; m-01 is on stage."""

    house: House
    store: Store

    def order(self, path: str, body: Any, headers: dict[str, str] = OPS, **options: Any) -> tuple[int, Any]:
        url = f"{self.house.private}/operator/{path}"
        status, _, answer = ask(url, "POST", json=body, headers=headers, **options)
        return status, answer

    def queued(self, name: str) -> list[Any]:
        entries = Queue(self.store.client, self.store.keys).read(name, START, 100)
        return [command for _, data in entries for command in unpack_commands(data)]

    def all_queued(self) -> list[Any]:
        return [command for name in (HOUSE, "m-01", "m-02") for command in self.queued(name)]


def _nobody(context: Context) -> Any:
    raise AssertionError("nothing is started here")


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    store.client.set(store.keys.config, to_json([day_plan(1), day_plan(2)]))
    store.client.hset(store.keys.current, "auction_id", "m-01")
    store.client.hset(store.keys.day(1), mapping={"phase": Phase.ACTIVE, "paused": ""})
    client = connect_async(store.url)
    supervisor = Supervisor([Group("auctions", children=[ChildSpec("announcer", _nobody)])], last_resort_s=None)
    receipt_reader = ReceiptReader(store.client, store.keys)
    api = ProcessApi(supervisor, client, store.keys, ["m-01", "m-02"], {}, lambda: OPENS_MS, receipt_reader, "UTC")
    with serving(HttpSettings(operators=Operators(TOKENS)), operate=api.operate, inject=api.inject) as house:
        try:
            yield Desk(house, store)
        finally:
            house.loop.submit(client.aclose()).result(5)


@pytest.mark.requirement("LIFE-8", "BID-8")
def test_an_order_is_in_the_queue_with_the_name_of_the_token_the_reason_and_the_time(desk: Desk) -> None:
    status, answer = desk.order("invalidate", {"post_id": POST, **WHY}, CI)
    [queued] = desk.queued("m-01")
    assert (status, answer) == (202, {"ordered": "invalidate", "of": "m-01", "message_id": queued.message_id})
    assert isinstance(queued, InvalidateBid)
    assert (queued.post_id, queued.by, queued.why, queued.said_at_ms) == (POST, "ci", WHY["why"], OPENS_MS)


@pytest.mark.requirement("LIFE-8")
def test_nobody_orders_in_the_name_of_another_or_at_another_time(desk: Desk) -> None:
    given = {"by": "boss", "said_at_ms": 1, "message_id": "mine", "type": "VoidAuction", **WHY}
    assert desk.order("pause", given)[0] == 202
    [queued] = desk.queued("m-01")
    assert isinstance(queued, PauseAuction)
    assert (queued.by, queued.said_at_ms) == ("ops", OPENS_MS)
    assert queued.message_id != "mine"


@pytest.mark.requirement("LIFE-8")
def test_an_auction_can_be_named(desk: Desk) -> None:
    desk.store.client.hset(desk.store.keys.day(2), "phase", Phase.ACTIVE)
    assert desk.order("extend", {"auction_id": "m-02", "ends_at_ms": OPENS_MS + DAY_MS, **WHY})[0] == 202
    [queued] = desk.queued("m-02")
    assert isinstance(queued, ExtendAuction)


@pytest.mark.requirement("BID-6", "LIFE-8")
def test_people_and_days_to_come_are_the_affair_of_the_house(desk: Desk) -> None:
    assert desk.order("ban", {"bidder_id": 42, **WHY})[1]["of"] == HOUSE
    assert desk.order("ban", {"bidder_id": 43, "from_ms": OPENS_MS - 5, **WHY})[0] == 202
    assert desk.order("unban", {"bidder_id": 42, **WHY})[0] == 202
    assert desk.order("skip", {"day": 2, **WHY})[0] == 202
    now, since, lifted, skip = desk.queued(HOUSE)
    assert isinstance(now, BarBidder)
    assert (now.from_ms, now.reason, since.from_ms, lifted.from_ms) == (
        OPENS_MS,
        Refusal.BANNED,
        OPENS_MS - 5,
        OPENS_MS,
    )
    assert isinstance(skip, SkipDay)


WRONG: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("unknown order", "promote", {**WHY}, 400, "there is no order 'promote'; there are pause, resume, "),
    ("a misspelt order", "invaldiate", {**WHY}, 400, "ban, unban, skip; did you mean invalidate?"),
    ("a command, not an order", "PlaceBid", {**WHY}, 400, "there is no order"),
    ("no why", "pause", {}, 400, "say why"),
    ("an empty why", "pause", {"why": "  \n"}, 400, "say why"),
    ("a why that is no text", "pause", {"why": 1}, 400, "say why"),
    ("a very long why", "pause", {"why": "x" * 501}, 400, "say why"),
    ("half of a letter", "pause", {"why": "\ud800"}, 400, ""),
    ("no post", "invalidate", {**WHY}, 400, "post_id"),
    ("a post that is no number", "invalidate", {"post_id": "1", **WHY}, 400, "Expected `int`"),
    ("a post beyond all", "hold", {"post_id": 1 << 63, **WHY}, 400, "post_id is a positive number"),
    ("a post below zero", "release", {"post_id": -1, **WHY}, 400, "post_id is a positive number"),
    ("a bidder below zero", "ban", {"bidder_id": -1, **WHY}, 400, "bidder_id is a positive number"),
    ("a bidder that is nobody", "unban", {"bidder_id": 0, **WHY}, 400, "bidder_id is a positive number"),
    ("a number beyond 64 bits", "ban", {"bidder_id": 1 << 70, **WHY}, 400, ""),
    ("a field too many", "invalidate", {"post_id": POST, "amount": 1, **WHY}, 400, "no field 'amount'"),
    ("an auction for a ban", "ban", {"bidder_id": 42, "auction_id": "m-01", **WHY}, 400, "no field 'auction_id'"),
    ("a mistyped end", "extend", {"ends_at_ms": OPENS_MS * 1000, **WHY}, 400, "at most 24 h away"),
    ("no such auction", "pause", {"auction_id": "m-03", **WHY}, 404, "no auction 'm-03'"),
    ("the house is no auction", "pause", {"auction_id": HOUSE, **WHY}, 404, "no auction 'house'"),
    ("an auction that is no text", "pause", {"auction_id": ["m-01"], **WHY}, 404, "no auction"),
    ("no such day", "skip", {"day": 3, **WHY}, 404, "no day 3"),
    ("no day at all", "skip", {"day": 0, **WHY}, 404, "no day 0"),
]


@pytest.mark.requirement("LIFE-8")
@pytest.mark.parametrize(("what", "path", "body", "status", "says"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_order_gets_a_reason_and_reaches_no_queue(
    what: str, path: str, body: dict[str, Any], status: int, says: str, desk: Desk
) -> None:
    code, answer = desk.order(path, body)
    assert (code, says in answer["reason"]) == (status, True), answer
    assert desk.all_queued() == []


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"type": "krash"},
            "no injection 'krash'; there are crash, PlaceBid, WithdrawBid, MarkSwept; did you mean crash?",
        ),
        ({"type": "crash", "actor": "announcr"}, "no actor 'announcr'; there are announcer; did you mean announcer?"),
        ({"type": "crash"}, "a crash says actor=NAME and nothing else"),
        ({"type": "crash", "actr": "announcer"}, "a crash says actor=NAME and nothing else"),
        ({"type": "PlaceBid", "txet": "1 ETH"}, "PlaceBid has no field 'txet'; did you mean text?"),
    ],
)
def test_a_misspelt_injection_is_told_what_there_is_and_what_is_nearest(
    body: dict[str, Any], says: str, desk: Desk
) -> None:
    answer = ask(f"{desk.house.private}/inject", "POST", json=body, headers=OPS)[2]
    assert answer["reason"].endswith(says)


@pytest.mark.requirement("LIFE-8")
def test_who_has_no_token_orders_nothing_and_nothing_is_ordered_in_public(desk: Desk) -> None:
    assert desk.order("pause", WHY, {})[0] == 401
    assert desk.order("pause", WHY, {"Authorization": "Bearer guess"})[0] == 401
    assert ask(f"{desk.house.private}/operator/pause")[0] == 405
    assert desk.order("pause", [WHY])[1]["error"] == "BAD_COMMAND"
    assert desk.order("pause", WHY, params={"by": "boss"})[1]["error"] == "UNKNOWN_KEY"
    assert ask(f"{desk.house.private}/operator/pause", "POST", data=b"why", headers=OPS)[0] == 415
    assert ask(f"{desk.house.public}/operator/pause", "POST", json=WHY, headers=OPS)[0] == 404
    assert desk.all_queued() == []


@pytest.mark.requirement("LIFE-8")
def test_with_nothing_on_stage_an_auction_has_to_be_named(desk: Desk) -> None:
    desk.store.client.delete(desk.store.keys.current)
    assert "say auction_id" in desk.order("pause", WHY)[1]["reason"]
    assert desk.order("pause", {"auction_id": "m-01", **WHY})[0] == 202


@pytest.mark.requirement("LIFE-8")
def test_where_nobody_takes_orders_that_is_said() -> None:
    with serving() as house:
        status, _, body = ask(house.private + "/operator/pause", "POST", json=WHY)
        assert (status, body["error"]) == (403, "ORDERS_OFF")


PENDING, ACTIVE, PROCESSING, COMPLETED = Phase
END = {"ends_at_ms": OPENS_MS + DAY_MS}
LATER = [
    # the day as it stands (None: it has not begun), the order, and why not
    (None, "pause", {}, "has not begun"),
    (None, "void", {}, "has not begun: a day to come can only be skipped"),
    (None, "invalidate", {"post_id": POST}, "has not begun"),
    (PENDING, "pause", {}, "is not open yet"),
    (PENDING, "extend", END, "is not open yet"),
    (PENDING, "skip", {"day": 1}, "has begun: it can be voided"),
    (ACTIVE, "resume", {}, "is not paused"),
    (ACTIVE, "name-result", {}, "has not closed"),
    (ACTIVE, "skip", {"day": 1}, "has begun"),
    (PROCESSING, "pause", {}, "has closed: its end is final"),
    (PROCESSING, "resume", {}, "has closed"),
    (PROCESSING, "extend", END, "has closed"),
    (PROCESSING, "skip", {"day": 1}, "has begun"),
    (COMPLETED, "pause", {}, "is over"),
    (COMPLETED, "void", {}, "is over"),
    (COMPLETED, "name-result", {}, "is over"),
    (COMPLETED, "release", {"post_id": POST}, "is over"),
    (COMPLETED, "skip", {"day": 1}, "is over"),
]


@pytest.mark.requirement("LIFE-3", "LIFE-8")
@pytest.mark.parametrize(("phase", "name", "body", "says"), LATER, ids=[f"{row[1]} when {row[0]}" for row in LATER])
def test_an_order_that_makes_no_sense_as_the_day_stands_is_refused_with_a_sentence(
    phase: Phase | None, name: str, body: dict[str, Any], says: str, desk: Desk
) -> None:
    key = desk.store.keys.day(1)
    desk.store.client.delete(key) if phase is None else desk.store.client.hset(key, "phase", phase)
    code, answer = desk.order(name, {**body, **WHY})
    assert (code, answer["error"], says in answer["reason"]) == (409, "NOT_NOW", True), answer
    assert desk.all_queued() == []


@pytest.mark.requirement("LIFE-3", "LIFE-8")
@pytest.mark.parametrize(
    ("phase", "names"), [(PENDING, ["void"]), (ACTIVE, ["pause", "void"]), (PROCESSING, ["name-result", "void"])]
)
def test_what_makes_sense_is_taken_and_a_pause_of_a_pause_is_told_to_change_nothing(
    phase: Phase, names: list[str], desk: Desk
) -> None:
    desk.store.client.hset(desk.store.keys.day(1), "phase", phase)
    for name in names:
        code, answer = desk.order(name, WHY)
        assert (code, "note" in answer) == (202, False)
    desk.store.client.hset(desk.store.keys.day(1), mapping={"phase": Phase.ACTIVE, "paused": "1"})
    assert "nothing will change" in desk.order("pause", WHY)[1]["note"]
    assert "note" not in desk.order("resume", WHY)[1]
