"""Two marathons in one store: each has its keys for itself, and neither does what was ordered in the other."""

from collections.abc import Iterator
from datetime import date

import pytest

from actors.auction.actor import Auction
from actors.scheduler.actor import HOUSE, DayPlan, Scheduler
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from auction.calendar import Window
from messages.base import Lot, Outage, Refusal
from messages.commands import BarBidder, ConfirmAuctionPost, MakeUpFor, PlaceBid
from messages.events import BidAccepted, BidderBarred, OutageNoticed
from tests.harness.builders import OPENS_MS, RULES, post_id
from tests.harness.stage import HOUR_MS, Clock, Stage
from tests.harness.store import Store

BIDDER = 7
# The second one is named as if it were an auction or a reader of the first.
NAMES = ("m", "m-01")


class Marathon:
    """A marathon of one day: its scheduler, its auction, and what is ordered and bid there."""

    def __init__(self, store: Store, name: str, clock: Clock) -> None:
        keys, token = Keys(name), new_token()
        lease = Lease(store.client, keys, token, ttl_ms=600_000)
        assert lease.take(steal=True)
        self.stage = Stage(Store(store.url, store.client, keys, token, lease), clock)
        self.auction_id = f"{name}-01"
        window = Window(day=1, local_date=date(2027, 1, 1), opens_at_ms=clock() - 1, closes_at_ms=clock() - 1 + HOUR_MS)
        plan = [DayPlan(self.auction_id, window, Lot(token_id=1, title="Lot"), RULES)]
        self.house = self.stage.enter(
            "scheduler", lambda context: Scheduler(context, plan, self.stage.access, clock, lambda _: None, ())
        )
        self.day = self.stage.enter(
            self.auction_id, lambda context: Auction(context, self.auction_id, self.stage.access, clock, ())
        )
        self.go_on()

    def go_on(self) -> None:
        self.stage.step(self.house, self.day)

    def order(self, *orders: BarBidder | MakeUpFor) -> None:
        self.stage.queues.append(HOUSE, orders)

    def take_a_bid(self) -> None:
        self.stage.queues.append(self.auction_id, [ConfirmAuctionPost(message_id="confirm", post_id=post_id(0)), bid()])
        self.go_on()


def bid() -> PlaceBid:
    return PlaceBid(
        message_id=f"tweet:{post_id(1)}",
        post_id=post_id(1),
        author_id=BIDDER,
        author_handle="ada",
        author_created_at_ms=0,
        replied_to_id=post_id(0),
        text=f"5 ETH #{RULES.hashtag}",
        hashtags=(RULES.hashtag,),
        source="stream",
        found_at_ms=1,
    )


def ban(name: str) -> BarBidder:
    why = f"ordered in {name}"
    return BarBidder(
        message_id="ban", by="ann", why=why, said_at_ms=1, bidder_id=BIDDER, from_ms=1, reason=Refusal.BANNED
    )


@pytest.fixture
def marathons(store: Store) -> Iterator[list[Marathon]]:
    clock = Clock(OPENS_MS)
    both = [Marathon(store, name, clock) for name in NAMES]
    yield both
    for marathon in both:
        marathon.stage.close()


@pytest.mark.requirement("RED-1")
def test_what_is_ordered_in_one_marathon_is_done_there_and_nowhere_else(marathons: list[Marathon]) -> None:
    first, second = marathons
    away = Outage(from_ms=1, to_ms=60_000)
    first.order(ban("m"), MakeUpFor(message_id="x", by=HOUSE, why="", said_at_ms=1, outage=away))
    for marathon in (second, first):
        marathon.go_on()
    assert [event.why for event in first.stage.logged(BidderBarred)][:1] == ["ordered in m"]
    assert len(first.stage.logged(OutageNoticed)) == 1
    assert second.stage.logged(BidderBarred, OutageNoticed) == []


@pytest.mark.requirement("RED-1")
def test_no_key_is_written_by_both_but_the_bids_of_a_user(store: Store, marathons: list[Marathon]) -> None:
    first, second = marathons

    def contents() -> dict[bytes, bytes]:
        return {key: execute(store.client, "DUMP", key) for key in store.client.scan_iter(count=1_000)}

    before = contents()
    first.take_a_bid()
    first.order(ban("m"))
    first.go_on()
    between = contents()
    second.take_a_bid()
    second.order(ban("m-01"))
    second.go_on()
    after = contents()
    by_first = {key for key, value in between.items() if before.get(key) != value}
    by_second = {key for key, value in after.items() if between.get(key) != value}
    assert by_first & by_second == {b"users:%d:bids" % BIDDER}
    assert store.client.lrange(f"users:{BIDDER}:bids", 0, -1) == [
        b"%b:%020d" % (name.encode(), post_id(1)) for name in ("m-01", "m-01-01")
    ]
    for marathon in marathons:
        assert len(marathon.stage.logged(BidAccepted)) == 1
        assert [event.why for event in marathon.stage.logged(BidderBarred, writer=HOUSE)] == [
            f"ordered in {marathon.stage.keys.marathon_id}"
        ]
