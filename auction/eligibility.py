"""The eligibility rules (BID-6) decide whether an author may bid, from the day's rules and the author's account.

The facts about the account come from the log, as of its first sight on the day; nothing is looked up here. Bans by an
operator are not checked here: they are `controls`.
"""

import msgspec

from messages.base import Refusal, Rules


class AuthorFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The facts about an author's account at its first sight on a day, valid for that day; None where unknown."""

    created_at_ms: int | None
    followers: int | None


def ineligible(rules: Rules, bidder_id: int, facts: AuthorFacts, posted_at_ms: int) -> Refusal | None:
    """The reason why the author of a post made at `posted_at_ms` (UTC ms) may not bid, or None.

    An unknown fact refuses nobody, since the look-up of the account may have failed.
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
