"""Schedules of faults from a seed: `plan_faults` draws kinds, numbers and times, and `Schedule` plays the plan.

Each schedule has its own selection of kinds, so that rare combinations occur without one long outage. At the end of its
time all faults end.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

from simulator.x.faults import Fault, Faults, Kind
from simulator.x.settings import ACCOUNT_ID

_STREAM = "/2/tweets/search/stream"
# The endpoints that a client needs to find bids, each with the HTTP method of the requests that a fault may refuse for
# a while (empty: any method).
_ENDPOINTS = {
    "/2/tweets/search/recent$": "GET",
    f"/2/users/{ACCOUNT_ID}/mentions$": "GET",
    f"/2/users/{ACCOUNT_ID}/tweets$": "GET",
    "/2/users/me$": "GET",
    "/2/users$": "GET",
    "/2/tweets$": "GET",
    f"{_STREAM}$": "GET",
    f"{_STREAM}/rules$": "",
}
_REFUSALS = (Kind.HTTP_403, Kind.HTTP_429, Kind.HTTP_503)


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request for a schedule; `longest_ms` bounds the length of a single fault."""

    seed: int
    duration_ms: Annotated[int, Meta(ge=1, le=10**9)]
    longest_ms: Annotated[int, Meta(ge=0, le=10**9)] = 2_000


class Step(msgspec.Struct, frozen=True):
    """A fault, `at_ms` after the start of the schedule."""

    at_ms: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A kind of fault that a `share` of all schedules has: up to `most` single faults, or for a while a fault with a
    probability up to `rate`, or for a while at every occasion (`always`)."""

    kind: Kind
    share: float
    most: int = 0
    rate: float = 0.0
    always: bool = False
    method: str = ""
    path: str = "/2/"


_TROUBLES = (
    _Trouble(Kind.EOF, 0.4, most=3),
    _Trouble(Kind.CUT, 0.3, most=2),
    _Trouble(Kind.RST, 0.3, most=2),
    _Trouble(Kind.DISCONNECT, 0.2, most=2),
    _Trouble(Kind.TRUNCATED, 0.2, most=2),
    _Trouble(Kind.STALL, 0.3, most=2),
    _Trouble(Kind.REFUSED, 0.2, most=2),
    _Trouble(Kind.SLOW_KEEPALIVE, 0.2, most=2),
    _Trouble(Kind.UNKNOWN_MESSAGE, 0.3, most=5),
    _Trouble(Kind.GIANT_LINE, 0.1, most=1),
    # Rare, because a client waits long after this refusal, and the stream must be used too.
    _Trouble(Kind.TOO_MANY_CONNECTIONS, 0.1, most=1),
    _Trouble(Kind.HTTP_503, 0.1, most=1, path=_STREAM),
    _Trouble(Kind.DUPLICATE, 0.5, rate=0.5),
    _Trouble(Kind.LATE, 0.5, rate=0.5),
    _Trouble(Kind.LOST, 0.5, rate=0.5),
    _Trouble(Kind.NO_INCLUDES, 0.2, rate=0.3),
    _Trouble(Kind.NO_CONVERSATION, 0.3, rate=0.5),
    _Trouble(Kind.NO_TAG, 0.2, rate=1.0),
    _Trouble(Kind.NO_MILLISECONDS, 0.2, rate=1.0),
    _Trouble(Kind.NUMBER_IDS, 0.2, rate=1.0),
    _Trouble(Kind.NEW_NAMES, 0.2, rate=1.0),
    _Trouble(Kind.SLOW, 0.3, rate=0.5),
    _Trouble(Kind.INDEX_LAG, 0.4, rate=0.5),
    _Trouble(Kind.TIMELINE_LAG, 0.4, rate=0.5),
    _Trouble(Kind.HTTP_402, 0.2, most=2, method="GET"),
    _Trouble(Kind.HTTP_429, 0.3, most=2, method="GET"),
    _Trouble(Kind.HTTP_503, 0.3, most=3, method="GET"),
    _Trouble(Kind.NO_ANSWER, 0.3, most=2, method="GET"),
    _Trouble(Kind.REPLY_NOT_ALLOWED, 0.2, most=2),
    _Trouble(Kind.DUPLICATE_CONTENT, 0.2, most=1),
    _Trouble(Kind.HTTP_429, 0.2, most=1, method="POST"),
    _Trouble(Kind.HTTP_503, 0.2, most=1, method="POST"),
    _Trouble(Kind.RESPONSE_LOST, 0.3, most=2, method="POST"),
    _Trouble(Kind.NO_ANSWER, 0.2, most=1, method="POST"),
    _Trouble(Kind.NOT_FOUND, 0.4, rate=1.0, method="GET"),
    _Trouble(Kind.LOST, 0.2, always=True),  # the stream is connected, but delivers nothing
    _Trouble(Kind.FOREIGN_RULES, 0.2, most=2),
    _Trouble(Kind.EDITED, 0.3, most=2),
    *(
        _Trouble(kind, 0.04, always=True, method=method, path=path)
        for path, method in _ENDPOINTS.items()
        for kind in _REFUSALS
    ),
    *(
        _Trouble(kind, 0.1, rate=0.5, path=path)
        for kind in (
            Kind.NO_REFERENCES,
            Kind.NO_AUTHOR,
            Kind.NO_ENTITIES,
            Kind.NO_NOTE,
            Kind.NO_HISTORY,
            Kind.NO_USER_DETAILS,
        )
        for path in (f"{_STREAM}$", "/2/")
    ),
)


def plan_faults(order: Order) -> list[Step]:
    """Returns the steps of a schedule in the order of their times, as a pure function of `order`."""
    random = Random(f"{order.seed}:schedule")
    steps = [
        step for trouble in _TROUBLES if random.random() < trouble.share for step in _steps(trouble, order, random)
    ]
    return sorted(steps, key=lambda step: step.at_ms)


def _steps(trouble: _Trouble, order: Order, random: Random) -> Iterator[Step]:
    if trouble.rate or trouble.always:
        from_ms, to_ms = sorted(random.randrange(order.duration_ms) for _ in range(2))
        fault = _fault(trouble, order, random)
        rate = 1.0 if trouble.always else round(random.uniform(0.05, trouble.rate), 2)
        yield Step(from_ms, msgspec.structs.replace(fault, rate=rate))
        yield Step(to_ms, msgspec.structs.replace(fault, rate=0.0))
    for _ in range(random.randint(1, trouble.most) if trouble.most else 0):
        fault = _fault(trouble, order, random)
        yield Step(random.randrange(order.duration_ms), msgspec.structs.replace(fault, count=1))


def _fault(trouble: _Trouble, order: Order, random: Random) -> Fault:
    ms = round(random.uniform(0.1, 1.0) * order.longest_ms)
    reset_s = random.choice((None, 1 + order.longest_ms // 1000))
    return Fault(kind=trouble.kind, method=trouble.method, path=trouble.path, ms=ms, reset_s=reset_s)


class Schedule:
    """Plays one schedule at a time."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._playing: asyncio.Task[None] | None = None

    def begin(self, order: Order) -> list[Step]:
        """Starts a schedule in place of the one before, and returns its plan."""
        self.stop()
        steps = plan_faults(order)
        self._playing = asyncio.get_running_loop().create_task(self._play(steps, order.duration_ms))
        return steps

    def stop(self) -> None:
        """Stops the schedule; faults that it has set stay."""
        if self._playing:
            self._playing.cancel()
            self._playing = None

    async def _play(self, steps: list[Step], duration_ms: int) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for step in steps:
            await asyncio.sleep(began_s + step.at_ms / 1000 - loop.time())
            # A copy, because a fault counts down its `count`, and the plan is shown to the caller.
            self._faults.add(msgspec.structs.replace(step.fault))
        await asyncio.sleep(began_s + duration_ms / 1000 - loop.time())
        self._faults.clear()
