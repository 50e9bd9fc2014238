"""What a transaction may cost: its fees, and whether the sender's balance covers them.

The functions take amounts in wei as values; `transactions` says when a transaction is due, and nothing here signs.
"""

import msgspec

from messages.base import Wei
from messages.chain import Quote
from messages.money import format_eth

# Both fees of a replacement rise by an eighth: nodes ask for a tenth, some for an eighth.
_RISE_NUMERATOR, _RISE_DENOMINATOR = 9, 8
# A fee may be this many times what the node suggests.
MOST_TIMES = 5
# Up to this tip (wei for a unit of gas) the cap by the suggestion does not count: it may suggest no tip at all.
SMALL_TIP_WEI = 10**6
# An operator is told when the balance covers fewer transactions like the present one.
TRANSACTIONS_IN_RESERVE = 10


class Fees(msgspec.Struct, frozen=True):
    """The fees of one transaction: the most to be paid for a unit of gas, the tip in it, and the limit of gas."""

    max_fee_wei: Wei
    tip_wei: Wei
    gas: int


class Held(msgspec.Struct, frozen=True):
    """The transaction is not signed now, because of `why`; it is priced again at each look."""

    why: str


def priced(quote: Quote, l1_fee_cap_wei: int, replaced: Fees | None = None) -> Fees | Held:
    """The fees for a transaction: those that the node suggests, and at least an eighth above those of the attempt that
    it replaces.

    Held when a fee would exceed MOST_TIMES what the node suggests, when the fee on L1 exceeds its cap (it cannot be
    limited in the transaction itself), or when the balance does not cover it.
    """
    suggested_tip = quote.tip_wei
    suggested_fee = 2 * quote.base_fee_wei + suggested_tip
    fee, tip = suggested_fee, suggested_tip
    if replaced is not None:
        fee, tip = max(fee, _raised(replaced.max_fee_wei)), max(tip, _raised(replaced.tip_wei))
    fee = max(fee, tip)
    if fee > MOST_TIMES * suggested_fee or tip > max(MOST_TIMES * suggested_tip, SMALL_TIP_WEI):
        return Held(
            f"a fee of {fee} wei (tip {tip}) would be over {MOST_TIMES} times the suggested {suggested_fee} wei"
        )
    if (quote.l1_fee_wei or 0) > l1_fee_cap_wei:
        is_now = format_eth(Wei(quote.l1_fee_wei or 0))
        return Held(f"the fee on L1 is {is_now}, over the cap of {format_eth(Wei(l1_fee_cap_wei))}")
    fees = Fees(Wei(fee), Wei(tip), quote.gas)
    if quote.balance_wei < (cost := most_cost(quote, fees)):
        return Held(f"it may cost {format_eth(Wei(cost))}, but the key has {format_eth(Wei(quote.balance_wei))}")
    return fees


def most_cost(quote: Quote, fees: Fees) -> int:
    """The most that the transaction can cost (wei): it transfers no value; fees that the chain lacks count nothing."""
    return fees.gas * fees.max_fee_wei + (quote.l1_fee_wei or 0) + (quote.operator_fee_wei or 0)


def is_short(quote: Quote, fees: Fees) -> bool:
    """Whether the balance covers fewer than TRANSACTIONS_IN_RESERVE such transactions."""
    return quote.balance_wei < TRANSACTIONS_IN_RESERVE * most_cost(quote, fees)


def _raised(fee_wei: int) -> int:
    """The least fee that replaces this one: an eighth more, rounded up, and never the same."""
    return max(-(-fee_wei * _RISE_NUMERATOR // _RISE_DENOMINATOR), fee_wei + 1)
