"""The judge: computes the correct result of one auction by plain rules from the ground truth.

The code is simple rather than fast, and shares nothing with the rules in `auction/` that it checks.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from messages.base import Refusal, Rules
from messages.x_ids import posted_at_ms


def judge(
    posts: Sequence[Mapping[str, Any]],
    rules: Rules,
    auction_post_ids: Collection[int],
    opened_at_ms: int,
    ends_at_ms: int,
    bound: Collection[int] = (),
) -> dict[str, Any]:
    """Judges the auction whose conversation `posts` are (as /_sim/truth of the simulated X lists them).

    `ends_at_ms` is the final end, exclusive. A deleted post withdraws its bid only if it was deleted before the end and
    its id is not in `bound`, the posts whose deletion was noticed too late, so that the log says that their bids bind.
    Left out are posts without a meaning (the auction's own), posts without the hashtag, and posts that were deleted or
    protected before X had shown them to anybody. Returns `outcome` ("sold" or "unsold"), `winner` (handle or None),
    `amount_wei` (decimal string or None), `accepted` and `refused` ({reason: count}).
    """
    refused: Counter[str] = Counter()
    accepted = 0
    leader: str | None = None
    leading_wei = 0
    for post in sorted(posts, key=lambda post: int(post["id"])):
        meaning = post["meaning"]
        if meaning is None or meaning.get("refusal") == Refusal.NO_HASHTAG:
            continue
        is_hidden = is_gone(post) or post.get("protected_at_ms") is not None
        if is_hidden and not post.get("shown", True):
            continue
        needed_wei = int(rules.reserve_wei)
        if leader is not None:
            percent_wei = -(-leading_wei * rules.increment_basis_points // 10_000)
            needed_wei = leading_wei + max(int(rules.increment_wei), percent_wei, 1)
        made_at_ms = posted_at_ms(int(post["id"]))
        age_ms = made_at_ms - post["author_created_at_ms"]
        amount_wei = int(meaning.get("amount_wei") or 0)

        if is_taken_back(post, ends_at_ms, bound):
            reason = Refusal.WITHDRAWN
        elif post["replied_to"] is None or int(post["replied_to"]) not in auction_post_ids:
            reason = Refusal.NOT_A_REPLY
        elif made_at_ms < opened_at_ms:
            reason = Refusal.BEFORE_OPEN
        elif made_at_ms >= ends_at_ms:
            reason = Refusal.AFTER_CLOSE
        elif "refusal" in meaning:
            reason = Refusal(meaning["refusal"])
        elif age_ms < rules.minimum_account_age_ms:
            reason = Refusal.ACCOUNT_TOO_YOUNG
        elif leader == post["author"] and not rules.leader_may_rebid:
            reason = Refusal.ALREADY_LEADING
        elif amount_wei < needed_wei:
            reason = Refusal.BELOW_RESERVE if leader is None else Refusal.BELOW_MINIMUM
        else:
            leader, leading_wei = post["author"], amount_wei
            accepted += 1
            continue
        refused[reason.value] += 1
    return {
        "outcome": "unsold" if leader is None else "sold",
        "winner": leader,
        "amount_wei": None if leader is None else str(leading_wei),
        "accepted": accepted,
        "refused": dict(sorted(refused.items())),
    }


def is_gone(post: Mapping[str, Any]) -> bool:
    """Whether the post was deleted, suspended or edited, so that it cannot be found any more."""
    return _gone_at_ms(post) is not None


def is_taken_back(post: Mapping[str, Any], ends_at_ms: int, bound: Collection[int]) -> bool:
    """Whether the post's bid is withdrawn: the post is gone since before the end, and the bid does not bind."""
    gone_at_ms = _gone_at_ms(post)
    return gone_at_ms is not None and gone_at_ms < ends_at_ms and int(post["id"]) not in bound


def _gone_at_ms(post: Mapping[str, Any]) -> int | None:
    """Returns since when the post cannot be found (UTC ms); None if it can."""
    times_ms = [post[what] for what in ("deleted_at_ms", "suspended_at_ms") if post.get(what) is not None]
    if post.get("edited_to") is not None:
        times_ms.append(posted_at_ms(int(post["edited_to"])))
    return min(times_ms, default=None)
