"""The mailbox of one incarnation of an actor: two lanes, bounded, closable.

The data lane holds what others send; the control lane holds what the supervisor says, and comes first.
Putting never blocks: a full lane and a closed mailbox refuse at once, so a slow actor cannot stall its
senders. A message is either refused or in a lane: none slips in behind the last look of a dying reader, and
what it left unread stays to be fetched, even when its thread never comes back.

It does not know who reads it, and decides nothing about what becomes of what a closed mailbox holds.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

if TYPE_CHECKING:
    from pykka._envelope import Envelope as PykkaEnvelope

CONTROL_SIZE = 64
"""Envelopes in the control lane: at most a ping and a stop of the supervisor, the rest for injected crashes."""


class Delivery(StrEnum):
    """What became of a message that was sent. Only `DELIVERED` means that it is in a mailbox."""

    DELIVERED = "DELIVERED"
    FULL = "FULL"  # the data lane is full: slow down, or keep it and try later
    RESTARTING = "RESTARTING"  # between two incarnations: try later
    UNKNOWN = "UNKNOWN"  # nobody of that name runs, and nobody is about to


class MailboxFull(Exception):
    """Raised to those who put through pykka's `tell` and `ask`, which have no return value to say it with."""


class Envelope(NamedTuple):
    """A message on its way. `reply_to` is set when somebody asked; `at_s` is when it was put."""

    message: Any
    reply_to: "pykka.Future[Any] | None"
    at_s: float


class Mailbox:
    """Where senders put and one actor takes. All methods may be called from any thread.

    `size` bounds the data lane. `inherited` is what the predecessor left unread; it comes first.
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

    def put(self, envelope: "PykkaEnvelope[Any]") -> None:
        """pykka's way in: `ref.tell`, `ref.ask`, `ref.stop`.

        Raises `MailboxFull`, and `ActorDeadError` when closed. Proxy calls are a `TypeError`: they would reach any
        attribute, private ones too, past `handle`.
        """
        message = envelope.message
        if isinstance(message, ProxyCall | ProxyGetAttr | ProxySetAttr):
            raise TypeError("actors are sent messages; proxies are not supported")
        lane = self.urge if isinstance(message, _ActorStop) else self.offer
        delivery = lane(message, envelope.reply_to)
        if delivery is Delivery.FULL:
            raise MailboxFull(f"{self.size} messages wait already")
        if delivery is not Delivery.DELIVERED:
            raise pykka.ActorDeadError("the mailbox is closed")

    def take_control(self) -> Envelope | None:
        """The next envelope of the control lane, if there is one."""
        if not self._control:  # nearly always, so not worth the lock; one put meanwhile is seen next time
            return None
        with self._changed:
            return self._control.popleft() if self._control else None

    def take(self, most: int) -> list[Envelope]:
        """Up to `most` envelopes of the data lane, in order. One that wants an answer is taken alone."""
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
        """Returns as soon as there is something to take, when closed, or after `most_s` seconds."""
        with self._changed:
            if not (self._control or self._data or self.closed):
                self._changed.wait(most_s)

    def close(self) -> None:
        """Refuses everything from now on, and gives nothing to the reader any more.

        What nobody has read stays, for `leave`. Those who asked are told that the actor is dead instead: they
        do not wait for a successor, and one who gave up and asked again would be heard twice.
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
        """What the reader of this closed mailbox left unread, in order; given once, to the successor."""
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
    """Answers the one who asked, if anybody did."""
    # The asker holds the future and may have filled it, to stop waiting: no reason for the actor to die.
    with contextlib.suppress(queue.Full):
        if reply_to is not None:
            reply_to.set(value)


def answer_error(reply_to: "pykka.Future[Any] | None", error: Exception) -> None:
    """Lets the one who asked, if anybody did, see `error` raised."""
    with contextlib.suppress(queue.Full):
        if reply_to is not None:
            reply_to.set_exception((type(error), error, error.__traceback__))


def answer_dead(reply_to: "pykka.Future[Any] | None", why: str) -> None:
    """Tells the one who asked, if anybody did, that there will be no answer."""
    answer_error(reply_to, pykka.ActorDeadError(why))
