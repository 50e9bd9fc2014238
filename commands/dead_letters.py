"""`dead-letters`: lists and shows messages that could not be decided, and puts them back into their queue or discards
them.

`retry` removes the letter and puts its batch back into its queue in one step. `discard` removes the letter and queues
an order with the reason, which the next running process logs. Neither needs a running process.
"""

import argparse
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import redis
from rich.text import Text

from actors.twitter.dead_letters import HopelessLetter, destination, discard_order
from adapters.redis.keys import Keys
from adapters.redis.queue import START, DeadLetter, Queue
from auction.downtime_policy import HOUSE
from auction.orders import WHY_CHARACTERS
from auction.wording.lines import one_line
from auction.wording.moments import utc
from commands.common import CommandError, add_config, house_ms, settings_of
from commands.store import store_of
from commands.tables import console, table_on
from messages.codec import UnreadableMessage, pack_batch, to_json, unpack_commands

EXAMPLE = "auction-manager dead-letters discard 1803931200000-0 --why 'not a post'"
LETTERS_A_READ = 64
_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="list|show|retry|discard", required=True)
    for name, meaning in (
        ("list", "list all dead letters, oldest first"),
        ("show", "show one dead letter, decoded if possible"),
        ("retry", "put dead letters back into their queue"),
        ("discard", "throw dead letters away; the log keeps who did so and why"),
    ):
        command = what.add_parser(name, help=meaning, description=meaning)
        add_config(command)
        if name != "list":
            command.add_argument(
                "ids", nargs=1 if name == "show" else "+", type=_id, metavar="ID", help="the letter's id"
            )
        if name == "discard":
            command.add_argument("--why", required=True, type=_why, metavar="TEXT", help="the reason, for the log")
        command.add_argument("--json", action="store_true", help="the answer as JSON")


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r:.60} is no id such as 1803931200000-0")
    return text


def _why(text: str) -> str:
    if not 0 < len(text.strip()) <= WHY_CHARACTERS:
        raise argparse.ArgumentTypeError(f"a reason has 1 to {WHY_CHARACTERS} characters")
    return text


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    by = next(iter(settings.http.operator_tokens), "local")
    with store_of(settings) as (client, keys):
        queue = Queue(client, keys)
        if args.what == "list":
            show_all(queue, args.json)
            return 0
        for letter_id in args.ids:
            letter = queue.letter(letter_id)
            if letter is None:
                raise CommandError(f"there is no dead letter {letter_id}; `dead-letters list` shows them all")
            if args.what == "show":
                show(letter_id, letter, args.json)
            elif args.what == "retry":
                to, batch = _destination(client, keys, letter_id, letter)
                _settle(queue, letter_id, to, batch, f"waits in the queue of {to}", args.json)
            else:
                order = discard_order(letter_id, letter, by, args.why, house_ms(settings))
                done = "is discarded; the running process logs that"
                _settle(queue, letter_id, HOUSE, pack_batch([order]), done, args.json)
    return 0


def _destination(client: redis.Redis, keys: Keys, letter_id: str, letter: DeadLetter) -> tuple[str, bytes]:
    try:
        return destination(client, keys, letter)
    except HopelessLetter as fault:
        raise CommandError(one_line(f"{letter_id} cannot be tried again: {fault}; it can be discarded")) from None


def _settle(queue: Queue, letter_id: str, to: str, batch: bytes, done: str, as_json: bool) -> None:
    if not queue.settle(letter_id, to, batch):
        raise CommandError(f"there is no dead letter {letter_id} any more: somebody else has taken it")
    print(json.dumps({"id": letter_id, "queue": to}) if as_json else f"{letter_id} {done}")


def show_all(queue: Queue, as_json: bool) -> None:
    """Prints a row, or a JSON object on a line, for each dead letter."""
    if as_json:
        for letter_id, letter in _all(queue):
            print(json.dumps(_data(letter_id, letter)))
        return
    out = console()
    table = table_on(out, "id", "auction", "when (UTC)", "attempts", "bytes", "error", right=("attempts", "bytes"))
    for letter_id, letter in _all(queue):
        when, size = utc(letter.at_ms), str(len(letter.data))
        cells = (letter_id, letter.auction_id or "-", when, str(letter.attempts), size, letter.error)
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    out.print(table)


def show(letter_id: str, letter: DeadLetter, as_json: bool) -> None:
    """Prints a dead letter: its commands if it can be decoded, otherwise its text, otherwise its bytes in hex."""
    content = _content(letter.data)
    if as_json:
        print(json.dumps(_data(letter_id, letter) | content))
        return
    for name, value in _data(letter_id, letter).items():
        print(one_line(f"{name.removesuffix('_ms'):<10} {utc(value) if name.endswith('_ms') else value}"))
    for name, value in content.items():
        for line in value if isinstance(value, list) else [value]:
            print(one_line(f"{name:<10} {line if isinstance(line, str) else json.dumps(line)}"))


def _all(queue: Queue) -> Iterator[tuple[str, DeadLetter]]:
    after = START
    while letters := queue.dead_letters(after, LETTERS_A_READ):
        yield from letters
        after = letters[-1][0]


def _data(letter_id: str, letter: DeadLetter) -> dict[str, Any]:
    fields = msgspec.structs.asdict(letter)
    return {"id": letter_id, "bytes": len(fields.pop("data"))} | fields


def _content(data: bytes) -> dict[str, Any]:
    try:
        return {"commands": [json.loads(to_json(command)) for command in unpack_commands(data)]}
    except UnreadableMessage:
        pass
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"hex": data.hex()}
