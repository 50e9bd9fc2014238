"""`inject`: puts a command into the running system where the real one would enter; `inject crash actor=NAME` crashes an
actor. Both are for tests.

A file holds one JSON object a line, as POST /inject takes it: {"type": "PlaceBid", "auction_id": "…", …}.
"""

import argparse
import json
import sys
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

from commands.common import CommandError, add_config, add_operator, ask, settings_of, token_of

FILE_BYTES = 1 << 26
EXAMPLE = "auction-manager inject PlaceBid text='0.5 ETH #AuctionDay' author_id=42 author_handle=guest"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_operator(parser)
    parser.add_argument("type", nargs="?", metavar="TYPE", help="`crash`, or the type of a command, such as PlaceBid")
    parser.add_argument("fields", nargs="*", metavar="key=value", help="fields of the command; a value is JSON or text")
    parser.add_argument("--file", type=Path, metavar="F", help="inject each line of this file (- is standard input)")
    parser.add_argument("--json", action="store_true", help="the answers as JSON")


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    worst, token = 0, token_of(settings, args.operator)
    for body in _bodies(args):
        code, answer = ask(settings, "POST", "/inject", body, token)
        worst = worst if code < 300 else 1
        if args.json:
            print(json.dumps(answer))
        elif code < 300:
            print(f"injected: {answer['injected']}")
        else:
            print(f"auction-manager: {answer.get('reason', f'the answer is {code}')}", file=sys.stderr)
    return worst


def _bodies(args: argparse.Namespace) -> list[dict[str, Any]]:
    if (args.type is None) == (args.file is None):
        raise CommandError("say either what to inject (TYPE key=value…) or --file F")
    if args.type:
        return [{"type": args.type, **dict(_field(pair) for pair in args.fields)}]
    with sys.stdin.buffer if str(args.file) == "-" else args.file.open("rb") as file:
        content = file.read(FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        raise CommandError(f"{args.file} is larger than {FILE_BYTES} bytes: inject it in parts")
    bodies = []
    for number, line in enumerate(content.removeprefix(BOM_UTF8).split(b"\n"), 1):
        if line.strip():
            try:
                body = json.loads(line.decode())
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                raise CommandError(f"{args.file}:{number}: not a JSON object")
            bodies.append(body)
    return bodies


def _field(pair: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise CommandError(f"{pair!r} is not key=value")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
