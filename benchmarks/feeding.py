"""In the place of X's stream: lines from a file, when somebody asks for them over a socket.

They come into the ingest's raw callback, in the thread and at the place where tweepy calls it, in whichever process the
ingest runs. One order (`Order`) a connection, JSON, answered (`Fed`) when the last line was taken.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from adapters.x.stream import EndCause, StreamEnd

SOCKET = "feed.sock"
ANSWER_S = 1.0
FED_S = 900.0  # as long as a bid may take to be decided
PAUSE_S = 0.0005  # the feeder looks at the clock this often


class Order(msgspec.Struct, frozen=True):
    """Feed the lines of this file: `rate` a second, each at its time, or as fast as they are taken (0)."""

    lines: str
    rate: float = 0.0


class Fed(msgspec.Struct, frozen=True):
    """When the first line was due and when the last was taken; `time.monotonic`, which all processes share."""

    began_s: float
    ended_s: float


class FedStream:
    """In the place of `PostStream`, made as that one is: it stands at once, and brings what it is told to."""

    newest: "FedStream | None" = None

    def __init__(
        self,
        _base_url: str,
        _bearer_token: str,
        on_raw: Callable[[bytes], None],
        on_connected: Callable[[], None],
        on_ended: Callable[[StreamEnd], None],
        **_options: Any,
    ) -> None:
        self._on_raw, self._on_connected, self._on_ended = on_raw, on_connected, on_ended

    def start(self) -> None:
        self._on_connected()
        FedStream.newest = self

    def stop(self, deadline_s: float = 0.0) -> bool:
        if FedStream.newest is self:
            FedStream.newest = None
            self._on_ended(StreamEnd(cause=EndCause.STOPPED))
        return True

    def feed(self, order: Order) -> Fed:
        """Blocks while the mailbox is full, as tweepy's thread does. What is late is not left out: it is sent then."""
        on_raw, step_s = self._on_raw, 1 / order.rate if order.rate else 0.0
        with Path(order.lines).open("rb") as lines:
            due_s = began_s = time.monotonic()
            for line in lines:
                while (wait_s := due_s - time.monotonic()) > 0:
                    time.sleep(max(wait_s, PAUSE_S))
                on_raw(line[:-1])
                due_s += step_s
        return Fed(began_s, time.monotonic())


def obey(path: Path) -> None:
    """Takes orders on this socket, one after the other, for as long as the process lives; for a thread of its own.

    Whoever calls is told first which process this is.
    """
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        while True:
            caller, _ = listener.accept()
            with caller, caller.makefile("rwb") as talk:
                talk.write(b"%d\n" % os.getpid())
                talk.flush()
                if not (line := talk.readline()):
                    continue
                order = msgspec.json.decode(line, type=Order)
                while (stream := FedStream.newest) is None:
                    time.sleep(PAUSE_S)
                talk.write(msgspec.json.encode(stream.feed(order)) + b"\n")


def feed(path: Path, order: Order) -> Fed:
    """Gives the order to whoever obeys on this socket, and waits for its end. Raises OSError, RuntimeError."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(FED_S)
        caller.connect(str(path))
        with caller.makefile("rwb") as talk:
            talk.readline()
            talk.write(msgspec.json.encode(order) + b"\n")
            talk.flush()
            answer = talk.readline()
    if not answer:
        raise RuntimeError("whoever was fed has ended")
    return msgspec.json.decode(answer, type=Fed)


def feeder_id(path: Path) -> int | None:
    """The id of the process that obeys on this socket, if there is one."""
    with socket.socket(socket.AF_UNIX) as caller, suppress(OSError, ValueError):
        caller.settimeout(ANSWER_S)
        caller.connect(str(path))
        with caller.makefile("rb") as talk:
            return int(talk.readline())
    return None
