"""Who is asked when a winner has not paid (CHN-5): whoever wins the day without the bids of those who cannot have it.

So a high bid that was never meant keeps nobody out, and the reserve, the increments and the end hold for him as well.
"""

from collections.abc import Collection

from auction.record import DayRecord
from auction.replies import leader_of
from auction.standings import Standings
from messages.events import Leader


def runner_up(day: DayRecord, passed: Collection[int]) -> Leader | None:
    """The next one at his own bid, or None. `passed` are the ids of who was asked before or is barred by now.

    `day` is a day with its result. Neither a bid whose post has gone since counts, nor one that a test has made up.
    """
    if day.prepared is None or day.controls is None or day.standings is None:
        return None
    bids = [verdict.bid for verdict in day.standings.verdicts()]
    without = Standings(day.prepared.rules, day.controls)
    ineligible = day.tombstones | day.bound | day.injected
    without.update([bid for bid in bids if bid.bidder_id not in passed and bid.post_id not in ineligible])
    return leader_of(without.leader, day.injected) if without.leader else None
