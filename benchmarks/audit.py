"""How fast a day is audited, and where the time goes: a bid war of one day, written as an export, no server.

The whole is measured as the command does it. The parts are measured by themselves, on the same entries: decoding, the
hash chain, and deciding again.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import msgspec

from auction.audit import Auditor
from auction.day import AuctionDay
from benchmarks.lines import HASHTAG, INCREMENT_WEI, RESERVE_WEI, War
from benchmarks.measuring import Measure
from commands.audit import audit_file, without_garbage
from ledger.entry import LogEntry
from ledger.export import read_export, write_export
from ledger.hash_chain import first_hash, next_hash, verify_chain
from messages.base import Wei
from messages.codec import pack_batch, unpack_events
from messages.commands import AuctionCommand
from tests.harness.builders import AUCTION, AUCTION_POST, OPENS_MS, RULES, opening_with

WHOLE = "audit --file"
BIDS_AN_ENTRY = 1_024


def audited(runs: int, bids: int) -> list[Measure]:
    """The whole and its parts, in events a second."""
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        path = Path(folder) / "day.log"
        with path.open("wb") as file:
            events = write_export(file, "bench", AUCTION, a_day(bids))
        with path.open("rb") as file:
            entries = list(read_export(file).entries)
        parts: dict[str, Callable[[], object]] = {
            WHOLE: lambda: _audit(path),
            "the chain, decoding included": lambda: verify_chain(map(replace, entries), every_writer=False),
            "deciding again, decoding included": lambda: _decide(entries),
            "decoding": lambda: [unpack_events(entry.data) for entry in entries],
        }
        return [
            Measure(
                name=name,
                unit="events/s",
                runs=[events / _seconds(part) for _ in range(runs)],
                target="≥ 200,000" if name == WHOLE else "",
            )
            for name, part in parts.items()
        ]


def a_day(bids: int) -> Iterator[LogEntry]:
    """The log of one auction in which so many bids were made."""
    day, war = AuctionDay(AUCTION), War(AUCTION_POST)
    rules = msgspec.structs.replace(
        RULES,
        hashtag=HASHTAG,
        reserve_wei=Wei(RESERVE_WEI),
        increment_wei=Wei(INCREMENT_WEI),
        increment_basis_points=0,
    )
    sequence, chain_hash = 0, first_hash(AUCTION)
    opening: list[Sequence[AuctionCommand]] = [opening_with(rules)]
    for batch in chain(opening, war.batches(0, bids, BIDS_AN_ENTRY, OPENS_MS)):
        events = day.decide(batch, OPENS_MS)
        data = pack_batch(events)
        chain_hash = next_hash(chain_hash, data)
        yield LogEntry(sequence + 1, len(events), AUCTION, sequence + 1, chain_hash, data)
        sequence += len(events)


def _audit(path: Path) -> None:
    with without_garbage():
        if difference := audit_file(path).difference:
            raise RuntimeError(difference)


def _decide(entries: list[LogEntry]) -> None:
    auditor = Auditor(AUCTION)
    for entry in entries:
        if difference := auditor.check(unpack_events(entry.data)):  # type: ignore[arg-type]
            raise RuntimeError(difference)


def _seconds(part: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    part()
    return time.perf_counter() - began_s
