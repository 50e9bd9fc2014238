"""Requests to X within the budget: each is made once, and yields either its answer or XUnavailable.

`client` knows what is asked. A `kind` here is an endpoint of the budget.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import requests

from adapters import alarms
from adapters.bounded_http import BodyTooLarge
from adapters.x.budget import Budget
from adapters.x.clock import XClock
from adapters.x.errors import TooMuch, XUnavailable, root_of
from adapters.x.halves import UNREADABLE, decode
from adapters.x.limits import date_ms, describe

_SIGNED = ("me", "own posts", "post")
T = TypeVar("T")


class Refusal(Exception):
    """X has answered with a status that is not a success."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(describe(response))
        self.status = response.status_code
        self.headers = response.headers


def refuse(response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
    """A response hook for requests: raises Refusal, before tweepy reads the answer and before a redirect is followed.

    tweepy's own errors fail over bodies that are no object, and over headers that are no number.
    """
    if not 200 <= response.status_code < 300:
        raise Refusal(response)


class BudgetedRequests:
    """Makes requests within a budget, and sets X's clock by their answers; both may be shared. For one thread."""

    def __init__(self, budget: Budget, clock: XClock) -> None:
        self.now_ms = clock.now_ms
        self._budget, self._clock = budget, clock
        self._retry_after_ms: int | None = None

    def send(self, kind: str, call: Callable[[], requests.Response]) -> bytes:
        """Make a request. Returns its answer's body. Raises HeldBack, Refusal, requests.RequestException."""
        self._budget.spend(kind, self._clock.steady_ms())
        status: int | None = None
        headers: Mapping[str, str] = {}
        asked_s = self._clock.steady_s()
        try:
            response = call()
            status, headers = response.status_code, response.headers
            # Not from a refusal: a server between us and X may refuse with a Date of its own.
            if (at_ms := date_ms(headers)) is not None:
                self._clock.read(at_ms, at_ms + 999, asked_s)
            return response.content
        except Refusal as fault:
            status, headers = fault.status, fault.headers
            raise
        except BodyTooLarge as fault:
            status, headers = fault.response.status_code, fault.response.headers  # X has answered: no backoff
            raise
        finally:
            self._retry_after_ms = self._budget.note(kind, status, headers, self._clock.steady_ms())
            _watch_access(kind, status)

    def ask(self, kind: str, call: Callable[[], requests.Response]) -> bytes:
        """Make a request that changes nothing on X. Returns the answer's body. Raises only XUnavailable and TooMuch."""
        try:
            return self.send(kind, call)
        except (Refusal, requests.RequestException) as fault:
            raise self.unavailable(kind, fault) from fault

    def ask_object(self, kind: str, call: Callable[[], requests.Response]) -> dict[str, Any]:
        """Make a request as `ask` does. Returns the answer's JSON object."""
        return json_object(kind, self.ask(kind, call))

    def unavailable(self, kind: str, fault: Refusal | requests.RequestException) -> XUnavailable:
        """The XUnavailable for the failure of the last `send`, for a caller that may simply ask again."""
        if isinstance(fault, Refusal):
            return XUnavailable(f"{kind}: {fault}", self._retry_after_ms, fault.status)
        kind_of_fault = TooMuch if isinstance(fault, BodyTooLarge) else XUnavailable
        return kind_of_fault(f"{kind}: {root_of(fault)}", self._retry_after_ms)


def json_object(kind: str, raw: bytes) -> dict[str, Any]:
    """The JSON object of an answer. Raises XUnavailable."""
    return _read(kind, _objects, raw)


def next_token(kind: str, raw: bytes) -> str | None:
    """The token of the page after this one; None after the last. Raises XUnavailable."""
    return _read(kind, _ends, raw).meta.next_token


def _watch_access(kind: str, status: int | None) -> None:
    """Sound an alarm while X refuses our keys, rights or credits, which only a person can put right."""
    which = "the account's keys (consumer_*, access_*)" if kind in _SIGNED else "bearer_token"
    # A post is forbidden for its text or its target; any other request for want of rights.
    troubles = {401: f"X does not accept {which}", 402: "the account with X has no credits left"}
    if kind != "post":
        troubles[403] = f"{which} may not do this"
    if status in troubles:
        alarms.sound(f"x_access:{kind}", f"{kind}: {troubles[status]} (HTTP {status})")
    elif status is not None:
        alarms.clear(f"x_access:{kind}")


class _Meta(msgspec.Struct, frozen=True):
    next_token: str | None = None


class _PageEnd(msgspec.Struct):
    meta: _Meta = _Meta()


_ends = msgspec.json.Decoder(_PageEnd)
_objects = msgspec.json.Decoder(dict[str, Any])


def _read(kind: str, decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    try:
        return decode(decoder, raw)
    except UNREADABLE as fault:
        raise XUnavailable(f"{kind}: the answer cannot be read: {fault}") from fault
