"""One question to X: within the budget, once, and either its answer or XUnavailable.

It does not know what is asked; `client` does.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import msgspec
import requests

from adapters.x.errors import TooManyPages, XUnavailable, root_of
from adapters.x.limits import Limits, describe, retry_after_ms

MAX_PAGES = 100
T = TypeVar("T")


class Refusal(Exception):
    """X has answered with a status that is no success."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(describe(response))
        self.status = response.status_code
        self.headers = response.headers


def refuse(response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
    """A response hook for requests: raises Refusal, before tweepy reads the answer and before a redirect is followed.

    tweepy's own errors stumble over bodies that are no object, and over headers that are no number.
    """
    if not 200 <= response.status_code < 300:
        raise Refusal(response)


class Asking:
    """Asks within the limits that X has stated. For one thread."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._limits = Limits()

    def send(self, kind: str, call: Callable[[], requests.Response]) -> bytes:
        """The body of the answer. Raises XUnavailable (no budget), Refusal, requests.RequestException."""
        self._limits.check(kind, self.now_ms())
        try:
            response = call()
        except Refusal as fault:
            self._limits.note(kind, fault.headers, self.now_ms())
            raise
        self._limits.note(kind, response.headers, self.now_ms())
        return response.content

    def ask(self, kind: str, call: Callable[[], requests.Response]) -> bytes:
        """As send, where a failure has changed nothing: raises XUnavailable only."""
        try:
            return self.send(kind, call)
        except Refusal as fault:
            raise self.unavailable(kind, fault) from fault
        except requests.RequestException as fault:
            raise XUnavailable(f"{kind}: {root_of(fault)}") from fault

    def ask_object(self, kind: str, call: Callable[[], requests.Response]) -> dict[str, Any]:
        """As ask, with the answer's JSON object."""
        return json_object(kind, self.ask(kind, call))

    def pages(self, kind: str, call: Callable[[str | None], requests.Response]) -> Iterator[bytes]:
        """All pages to the end; `call` gets the page's token. Raises XUnavailable; TooManyPages after MAX_PAGES."""
        token: str | None = None
        for _ in range(MAX_PAGES):
            raw = self.ask(kind, partial(call, token))
            token = _read(kind, _ends, raw).meta.next_token
            yield raw
            if token is None:
                return
        raise TooManyPages(f"{kind}: more than {MAX_PAGES} pages")

    def unavailable(self, kind: str, fault: Refusal) -> XUnavailable:
        """What a refusal means to whoever may simply ask again."""
        return XUnavailable(f"{kind}: {fault}", retry_after_ms(fault.headers, self.now_ms()), fault.status)


def wall_clock_ms() -> int:
    """UTC in ms."""
    return time.time_ns() // 1_000_000


def json_object(kind: str, raw: bytes) -> dict[str, Any]:
    """An answer that should be a JSON object. Raises XUnavailable."""
    return _read(kind, _objects, raw)


class _Meta(msgspec.Struct, frozen=True):
    next_token: str | None = None


class _PageEnd(msgspec.Struct):
    meta: _Meta = _Meta()


_ends = msgspec.json.Decoder(_PageEnd)
_objects = msgspec.json.Decoder(dict[str, Any])


def _read(kind: str, decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise XUnavailable(f"{kind}: the answer cannot be read: {fault}") from fault
