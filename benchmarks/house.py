"""The process under measurement: a whole `process.Process` whose stream of X is fed from a file.

`python -m benchmarks.house --data-dir D --opens-at-ms T` runs until its standard input ends; orders to feed it come
over a socket in its folder (`feeding`). Everything else is what runs in production: the embedded server with
`appendfsync always`, HTTP, the publisher, the reconciler; the simulated X beside it has no crowd.
"""

import argparse
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

import bootstrap
import supervisor
from adapters import process_log
from adapters.redis import functions
from benchmarks.feeding import SOCKET, FedStream, obey
from benchmarks.lines import HASHTAG, INCREMENT_WEI, RESERVE_WEI
from commands.compressed import DemoPlan, days_of, demo_settings, x_options
from commands.simulated import CREDENTIALS, base_url, simulated_x
from messages.base import Wei
from settings import Settings, load
from tests.harness.processes import input_has_ended

DAY_SECONDS = 6_000.0  # six tenths of it are the window: an hour, so that nothing is scaled


def house_settings(data_dir: Path, plan: DemoPlan, ingest_process: bool = False) -> Settings:
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
    x = msgspec.structs.replace(settings.x, receipts=False, ingest_process=ingest_process)
    return msgspec.structs.replace(settings, rules=rules, marathon=marathon, x=x)


def house_plan(opens_at_ms: int) -> DemoPlan:
    """One long day."""
    return DemoPlan(seed=1, days=1, day_seconds=DAY_SECONDS, bidders=2, first_opens_at_ms=opens_at_ms)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--opens-at-ms", type=int, required=True, help="UTC ms; the same after a restart")
    parser.add_argument("--ingest-process", action="store_true", help="the ingest in a process of its own")
    parser.add_argument("--record", type=Path, help="write what is sent with every commit of an auction to this file")
    args = parser.parse_args()
    process_log.begin(logging.WARNING)
    plan = house_plan(args.opens_at_ms)
    settings = house_settings(args.data_dir, plan, args.ingest_process)
    if args.record:
        _record(args.record, bootstrap.auction_id(settings, 1))
    port, abandon = simulated_x(args.data_dir, {**x_options(settings, plan), "bids": 0})
    fed = bootstrap.Ports(
        post_stream=FedStream,
        ingest_command=(sys.executable, "-m", "benchmarks.fed_ingest", str(args.data_dir / SOCKET)),
    )
    if not args.ingest_process:
        threading.Thread(target=obey, args=(args.data_dir / SOCKET,), name="x-stream", daemon=True).start()
    dependencies = bootstrap.Dependencies(base_url(port), CREDENTIALS, days_of(settings, plan), abandon=abandon)
    is_over = input_has_ended()
    return supervisor.run(settings, dependencies, is_over=is_over, ports=fed)


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
