"""Computes the minimum bid under a day's rules, and the hash that identifies these rules.

The rules themselves are `messages.base.Rules`; `standings` computes who leads.
"""

import hashlib

import msgspec

from messages.base import Rules, Wei
from messages.codec import to_json

# The version of the rules for days prepared from now on. Since version 2 bids bind at the end.
RULES_VERSION = 2


def minimum_bid(rules: Rules, leading_wei: int | None) -> Wei:
    """The least amount, in wei, that leads: the reserve, or the leading amount plus the larger increment (BID-3).

    The percentage is rounded up, and the step is at least one wei, so that an equal amount never displaces a leader.
    """
    if leading_wei is None:
        return rules.reserve_wei
    percent = -(-leading_wei * rules.increment_basis_points // 10_000)
    return Wei(leading_wei + max(rules.increment_wei, percent, 1))


def rules_hash(rules: Rules) -> str:
    """SHA-256, in hex, of the rules as JSON with sorted keys: anyone can compute it from published rules (LIFE-7)."""
    fields: dict[str, object] = msgspec.json.decode(to_json(rules))
    as_sorted = msgspec.json.encode(dict(sorted(fields.items())))
    return hashlib.sha256(msgspec.json.format(as_sorted, indent=-1)).hexdigest()
