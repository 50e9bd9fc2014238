"""Who may bid (BID-6): what can be said of a bidder without looking at anybody else's bid.

Author facts are those of the first sight and stand in the log; nothing is looked up here. What an operator has barred
since is a control, not an author fact.
"""

import msgspec

from messages.base import Refusal, Rules


class AuthorFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was known of an author when he was first seen on this day: it holds for the day."""

    created_at_ms: int | None
    followers: int | None


def ineligible(rules: Rules, bidder_id: int, facts: AuthorFacts, posted_at_ms: int) -> Refusal | None:
    """Why the author of a post made at `posted_at_ms` may not bid, or None.

    What is not known is not held against anybody: nobody is refused because a look-up failed.
    """
    if bidder_id in rules.barred_ids:
        return Refusal.NOT_ELIGIBLE
    if bidder_id in rules.exempt_ids:
        return None
    if facts.created_at_ms is not None and posted_at_ms - facts.created_at_ms < rules.minimum_account_age_ms:
        return Refusal.ACCOUNT_TOO_YOUNG
    if facts.followers is not None and facts.followers < rules.minimum_followers:
        return Refusal.NOT_ELIGIBLE
    return None
