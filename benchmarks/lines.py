"""The bids that are offered: who bids what in a bid war, as lines of X's stream and as commands of a queue.

Every bid is a pure function of its number, so that whoever checks what became of it needs no record of what was sent.
Most bids of a war are late by a moment: only one in `RAISE_EVERY` leads, all others are below the minimum by then.
The lines are those that the simulated X makes for the fields that we ask for, about 1.8 kB each; it makes one for each
wording, in which ids, handle and amount are then exchanged. Nine of ten are worded as plainly as the auction post asks
for; the tenth is as odd as anything that the simulated crowd writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adapters.x.fields import EXPANSIONS, TWEET_FIELDS, USER_FIELDS
from messages.base import Wei
from messages.commands import PlaceBid
from simulator.x import wording
from simulator.x.render import View, page
from simulator.x.world import World

HASHTAG = "AuctionDay"
BIDDERS = 3_000
RAISE_EVERY = 50
RESERVE_WEI, INCREMENT_WEI = 10**18, 10**14
PLAIN, ODD_EVERY = 5, 10  # the first wordings of the simulated crowd are the plain ones
POSTS_A_MS = 50  # how close together they were posted, as in a rush
FIRST_MS = 2  # after the auction post

_MICRO_WEI = 10**12
_FIRST_MICRO, _RAISE_MICRO, _LATE_MICRO = 1_100_001, 100, 10  # always eight characters, the last one a 1
_CHOICES = range(28)  # as many wordings as the simulated crowd has
_FIRST_BIDDER_ID = 1_200_000_000_000_000_000
_JOINED_MS = 1_600_000_000_000
_VIEW = View(frozenset(TWEET_FIELDS), frozenset(USER_FIELDS), frozenset(EXPANSIONS))
# What is exchanged in a line: nothing else in it looks like these.
_ANY_AMOUNT, _ANY_HANDLE = "7.654321", "bidder_xxxxx"
_ANY_BIDDER, _ANY_POST = 7_654_321_987_654_321_098, b"<post>"


@dataclass(frozen=True, slots=True)
class _Wording:
    """One way to write a bid: its line, its text and its hashtags, with `_ANY_…` in the place of what differs."""

    line: bytes
    text: str
    hashtags: tuple[str, ...]


class War:
    """The bids below one auction post, numbered from 0 on in the order in which they were posted."""

    def __init__(self, auction_post_id: int, bidders: int = BIDDERS) -> None:
        self._auction_post_id, self._bidders = auction_post_id, bidders
        self._wordings = _wordings(auction_post_id)

    def post_id(self, number: int) -> int:
        """The id of this bid's post."""
        return self._auction_post_id + ((FIRST_MS + number // POSTS_A_MS) << 22) + number % POSTS_A_MS

    def number(self, post_id: int) -> int:
        """Which bid it is; the inverse of `post_id`."""
        beyond = post_id - self._auction_post_id
        return ((beyond >> 22) - FIRST_MS) * POSTS_A_MS + (beyond & (1 << 22) - 1)

    def line(self, number: int) -> bytes:
        """The bid as X streams it, without the end of the line."""
        bidder = number * 7 % self._bidders
        line = self._wording(number).line
        line = line.replace(_ANY_POST, b"%d" % self.post_id(number))
        line = line.replace(b"%d" % _ANY_BIDDER, b"%d" % (_FIRST_BIDDER_ID + bidder))
        line = line.replace(_ANY_HANDLE.encode(), b"bidder_%05d" % bidder)
        return line.replace(_ANY_AMOUNT.encode(), _amount(number).encode())

    def command(self, number: int, found_at_ms: int) -> PlaceBid:
        """The bid as the ingest would put it into the queue."""
        worded = self._wording(number)
        bidder, post_id = number * 7 % self._bidders, self.post_id(number)
        return PlaceBid(
            message_id=f"tweet:{post_id}",
            post_id=post_id,
            author_id=_FIRST_BIDDER_ID + bidder,
            author_handle=f"bidder_{bidder:05d}",
            author_created_at_ms=_JOINED_MS,
            author_followers=10,
            replied_to_id=self._auction_post_id,
            text=worded.text.replace(_ANY_AMOUNT, _amount(number)),
            hashtags=worded.hashtags,
            source="benchmark",
            found_at_ms=found_at_ms,
        )

    def _wording(self, number: int) -> _Wording:
        odd, rest = divmod(number, ODD_EVERY)
        return self._wordings[rest % PLAIN if rest else odd % len(self._wordings)]

    def write(self, path: Path, first: int, count: int) -> None:
        """The lines of `count` bids from `first` on, one below the other."""
        with path.open("wb") as file:
            file.writelines(self.line(number) + b"\n" for number in range(first, first + count))

    def batches(self, first: int, count: int, size: int, found_at_ms: int) -> Iterator[list[PlaceBid]]:
        """The same bids as batches of commands."""
        end = first + count
        for begin in range(first, end, size):
            yield [self.command(number, found_at_ms) for number in range(begin, min(begin + size, end))]


def _wordings(auction_post_id: int) -> list[_Wording]:
    """Every wording that writes the amount as it is, as a world of its own shows it."""
    world = World()
    house = world.add_user("auction_house", _JOINED_MS)
    bidder = world.add_user(_ANY_HANDLE, _JOINED_MS, _ANY_BIDDER)
    auction_post = world.post(house, f"Day 1 is open: #{HASHTAG}", delivery_ms=())
    amount = Wei(int(_ANY_AMOUNT.replace(".", "")) * _MICRO_WEI)
    made = []
    for choice in _CHOICES:
        post = world.post(bidder, wording.bid(amount, HASHTAG, choice), parent=auction_post, delivery_ms=())
        body = page([post], _VIEW)
        body["data"] = data = body["data"][0]
        rule = {"id": "1166916266197536768", "tag": f"auction-{auction_post.id}"}
        line = msgspec.json.encode(body | {"matching_rules": [rule]})
        line = line.replace(b"%d" % post.id, _ANY_POST).replace(b"%d" % auction_post.id, b"%d" % auction_post_id)
        made.append(_Wording(line, data["text"], tuple(found["tag"] for found in data["entities"]["hashtags"])))
    return [found for found in made if _ANY_AMOUNT in found.text]


def _amount(number: int) -> str:
    """In ETH. The first of each fifty raises; the others say what was enough a moment ago."""
    raises, late = divmod(number, RAISE_EVERY)
    micro = str(_FIRST_MICRO + raises * _RAISE_MICRO - late * _LATE_MICRO)
    return f"{micro[0]}.{micro[1:]}"
