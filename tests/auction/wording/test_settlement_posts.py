"""The posts about a settlement: what the buyer is to do next, by when and where, in a text that X takes."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.settlement.ladder import Settlement, begin, take
from auction.settlement.wallets import WalletFault
from auction.wording import settlement_posts as posts
from auction.wording.settlement_posts import PayPage, SoldLot
from messages.base import Leader, Wei
from messages.post_weight import weight
from messages.settlement import Announced, Declined, NextChosen, OfferGone, OfferMade, OfferSent, Terms, WalletNamed
from tests.harness.builders import ETH, OPENS_MS

pytestmark = pytest.mark.requirement("X-5", "X-7", "CHN-5")

HOUR_MS = 3_600_000
MOST = Wei(999_999 * 10**18 + 1)
WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
LOT = SoldLot("m-01", 1, "Harbour")
PAGE = PayPage("https://auction.example.org/", "America/New_York")
NO_PAGE = PayPage("", "UTC")
LINK = re.compile(r"\w\.[^\W\d_]{2}")


def terms(payment_ms: int = 24 * HOUR_MS, acceptance_ms: int = 12 * HOUR_MS) -> Terms:
    return Terms(
        reserve_wei=Wei(1),
        payment_ms=payment_ms,
        acceptance_ms=acceptance_ms,
        runners_up=2,
        runner_up_basis_points=0,
    )


def asked(handle: str = "ann", amount: int = ETH, of: Terms | None = None) -> Settlement:
    """The winner is asked."""
    return begin(of or terms(), Leader(post_id=5, bidder_id=7, bidder_handle=handle, amount_wei=Wei(amount)))


def announced(settlement: Settlement) -> Settlement:
    """The buyer's time runs from the opening on."""
    return take(settlement, Announced(at_ms=OPENS_MS, bidder_id=settlement.buyer.bidder_id))


def next_asked(settlement: Settlement, handle: str = "bob", amount: int = 9 * ETH // 10) -> Settlement:
    """The winner has declined, and the next bidder is asked."""
    bidder = Leader(post_id=4, bidder_id=8, bidder_handle=handle, amount_wei=Wei(amount))
    declined = take(settlement, Declined(at_ms=OPENS_MS, bidder_id=7))
    gone = take(declined, OfferGone(at_ms=OPENS_MS, bidder_id=7))
    return take(gone, NextChosen(at_ms=OPENS_MS, bidder=bidder))


def offered(settlement: Settlement) -> Settlement:
    """The lot is offered to the buyer's wallet."""
    buyer_id = settlement.buyer.bidder_id
    for fact in (
        WalletNamed(at_ms=OPENS_MS, bidder_id=buyer_id, wallet=WALLET),
        OfferSent(at_ms=OPENS_MS, bidder_id=buyer_id),
        OfferMade(at_ms=OPENS_MS, bidder_id=buyer_id, offer=1),
    ):
        settlement = take(settlement, fact)
    return settlement


# Each post: about this lot, and with the longest or an ordinary winner.
MADE: dict[str, Callable[[SoldLot, Settlement, PayPage], str]] = {
    "asked": lambda lot, it, page: posts.asked_post(lot, it, OPENS_MS),
    "asked next": lambda lot, it, page: posts.asked_post(
        lot, next_asked(it, it.buyer.bidder_handle, it.buyer.amount_wei), OPENS_MS
    ),
    "offered": lambda lot, it, page: posts.offered_post(lot, offered(announced(it)), page, OPENS_MS),
    "reminded of the wallet": lambda lot, it, page: posts.reminder_post(lot, announced(it), page, OPENS_MS),
    "reminded of the payment": lambda lot, it, page: posts.reminder_post(lot, offered(announced(it)), page, OPENS_MS),
    "paid": lambda lot, it, page: posts.paid_post(lot, offered(it), OPENS_MS),
    "final": lambda lot, it, page: posts.final_post(lot, offered(it), OPENS_MS),
    "unsold": lambda lot, it, page: posts.unsold_post(lot, OPENS_MS),
}
REFERENCE = "(m-01, 2027-01-15 08:00:00 UTC)"
PAY = "\nPay here: https://auction.example.org/pay/m-01\n"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (
            "asked",
            "Day 1: Harbour\n@ann has won for 1 ETH. To do within 24 h: reply to this post with your wallet address on "
            f"Shape (0x…), then pay when we post the offer. {REFERENCE}",
        ),
        (
            "offered",
            f"Day 1: Harbour\n@ann: offered to {WALLET} for 1 ETH until 03:00:00 EST on Sat 16 Jan.{PAY}{REFERENCE}",
        ),
        (
            "reminded of the wallet",
            "Day 1: Harbour\n@ann, we still need your wallet. Reply to this post with its address on Shape (0x…), then "
            f"pay 1 ETH, all by 03:00:00 EST on Sat 16 Jan. After that your turn is over. {REFERENCE}",
        ),
        (
            "reminded of the payment",
            "Day 1: Harbour\n@ann, 1 ETH is still to be paid by 03:00:00 EST on Sat 16 Jan. After that your turn is "
            f"over.{PAY}{REFERENCE}",
        ),
        (
            "paid",
            "Day 1: Harbour\n@ann, the 1 ETH arrived. Thank you! There is nothing more to do: we only wait until "
            f"Ethereum makes it final. {REFERENCE}",
        ),
        (
            "final",
            f"Day 1: Harbour\nThe sale to @ann for 1 ETH is final. The token belongs to {WALLET} now. {REFERENCE}",
        ),
        ("unsold", f"Day 1: Harbour\nIt was not paid for and remains unsold. {REFERENCE}"),
    ],
)
def test_each_post_says_what_is_to_be_done_by_when_and_where(kind: str, says: str) -> None:
    assert MADE[kind](LOT, asked(), PAGE) == says


def test_the_next_bidder_is_asked_at_his_own_bid_and_may_decline() -> None:
    assert posts.asked_post(LOT, next_asked(asked()), OPENS_MS) == (
        "Day 1: Harbour\n@bob, nobody before you paid, so it is yours at your bid of 0.9 ETH. Within 12 h: reply "
        f'here with your Shape wallet address (0x…) and pay, or reply "decline". {REFERENCE}'
    )


def test_short_terms_are_named_in_minutes_and_seconds() -> None:
    assert " within 1 min 30 s: " in posts.asked_post(LOT, asked(of=terms(payment_ms=90_000)), OPENS_MS)


def test_a_buyer_whose_handle_is_not_known_is_named_by_the_account() -> None:
    assert "\nBidder 7 has won " in posts.asked_post(LOT, asked(handle=""), OPENS_MS)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("page", [PAGE, NO_PAGE])
def test_only_a_post_that_asks_for_money_has_a_link_and_only_to_a_page_that_exists(kind: str, page: PayPage) -> None:
    asks_for_money = kind in ("offered", "reminded of the payment")
    text = MADE[kind](LOT, asked(), page)
    assert ("https://" in text) == (asks_for_money and page is PAGE)
    assert ("/pay/m-01" in text) == asks_for_money


@pytest.mark.parametrize("kind", MADE)
@given(title=st.text(max_size=400) | st.from_regex(r"\A(https?://)?[a-zA-ZäΞ0-9]{1,9}(\.[a-zäc]{2,4}){1,3}/?\Z"))
def test_every_post_fits_and_has_no_other_link_whatever_the_lot_is_called(kind: str, title: str) -> None:
    lot, it = SoldLot(f"{'m' * 32}-366", 366, title), asked("a_handle_of_15c", MOST)
    # The longest address that the settings allow, where X counts it as no link.
    for page in (
        PAGE,
        NO_PAGE,
        PayPage(f"http://{'h' * (50 - len('http:///pay/') - len(lot.auction_id))}", "Asia/Kathmandu"),
    ):
        assert weight(MADE[kind](lot, it, page)) <= 280
    text = MADE[kind](lot, it, PAGE)
    assert not LINK.search(re.sub(r"Pay here: .*", "", text))


@pytest.mark.parametrize("kind", MADE)
def test_a_title_is_not_cut_for_an_ordinary_buyer(kind: str) -> None:
    lot = SoldLot("marathon-30", 30, "A harbour, at night No. 5")
    text = MADE[kind](lot, asked("a_handle_of_15c", 1234 * ETH // 100), PAGE)
    assert lot.title in text


@pytest.mark.parametrize("fault", WalletFault)
def test_every_answer_to_a_reply_without_a_wallet_fits_and_says_what_to_post(fault: WalletFault) -> None:
    lot = SoldLot(f"{'m' * 32}-366", 366, "Harbour")
    text = posts.wallet_answer(lot, asked("a_handle_of_15c").buyer, fault, OPENS_MS)
    assert text.startswith("@a_handle_of_15c ")
    assert "Reply with the address alone: 0x and 40 characters." in text
    assert weight(text) <= 280
    assert not LINK.search(text)


@pytest.mark.parametrize("kind", MADE)
def test_every_post_names_its_auction_and_the_second_so_that_no_other_says_the_same(kind: str) -> None:
    assert MADE[kind](LOT, asked(), PAGE).endswith(REFERENCE)
