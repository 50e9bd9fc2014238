"""The process under measurement: a whole `supervisor.Process` whose stream of X is fed from a file.

`python -m benchmarks.house --data-dir D --opens-at-ms T` runs until its standard input ends. A line there, JSON
(`Order`), has a file of stream lines fed into the ingest's raw callback, in the thread and at the place where tweepy
calls it; the answer (`Fed`) comes on standard output. Everything else is what runs in production: the embedded server
with `appendfsync always`, HTTP, the publisher, the sweeper; the simulated X beside it has no crowd.
"""

import argparse
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import supervisor
from adapters.redis import functions
from adapters.x.stream import StreamEnd
from benchmarks.lines import HASHTAG, INCREMENT_WEI, RESERVE_WEI
from commands.compressed import DemoPlan, days_of, demo_settings, x_options
from commands.simulated import CREDENTIALS, base_url, simulated_x
from messages.base import Wei
from settings import Settings, load

DAY_SECONDS = 6_000.0  # six tenths of it are the window: an hour, so that nothing is scaled
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
        _on_ended: Callable[[StreamEnd], None],
        **_options: Any,
    ) -> None:
        self._on_raw, self._on_connected = on_raw, on_connected

    def start(self) -> None:
        self._on_connected()
        FedStream.newest = self

    def stop(self) -> bool:
        FedStream.newest = None
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


def obey() -> None:
    """Reads orders and answers them, until there are no more; runs in the thread in the place of tweepy's."""
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        while (stream := FedStream.newest) is None:
            time.sleep(PAUSE_S)
        print(msgspec.json.encode(stream.feed(order)).decode(), flush=True)


def house_settings(data_dir: Path, plan: DemoPlan) -> Settings:
    """The shipped settings, with increments so small that a war of a million bids stays below X's amounts."""
    settings = demo_settings(load(None, {}), plan, data_dir, port=0)
    rules = msgspec.structs.replace(
        settings.rules,
        reserve_wei=Wei(RESERVE_WEI),
        increment_wei=Wei(INCREMENT_WEI),
        increment_percent_basis_points=0,
    )
    marathon = msgspec.structs.replace(settings.marathon, hashtag=HASHTAG)
    # The posts that are fed do not stand on the simulated X, so nobody can be answered there.
    x = msgspec.structs.replace(settings.x, receipts=False)
    return msgspec.structs.replace(settings, rules=rules, marathon=marathon, x=x)


def house_plan(opens_at_ms: int) -> DemoPlan:
    """One long day."""
    return DemoPlan(seed=1, days=1, day_seconds=DAY_SECONDS, bidders=2, first_opens_at_ms=opens_at_ms)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--opens-at-ms", type=int, required=True, help="UTC ms; the same after a restart")
    parser.add_argument("--record", type=Path, help="write what is sent with every commit of an auction to this file")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    plan = house_plan(args.opens_at_ms)
    settings = house_settings(args.data_dir, plan)
    if args.record:
        _record(args.record, supervisor.auction_id(settings, 1))
    port = simulated_x(args.data_dir, {**x_options(settings, plan), "bids": 0})
    supervisor.PostStream = FedStream  # type: ignore[assignment,attr-defined]  # the one place where a stream is made
    surroundings = supervisor.Surroundings(base_url(port), CREDENTIALS, days_of(settings, plan))
    feeder = threading.Thread(target=obey, name="x-stream", daemon=True)
    return supervisor.run(settings, surroundings, lambda _: feeder.start(), lambda: not feeder.is_alive())


def _record(path: Path, auction_id: str) -> None:
    """Keeps the keys and arguments of each commit of this auction, to be sent again without deciding anything."""
    file, begin_call = path.open("wb", buffering=0), functions.begin_call

    def recorded(client: Any, function: str, keys: Any, args: Any) -> Any:
        if function == "commit" and args[2] == auction_id:
            packed = msgspec.msgpack.encode((list(keys), list(args)))
            file.write(len(packed).to_bytes(4, "big") + packed)
        return begin_call(client, function, keys, args)

    functions.begin_call = recorded


if __name__ == "__main__":
    sys.exit(main())
