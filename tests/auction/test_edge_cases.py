"""Edge cases that users of other auction systems have reported: one row each, what happened and what holds.

Days and settlements are told as text (`script`, `settlement_script`); what needs no day is one line with its answer.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
import pytest

from auction.bid_text.reading import bid_line
from auction.calendar import marathon_calendar
from auction.downtime_policy import late_close
from auction.rules import minimum_bid, rules_hash
from messages.base import Rules, Wei
from messages.money import format_eth, parse_eth
from tests.auction.script import Played
from tests.auction.settlement.settlement_script import play
from tests.harness.builders import CLOSES_MS, ETH, OPENS_MS, RULES

LIMITED = msgspec.structs.replace(RULES, rate_limit_posts=2, rate_limit_window_ms=600_000)
CHEAP = msgspec.structs.replace(RULES, reserve_wei=Wei(1), increment_wei=Wei(1))

SHILLS = {
    "an accomplice extends and deletes: the end that was shown stays, his bid does not": """
        10:00 ann bids 0.5
        59:00 bob bids 0.6
        then bob leads with 0.6 until 64:00
        59:10 bob deletes 59:00
        then this was said: BidWithdrawn StrikeGiven EndExtended StandingsRevised
        then ann leads with 0.5 until 64:10
        then strikes: bob
        64:09 eve bids 0.6
        then eve leads with 0.6 until 69:09
    """,
    "deletes in a chain of extensions: he takes nobody with him": """
        59:00 ann bids 0.5
        63:00 bob bids 0.6
        67:00 eve bids 0.7
        then eve leads with 0.7 until 72:00
        67:10 bob deletes 63:00
        67:20 ann deletes 59:00
        then eve leads with 0.7 until 72:00
        then eve 67:00 is ACCEPTED
        then strikes:
    """,
    "deletes at the end of a chain of extensions: he gives way, and the time he has won is everybody's": """
        59:00 ann bids 0.5
        63:00 bob bids 0.6
        67:00 ann bids 0.7
        67:10 ann deletes 67:00
        then bob leads with 0.6 until 72:10
        71:59 eve bids 0.7
        then eve leads with 0.7 until 76:59
        then strikes: ann
    """,
    "bids high, deletes long before the close: he has kept nobody away, and wins nothing for his friend": """
        01:00 ann bids 0.5
        02:00 eve bids 90
        30:00 bob bids 0.6
        then bob 30:00 is BELOW_MINIMUM
        50:00 eve deletes 02:00
        then bob leads with 0.6 until 60:00
        then bob 30:00 is ACCEPTED
        then strikes: eve
    """,
    "shielding: leads all day and deletes after the end: his bid binds, and is no strike": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        60:03 eve deletes 02:00 missed 60:02
        then this was said: BidWithdrawn
        then eve leads with 50 until 60:00
        then strikes:
        60:30 tick
        61:00 swept
        then eve wins with 50
    """,
    "shielding: missed at the very end, which is exclusive: his bid binds": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        61:00 eve deletes 02:00 missed 60:00
        then eve leads with 50 until 60:00
    """,
    "shielding: deletes a second before the end: everybody has a soft close to answer his friend": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        60:20 eve deletes 02:00 missed 59:59
        then ann leads with 0.4 until 65:20
        then strikes: eve
        60:30 tick
        then nothing was said
        65:19 bob bids 0.5
        then bob leads with 0.5 until 70:19
    """,
    "shielding: what was refused as too late in between counts under the end that has moved": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        60:10 bob bids 60
        then bob 60:10 is AFTER_CLOSE
        60:20 eve deletes 02:00 missed 59:59
        then this was said: BidWithdrawn StrikeGiven EndExtended StandingsRevised
        then bob leads with 60 until 65:20
    """,
    "shielding: missed in time and certain only when the end is frozen: his bid binds": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        60:30 tick
        then this was said: EndFrozen
        60:50 eve deletes 02:00 missed 59:50
        61:00 swept
        then eve wins with 50
    """,
    "shielding: an accomplice bids in the same breath: the lead was lost all the same": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        59:30 eve deletes 02:00 & 59:20 bob bids 0.45
        then bob leads with 0.45 until 64:30
    """,
    "shielding: what is found only after its post was missed in time does not count": """
        01:00 ann bids 0.4
        59:50 eve deletes 02:00
        02:00 eve bids 50
        then eve 02:00 is WITHDRAWN
        then ann leads with 0.4 until 60:00
    """,
    "sniping and walking away: bids with a second left, deletes with the end: it binds": """
        10:00 ann bids 0.4
        59:59 eve bids 50
        then eve leads with 50 until 64:59
        65:01 eve deletes 59:59 missed 64:59
        then eve leads with 50 until 64:59
    """,
    "sock puppets: each deletes in the soft close in turn: each time everybody has a soft close": """
        10:00 ann bids 0.4
        58:00 bob bids 40
        58:30 eve bids 50
        then eve leads with 50 until 63:30
        63:00 eve deletes 58:30
        then bob leads with 40 until 68:00
        67:30 bob deletes 58:00
        then ann leads with 0.4 until 72:30
        then strikes: eve bob
    """,
    "sock puppets: those who delete together give way together": """
        10:00 ann bids 0.4
        58:00 bob bids 40
        58:30 eve bids 50
        63:00 eve deletes 58:30 & 63:00 bob deletes 58:00
        then ann leads with 0.4 until 68:00
        then strikes: eve
    """,
    "sock puppets: one deletes in time and one does not: the one binds": """
        10:00 ann bids 0.4
        20:00 bob bids 40
        30:00 eve bids 50
        50:00 eve deletes 30:00
        60:01 bob deletes 20:00
        then bob leads with 40 until 60:00
        then strikes: eve
    """,
    "several withdrawals of those who do not lead: nothing moves": """
        10:00 ann bids 0.4
        20:00 bob bids 0.5
        30:00 eve bids 0.6
        59:50 ann deletes 10:00 & 59:50 bob deletes 20:00
        then eve leads with 0.6 until 60:00
        then strikes:
    """,
    "the only bid of the day is deleted in the soft close: nobody leads, and everybody may": """
        10:00 ann bids 0.4
        59:00 ann deletes 10:00
        then nobody leads until 64:00
        63:00 bob bids 0.1
        then bob leads with 0.1 until 68:00
    """,
    "a second look finds him gone again: he is not lost twice": """
        10:00 ann bids 0.4
        20:00 eve bids 50
        59:00 eve deletes 20:00
        59:30 eve deletes 20:00
        then nothing was said
        then ann leads with 0.4 until 64:00
        then strikes: eve
    """,
    "a lead lost while the day is paused: everybody has a soft close of running time": """
        10:00 ann bids 0.4
        20:00 eve bids 50
        59:00 pause
        65:00 eve deletes 20:00
        then ann leads with 0.4 until 64:00
        70:00 resume
        then ann leads with 0.4 until 75:00
    """,
    "an operator takes the leader out in the soft close: the lead is lost as well": """
        10:00 ann bids 0.4
        20:00 eve bids 50
        59:00 invalidate eve 20:00
        then this was said: BidInvalidated EndExtended StandingsRevised
        then ann leads with 0.4 until 64:00
    """,
    "an operator takes the winner out once bidding is over: the end stays": """
        10:00 ann bids 0.4
        20:00 eve bids 50
        60:10 invalidate eve 20:00
        then ann leads with 0.4 until 60:00
    """,
    "what is taken out and did not lead moves nothing": """
        10:00 ann bids 0.4
        20:00 eve bids 50
        59:00 ban ann 09:00
        then eve leads with 50 until 60:00
    """,
    "deletes before he is found: his bid never leads, and is no strike": """
        10:00 ann bids 0.5
        59:10 bob deletes 59:00
        59:00 bob bids 0.6
        then bob 59:00 is WITHDRAWN
        then ann leads with 0.5 until 60:00
        then strikes:
    """,
    "a late-found post that would have extended, before the freeze: it extends": """
        10:00 ann bids 0.5
        62:00 eve bids 0.7
        then eve 62:00 is AFTER_CLOSE
        59:58 bob bids 0.6
        then eve leads with 0.7 until 67:00
    """,
    "a late-found post that would have extended, after the freeze: it counts and extends nothing": """
        10:00 ann bids 0.5
        62:00 eve bids 0.7
        60:30 tick
        then this was said: EndFrozen
        59:58 bob bids 0.6
        then bob leads with 0.6 until 60:00
        then eve 62:00 is AFTER_CLOSE
    """,
    "own-post rate limit by a later find: it counts against the ones behind it": """
        20:00 bob bids 0.1
        24:00 ann bids 0.2
        25:00 bob bids 0.5
        then bob leads with 0.5 until 60:00
        22:00 bob bids 0.05
        then bob 25:00 is RATE_LIMITED
        then ann leads with 0.2 until 60:00
    """,
    "own-post rate limit: its window is open at its far end": """
        20:00 bob bids 0.1
        21:00 bob bids 0.05
        24:00 ann bids 0.2
        30:00 bob bids 0.4
        then bob 30:00 is RATE_LIMITED
        30:01 bob bids 0.5
        then bob 30:01 is RATE_LIMITED
        41:00 bob bids 0.6
        then bob leads with 0.6 until 60:00
    """,
    "own-post rate limit: a post that was deleted still counts": """
        20:00 bob bids 0.1
        20:10 bob deletes 20:00
        21:00 bob bids 0.1
        21:10 bob deletes 21:00
        22:00 bob bids 0.1
        then bob 22:00 is RATE_LIMITED
        then strikes: bob bob
    """,
}


@pytest.mark.requirement("BID-6", "BID-7", "BID-8", "LIFE-5")
@pytest.mark.parametrize("script", SHILLS.values(), ids=SHILLS)
def test_a_shill_gains_nothing(script: str) -> None:
    Played(LIMITED).play(script)


CAPPED = {
    "at the cap of the extensions nobody could answer any more: the bid binds": """
        10:00 ann bids 0.4
        59:00 eve bids 50
        63:00 bob bids 60
        then bob leads with 60 until 66:00
        61:01 bob deletes 63:00 missed 61:01
        then bob leads with 60 until 66:00
        then strikes:
    """,
    "up to a soft close before the cap he may still take it back": """
        10:00 ann bids 0.4
        59:00 eve bids 50
        61:00 eve deletes 59:00
        then ann leads with 0.4 until 66:00
        then strikes: eve
    """,
    "beyond the cap, where an operator has moved the end, everybody can answer": """
        10:00 ann bids 0.4
        20:00 eve bids 50
        59:00 extend 80:00
        70:00 eve deletes 20:00
        then ann leads with 0.4 until 80:00
        75:01 ann deletes 10:00
        then ann leads with 0.4 until 80:00
    """,
    "an operator takes the leader out at the cap: the end goes no further": """
        10:00 ann bids 0.4
        59:00 eve bids 50
        63:00 invalidate eve 59:00
        then ann leads with 0.4 until 66:00
    """,
}


@pytest.mark.requirement("BID-8", "LIFE-5")
@pytest.mark.parametrize("script", CAPPED.values(), ids=CAPPED)
def test_a_shill_gains_nothing_at_the_cap_of_the_soft_close(script: str) -> None:
    Played(msgspec.structs.replace(RULES, soft_close_cap_ms=360_000)).play(script)


FIRST_RULES = {
    "a bid may be taken back until the result is named, and a lead that is lost moves nothing": """
        01:00 ann bids 0.4
        02:00 eve bids 50
        59:50 invalidate ann 01:00
        60:40 eve deletes 02:00
        then this was said: BidWithdrawn StrikeGiven StandingsRevised
        then nobody leads until 60:00
    """,
}


@pytest.mark.requirement("LIFE-7", "RED-5")
@pytest.mark.parametrize("script", FIRST_RULES.values(), ids=FIRST_RULES)
def test_a_day_that_was_announced_under_the_first_rules_is_held_and_audited_under_them(script: str) -> None:
    first = msgspec.structs.replace(RULES, version=msgspec.UNSET, runner_up_basis_points=msgspec.UNSET)
    Played(first).play(script)


def test_the_hash_of_the_first_rules_is_what_it_was() -> None:
    first = msgspec.structs.replace(RULES, version=msgspec.UNSET, runner_up_basis_points=msgspec.UNSET)
    assert rules_hash(first) == "20aca777f371577cdb0c97531c35e88a0ae82997121c638f61044bd72a890342"
    assert rules_hash(first) != rules_hash(RULES)


DAYS = {
    "a refused bid does not extend, however many there are": """
        10:00 ann bids 0.5
        59:00 bob bids 0.5
        59:10 eve bids 0.1
        59:20 bob bids 0.5
        then ann leads with 0.5 until 60:00
    """,
    "only a bid that changes the leader extends": """
        10:00 ann bids 0.5
        59:00 ann bids 0.9
        then ann 59:00 is ALREADY_LEADING
        then ann leads with 0.5 until 60:00
    """,
    "a bid with a second left counts, though it is found after the end": """
        10:00 ann bids 0.5
        60:10 tick
        59:59 bob bids 0.6
        then bob leads with 0.6 until 64:59
    """,
    "a bid of the end itself does not count: the end is exclusive": """
        10:00 ann bids 0.5
        60:00 bob bids 0.6
        then bob 60:00 is AFTER_CLOSE
    """,
    "bids found in the wrong order are judged in the right one": """
        30:00 bob bids 0.6
        20:00 ann bids 0.6
        then ann leads with 0.6 until 60:00
        then bob 30:00 is BELOW_MINIMUM
    """,
    "two of the same amount: the earlier leads": """
        20:00 ann bids 0.5
        20:01 bob bids 0.5
        then ann leads with 0.5 until 60:00
    """,
    "two of the same amount in the same millisecond: the lower post id leads": """
        20:00 bob bids 0.5 & 20:00 ann bids 0.5
        then ann leads with 0.5 until 60:00
    """,
    "a bid that is found twice is decided once": """
        20:00 ann bids 0.5
        20:00 ann bids 0.5
        then nothing was said
    """,
    "the leader does not raise his own price": """
        20:00 ann bids 0.5
        30:00 ann bids 9
        then ann 30:00 is ALREADY_LEADING
        then ann leads with 0.5 until 60:00
    """,
    "taking a bid out does not take back the end that was shown": """
        10:00 ann bids 0.5
        59:00 bob bids 0.6
        58:30 extend 66:00
        59:30 invalidate bob 59:00
        then ann leads with 0.5 until 66:00
    """,
    "taking one bid out has no other consequence": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        30:00 invalidate bob 20:00
        then strikes:
        40:00 bob bids 0.6
        then bob leads with 0.6 until 60:00
    """,
    "the live bids of who is banned go with him, from when the ban counts": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        30:00 ban bob 15:00
        then ann leads with 0.5 until 60:00
    """,
    "no winner is named before all that was posted in time is known": """
        10:00 ann bids 0.5
        60:30 tick
        60:30 tick
        then nothing was said
        59:58 bob bids 0.6
        61:00 swept
        then this was said: WatermarkMoved ResultNamed
        then bob wins with 0.6
    """,
    "a winner who was named stays, whatever is found later": """
        10:00 ann bids 0.5
        60:30 tick
        60:30 swept
        then ann wins with 0.5
        59:00 bob bids 9
        then this was said: BidRefused
        70:00 void
        then nothing was said
        then ann wins with 0.5
    """,
    "a day ends once, however often it is told to": """
        10:00 ann bids 0.5
        60:30 swept
        60:30 tick
        then this was said: EndFrozen ResultNamed
        60:31 tick
        then nothing was said
        61:00 swept
        61:00 name-result
        then nothing was said
    """,
    "a bid after a day that ended unsold is too late": """
        60:30 tick
        60:30 swept
        then the day is unsold
        61:00 ann bids 0.5
        then this was said: BidRefused
        then the day is unsold
    """,
    "the clock that wakes late changes nothing": """
        10:00 ann bids 0.5
        75:00 tick
        then this was said: EndFrozen
        75:00 swept
        then ann wins with 0.5
    """,
}


@pytest.mark.requirement("BID-3", "BID-4", "BID-5", "BID-7", "BID-8", "BID-9", "LIFE-3", "LIFE-5")
@pytest.mark.parametrize("script", DAYS.values(), ids=DAYS)
def test_what_went_wrong_on_other_days_goes_right(script: str) -> None:
    Played().play(script)


SETTLEMENTS = {
    "a winner who backs out: the next one is asked, and not sold to unasked": """
        0h announced
        1h declined
        1h gone
        1h next bob 2.5
        then bob is AWAITING_WALLET
        2h announced
        14h
        then bob is EXPIRED
        then strikes: ann
    """,
    "the reserve holds for the fallback bidder as well": """
        0h declined
        0h gone
        0h next bob 0.5
        then refused: below the reserve
        0h next nobody
        then it is UNSOLD
    """,
    "the time to pay is whole, whenever the day ended": """
        13h announced
        then ann is AWAITING_WALLET until 37h
    """,
    "who pays late, when another is asked, gets nothing for it": """
        0h announced
        1h named
        1h offered
        24h
        24h gone
        24h next bob 2.5
        25h ann paid unsafe
        then refused: bidder 1 is not the buyer, bidder 2
        then bob is AWAITING_WALLET
    """,
    "who pays late, when nobody else was asked, has it and no strike": """
        0h announced
        1h named
        1h offered
        25h paid finalized
        then ann is FINAL
        then strikes:
    """,
    "no two can pay for one lot": """
        0h announced
        1h named
        1h offered
        24h next bob 2.5
        then refused: a settlement that is EXPIRED cannot become AWAITING_WALLET
    """,
    "it waits for nobody to click": """
        0h announced
        24h
        then ann is EXPIRED
        24h gone
        24h next nobody
        then it is UNSOLD
    """,
}


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize("script", SETTLEMENTS.values(), ids=SETTLEMENTS)
def test_what_went_wrong_with_other_peoples_money_goes_right(script: str) -> None:
    play(script)


def wei(text: str) -> str:
    return bid_line(f"{text} #AuctionDay", "AuctionDay")


def needed(leading: str, rules: Rules = RULES) -> str:
    return format_eth(minimum_bid(rules, parse_eth(leading)))


def opens(day: int) -> str:
    """When a window that opens at 21:00 in New York does so, over the switch of 1 November 2026, in UTC."""
    window = marathon_calendar(date(2026, 10, 31), 3, time(21), time(22), ZoneInfo("America/New_York"))[day - 1]
    return f"{datetime.fromtimestamp(window.opens_at_ms / 1000, UTC):%d %H:%M}"


def closes_after(late_min: int) -> int | None:
    """How many minutes later a day closes that opens so late."""
    closes_at_ms = late_close(OPENS_MS, CLOSES_MS, OPENS_MS + late_min * 60_000, RULES)
    return None if closes_at_ms is None else (closes_at_ms - CLOSES_MS) // 60_000


LINES: dict[str, tuple[Callable[[], object], object]] = {
    "3-0 is no amount": (lambda: wei("3-0 ETH"), "REJECT:MALFORMED"),
    "nor is it one behind a word of command": (lambda: wei("!bid 3-0"), "REJECT:NO_AMOUNT"),
    "a comma may be a point or not": (lambda: wei("1,5 ETH"), "REJECT:COMMA"),
    "more decimals than wei": (lambda: wei("0.1000000000000000001 ETH"), "REJECT:TOO_PRECISE"),
    "nothing is rounded": (lambda: wei("0.100000000000000001 ETH"), "100000000000000001"),
    "one more than the leader": (lambda: wei("+0.1 ETH"), "REJECT:RELATIVE"),
    "nothing": (lambda: wei("0 ETH"), "REJECT:ZERO"),
    "the next minimum is exact": (lambda: needed("0.123456789"), "0.133456789 ETH"),
    "and never rounded down": (lambda: needed("1.000000000000000001"), "1.050000000000000002 ETH"),
    "a percentage of dust is still a step": (lambda: needed("0.000000000000000001", CHEAP), "0.000000000000000002 ETH"),
    "an equal bid never displaces a leader": (lambda: parse_eth(needed("5")) > 5 * ETH, True),
    "the evening before the clocks change": (lambda: opens(1), "01 01:00"),
    "the evening after: neither twice nor an hour off": (lambda: opens(2), "02 02:00"),
    "and the next": (lambda: opens(3), "03 02:00"),
    "a timer that wakes ten minutes late": (lambda: closes_after(10), 10),
    "a timer that wakes with less than half of the day left": (lambda: closes_after(31), None),
}


@pytest.mark.requirement("BID-2", "BID-3", "LIFE-2", "LIFE-6")
@pytest.mark.parametrize(("answer", "expected"), LINES.values(), ids=LINES)
def test_what_was_misread_elsewhere_is_read_right(answer: Callable[[], object], expected: object) -> None:
    assert answer() == expected
