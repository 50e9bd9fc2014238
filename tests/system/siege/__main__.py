"""A demo day under siege, and what it must not cost. `make siege MINUTES=10`; exit code 1 where it did."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.system.siege.siege import CALM, PHASES, STRANGERS, Seen, Siege, Size

MB, LINES = 64, 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long the day is (default 10)")
    parser.add_argument("--keep", type=Path, help="a folder for what the house said, instead of a temporary one")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started here ends with it
    with tempfile.TemporaryDirectory(prefix="siege-") as temporary, Progress(console=Console(stderr=True)) as progress:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        seen = Siege(Size(args.minutes * 60), folder, progress).run()
    console = Console()
    figures = list(figures_of(seen))
    table = Table("what", "measured", "at most", "", title="under siege")
    for what, measured, most, is_right in figures:
        table.add_row(what, measured, most, "ok" if is_right else "[red]MISSED[/red]")
    console.print(table)
    for phase in PHASES:
        console.print(seen.told(phase), highlight=False)
    for turn, took_s in seen.turns:
        console.print(f"{turn}: well again after {took_s:.1f} s", highlight=False)
    if seen.exit_code or not seen.report.get("right"):
        console.print(*seen.log[-20:], seen.report, sep="\n", markup=False)
    return int(not all(is_right for *_, is_right in figures))


def figures_of(seen: Seen) -> list[tuple[str, str, str, bool]]:
    """What was measured, in words, and whether it is what it must be."""
    ready_s, seat_s, grown = seen.worst_ready_s(), seen.worst_seat_s(), seen.grown_mb()
    calm_s, attacked_s = seen.bids_p99_s(CALM), seen.bids_p99_s(STRANGERS)
    return [
        ("the house's exit code", str(seen.exit_code), "0", seen.exit_code == 0),
        ("the day's result is right", str(seen.report.get("right")), "", bool(seen.report.get("right"))),
        ("/readyz answers, but where the store is attacked", f"{ready_s:.3f} s", "1 s", ready_s <= 1),
        ("/readyz said no while only strangers attacked", str(seen.unready()), "0", seen.unready() == 0),
        ("the broadcast takes a seat", f"{seat_s:.3f} s", "1 s", seat_s <= 1),
        ("a bid's verdict, p99, in calm", f"{calm_s * 1000:.0f} ms", "", True),
        ("a bid's verdict, p99, under attack", f"{attacked_s * 1000:.0f} ms", "twice that", attacked_s <= 2 * calm_s),
        ("memory of the house, grown by", f"{grown:.0f} MB", f"{MB} MB", grown <= MB),
        ("lines in its log", str(len(seen.log)), str(LINES), len(seen.log) <= LINES),
        ("looks, seats and bids", f"{len(seen.ready)}, {len(seen.seats)}, {len(seen.bids)}", "", True),
    ]


if __name__ == "__main__":
    sys.exit(main())
