"""The process under faults: a whole `process.Process` with an auction that outlasts them all, on a simulated X.

`python -m tests.system.faults.house --data-dir D --opens-at-ms T [--redis-url U] [--begin-anew]` runs until its
standard input ends. Nobody bids there by himself: the bids are posted on X from outside (`running`).
"""

import argparse
import logging
import sys
from pathlib import Path

import msgspec

import bootstrap
import supervisor
from adapters.redis.errors import StoreError
from commands.compressed import DemoPlan, days_of, demo_settings, x_options
from commands.simulated import CREDENTIALS, base_url, simulated_x
from ledger.entry import LogDamaged
from settings import Settings, load
from tests.harness.processes import input_has_ended

DAY_SECONDS = 2_400.0  # six tenths of it are the window
SWEEP_MS, LAG_MS = 3_000, 1_000


def house_plan(opens_at_ms: int) -> DemoPlan:
    return DemoPlan(seed=1, days=1, day_seconds=DAY_SECONDS, bidders=2, first_opens_at_ms=opens_at_ms)


def house_settings(data_dir: Path, plan: DemoPlan, redis_url: str) -> Settings:
    """The settings of a demo, swept every few seconds, so that what the stream has lost is found while one looks on."""
    settings = demo_settings(load(None, {}), plan, data_dir, port=0)
    replace = msgspec.structs.replace
    x = replace(settings.x, search_lag_ms=LAG_MS, sweep_lag_ms=LAG_MS, sweep_interval_ms=SWEEP_MS, receipts=False)
    return replace(settings, x=x, redis=replace(settings.redis, url=redis_url))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--opens-at-ms", type=int, required=True, help="UTC ms; the same after a restart")
    parser.add_argument("--redis-url", default="", help="empty: the embedded server")
    parser.add_argument("--begin-anew", action="store_true", help="as that of `run`")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    plan = house_plan(args.opens_at_ms)
    settings = house_settings(args.data_dir, plan, args.redis_url)
    port, _ = simulated_x(args.data_dir, {**x_options(settings, plan), "bids": 0})
    dependencies = bootstrap.Dependencies(
        base_url(port), CREDENTIALS, days_of(settings, plan), begin_anew=args.begin_anew
    )
    is_over = input_has_ended()
    try:
        return supervisor.run(settings, dependencies, is_over=is_over)
    except (StoreError, LogDamaged) as error:  # as the command line does
        print(f"refused: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
