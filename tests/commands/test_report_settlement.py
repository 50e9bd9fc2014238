"""Who has paid for a lot by the log, and who should have by the ground truth of the simulators."""

from collections.abc import Sequence
from typing import Any

import pytest

from auction.day import AuctionDay
from auction.settlement.ladder import begin, take
from commands.report_settlement import expected_settlement, settled
from messages.base import Leader, Wei
from messages.settlement import Level, OfferMade, PaymentSeen, Terms, WalletNamed
from tests.harness.builders import opened_day

TERMS = Terms(reserve_wei=Wei(1), payment_ms=1, acceptance_ms=1, runners_up=2, runner_up_basis_points=8_000)
BIDS = {"ann": 100, "bob": 90, "eve": 80, "joe": 70}
WALLETS = {name: "0x" + f"{number:02x}" * 20 for number, name in enumerate(BIDS, start=1)}
ANN = Leader(post_id=1, bidder_id=1, bidder_handle="ann", amount_wei=Wei(100))
NOTHING = {"buyer": None, "price_wei": None, "token_owner": None}


def judged(bids: dict[str, int]) -> dict[str, Any]:
    winner = max(bids, key=bids.__getitem__, default=None)
    return {"winner": winner, "amount_wei": None if winner is None else str(bids[winner])}


def expected(
    payer: str, unpaid: Sequence[str] = (), owner: str = "", bids: dict[str, int] = BIDS, price_wei: int = 0
) -> Any:
    """What should have come, where `payer` has paid for the token and all who are `unpaid` would not."""
    day = opened_day()
    assert day.prepared
    day.settlement = begin(TERMS, ANN)
    token_id = day.prepared.lot.token_id
    offer = {"to": WALLETS[payer], "price_wei": str(price_wei or bids[payer]), "payment": "0xfe"}
    unpaid_offers = [{"to": WALLETS[name], "price_wei": str(bids[name]), "payment": None} for name in unpaid]
    truth = {
        "asked": [{"bidder": name, "wallet": WALLETS[name], "pays": name not in unpaid} for name in BIDS],
        "chain": {"owners": {str(token_id): owner or WALLETS[payer]}, "offers": [*unpaid_offers, offer]},
    }

    def without(passed: Sequence[str]) -> dict[str, Any]:
        return judged({name: wei for name, wei in bids.items() if name not in passed})

    return expected_settlement(day, judged(bids), without, truth)


def final(buyer: str) -> dict[str, str]:
    return {"stage": "FINAL", "buyer": buyer, "price_wei": str(BIDS[buyer]), "token_owner": WALLETS[buyer]}


@pytest.mark.parametrize(("unpaid", "payer"), [([], "ann"), (["ann"], "bob"), (["ann", "bob"], "eve")])
def test_the_first_of_the_bidders_who_pays_has_the_token(unpaid: list[str], payer: str) -> None:
    assert expected(payer, unpaid) == final(payer)


@pytest.mark.parametrize(
    ("unpaid", "bids"),
    [(["ann", "bob", "eve"], BIDS), (["ann"], {"ann": 100, "bob": 79}), (["ann"], {"ann": 100})],
    ids=["too many were asked", "too far below", "nobody is left"],
)
def test_a_lot_that_nobody_may_be_asked_for_any_more_is_unsold(unpaid: list[str], bids: dict[str, int]) -> None:
    assert expected("ann", unpaid, bids=bids) == {"stage": "UNSOLD"} | NOTHING


@pytest.mark.parametrize(
    "wrong", [{"owner": WALLETS["eve"]}, {"price_wei": 99}], ids=["another owner", "another price"]
)
def test_a_token_that_went_elsewhere_or_at_another_price_is_never_right(wrong: dict[str, Any]) -> None:
    assert f"not the wallet {WALLETS['ann']} for 100 wei" in expected("ann", **wrong)["token_owner"]


def test_without_a_chain_or_a_winner_nothing_is_to_be_paid() -> None:
    assert expected_settlement(opened_day(), judged(BIDS), judged_never, {"asked": []}) is None
    assert expected_settlement(opened_day(), judged({}), judged_never, {"asked": [], "chain": {}}) is None


def judged_never(_passed: Sequence[str]) -> dict[str, Any]:
    raise AssertionError("nobody is asked next")


def test_the_log_says_who_owns_the_token_once_it_is_paid() -> None:
    day: AuctionDay = opened_day()
    assert settled(day) is None
    wallet = "0x" + "Ab" * 20
    named = take(begin(TERMS, ANN), WalletNamed(at_ms=1, bidder_id=1, post_id=5, text=wallet, wallet=wallet))
    offered = take(named, OfferMade(at_ms=2, bidder_id=1, offer=1))
    told = {"stage": "OFFERED", "buyer": "ann", "price_wei": "100", "token_owner": None}
    day.settlement = offered
    assert settled(day) == told
    day.settlement = take(offered, PaymentSeen(at_ms=3, bidder_id=1, level=Level.FINALIZED))
    assert settled(day) == told | {"stage": "FINAL", "token_owner": wallet.lower()}
