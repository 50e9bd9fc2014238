"""The private members of the product and of libraries that tests need: no other module of the tests reaches into any,
the planted bugs of the simulation apart.

Each function says why no public way serves. What a test can see from outside has no function here.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import tweepy
from aiohttp.web_protocol import RequestHandler

from actors.auction.actor import Auction
from actors.auction.receipts import ReceiptReader
from actors.twitter.ingest import RawPosts
from adapters.event_loop import LoopThread
from adapters.livestream.hub import FeedHub
from auction.day import AuctionDay
from commands import demo
from process import Process
from supervision import Context, Delivery, Mailbox

# ---- actors


def day_of(auction: Auction) -> AuctionDay:
    """The day as the actor remembers it, which tests hold against the log and the store, where all else comes from."""
    return auction._day


def is_reading_ahead(auction: Auction) -> bool:
    """Whether the actor has asked for the next entries of its queue, of which neither the store nor the log tells."""
    return auction._reading is not None


def days_kept(reader: ReceiptReader) -> list[str]:
    """The ids of the auctions that the reader keeps in memory. No public method tells them while each question to the
    reader ends in StillReading."""
    return list(reader._days)


def lines_unread(mailbox: Mailbox) -> list[bytes]:
    """The lines of the stream that wait for the ingest, which it alone may look at, and only by taking them out."""
    messages = [envelope.message for envelope in list(mailbox._data)]
    return [line for message in messages if isinstance(message, RawPosts) for line in message._lines]


def send_through(context: Context, send: Callable[[str, Any], Delivery]) -> None:
    """Makes the context send by `send`; it is made by the supervision table, which gives it a way of its own."""
    context._send = send


# ---- the process


def hub_of(process: Process) -> FeedHub:
    """The feed of a process that a test runs in itself; a viewer on a socket would see only some of the frames."""
    return process._hub


def loop_of(process: Process) -> LoopThread:
    """The event loop's thread, which a test holds up or uses, and which nobody else gets from the process."""
    return process._loop


def end_planned_demo(args: Namespace) -> None:
    """Plans a demo with these options and marks it as ended, where the command would run all of it in between."""
    demo._end(args.data_dir, demo._plan(args))


# ---- libraries


def is_given_up(connection: RequestHandler) -> bool:
    """Whether aiohttp has given up the wait for a request's handler, which the handler itself learns a turn later."""
    waiter = connection._handler_waiter
    return waiter is not None and waiter.cancelled()


def loop_of_tweepys_streams() -> Callable[..., None]:
    """tweepy's loop over a stream, whose order of hooks is promised only by its source."""
    function: Callable[..., None] = tweepy.streaming.BaseStream._connect
    return function
