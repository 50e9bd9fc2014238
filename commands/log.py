"""`log`: what has happened, one line a fact, from the beginning or as it happens."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime

import redis

from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.words import log_line
from commands.common import add_config, settings_of, store_of
from messages.codec import to_json
from messages.events import AnyEvent

ENTRIES_A_READ = 256
FOLLOW_S = 0.25


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("log", help="the log in words", description=__doc__)
    add_config(parser)
    parser.add_argument("--follow", action="store_true", help="go on as more happens, until interrupted")
    parser.add_argument("--after", type=int, default=0, metavar="SEQ", help="only what came after this seq")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with store_of(settings_of(args, dict(os.environ))) as (client, keys):
        after = show(client, keys, args.after, args.json)
        while args.follow:
            sys.stdout.flush()
            time.sleep(FOLLOW_S)
            after = show(client, keys, after, args.json)
    return 0


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
    at = datetime.fromtimestamp(event.at_ms / 1000, UTC)
    return f"{seq:>8}  {at:%Y-%m-%d %H:%M:%S}.{event.at_ms % 1000:03}Z  {writer:<14} {log_line(event)}"


def _json_line(writer: str, seq: int, event: AnyEvent) -> str:
    return f'{{"seq":{seq},"writer":"{writer}","event":{to_json(event).decode()}}}'
