"""`bids`: prints the bid history of an auction, or of one user over all auctions, oldest first. It replays the log, so
each verdict is the current one, also where a late find or a withdrawal has changed it.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import redis
from rich.text import Text

from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.day import AuctionDay
from auction.wording.lines import injected_mark, one_line
from auction.wording.moments import utc
from commands.common import CommandError, add_config, bounded, settings_of
from commands.store import store_of
from commands.tables import console, table_on
from ledger.entry import LogDamaged, LogEntry
from ledger.hash_chain import verify_chain
from messages.base import Refusal, Wei
from messages.events import AuctionEvent, BidAccepted, BidRefused, DayStarted
from messages.money import format_eth
from messages.x_ids import posted_at_ms

EXAMPLE = "auction-manager bids marathon-07 --limit 20"


class HistoricBid(msgspec.Struct, frozen=True):
    """A reply: the logged event of its first verdict (`seen`), and its current verdict."""

    auction_id: str
    seen: BidAccepted | BidRefused
    refusal: Refusal | None
    required_wei: Wei | None


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("auction", nargs="?", metavar="AUCTION", help="the id of an auction, such as marathon-07")
    whose.add_argument("--user", metavar="U", help="a user: the id, or the handle with its @")
    parser.add_argument(
        "--after", type=bounded(int, 0, 2**63), default=0, metavar="POST", help="only posts after this id"
    )
    parser.add_argument(
        "--limit", type=bounded(int, 1, 100_000), default=50, metavar="N", help="how many at most (default 50)"
    )
    parser.add_argument("--json", action="store_true", help="the page as JSON; `next` is --after of the next page")


def run(args: argparse.Namespace) -> int:
    with store_of(settings_of(args)) as (client, keys):
        found = history(client, keys, args.auction)
    if args.user:
        found = [bid for bid in found if args.user in (str(bid.seen.bidder_id), f"@{bid.seen.bidder_handle}")]
    found = [bid for bid in found if bid.seen.post_id > args.after]
    page = found[: args.limit]
    following = page[-1].seen.post_id if len(found) > len(page) else None
    if args.json:
        print(json.dumps({"bids": [_data(bid) for bid in page], "next": following and str(following)}, indent=2))
        return 0
    print_bids(page)
    if following:
        print(f"{len(found) - len(page)} more: --after {following}", file=sys.stderr)
    return 0


def history(client: redis.Redis, keys: Keys, auction_id: str | None = None) -> list[HistoricBid]:
    """Returns every bid of the auction, or of all auctions, in the order of the posts. Raises CommandError, StoreError,
    and LogDamaged where a hash chain is broken."""
    days: dict[str, AuctionDay] = {}
    seen: defaultdict[str, list[BidAccepted | BidRefused]] = defaultdict(list)

    def followed() -> Iterator[LogEntry]:
        for entry in LogReader(client, keys).entries():
            yield entry  # the caller checks its hash before the entry is used
            events = entry.events()
            for event in events:
                if isinstance(event, DayStarted) and auction_id in (None, event.auction_id):
                    days[event.auction_id] = AuctionDay(event.auction_id)
            if entry.writer in days:
                days[entry.writer].replay(event for event in events if isinstance(event, AuctionEvent))
                seen[entry.writer] += (event for event in events if isinstance(event, BidAccepted | BidRefused))

    if damage := verify_chain(followed()):
        raise LogDamaged(f"seq {damage.seq} ({damage.writer}): {damage.what}")
    if auction_id and auction_id not in days:
        raise CommandError(f"there is no auction {auction_id} in the log")
    found = [bid for name, day in days.items() for bid in _judged(day, seen[name])]
    return sorted(found, key=lambda bid: bid.seen.post_id)


def _judged(day: AuctionDay, seen: Iterable[BidAccepted | BidRefused]) -> Iterator[HistoricBid]:
    verdicts = {verdict.bid.post_id: verdict for verdict in day.standings.verdicts()} if day.standings else {}
    for event in seen:
        if verdict := verdicts.get(event.post_id):
            yield HistoricBid(day.auction_id, event, verdict.refusal, verdict.required_wei)
        else:  # found before the opening or after the result: such a verdict never changes
            reason, required_wei = (event.reason, event.required_wei) if isinstance(event, BidRefused) else (None, None)
            yield HistoricBid(day.auction_id, event, reason, required_wei)


def print_bids(bids: Iterable[HistoricBid]) -> None:
    """Prints a row for each bid."""
    out = console()
    table = table_on(out, "auction", "post", "posted (UTC)", "bidder", "amount", "verdict", right=("post", "amount"))
    for bid in bids:
        seen = bid.seen
        amount = format_eth(seen.amount_wei) if seen.amount_wei is not None else "-"
        bidder = f"@{seen.bidder_handle}{injected_mark(seen)}"
        row = (bid.auction_id, str(seen.post_id), utc(posted_at_ms(seen.post_id)), bidder, amount)
        required = f", {format_eth(bid.required_wei)} is needed" if bid.required_wei is not None else ""
        verdict = Text(f"{bid.refusal}{required}" if bid.refusal else "accepted", "red" if bid.refusal else "green")
        table.add_row(*(Text(one_line(cell)) for cell in row), verdict)
    out.print(table)


def _data(bid: HistoricBid) -> dict[str, Any]:
    """The bid for JSON, as in the API: ids and wei are strings, because JavaScript would round them as numbers."""
    seen = bid.seen
    return {
        "auction_id": bid.auction_id,
        "post_id": str(seen.post_id),
        "posted_at_ms": posted_at_ms(seen.post_id),
        "bidder_id": str(seen.bidder_id),
        "bidder_handle": seen.bidder_handle,
        "injected": seen.injected,
        "text": seen.text,
        "amount_wei": None if seen.amount_wei is None else str(int(seen.amount_wei)),
        "accepted": bid.refusal is None,
        "reason": bid.refusal,
        "required_wei": None if bid.required_wei is None else str(int(bid.required_wei)),
    }
