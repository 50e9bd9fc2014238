"""`make faults`: every fault of a store, on an embedded and on an external server, under bids; one table into
docs/operating.md. Ends with 1 where something is not as it must be.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.harness import ROOT
from tests.system.faults.faults import FAULTS, Fault
from tests.system.faults.play import Outcome, house_on, play, table_of

DOCS = ROOT / "docs" / "operating.md"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", default="", metavar="WORD", help="faults with this word in their name; writes no table"
    )
    parser.add_argument("--store", choices=("embedded", "external"), help="one kind of server; writes no table")
    args = parser.parse_args()
    wanted = [fault for fault in FAULTS if args.only in fault.name]
    kinds = (args.store,) if args.store else ("embedded", "external")
    console = Console(stderr=True)
    outcomes: list[Outcome] = []
    with Progress(console=console) as progress:
        task = progress.add_task("faults", total=sum(kind in fault.on for kind in kinds for fault in wanted))
        for kind in kinds:
            for outcome in _played(kind, [fault for fault in wanted if kind in fault.on]):
                outcomes.append(outcome)
                progress.advance(task)
                console.print(outcome, highlight=False)
    print(table_of(outcomes))
    if not (args.only or args.store):
        before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
        DOCS.write_text(before + BEGIN + table_of(outcomes) + END + rest.partition(END)[2], encoding="utf-8")
    return int(any(outcome.wrong for outcome in outcomes))


def _played(kind: str, faults: Sequence[Fault]) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, house_on(kind, Path(folder)) as (house, has_disk):
        for fault in faults:
            if fault.name == "disk full" and not has_disk:
                print("disk full: left out, since this machine lets us mount no disk", file=sys.stderr)
                continue
            yield play(house, fault)
            if house.process and house.process.poll() is not None:
                house.start()


if __name__ == "__main__":
    sys.exit(main())
