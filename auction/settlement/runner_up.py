"""Finds the next buyer of a lot that the winner has not paid (CHN-5): the winner of the same bids, folded again without
the bids of bidders who were asked before or are banned.

So an unpaid high bid keeps no other bid out, and the reserve, the increments and the end apply to the next buyer too.
"""

from collections.abc import Collection

import msgspec

from auction.record import DayRecord
from auction.replies import leader_of
from auction.standings import Standings
from messages.base import Leader


def runner_up(day: DayRecord, passed: Collection[int]) -> Leader | None:
    """The next buyer, with the bid that is the price, or None. `passed` are the ids of bidders who were asked before or
    are banned now.

    `day` is a day whose result is named. Bids whose posts are gone and bids that tests have made up do not count.
    """
    if day.prepared is None or day.controls is None or day.standings is None:
        return None
    bids = [verdict.bid for verdict in day.standings.verdicts()]
    without = Standings(day.prepared.rules, day.controls)
    ineligible = day.tombstones | day.bound | day.injected
    without.update([bid for bid in bids if bid.bidder_id not in passed and bid.post_id not in ineligible])
    if without.leader is None:
        return None
    found = leader_of(without.leader, day.injected)
    return msgspec.structs.replace(found, bidder_handle=day.handle_of(without.leader.bid))
