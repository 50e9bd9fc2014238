"""The functions that the HTTP server needs from the rest of the process, and the errors by which they refuse."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Json = Any


class Refused(Exception):
    """The request is understood and denied: `error` is a word for programs, `reason` a line for people."""

    def __init__(self, reason: str, error: str = "REFUSED", status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.error, self.status = reason, error, status


class NotFound(Refused):
    """There is no such auction, bid or page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "NOT_FOUND", 404)


@dataclass(frozen=True, slots=True)
class Reads:
    """The reads of auctions and bids in the store; each raises Refused. `after` is the `next` of the page before;
    `receipt` takes an auction's id and a post's."""

    current: Callable[[], Awaitable[Json]]
    auctions: Callable[[], Awaitable[Json]]
    auction: Callable[[str], Awaitable[Json]]
    bids: Callable[[str, str | None, int], Awaitable[Json]]
    user_bids: Callable[[int, str | None, int], Awaitable[Json]]
    receipt: Callable[[str, int], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook of X: `take` gets a body that was signed with `secret`, and returns once it is on disk."""

    secret: str = field(repr=False)
    take: Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Views:
    """All that the server shows or passes on.

    `ready` tells whether the process does its work, and why not. `inject` takes a command's fields and the name of who
    sent it, and answers with what was accepted, or raises Refused; None means that injection is off. `metrics` renders
    the metrics for Prometheus, whatever else is wrong. `operate` takes an order's name, its fields and who gave it.
    Without a `webhook` X cannot push.
    """

    reads: Reads
    status: Callable[[], Awaitable[Json]]
    ready: Callable[[], tuple[bool, list[str]]]
    metrics: Callable[[], Awaitable[bytes]]
    inject: Callable[[dict[str, Json], str], Awaitable[Json]] | None = None
    operate: Callable[[str, dict[str, Json], str], Awaitable[Json]] | None = None
    webhook: Webhook | None = None
