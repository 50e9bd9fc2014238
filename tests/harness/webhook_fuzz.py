"""Pushes that X would never make: python -m tests.harness.webhook_fuzz --count 100000 --seed 1"""

import argparse
import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import track

from actors.twitter.following import commands_for
from adapters.x.errors import UnreadablePost
from adapters.x.payload import FoundPost
from adapters.x.webhook import is_signed, read_push
from messages.codec import pack_batch, unpack_commands

SECRET = "consumer-secret"
AUCTION_POST = 1_699_999_999_999_999_999
TEXTS = (
    "1 ETH #AuctionDay",
    "0.5 Ξ &amp; more #AuctionDay",
    "",
    "\u202e1 ETH",
    "½ ETH",
    "🌊" * 500,
    "\x00",
    "a" * 30_000,
)
# What stands where something else is expected: other types, ends of ranges, things that break readers.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, "", "0", "-1", "٣", "1" * 19,
    "9" * 5_000, "\ud800", "\x00", "null", "\N{BYTE ORDER MARK}", [], {}, [[]], [None], {"": {}}, {"id": None},
    {"type": "replied_to"}, [{"type": "replied_to", "id": "1"}] * 50, [1] * 1_000,
    "9999-99-99T99:99:99Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
)  # fmt: skip
NOISE = (
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u12",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999",
    b"{",
    b"}",
    b'"',
    b",",
    b"\x00",
)


def genuine(body: bytes) -> str:
    """The signature, made in another way than the one on trial."""
    made = hmac.new(SECRET.encode("ascii"), body, "sha256").digest()
    return "sha256=" + base64.standard_b64encode(made).decode("ascii")


def payload(random: Random) -> Any:
    """What X really pushes."""
    post_id = str(AUCTION_POST + random.randrange(1, 10**9))
    text = random.choice(TEXTS)
    post = {
        "id": post_id,
        "text": text,
        "author_id": str(random.randrange(1, 2**62)),
        "conversation_id": str(AUCTION_POST),
        "created_at": "2026-11-22T20:00:00.000Z",
        "referenced_tweets": [{"type": "replied_to", "id": str(AUCTION_POST)}],
        "edit_history_tweet_ids": [post_id],
        "entities": {"hashtags": [{"start": 6, "end": 17, "tag": "AuctionDay"}]},
        "note_tweet": {"text": text, "entities": {"hashtags": []}},
    }
    author = {
        "id": post["author_id"],
        "username": "ann",
        "created_at": "2020-01-01T00:00:00.000Z",
        "public_metrics": {"followers_count": 10},
    }
    includes = random.choice(({}, {"users": [author]}))
    if random.random() < 0.3:
        return {"data": post, "includes": includes, "matching_rules": [{"id": "1", "tag": "auction"}]}
    kind = random.choice(("post.reply.create", "post.reply.create", "post.delete", "post.delete", "like.create"))
    gone = {"id": post_id, "author_id": post["author_id"]}
    event = {"event_uuid": "2080761390344937796", "filter": {"user_id": "7"}, "event_type": kind, "tag": "auction"}
    shown = gone if kind == "post.delete" else post
    return {"data": {**event, "payload": shown, "includes": includes}}


def bodies(random: Random) -> Iterator[bytes]:
    """Without end: real ones, and ones with some things wrong in them."""
    while True:
        value = payload(random)
        for _ in range(random.choice((0, 1, 1, 1, 2, 5))):
            value = _changed(random, value)
        body = json.dumps(value, ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")
        for _ in range(random.choice((0, 0, 0, 1, 3))):
            body = _damaged(random, body)
        yield body


def _changed(random: Random, value: Any) -> Any:
    """The value with one thing in it replaced, taken away, doubled or wrapped."""
    places = list(_places(value))
    if not places:
        return deepcopy(random.choice(ODD))
    inside, key = random.choice(places)
    match random.randrange(5):
        case 0:
            del inside[key]
        case 1:
            inside[key] = [inside[key], inside[key]]
        case 2:
            inside[key] = {random.choice(("data", "id", "payload", "")): inside[key]}
        case _:
            inside[key] = deepcopy(random.choice(ODD))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys)[:50]:
        yield value, key
        yield from _places(value[key])


def _damaged(random: Random, body: bytes) -> bytes:
    place = random.randrange(len(body) + 1)
    match random.randrange(6):
        case 0:
            return body[:place]
        case 1:
            return body[:place] + random.choice(NOISE) + body[place:]
        case 2:
            return body[:place] + random.randbytes(random.randrange(1, 9)) + body[place + 4 :]
        case 3:  # a key twice, with another value
            return body.replace(b'"id":', b'"id": %s, "id":' % random.choice((b"1", b"{}", b'"x"')), 1)
        case 4:  # as deep as it gets
            deep = random.choice((b"[", b'{"data":', b'{"a":[')) * random.choice((10, 1_000, 50_000))
            return random.choice((deep, body[:place] + deep + body[place:], b'{"data":{"payload":' + deep))
        case _:
            return random.choice((b" ", b"\xef\xbb\xbf", b"[")) + body + random.choice((b"", b" ", b"{}", body))


def signatures(random: Random, body: bytes) -> str:
    """A signature for this body: right as often as not."""
    right = genuine(body)
    if random.random() < 0.5:
        return right
    other = hmac.digest(b"another secret", body, hashlib.sha256)
    return random.choice(
        (
            "", "sha256=", right[:-1], right + "=", right + " ", right.lower(), right[7:], "Ξ" + right,
            "\udcff", genuine(body + b" "), genuine(b""), genuine(b"{}"), "sha256=" + base64.b64encode(other).decode(),
            "sha1=" + right.partition("=")[2], "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest(),
        )
    )  # fmt: skip


def judge(body: bytes, signature: str) -> str:
    """What became of the push. Raises AssertionError for what must not be, and whatever else went wrong."""
    accepted = is_signed(SECRET, body, signature)
    assert accepted == (signature == genuine(body) and b"{" in body), "believed without its signature, or not with it"
    if not accepted:
        return "unsigned"
    try:
        pushed = read_push(body, "webhook", 1)
    except UnreadablePost as fault:
        if fault.raw != body:
            raise AssertionError("the dead letter would not hold what was pushed") from fault
        return "unreadable"
    if pushed is None:
        return "of another kind"
    commands = commands_for(pushed) if isinstance(pushed, FoundPost) else [pushed]
    assert unpack_commands(pack_batch(commands)) == commands, "the queue would not give it back"
    return type(pushed).__name__


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console, random = Console(), Random(arguments.seed)
    outcomes: Counter[str] = Counter()
    pushes = zip(range(arguments.count), bodies(random), strict=False)
    for _, body in track(pushes, "Pushing", total=arguments.count, console=console):
        signature = signatures(random, body)
        try:
            outcomes[judge(body, signature)] += 1
        except Exception as fault:
            outcomes["WENT WRONG"] += 1
            if outcomes["WENT WRONG"] <= 20:
                console.print(f"{fault!r}: {body[:300]!r} {signature}", markup=False, highlight=False)
    for name, number in outcomes.most_common():
        console.print(f"{number:>9,} {name}", highlight=False)
    return 1 if outcomes["WENT WRONG"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
