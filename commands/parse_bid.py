"""`parse-bid`: prints for each text the amount that it bids in wei, or REJECT: and the reason, one line for each text.

With --stdin each input line is a JSON string, and its answer is printed as soon as the line is read.
"""

import argparse
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from auction.bid_text.reading import bid_line
from config import forms
from settings import load

EXAMPLE = 'auction-manager parse-bid --hashtag AuctionDay "0.5 ETH #AuctionDay"'
READ_BYTES = 1 << 16
LINE_BYTES = 1 << 20  # a long post has 25,000 characters, of which JSON makes 300,000 bytes at most


def add_options(parser: argparse.ArgumentParser) -> None:
    texts = parser.add_mutually_exclusive_group(required=True)
    texts.add_argument("texts", nargs="*", default=[], metavar="TEXT", help="the text of a reply")
    texts.add_argument("--stdin", action="store_true", help="read JSON strings from standard input, one a line")
    parser.add_argument("--hashtag", type=_hashtag, metavar="TAG", help="the hashtag (default: that of the settings)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: the shipped config.toml)")
    parser.add_argument("--json", action="store_true", help='print a line {"text", "wei"} or {"text", "reject"}')


def _hashtag(text: str) -> str:
    try:
        tag: str = forms.HASHTAG.read(unicodedata.normalize("NFC", text).removeprefix("#"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None
    return tag


def run(args: argparse.Namespace) -> int:
    hashtag = args.hashtag or load(args.config, os.environ).marathon.hashtag
    told = _told_as_json if args.json else bid_line
    if not args.stdin:
        print("\n".join(told(text, hashtag) for text in args.texts))
        return 0
    code = read = 0
    with open(sys.stdin.fileno(), "rb", closefd=False) as stream:
        for lines in _lines(stream):
            answers = []
            for number, line in enumerate(lines, read + 1):
                text = _text(line)
                if text is None:
                    code = 1
                    shown = line[:40].decode(errors="replace")
                    print(f"auction-manager: line {number} is not a JSON string: {shown!r}", file=sys.stderr)
                else:
                    answers.append(told(text, hashtag) + "\n")
            read += len(lines)
            sys.stdout.write("".join(answers))
            sys.stdout.flush()
    return code


def _lines(stream: BufferedReader) -> Iterator[list[bytes]]:
    """Yields the lines that have arrived, as a list. An overlong line is cut, but stays longer than LINE_BYTES."""
    rest = b""
    while chunk := stream.read1(READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[: LINE_BYTES + 1]
        yield lines
    if rest:
        yield [rest]


def _text(line: bytes) -> str | None:
    """Returns the text of a line, or None if the line is no JSON string. The text may have half of a surrogate pair."""
    if len(line) > LINE_BYTES:
        return None
    try:
        text = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return text if isinstance(text, str) else None


def _told_as_json(text: str, hashtag: str) -> str:
    line = bid_line(text, hashtag)
    verdict = {"reject": line.removeprefix("REJECT:")} if line.startswith("REJECT:") else {"wei": line}
    return json.dumps({"text": text, **verdict})
