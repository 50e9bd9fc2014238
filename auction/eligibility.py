"""Who may bid (BID-6): what can be said of a bidder without looking at anybody else's bid.

Author facts are those of the first sight and stand in the log; nothing is looked up here.
"""

from messages.base import Refusal, Rules


def ineligible(rules: Rules, bidder_created_at_ms: int | None, posted_at_ms: int) -> Refusal | None:
    """Why the author of a post made at `posted_at_ms` may not bid, or None.

    An author of unknown age is not younger than any minimum: nobody is refused because a look-up failed.
    """
    if bidder_created_at_ms is None:
        return None
    if posted_at_ms - bidder_created_at_ms < rules.minimum_account_age_ms:
        return Refusal.ACCOUNT_TOO_YOUNG
    return None
