"""One house, one fault after the other: what was said, when all was well again, what was lost; judged, and told."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import RedisError

from adapters.redis.errors import StoreError
from ledger.entry import LogDamaged
from loopback import NoAnswer
from tests.harness.disks import small_disk
from tests.harness.waiting import until
from tests.system.faults.faults import Fault
from tests.system.faults.running import House, Sample
from tests.system.faults.stores import START_S, Embedded, External, TestedStore, wait

DISK_BYTES = 2**26
SAID_WITHIN_S = 8.0  # a command's own five seconds, and what is said then


@dataclass(frozen=True)
class Outcome:
    """What became of one fault. `wrong` says what must not be; `well_s` counts from when it was made good."""

    fault: str
    store: str
    said: str
    said_after_s: float | None
    slowest_s: float
    well_s: float
    posted: int
    lost: int
    wrong: str = ""


@contextmanager
def house_on(kind: str, folder: Path) -> Iterator[tuple[House, bool]]:
    """A house with an embedded server, or with one of its own; and whether that has a small disk."""
    with ExitStack() as stack:
        data_dir, own = folder / "house", folder / "store"
        has_disk = stack.enter_context(small_disk(data_dir if kind == "embedded" else own, DISK_BYTES))
        store: TestedStore
        if kind == "embedded":
            store = Embedded(data_dir)
        else:
            store = External(own)
            stack.callback(store.end)
        yield stack.enter_context(House(data_dir, store)), has_disk


def play(house: House, fault: Fault) -> Outcome:
    """Does the fault, makes it good, and waits until all is as it was."""
    began_s = time.monotonic()
    said, wrong, well_s = None, "", 0.0
    try:
        fault.do(house)
        if fault.ends is not None:
            said, wrong = _ended(fault, house)
        else:
            wait(fault.lasts_s)
        said = said or house.said_since(began_s, _says(fault))
        fault.heal(house)
        well_s = house.until_well(time.monotonic())
    except (RuntimeError, OSError, StoreError, LogDamaged, RedisError, NoAnswer) as failure:
        wrong = wrong or f"{failure}"
    since = [sample for sample in house.samples if sample.at_s >= began_s]
    said = said or house.said_since(began_s, _says(fault)) or house.said_since(began_s, lambda each: bool(_words(each)))
    posted = len(house.posted)
    lost = 0 if not wrong else house.undecided(posted)
    if not wrong:
        wrong = _wrong(fault, house, said, began_s)
    return Outcome(
        fault.name,
        house.store.kind,
        _words(said) if said else "",
        said.at_s + said.took_s - began_s if said else None,
        max((sample.took_s for sample in since), default=0.0),
        well_s,
        posted,
        lost,
        wrong,
    )


def _ended(fault: Fault, house: House) -> tuple[Sample, str]:
    """The last words of a process that must end, and what is wrong with that."""
    assert house.process is not None, "it was started"
    began_s = time.monotonic()
    code = house.process.wait(START_S)
    wrong = "" if code == fault.ends else f"it ended with {code} instead of {fault.ends}: {house.words()}"
    return Sample(began_s, time.monotonic() - began_s, f"exit {code}: {house.words()}", ()), wrong


def _says(fault: Fault) -> Callable[[Sample], bool]:
    return lambda sample: fault.says.lower() in _words(sample).lower() if fault.says else bool(_words(sample))


def _words(sample: Sample) -> str:
    return sample.trouble or ", ".join(sorted(set(sample.waiting)))


def _wrong(fault: Fault, house: House, said: Sample | None, began_s: float) -> str:
    if fault.says and (said is None or fault.says.lower() not in _words(said).lower()):
        return f"/status never said {fault.says!r}"
    first = house.said_since(began_s, lambda each: bool(_words(each)))
    if fault.says and fault.ends is None and first and first.at_s + first.took_s - began_s > SAID_WITHIN_S:
        return f"/status said nothing for {first.at_s - began_s:.1f} s"
    if fault.alarm:
        try:  # the house may be well before it is looked at again
            until(
                lambda: house.said_since(began_s, lambda each: fault.alarm in each.alarms),
                f"the alarm {fault.alarm} sounds",
                SAID_WITHIN_S,
                poll_s=0.1,
            )
        except RuntimeError as silence:
            return str(silence)
    return "" if house.chain_is_whole() else "the chain of the log is broken"


def table_of(outcomes: Sequence[Outcome]) -> str:
    """For docs/operating.md."""
    rows = [
        "| fault | store | `/status` said | after | well again | bids posted | lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in outcomes:
        after = "" if each.said_after_s is None else f"{each.said_after_s:.1f} s"
        said = _of_any_run(each.said)[:110] or "nothing: it was over before anybody looked"
        well = f"{each.well_s:.1f} s" if not each.wrong else f"WRONG: {each.wrong[:80]}"
        rows.append(f"| {each.fault} | {each.store} | {said} | {after} | {well} | {each.posted} | {each.lost} |")
    return "\n".join(rows) + "\n"


def _of_any_run(said: str) -> str:
    """Without what is this run's own: folders, ids of processes, times."""
    said = re.sub(r"/[^ :]*/(house|store)(/[^ :)]*)?", "DIR", said).replace("|", "/")
    said = re.sub(r"[0-9a-f]{40}", "ID", said)
    return re.sub(r"(\d+:M )?\d+ \w{3} \d{4} [\d:.]+ [*#] |\d{4}-\d\d-\d\d [\d:,]+ ", "", said)
