"""The mailbox of one incarnation of an actor: two bounded lanes, which can be closed.

The data lane holds the messages of other actors; the control lane holds those of the supervisor and is read first.
Putting never blocks: a full lane and a closed mailbox refuse at once, so a slow actor cannot stall its senders. A
message is either refused or in a lane: none gets in after the close, and messages that the reader left unread stay for
its successor, even when the reader's thread never returns.

The mailbox does not know its reader and does not decide what happens to the messages of a closed mailbox.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import pykka
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

CONTROL_SIZE = 64
"""The size of the control lane, in envelopes: a ping and a stop of the supervisor, the rest for injected crashes."""


class Delivery(StrEnum):
    """The answer to a send. Only `DELIVERED` means that the message is in a mailbox."""

    DELIVERED = "DELIVERED"
    FULL = "FULL"  # the data lane is full: slow down, or keep the message and try later
    RESTARTING = "RESTARTING"  # the receiver is between two incarnations: try later
    UNKNOWN = "UNKNOWN"  # no actor of that name runs or is about to be started


class MailboxFull(Exception):
    """Raised by pykka's `tell` and `ask` where the mailbox is full, since they do not return a `Delivery`."""


class Envelope(NamedTuple):
    """A message in a mailbox. `reply_to` is the future of an ask, None for a tell; `at_s` is when it was put in."""

    message: Any
    reply_to: "pykka.Future[Any] | None"
    at_s: float


class Mailbox:
    """A mailbox, into which senders put and from which one actor takes. Any thread may call any method at any time.

    `size` bounds the data lane. `inherited` are the messages that the predecessor left unread; they come first.
    """

    def __init__(
        self, size: int, inherited: Iterable[Envelope] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.size = size
        self.refused = 0
        self.closed = False
        self._clock = clock
        self._data: deque[Envelope] = deque(inherited)
        self._control: deque[Envelope] = deque()
        self._changed = threading.Condition(threading.Lock())
        self.high_water = len(self._data)

    def offer(self, message: Any, reply_to: "pykka.Future[Any] | None" = None) -> Delivery:
        """Puts a message into the data lane; `FULL` or `RESTARTING` (closed) mean that it was not taken."""
        return self._put(self._data, self.size, message, reply_to)

    def urge(self, message: Any, reply_to: "pykka.Future[Any] | None" = None) -> Delivery:
        """Puts a message into the control lane, which is read before any data, however much of it waits."""
        return self._put(self._control, CONTROL_SIZE, message, reply_to)

    def put(self, envelope: Any) -> None:
        """Puts an envelope of pykka's `ref.tell`, `ref.ask` or `ref.stop` into the lane that it belongs to.

        Raises `MailboxFull`, and `ActorDeadError` when closed. Proxy calls raise `TypeError`: they would bypass
        `handle` and reach every attribute, private ones too.
        """
        message = envelope.message
        if isinstance(message, ProxyCall | ProxyGetAttr | ProxySetAttr):
            raise TypeError("actors are sent messages; proxies are not supported")
        lane = self.urge if isinstance(message, _ActorStop) else self.offer
        delivery = lane(message, envelope.reply_to)
        if delivery is Delivery.FULL:
            raise MailboxFull(f"the mailbox is full: {self.size} messages wait already")
        if delivery is not Delivery.DELIVERED:
            raise pykka.ActorDeadError("the mailbox is closed")

    def take_control(self) -> Envelope | None:
        """The next envelope of the control lane, if there is one."""
        if not self._control:  # nearly always, so checked without the lock; one put meanwhile is seen next time
            return None
        with self._changed:
            return self._control.popleft() if self._control else None

    def take(self, most: int) -> list[Envelope]:
        """Up to `most` envelopes of the data lane, in order. An ask is taken alone."""
        with self._changed:
            data = self._data
            taken: list[Envelope] = []
            if self.closed:
                return taken
            while data and len(taken) < most:
                if data[0].reply_to is None:
                    taken.append(data.popleft())
                elif not taken:
                    return [data.popleft()]
                else:
                    break
            return taken

    def wait(self, most_s: float) -> None:
        """Waits until there is something to take or the mailbox is closed, at most `most_s` seconds."""
        with self._changed:
            if not (self._control or self._data or self.closed):
                self._changed.wait(most_s)

    def close(self) -> None:
        """Closes the mailbox: it refuses every message from now on and gives none to the reader.

        Unread tells stay, for `leave`. Unread asks are answered with `ActorDeadError`: an asker need not wait for a
        successor, and an asker that gave up and asked again would have its message handled twice.
        """
        with self._changed:
            self.closed = True
            asked = [envelope for envelope in (*self._control, *self._data) if envelope.reply_to is not None]
            self._data = deque(envelope for envelope in self._data if envelope.reply_to is None)
            self._control.clear()
            self._changed.notify_all()
        for envelope in asked:
            answer_dead(envelope.reply_to, "the actor ended before it read the message")

    def leave(self) -> list[Envelope]:
        """The messages that the reader of this closed mailbox left unread, in order; a second call returns none."""
        assert self.closed, "an open mailbox has a reader"
        with self._changed:
            leftovers = list(self._data)
            self._data.clear()
            return leftovers

    def __len__(self) -> int:
        return len(self._data)

    def oldest_ms(self) -> int:
        """How long the first envelope of the data lane has waited, in ms; 0 when the lane is empty."""
        with self._changed:
            return int((self._clock() - self._data[0].at_s) * 1000) if self._data else 0

    def _put(self, lane: deque[Envelope], size: int, message: Any, reply_to: "pykka.Future[Any] | None") -> Delivery:
        with self._changed:
            if self.closed or len(lane) >= size:
                self.refused += 1
                return Delivery.RESTARTING if self.closed else Delivery.FULL
            lane.append(Envelope(message, reply_to, self._clock()))
            self.high_water = max(self.high_water, len(self._data))
            self._changed.notify()
            return Delivery.DELIVERED


def answer(reply_to: "pykka.Future[Any] | None", value: Any) -> None:
    """Answers an ask with `value`; does nothing for a tell."""
    # The asker may have filled its future itself, to stop waiting: that must not end the answering actor.
    with contextlib.suppress(queue.Full):
        if reply_to is not None:
            reply_to.set(value)


def answer_error(reply_to: "pykka.Future[Any] | None", error: Exception) -> None:
    """Answers an ask with `error`, which is raised at the asker; does nothing for a tell."""
    with contextlib.suppress(queue.Full):
        if reply_to is not None:
            reply_to.set_exception((type(error), error, error.__traceback__))


def answer_dead(reply_to: "pykka.Future[Any] | None", why: str) -> None:
    """Answers an ask with an `ActorDeadError` that says `why`; does nothing for a tell."""
    answer_error(reply_to, pykka.ActorDeadError(why))
