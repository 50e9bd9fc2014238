"""`log`: what has happened, one line a fact, from the beginning or as it happens."""

import argparse
import os
import sys
import time

import redis

from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.words import log_line, utc
from commands.common import add_config, bounded, settings_of
from commands.store import store_of
from messages.codec import to_json
from messages.events import AnyEvent

EXAMPLE = "auction-manager log --follow --data-dir build/demo"
ENTRIES_A_READ = 256
FOLLOW_S = 0.05  # a process that has ended its marathon is soon gone, and what it said last is to be seen


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--follow", action="store_true", help="go on as more happens, until interrupted")
    parser.add_argument(
        "--after", type=bounded(int, 0, 2**63), default=0, metavar="SEQ", help="only what came after it"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    with store_of(settings_of(args, dict(os.environ)), must_run=args.follow) as (client, keys):
        if not args.follow:
            show(client, keys, args.after, args.json)
            return 0
        after = args.after
        while True:
            try:
                after = show(client, keys, after, args.json)
            except StoreError as gone:
                print(f"auction-manager: that was all: {gone}", file=sys.stderr)
                return 0
            sys.stdout.flush()
            time.sleep(FOLLOW_S)


def show(client: redis.Redis, keys: Keys, after: int, as_json: bool) -> int:
    """Prints every event after this seq; the seq of the last one."""
    log = LogReader(client, keys)
    while entries := log.read(after, ENTRIES_A_READ):
        for entry in entries:
            for seq, event in entry.events_after(after):
                print(_json_line(entry.writer, seq, event) if as_json else _line(entry.writer, seq, event))
            after = entry.last_seq
    return after


def _line(writer: str, seq: int, event: AnyEvent) -> str:
    return f"{seq:>8}  {utc(event.at_ms)}  {writer:<14} {log_line(event)}"


def _json_line(writer: str, seq: int, event: AnyEvent) -> str:
    return f'{{"seq":{seq},"writer":"{writer}","event":{to_json(event).decode()}}}'
