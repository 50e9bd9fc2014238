"""Converts amounts of ETH as people write them to wei and back, by integer arithmetic, never by float or Decimal.

This module reads the strict form of the configuration and writes the exact form for display; `auction/bid_text` reads
the amounts in bids.
"""

import re

from messages.base import Wei

DECIMALS = 18
WEI_PER_ETH = 10**DECIMALS

# At most twelve digits before the point: more than all ether that exists, and a hostile text stays cheap to read.
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,18}))?(?: ETH)?")


def parse_eth(text: str) -> Wei:
    """The wei of "0.1 ETH" or "0.1". Raises ValueError that says what is wrong; nothing is rounded."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("is not an amount such as 0.1 ETH: plain digits, a point, at most 18 decimals")
    return wei_of(match[1], match[2] or "")


def format_eth(wei: int) -> str:
    """The exact amount in its shortest form, such as "0.1 ETH"; `parse_eth` and `bid_text` read it back."""
    whole, rest = divmod(abs(wei), WEI_PER_ETH)
    decimals = f"{rest:0{DECIMALS}d}".rstrip("0")
    sign = "-" if wei < 0 else ""
    return f"{sign}{whole}.{decimals} ETH" if decimals else f"{sign}{whole} ETH"


def wei_of(whole: str, decimals: str) -> Wei:
    """The wei of ASCII digits before and after the point; either may be empty, `decimals` has at most 18."""
    return Wei((whole or "0") + decimals.ljust(DECIMALS, "0"))
