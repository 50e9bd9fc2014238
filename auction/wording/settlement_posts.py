"""The texts of the posts on X about the settlement of a lot: what its buyer is to do next, by when, and where. Pure;
`actors/announcer/sales` decides when each is posted.

A post fits X's limit; only the lot's title is cut for that. Each ends with the auction's id and the time of what it
tells, to the second, because X refuses a repeated text. Only a post that asks for money links the page to pay on.
"""

from datetime import UTC, datetime

import msgspec

from auction.receipts import moment
from auction.settlement.ladder import Settlement
from auction.settlement.wallets import WalletFault
from auction.wording.lines import time_left
from auction.wording.posts import fitted
from auction.wording.wallet_words import what_to_post
from messages.base import Leader
from messages.money import format_eth
from messages.post_weight import POST_LIMIT, weight

_HOUR_MS = 3_600_000


class SoldLot(msgspec.Struct, frozen=True, array_like=True):
    """A sold lot as its posts name it."""

    auction_id: str
    day: int
    title: str


class PayPage(msgspec.Struct, frozen=True):
    """Where buyers pay: the address of the public pages, empty where nobody has set it. Times are told in
    `time_zone`."""

    public_url: str
    time_zone: str


def asked_post(lot: SoldLot, settlement: Settlement, at_ms: int) -> str:
    """The post that asks the buyer for a wallet and payment; the buyer's time begins with it."""
    buyer, terms = settlement.buyer, settlement.terms
    named, price = _named(buyer), format_eth(buyer.amount_wei)
    if len(settlement.asked) == 1:
        what = (
            f"{named} has won for {price}. To do within {_duration(terms.payment_ms)}: reply to this post with your "
            "wallet address on Shape (0x…), then pay when we post the offer."
        )
    else:
        what = (
            f"{named}, nobody before you paid, so it is yours at your bid of {price}. "
            f"Within {_duration(terms.acceptance_ms)}: "
            'reply here with your Shape wallet address (0x…) and pay, or reply "decline".'
        )
    return _post(lot, what, at_ms)


def offered_post(lot: SoldLot, settlement: Settlement, page: PayPage, at_ms: int) -> str:
    """The post that says that the lot is offered on chain to the buyer's wallet, until when and where to pay."""
    buyer = settlement.buyer
    until = f" until {_until(settlement, page, at_ms)}" if settlement.deadline_ms else ""
    what = f"{_named(buyer)}: offered to {settlement.wallet} for {format_eth(buyer.amount_wei)}{until}."
    return _post(lot, what, at_ms, page)


def reminder_post(lot: SoldLot, settlement: Settlement, page: PayPage, at_ms: int) -> str:
    """The post that reminds the buyer, whose time runs, of what is still to be done: to name a wallet, or to pay."""
    buyer, until = settlement.buyer, _until(settlement, page, at_ms)
    named, price = _named(buyer), format_eth(buyer.amount_wei)
    if settlement.wallet:
        return _post(
            lot, f"{named}, {price} is still to be paid by {until}. After that your turn is over.", at_ms, page
        )
    what = (
        f"{named}, we still need your wallet. Reply to this post with its address on Shape (0x…), then pay {price}, "
        f"all by {until}. After that your turn is over."
    )
    return _post(lot, what, at_ms)


def paid_post(lot: SoldLot, settlement: Settlement, at_ms: int) -> str:
    """The post that says that the payment is seen, and not final yet."""
    buyer = settlement.buyer
    what = (
        f"{_named(buyer)}, the {format_eth(buyer.amount_wei)} arrived. Thank you! There is nothing more to do: "
        "we only wait until Ethereum makes it final."
    )
    return _post(lot, what, at_ms)


def final_post(lot: SoldLot, settlement: Settlement, at_ms: int) -> str:
    """The post that says who owns the lot's token now."""
    buyer = settlement.buyer
    what = (
        f"The sale to {_named(buyer)} for {format_eth(buyer.amount_wei)} is final. "
        f"The token belongs to {settlement.wallet} now."
    )
    return _post(lot, what, at_ms)


def unsold_post(lot: SoldLot, at_ms: int) -> str:
    """The post that says that nobody has paid for the lot."""
    return _post(lot, "It was not paid for and remains unsold.", at_ms)


def wallet_answer(lot: SoldLot, buyer: Leader, fault: str, at_ms: int) -> str:
    """The reply to a buyer's reply that names no wallet: why, and what to post."""
    return f"{_named(buyer)} {what_to_post(WalletFault(fault))} {_reference(lot, at_ms)}"


def _post(lot: SoldLot, what: str, at_ms: int, page: PayPage | None = None) -> str:
    """A post about the lot; with `page` it says where to pay."""
    end = f" {_reference(lot, at_ms)}"
    if page and page.public_url:
        end = f"\nPay here: {page.public_url.rstrip('/')}/pay/{lot.auction_id}\n{_reference(lot, at_ms)}"
    elif page:
        end = f"\nPay on our page /pay/{lot.auction_id}\n{_reference(lot, at_ms)}"
    return fitted(f"Day {lot.day}: ", lot.title, f"\n{what}", limit=POST_LIMIT - weight(end)) + end


def _named(bidder: Leader) -> str:
    return f"@{bidder.bidder_handle}" if bidder.bidder_handle else f"Bidder {bidder.bidder_id}"


def _until(settlement: Settlement, page: PayPage, at_ms: int) -> str:
    return moment(settlement.deadline_ms or 0, page.time_zone, at_ms)


def _duration(ms: int) -> str:
    return f"{ms // _HOUR_MS} h" if ms % _HOUR_MS == 0 else time_left(ms)


def _reference(lot: SoldLot, at_ms: int) -> str:
    return f"({lot.auction_id}, {datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC)"
