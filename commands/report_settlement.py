"""The settlement of a day for the report of a demo: who has paid for the lot by the log, and by the ground truth.

The ground truth of the simulated X says which bidders pay, that of the simulated chain who owns the token.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auction.day import AuctionDay
from messages.settlement import Stage

Settled = dict[str, str | None]


def settled(day: AuctionDay) -> Settled | None:
    """Returns the settlement as the log has it: stage, buyer, price and the owner of the token; None without one."""
    it = day.settlement
    if it is None:
        return None
    if it.stage is Stage.UNSOLD:
        return _settled(Stage.UNSOLD)
    owner = it.wallet.lower() if it.level else None  # whoever has paid, the token is the wallet's
    return _settled(it.stage, it.buyer.bidder_handle, str(int(it.buyer.amount_wei)), owner)


def expected_settlement(
    day: AuctionDay,
    result: Mapping[str, Any],
    without: Callable[[Sequence[str]], Mapping[str, Any]],
    truth: Mapping[str, Any],
) -> Settled | None:
    """Returns the settlement that follows from the ground truth. `result` is the right result of the day, `without`
    judges the day again without the bids of some bidders."""
    if result["winner"] is None or "chain" not in truth:
        return None
    if day.settlement is None or day.prepared is None:
        return _settled("none has begun")
    terms, token_id = day.settlement.terms, day.prepared.lot.token_id
    asked = {one["bidder"]: one for one in truth["asked"]}
    unpaid: list[str] = []
    while (buyer := result["winner"]) in asked and not asked[buyer]["pays"]:
        unpaid.append(buyer)
        following = without(unpaid)
        if following["winner"] is None or len(unpaid) > terms.runners_up:
            return _settled(Stage.UNSOLD)
        if int(following["amount_wei"]) * 10_000 < int(result["amount_wei"]) * terms.runner_up_basis_points:
            return _settled(Stage.UNSOLD)
        result = following
    price_wei = result["amount_wei"]
    wallet = asked[buyer]["wallet"].lower() if buyer in asked else ""
    return _settled(Stage.FINAL, buyer, price_wei, _owner(truth["chain"], token_id, wallet, price_wei))


def _owner(chain: Mapping[str, Any], token_id: int, wallet: str, price_wei: str) -> str:
    """Returns the owner of the token, or in words what is wrong with it: it is the wallet's, whose offer was paid."""
    owner = chain["owners"].get(str(token_id))
    paid = [offer["price_wei"] for offer in chain["offers"] if offer["payment"] and offer["to"] == wallet]
    if owner == wallet and price_wei in paid:
        return wallet
    return f"{owner}, and not the wallet {wallet or 'of a bidder who was asked'} for {price_wei} wei"


def _settled(
    stage: str, buyer: str | None = None, price_wei: str | None = None, token_owner: str | None = None
) -> Settled:
    return {"stage": str(stage), "buyer": buyer, "price_wei": price_wei, "token_owner": token_owner}
