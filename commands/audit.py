"""`audit`: replays the log, and says whether the chains hold, whether every verdict follows from what was seen, and
whether the state in the store is what the log makes it. Exit code 1 with the first difference.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import redis
from rich.console import Console
from rich.progress import Progress

from actors.auction import day_view
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.log import Head, LogEntry, LogReader, verify_chain
from auction.audit import Auditor
from auction.day import AuctionDay
from commands.common import CommandError, add_config, settings_of
from commands.store import store_of
from messages.events import AuctionEvent, DayStarted, DayVoided

EXAMPLE = "auction-manager audit --auction marathon-07"
ENTRIES_A_READ = 256


@dataclass
class Findings:
    """What a replay of the whole log has shown: the first difference in words, or None, the days as
    replayed, and those that were never held."""

    difference: str | None = None
    events: int = 0
    days: dict[str, AuctionDay] = field(default_factory=dict)
    voided: list[int] = field(default_factory=list)


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--auction", metavar="ID", help="check the verdicts of this auction only")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(args: argparse.Namespace) -> int:
    with store_of(settings_of(args, dict(os.environ))) as (client, keys):
        progress = Progress(console=Console(stderr=True), transient=True, disable=args.json or not sys.stderr.isatty())
        with progress:
            found = audit(client, keys, args.auction, progress)
    if args.auction and args.auction not in found.days:
        raise CommandError(f"there is no auction {args.auction} in the log")
    if args.json:
        print(json.dumps({"ok": found.difference is None, "difference": found.difference, "events": found.events}))
    else:
        print(found.difference or f"ok: {found.events} events of {len(found.days)} auctions follow from what was seen")
    return 0 if found.difference is None else 1


def audit(client: redis.Redis, keys: Keys, auction_id: str | None = None, progress: Progress | None = None) -> Findings:
    """Replays the whole log, or of the verdicts only those of one auction."""
    log, found = LogReader(client, keys), Findings()
    auditors: dict[str, Auditor] = {}
    # Somebody may still be writing: what comes later is not part of this audit, and only a writer who was at rest all
    # the while is held against his head and the state that he has left.
    before, last_seq = log.heads(), log.last_seq()
    at_rest: dict[str, Head] = {}
    task = progress.add_task("replaying the log", total=last_seq) if progress else None

    def entries() -> Iterator[LogEntry]:
        after = 0
        while after < last_seq:
            for entry in log.read(after, ENTRIES_A_READ):
                if entry.first_seq > last_seq:
                    return
                if found.difference is None:
                    found.difference = _check(entry, auditors, auction_id)
                    found.voided += [event.day for event in entry.events() if isinstance(event, DayVoided)]
                yield entry
                after = entry.last_seq
            found.events = after
            if progress and task is not None:
                progress.update(task, completed=after)
        now = log.heads()
        at_rest.update((writer, head) for writer, head in before.items() if now.get(writer) == head)

    broken = verify_chain(entries(), at_rest)
    if broken:
        found.difference = f"seq {broken.seq} ({broken.writer}): {broken.what}"
    found.days = {name: auditor.day for name, auditor in auditors.items()}
    resting = [day for name, day in found.days.items() if name in at_rest]
    found.difference = found.difference or next(
        filter(None, (_state_differs(client, keys, day) for day in resting)), None
    )
    return found


def _check(entry: LogEntry, auditors: dict[str, Auditor], only: str | None) -> str | None:
    events = entry.events()
    for event in events:
        if isinstance(event, DayStarted) and only in (None, event.auction_id):
            auditors.setdefault(event.auction_id, Auditor(event.auction_id))
    if entry.writer not in auditors:
        return None
    logged = [event for event in events if isinstance(event, AuctionEvent)]
    difference = auditors[entry.writer].check(logged)
    return difference and f"seq {entry.first_seq} ({entry.writer}): {difference}"


def _state_differs(client: redis.Redis, keys: Keys, day: AuctionDay) -> str | None:
    if day.prepared is None:
        return None
    stored: dict[bytes, bytes] = execute(client, "HGETALL", keys.day(day.prepared.day))
    state = {name.decode(): value.decode() for name, value in stored.items()}
    for name, follows in day_view(day).items():
        if state.get(name) != follows:
            return f"{day.auction_id}: {name} is {state.get(name)!r} in the store, but the log makes it {follows!r}"
    return None
