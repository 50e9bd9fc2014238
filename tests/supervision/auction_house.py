"""One auction under a real supervisor, on a real store."""

from collections.abc import Callable
from typing import Any

from actors.auction.actor import Auction
from actors.auction.poison import Suspects
from actors.ports import StoreAccess
from adapters.redis.client import connect
from adapters.redis.log import LogReader
from adapters.redis.queue import START, Queue
from messages.commands import AuctionCommand, ConfirmAuctionPost, OpenAuction, PlaceBid
from messages.events import AnyEvent, BidAccepted, BidRefused
from messages.hints import QueueGrew
from supervision import ChildSpec, Context, Group, Supervisor
from supervisor import CONDITIONS
from tests.harness.builders import OPENS_MS, post_id
from tests.harness.shown_auction import ENDS_MS, RULES, prepared
from tests.harness.store import Store
from tests.harness.waiting import until

Supervise = Callable[..., Supervisor]
DAY = "m-01"
OPENING: list[AuctionCommand] = [
    OpenAuction(
        message_id="open",
        auction_id=DAY,
        day=1,
        lot=prepared().lot,
        rules=RULES,
        opens_at_ms=OPENS_MS,
        closes_at_ms=ENDS_MS,
    ),
    ConfirmAuctionPost(message_id="confirm", post_id=post_id(0)),
]


class House:
    """One auction under a supervisor, its queue, and what it has logged."""

    def __init__(self, store: Store, supervise: Supervise) -> None:
        access = StoreAccess(lambda: connect(store.url), store.keys, store.token)
        suspects = Suspects()

        def factory(context: Context) -> Any:
            return Auction.start(context, DAY, access, lambda: OPENS_MS + 60_000, [], suspects)

        # The budget of one restart is what makes the trials visible that are outside of it.
        group = Group("auctions", children=[ChildSpec(DAY, factory)], max_restarts=1)
        self.supervisor = supervise(group, conditions=CONDITIONS)
        self.queue = Queue(store.client, store.keys)
        self.log = LogReader(store.client, store.keys)

    def put(self, *commands: AuctionCommand) -> None:
        self.queue.append(DAY, commands)
        self.supervisor.send(DAY, QueueGrew())

    def events(self) -> list[AnyEvent]:
        return [event for entry in self.log.read(0, 1_000) for event in entry.events()]

    def decided(self) -> list[str]:
        return [event.text for event in self.events() if isinstance(event, BidAccepted | BidRefused)]

    def until_empty(self) -> None:
        until(lambda: not self.queue.read(DAY, START, 1), "the queue is read to its end")


def bid(number: int, text: str = "") -> PlaceBid:
    """The bid posted `number` ms after the opening; it leads all that were made before."""
    return PlaceBid(
        message_id=f"tweet:{post_id(number)}",
        post_id=post_id(number),
        author_id=7_000 + number,
        author_handle=f"bidder_{number}",
        author_created_at_ms=0,
        replied_to_id=post_id(0),
        text=text or f"{number} ETH #marathon",
        hashtags=("marathon",),
        source="stream",
        found_at_ms=OPENS_MS + number,
    )
