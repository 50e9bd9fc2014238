"""Many runs of chain chaos. `make chain-chaos`; exit code 1 where the log is not what the chain has."""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from adapters.redis.embedded import EmbeddedServer
from tests.harness.store import empty_store
from tests.system.chain_chaos.chaos import Chaos, Outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many runs (default 10)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--operations", type=int, default=300, help="operations of each run (default 300)")
    args = parser.parse_args()
    logging.disable()  # alarms are what the run is made of
    console = Console(width=120)
    names = (
        "seed",
        "logs",
        "missing",
        "phantom",
        "false",
        "naive: missing",
        "phantom",
        "reorganised",
        "revoked",
        "crashes",
    )
    table = Table(
        *names, title="chain chaos", caption="false: called safe or finalized; crashes: between walk-back and commit"
    )
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="chain-chaos-") as folder:
        server = EmbeddedServer(Path(folder))
        try:
            server.ensure()
            for seed in range(args.first, args.first + args.seeds):
                place = Path(folder) / f"seed-{seed}"
                place.mkdir()
                with empty_store(server.url) as store:
                    outcomes.append(Chaos(seed, args.operations, store, place).run())
                table.add_row(str(seed), *_figures(outcomes[-1]))
        finally:
            server.stop()
    console.print(table)
    told: dict[str, int] = {}
    for outcome in outcomes:
        for lie, times in outcome.told.items():
            told[lie] = told.get(lie, 0) + times
    console.print("lies told:", ", ".join(f"{lie} {times}" for lie, times in sorted(told.items())))
    return int(any(outcome.missing or outcome.phantom or outcome.false for outcome in outcomes))


def _figures(outcome: Outcome) -> list[str]:
    return [str(value) for value in list(vars(outcome).values())[:-1]]


if __name__ == "__main__":
    sys.exit(main())
