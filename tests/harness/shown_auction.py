"""A small auction for tests of what viewers are shown: its events, and a server that shows them on free ports."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from adapters.event_loop import LoopThread
from adapters.http.auth import Operators
from adapters.http.server import HttpServer, HttpSettings
from adapters.http.views import Reads, Views, Webhook
from adapters.livestream.hub import FeedHub, FeedLimits
from adapters.livestream.upcoming_days import UpcomingDays
from adapters.metrics import render
from messages.base import Leader, Lot, Outcome, Refusal, Wei
from messages.events import (
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
)
from tests.harness import builders
from tests.harness.builders import ETH, OPENS_MS, post_id

ENDS_MS = OPENS_MS + 3_600_000

RULES = replace(builders.RULES, hashtag="marathon", close_bound_ms=600_000, minimum_account_age_ms=0)


def prepared(day: int = 1) -> AuctionPrepared:
    return AuctionPrepared(
        message_id=f"prepared:{day}",
        at_ms=OPENS_MS,
        auction_id=f"m-{day:02d}",
        day=day,
        lot=Lot(token_id=2**60, title="Harbour", image="harbour.png"),
        rules=RULES,
        rules_hash="ab" * 32,
        opens_at_ms=OPENS_MS,
        closes_at_ms=ENDS_MS,
    )


def opened(day: int = 1) -> AuctionOpened:
    return AuctionOpened(
        message_id=f"opened:{day}",
        at_ms=OPENS_MS,
        auction_id=f"m-{day:02d}",
        post_id=post_id(0),
        opened_at_ms=OPENS_MS,
        ends_at_ms=ENDS_MS,
    )


def _seen(number: int) -> dict[str, Any]:
    return {
        "message_id": f"tweet:{number}",
        "at_ms": OPENS_MS + number,
        "post_id": post_id(number),
        "bidder_id": 7_000 + number,
        "bidder_handle": f"bidder_{number}",
        "bidder_created_at_ms": 0,
        "replied_to_id": post_id(0),
        "text": "<script>alert(1)</script>",
        "hashtags": ("marathon",),
        "source": "stream",
    }


def accepted(number: int) -> BidAccepted:
    """The bid posted `number` ms after the opening, of 0.1 ETH and as many thousandths."""
    amount = ETH // 10 + number * ETH // 1000
    return BidAccepted(
        **_seen(number), amount_wei=Wei(amount), minimum_wei=Wei(amount + ETH // 100), ends_at_ms=ENDS_MS
    )


def refused(number: int, reason: Refusal = Refusal.BELOW_MINIMUM) -> BidRefused:
    return BidRefused(**_seen(number), reason=reason, amount_wei=Wei(ETH // 100), required_wei=Wei(ETH // 2))


def leader(number: int) -> Leader:
    bid = accepted(number)
    return Leader(
        post_id=bid.post_id,
        bidder_id=bid.bidder_id,
        bidder_handle=bid.bidder_handle,
        amount_wei=bid.amount_wei,
    )


def revised(number: int, *numbers: int, leads: int | None = None) -> StandingsRevised:
    """From the bid `number` on these lead one after the other; in the end the last of them or, of before, `leads`."""
    leaders = tuple(leader(n) for n in numbers)
    last = leaders[-1] if leaders else leader(leads) if leads else None
    return StandingsRevised(
        message_id=f"revised:{number}",
        at_ms=OPENS_MS,
        from_post_id=post_id(number),
        leaders=leaders,
        leader=last,
        minimum_wei=Wei(ETH),
    )


def frozen() -> EndFrozen:
    return EndFrozen(message_id="frozen", at_ms=ENDS_MS, ends_at_ms=ENDS_MS)


def named(number: int | None, day: int = 1) -> ResultNamed:
    return ResultNamed(
        message_id=f"named:{day}",
        at_ms=ENDS_MS,
        auction_id=f"m-{day:02d}",
        day=day,
        outcome=Outcome.UNSOLD if number is None else Outcome.SOLD,
        winner=None if number is None else leader(number),
    )


async def nothing(*_: object) -> Any:
    """A view that has nothing to show."""
    return {}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def own_metrics() -> bytes:
    return render()


NO_READS = Reads(nothing, nothing, nothing, nothing, nothing, nothing)


@dataclass
class House:
    """A running server with its hub; `publish` numbers the events on from the last."""

    loop: LoopThread
    hub: FeedHub
    server: HttpServer
    seq: int = 0

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.server.public_port}"

    @property
    def private(self) -> str:
        return f"http://127.0.0.1:{self.server.private_port}"

    def publish(self, *events: Any) -> int:
        self.hub.publish(list(enumerate(events, self.seq + 1)))
        self.seq += len(events)
        return self.seq


@contextmanager
def serving(
    settings: HttpSettings | None = None,
    limits: FeedLimits | None = None,
    known_seq: int = 0,
    reads: Callable[[LoopThread], Reads] = lambda _: NO_READS,
    status: Callable[[], Awaitable[Any]] = nothing,
    ready: Callable[[], tuple[bool, list[str]]] = lambda: (True, []),
    inject: Callable[[dict[str, Any], str], Awaitable[Any]] | None = None,
    operate: Callable[[str, dict[str, Any], str], Awaitable[Any]] | None = None,
    clock: Callable[[], int] = now_ms,
    upcoming_days: UpcomingDays | None = None,
    generation: str = "g1",
    webhook: Webhook | None = None,
) -> Iterator[House]:
    """A server on free ports, and its end."""
    loop = LoopThread()
    loop.start()
    try:
        hub = FeedHub(loop.loop, generation, known_seq, limits, clock, upcoming_days)
        views = Views(reads(loop), status, ready, own_metrics, inject, operate, webhook)
        server = HttpServer(settings or HttpSettings(operators=Operators(is_local=True)), views, hub)
        loop.submit(server.start()).result(10)
        try:
            yield House(loop, hub, server)
        finally:
            loop.submit(server.stop()).result(10)
    finally:
        assert loop.stop()
