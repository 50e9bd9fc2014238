"""`audit`: replays the log, checks each hash chain, decides every bid again from the logged observations, and compares
the state in the store with the log. It prints the first difference and exits with 1 if there is one.

--file audits a file that `log --export` has written. It needs no server, and compares no state in a store.
"""

import argparse
import gc
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from rich.console import Console
from rich.progress import Progress

from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_view import day_view
from auction.wording.lines import one_line
from commands.common import CommandError, add_config, settings_of
from commands.store import store_of
from ledger.entry import LogEntry
from ledger.export import DamagedExport, read_export
from ledger.hash_chain import Head, first_hash, verify_chain
from messages.events import DayStarted, DayVoided, Observed

EXAMPLE = "auction-manager audit --auction marathon-07"


@dataclass
class Findings:
    """The result of a replay: the first difference in words, or None; the number of checked events; the replayed days;
    the numbers of the days that were not held (`voided`); the posts with a verdict of each auction."""

    difference: str | None = None
    events: int = 0
    days: dict[str, AuctionDay] = field(default_factory=dict)
    voided: list[int] = field(default_factory=list)
    posts: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--auction", metavar="ID", help="check the verdicts of this auction only")
    parser.add_argument("--file", type=Path, metavar="EXPORT", help="audit a file of `log --export`, without a server")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(args: argparse.Namespace) -> int:
    is_shown = sys.stderr.isatty() and not args.json
    bar = Progress(console=Console(stderr=True), transient=True, disable=not is_shown)
    with bar as shown, without_garbage():
        if args.file:
            found = audit_file(args.file, args.auction, shown)
        else:
            with store_of(settings_of(args)) as (client, keys):
                found = audit(client, keys, args.auction, shown)
    if args.auction and args.auction not in found.days and found.difference is None:
        raise CommandError(f"there is no auction {args.auction} in the log")
    if args.json:
        print(json.dumps({"ok": found.difference is None, "difference": found.difference, "events": found.events}))
    else:
        print(found.difference or f"ok: {found.events} events of {len(found.days)} auctions follow from what was seen")
    return 0 if found.difference is None else 1


def audit(
    client: redis.Redis,
    keys: Keys,
    auction_id: str | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Replays the whole log and compares it with the store; with `auction_id` it checks the verdicts of that auction
    only."""
    log = LogReader(client, keys)
    # A process may still be writing. Later events are not part of this audit, and only a writer that wrote nothing
    # meanwhile is compared with its head and its state.
    before, last_seq = log.heads(), log.last_seq()
    at_rest: dict[str, Head] = {}
    show = _shown(progress, last_seq)

    def entries() -> Iterator[LogEntry]:
        writers = set[str]()
        for entry in log.entries(up_to=last_seq):
            writers.add(entry.writer)
            yield entry
            show(entry.last_seq)
        now = log.heads()
        at_rest.update((writer, head) for writer, head in before.items() if now.get(writer) == head)
        # Each commit sets its writer's head, so a writer with entries but no head has lost its head.
        at_rest.update((writer, Head(0, first_hash(writer))) for writer in writers - now.keys())

    found = _replay(entries(), at_rest, auction_id)
    if found.difference is None and found.events != last_seq:
        found.difference = f"the log ends at event {found.events}, {keys.seq} counts {last_seq}"
    for name, day in found.days.items():
        if found.difference is None and name in at_rest:
            difference = _state_differs(client, keys, day) or _history_differs(client, keys, name, found.posts[name])
            # A commit changes head, state and history together, so a difference counts only if the head is unchanged.
            if difference and log.heads().get(name) == at_rest[name]:
                found.difference = difference
    return found


def audit_file(path: Path, auction_id: str | None = None, progress: Progress | None = None) -> Findings:
    """Replays an exported log, whose file also holds the heads. Raises OSError."""
    show = _shown(progress, path.stat().st_size)
    with path.open("rb") as file:

        def watched(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
            for entry in entries:
                yield entry
                show(file.tell())

        try:
            export = read_export(file)
            found = _replay(watched(export.entries), export.heads, auction_id, export.title.auction_id)
        except DamagedExport as fault:
            return Findings(f"{path}: {fault}")
    if found.difference is None and not export.is_whole:
        found.difference = f"{path}: its first record or the numbers of its entries are not what was exported"
    return found


def _replay(
    entries: Iterable[LogEntry],
    heads: Mapping[str, Head],
    auction_id: str | None,
    only_writer: str = "",
) -> Findings:
    """Follows the chains of all entries and decides the bids of `auction_id` again, or of all auctions.

    `only_writer` is set if the entries are of this auction alone."""
    found = Findings()
    auditors = {only_writer: Auditor(only_writer)} if only_writer else {}

    def checked() -> Iterator[LogEntry]:
        for entry in entries:
            yield entry  # the caller checks its hash before the entry is decided again
            found.difference = _check(entry, found, auditors, auction_id)
            if found.difference:
                return
            found.events += entry.count

    broken = verify_chain(checked(), heads, every_writer=not only_writer)
    if broken and not found.difference:
        found.difference = one_line(f"seq {broken.seq} ({broken.writer}): {broken.what}")
    found.days = {name: auditor.day for name, auditor in auditors.items()}
    return found


def _check(entry: LogEntry, found: Findings, auditors: dict[str, Auditor], only: str | None) -> str | None:
    auditor = auditors.get(entry.writer)
    if auditor is None:
        for event in entry.events():
            if isinstance(event, DayStarted) and only in (None, event.auction_id):
                auditors.setdefault(event.auction_id, Auditor(event.auction_id))
            elif isinstance(event, DayVoided):
                found.voided.append(event.day)
        return None
    found.posts[entry.writer].update(event.post_id for event in entry.events() if isinstance(event, Observed))
    try:
        difference = auditor.check(list(entry.events()))  # type: ignore[arg-type]  # its chain holds nothing else
    except Exception as fault:  # impossible events may break the rules' code anywhere
        difference = f"this cannot have been decided: {fault!r}"
    return difference and f"seq {entry.first_seq} ({entry.writer}): {difference}"


def _state_differs(client: redis.Redis, keys: Keys, day: AuctionDay) -> str | None:
    if day.prepared is None:
        return None
    stored: dict[bytes, bytes] = execute(client, "HGETALL", keys.day(day.prepared.day))
    state = {name.decode(): value.decode() for name, value in stored.items()}
    for name, follows in day_view(day).items():
        if state.get(name, "") != follows:  # a state written by an older version lacks newer fields
            return f"{day.auction_id}: {name} is {state.get(name)!r} in the store, but the log makes it {follows!r}"
    return None


def _history_differs(client: redis.Redis, keys: Keys, auction_id: str, posts: set[int]) -> str | None:
    members: list[bytes] = execute(client, "ZRANGE", keys.bids(auction_id), 0, -1)
    if {b"%020d" % post_id for post_id in posts} == set(members):
        return None
    return f"{auction_id}: {keys.bids(auction_id)} has {len(members)} bids, which are not the {len(posts)} of the log"


def _shown(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Returns a function that shows the progress of the replay."""
    if progress is None or progress.disable:
        return lambda completed: None
    task = progress.add_task("replaying the log", total=total)
    return lambda completed: progress.update(task, completed=completed)


@contextmanager
def without_garbage() -> Iterator[None]:
    """Switches the garbage collector off: it would visit all bids of a day again and again, though an audit makes no
    cycles of objects."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
