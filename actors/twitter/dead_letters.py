"""Dead letters: the queue that a retried one goes to, the order and the event of a discarded one, and those that hold
up an auction's close.

An operator retries and discards on the command line; `adapters/redis/queue` takes the letter out and queues its
content, or the order that discards it, in one step.
"""

from collections.abc import Callable, Iterator

import msgspec
import redis

from actors.scheduler.day_plan import stored_plan
from actors.twitter.following import commands_for, open_conversations
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.queue import START, DeadLetter, Queue
from adapters.x.errors import UnreadablePost
from adapters.x.payload import FoundPost, read_id
from adapters.x.webhook import read_push
from messages.base import Phase, in_common
from messages.codec import UnreadableMessage, pack_batch, unpack_commands
from messages.commands import DiscardLetter, PlaceBid, WithdrawBid
from messages.events import LetterDiscarded

SOURCE = "dead letter"
LETTERS_A_READ = 100


class HopelessLetter(ValueError):
    """A dead letter that cannot be retried; the text says why in one line."""


def destination(client: redis.Redis, keys: Keys, letter: DeadLetter) -> tuple[str, bytes]:
    """The reader of the queue that the letter belongs into (an auction's id, or the house), and the batch to queue.
    Raises HopelessLetter, StoreError."""
    try:
        unpack_commands(letter.data)
    except UnreadableMessage as fault:
        auction_id, batch = _destination_of_payload(client, keys, letter, str(fault))
    else:
        auction_id, batch = letter.auction_id, letter.data
    day = auction_id.rpartition("-")[2]
    if day.isdigit() and execute(client, "HGET", keys.day(int(day)), "phase") == Phase.COMPLETED.encode():
        raise HopelessLetter(f"{auction_id} has its result, which nothing changes any more")
    return auction_id, batch


def _destination_of_payload(client: redis.Redis, keys: Keys, letter: DeadLetter, why: str) -> tuple[str, bytes]:
    """Read again what X sent: it belongs to the auction that it was found for, or else to the open auction that it
    replies to."""
    found = _read(letter.data, letter.at_ms, why)
    commands = [found] if isinstance(found, WithdrawBid) else commands_for(found)
    if letter.auction_id:
        return letter.auction_id, pack_batch(commands)
    # The highest number, not how many: a day's number is a place in the calendar, and some may be left out.
    days = max((day.window.day for day in stored_plan(keys, execute(client, "GET", keys.config))), default=0)
    auctions = {post: day.auction_id for post, day in open_conversations(client, keys, days).items()}
    if isinstance(found, WithdrawBid):  # X's event does not say what the post has replied to
        auction_id = auctions.get(max((post for post in auctions if post < found.post_id), default=0))
    else:
        auction_id = auctions.get(found.bid.replied_to_id or 0) or auctions.get(found.conversation_id or 0)
    if auction_id is None:
        raise HopelessLetter("the post belongs to no auction that is open")
    return auction_id, pack_batch(commands)


def _read(data: bytes, found_at_ms: int, why: str) -> FoundPost | WithdrawBid:
    """Read a letter's bytes as a push, as a line of the stream, or as a post of a search's page. Raises
    HopelessLetter."""
    for payload in (data, b'{"data":%b}' % data):
        try:
            found = read_push(payload, SOURCE, found_at_ms)
        except UnreadablePost as fault:
            why = str(fault)
            continue
        if isinstance(found, FoundPost) and found.lacks:
            raise HopelessLetter(f"the post came without {found.lacks}: sweeps find the whole post")
        if found:
            return found
    raise HopelessLetter(f"the letter still cannot be read: {why}")


def open_letters(queue: Queue, auction_id: str, is_judged: Callable[[int], bool]) -> list[str]:
    """The ids of the auction's dead letters that hold anything not decided since. `is_judged` tells whether a post has
    a verdict.

    A line of the stream or a push that cannot be read belongs to no auction: sweeps find such a post again.
    """
    found: list[str] = []
    after = START
    while letters := queue.dead_letters(after, LETTERS_A_READ):
        after = letters[-1][0]
        for letter_id, letter in letters:
            if letter.auction_id == auction_id and not all(map(is_judged, _posts_in(letter.data))):
                found.append(letter_id)
    return found


def _posts_in(data: bytes) -> Iterator[int]:
    """The ids of the posts in a dead letter. Whatever is no post counts as post 0, on which nobody ever decides."""
    try:
        for command in unpack_commands(data):
            yield command.post_id if isinstance(command, PlaceBid) else 0
    except UnreadableMessage:
        try:
            yield read_id(msgspec.json.decode(data)["id"])
        except (ValueError, LookupError, TypeError, RecursionError):
            yield 0


def discard_order(letter_id: str, letter: DeadLetter, by: str, why: str, now_ms: int) -> DiscardLetter:
    """The order to discard a letter, for the house's queue."""
    return DiscardLetter(
        message_id=f"order:discard:{letter_id}",
        by=by,
        why=why,
        said_at_ms=now_ms,
        letter_id=letter_id,
        auction_id=letter.auction_id,
        error=letter.error,
        size=len(letter.data),
    )


def letter_discarded(order: DiscardLetter, now_ms: int) -> LetterDiscarded:
    """The event of a discarded letter, for the house's log."""
    ids = {"message_id": f"discarded:{order.letter_id}", "correlation_id": order.message_id}
    return LetterDiscarded(**in_common(order, LetterDiscarded) | ids, at_ms=now_ms)
