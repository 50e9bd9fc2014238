"""`log`: prints the log in words, one line for each event.

--follow continues as events happen. --export writes the log as it is stored into a file for `audit --file`.
"""

import argparse
import sys
import time
from pathlib import Path

import redis

from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.wording.lines import log_line
from auction.wording.moments import utc
from commands.common import CommandError, add_config, bounded, settings_of
from commands.store import store_of
from ledger.export import write_export
from messages.codec import to_json

EXAMPLE = "auction-manager log --follow --data-dir build/demo"
FOLLOW_S = 0.05  # short, so that the last events of a process are read before its server is gone


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--follow", action="store_true", help="go on with new events until interrupted")
    how.add_argument("--export", type=Path, metavar="FILE", help="write the log into this new file")
    parser.add_argument("--auction", metavar="ID", help="with --export: only the events of this auction")
    parser.add_argument(
        "--after", type=bounded(int, 0, 2**63), default=0, metavar="SEQ", help="only events after this number"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    if args.auction and not args.export:
        raise CommandError("--auction needs --export")
    with store_of(settings_of(args), must_run=args.follow) as (client, keys):
        if args.export:
            export(client, keys, args.export, args.auction or "")
            return 0
        if not args.follow:
            show(client, keys, args.after, args.json)
            return 0
        after = args.after
        while True:
            try:
                after = show(client, keys, after, args.json)
            except StoreError as gone:
                print(f"auction-manager: the log cannot be followed any longer: {gone}", file=sys.stderr)
                return 0
            sys.stdout.flush()
            time.sleep(FOLLOW_S)


def export(client: redis.Redis, keys: Keys, path: Path, auction_id: str) -> None:
    """Writes the log as it is now, or the entries of one auction. Raises CommandError, OSError."""
    log = LogReader(client, keys)
    if auction_id and auction_id not in log.heads():
        raise CommandError(f"there is no auction {auction_id} in the log")
    entries = log.entries(up_to=log.last_seq())
    with path.open("xb") as file:
        events = write_export(
            file, keys.marathon_id, auction_id, (entry for entry in entries if auction_id in ("", entry.writer))
        )
    print(f"{events} events are in {path}")


def show(client: redis.Redis, keys: Keys, after: int, as_json: bool) -> int:
    """Prints every event after this seq; returns the seq of the last one."""
    for entry in LogReader(client, keys).entries(after):
        for seq, event in entry.events_after(after):
            if as_json:
                print(f'{{"seq":{seq},"writer":"{entry.writer}","event":{to_json(event).decode()}}}')
            else:
                print(f"{seq:>8}  {utc(event.at_ms)}  {entry.writer:<14} {log_line(event)}")
        after = entry.last_seq
    return after
