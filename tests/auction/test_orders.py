"""What operators order: each case is a day told as text (`script` says how it is read)."""

import msgspec
import pytest

from auction.day import AuctionDay
from messages.base import Wei
from messages.commands import AuctionCommand, SkipDay
from messages.events import EndExtended, ResultNamed, StrikeGiven
from tests.auction.script import Played, read
from tests.harness.builders import AUCTION, ETH, OPENING, OPENS_MS, RULES

RICH = msgspec.structs.replace(RULES, hold_above_wei=Wei(6 * ETH), rate_limit_posts=2, rate_limit_window_ms=10 * 60_000)

# Whether an order is news, and so stands in the log, or changes nothing and leaves no trace. Bob has bid at 10:00.
NEWS = """
order                        unprepared  pending  active  paused  processing  completed
10:30 pause                  -           -        yes     -       -           -
59:59 pause                  -           -        yes     -       -           -
60:00 pause                  -           -        -       -       -           -
10:30 resume                 -           -        -       yes     -           -
10:30 extend 60:01           -           -        yes     yes     -           -
10:30 extend 60:00           -           -        -       -       -           -
10:30 void                   -           yes      yes     yes     yes         -
10:30 name-result            -           -        -       -       yes         -
10:30 invalidate bob 10:00   -           yes      yes     yes     yes         -
10:30 invalidate eve 12:34   -           yes      yes     yes     yes         -
10:30 hold bob 10:00         -           yes      yes     yes     yes         -
10:30 release bob 10:00      -           yes      yes     yes     yes         -
10:30 ban bob                -           yes      yes     yes     yes         -
10:30 unban bob              -           -        -       -       -           -
10:30 unban eve              -           yes      yes     yes     yes         -
"""
REACHED = {
    "active": "",
    "paused": "10:20 pause",
    "processing": "60:30 tick\nthen the day is processing",
    "completed": "60:30 tick\n60:30 swept\nthen the day is completed",
}
HEADER, *ROWS = [line.split("  ") for line in NEWS.strip().splitlines()]
PHASES = " ".join(HEADER).split()[1:]
CELLS = [
    (row[0], phase, answer) for row in ROWS for phase, answer in zip(PHASES, " ".join(row[1:]).split(), strict=True)
]


def day_in(phase: str) -> AuctionDay:
    """A day that got there. Eve is banned in it; bob leads, once there are bids."""
    banned = read("05:00 ban eve")
    if phase in REACHED:
        return Played().play(f"05:00 ban eve\n10:00 bob bids 0.5\n{REACHED[phase]}").day
    day = AuctionDay(AUCTION)
    if phase == "pending":
        day.decide([OPENING[0], banned], OPENS_MS)
    return day


@pytest.mark.requirement("LIFE-8", "BID-8")
@pytest.mark.parametrize(("order", "phase", "answer"), CELLS, ids=[f"{phase}: {order}" for order, phase, _ in CELLS])
def test_an_order_stands_in_the_log_with_who_and_why_if_it_changes_anything(
    order: str, phase: str, answer: str
) -> None:
    day, command = day_in(phase), read(order)
    before = day.state()
    said = day.decide([command], OPENS_MS + 4_000_000)
    assert bool(said) == (answer == "yes")
    if not said:
        assert day.state() == before
        return
    ordered = said[0]
    assert (getattr(ordered, "by", ""), getattr(ordered, "why", "")) == ("alice", "because")
    assert ordered.correlation_id == command.message_id
    assert day.decide([command], OPENS_MS + 4_000_001) == [], "told twice it is done once"


def test_a_day_that_is_skipped_is_no_affair_of_an_auction() -> None:
    skip = SkipDay(message_id="skip", by="alice", why="because", said_at_ms=OPENS_MS, day=1)
    for phase in PHASES:
        assert day_in(phase).decide([skip], OPENS_MS) == []


HELD = {
    "a bid of the cap itself leads": """
        20:00 eve bids 6
        then eve leads with 6 until 60:00
    """,
    "a bid above the cap is held; released, it counts at its own time": """
        10:00 ann bids 0.5
        20:00 eve bids 8
        then eve 20:00 is HELD
        then ann leads with 0.5 until 60:00
        30:00 bob bids 0.6
        then bob leads with 0.6 until 60:00
        40:00 release eve 20:00
        then this was said: BidReleased StandingsRevised
        then bob 30:00 is BELOW_MINIMUM
        then eve leads with 8 until 60:00
    """,
    "the close waits for who asks, and a release before its bound names him": """
        10:00 ann bids 0.5
        20:00 eve bids 8
        60:30 tick
        60:30 swept
        then this was said: WatermarkMoved
        89:59 tick
        then nothing was said
        89:59 release eve 20:00
        then this was said: BidReleased StandingsRevised ResultNamed
        then eve wins with 8
    """,
    "unanswered by the bound of the close it stays refused, and a release after that comes too late": """
        10:00 ann bids 0.5
        20:00 eve bids 8
        60:30 tick
        60:30 swept
        90:00 tick
        then this was said: ResultNamed
        then ann wins with 0.5
        90:01 release eve 20:00
        then nothing was said
        then eve 20:00 is HELD
    """,
    "taking the held bid out ends the waiting too": """
        10:00 ann bids 0.5
        20:00 eve bids 8
        60:30 tick
        60:30 swept
        61:00 invalidate eve 20:00
        then this was said: BidInvalidated ResultNamed
        then ann wins with 0.5
    """,
    "a bid can be held by an order, released and held again": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        21:00 hold bob 20:00
        then ann leads with 0.5 until 60:00
        22:00 release bob 20:00
        then bob leads with 0.6 until 60:00
        23:00 hold bob 20:00
        then bob 20:00 is HELD
        then ann leads with 0.5 until 60:00
    """,
    "a held bid extends nothing before it is released, and then as of its own time": """
        10:00 ann bids 0.5
        59:00 eve bids 8
        then ann leads with 0.5 until 60:00
        59:50 release eve 59:00
        then this was said: BidReleased StandingsRevised EndExtended
        then eve leads with 8 until 64:00
    """,
    "what is released after the freeze extends nothing": """
        10:00 ann bids 0.5
        59:00 eve bids 8
        60:30 tick
        61:00 release eve 59:00
        then eve leads with 8 until 60:00
    """,
}


@pytest.mark.requirement("BID-7")
@pytest.mark.parametrize("script", HELD.values(), ids=HELD)
def test_a_bid_that_is_not_plausible_waits_for_an_operator(script: str) -> None:
    Played(RICH).play(script)


PAUSES = {
    "what is posted in a pause does not count, and the end moves by the pause": """
        10:00 ann bids 0.5
        20:00 pause
        20:00 bob bids 0.6
        29:59 eve bids 0.7
        then bob 20:00 is PAUSED
        then eve 29:59 is PAUSED
        30:00 resume
        then ann leads with 0.5 until 70:00
        30:00 bob bids 0.6
        then bob leads with 0.6 until 70:00
    """,
    "what was posted before a pause counts, though it is found in it": """
        20:00 pause
        19:59 bob bids 0.6
        then bob leads with 0.6 until 60:00
    """,
    "what was found before a pause was heard of, but posted in it, is taken back": """
        10:00 ann bids 0.5
        21:00 bob bids 0.6
        20:00 pause
        then this was said: AuctionPaused StandingsRevised
        then ann leads with 0.5 until 60:00
    """,
    "two pauses move the end by both": """
        20:00 pause
        30:00 resume
        40:00 pause
        45:00 resume
        then nobody leads until 75:00
        46:00 resume
        then nothing was said
    """,
    "five minutes of the soft close are minutes that were not paused": """
        58:00 ann bids 0.5
        then ann leads with 0.5 until 63:00
        59:00 pause
        69:00 resume
        then ann leads with 0.5 until 73:00
        58:30 bob bids 0.6
        then bob leads with 0.6 until 73:30
        73:00 eve bids 0.7
        then eve leads with 0.7 until 78:00
    """,
    "what caps the soft close moves by the pause as well": """
        30:00 pause
        40:00 resume
        10:30 extend 129:00
        128:00 ann bids 0.5
        then ann leads with 0.5 until 130:00
    """,
    "a day whose end passes in a pause does not close before it is resumed": """
        10:00 ann bids 0.5
        50:00 pause
        61:00 tick
        then nothing was said
        80:00 resume
        80:01 tick
        then nothing was said
        then ann leads with 0.5 until 90:00
        90:30 tick
        then this was said: EndFrozen
    """,
    "a pause that is said once the end has passed changes nothing": """
        10:00 ann bids 0.5
        60:00 pause
        then nothing was said
        60:30 tick
        then this was said: EndFrozen
    """,
    "a pause between the old end and the one that a bid of its batch brings is not lost": """
        10:00 ann bids 0.5
        59:00 bob bids 0.6 & 61:00 pause
        then this was said: BidAccepted EndExtended AuctionPaused
        66:00 resume
        then bob leads with 0.6 until 69:00
    """,
    "and neither is the resumption behind it, nor what was posted in between": """
        59:00 ann bids 0.5 & 61:00 pause & 61:30 bob bids 0.6 & 62:00 resume & 62:30 eve bids 0.6
        then this was said: BidAccepted EndExtended AuctionPaused BidRefused AuctionResumed BidAccepted EndExtended
        then eve leads with 0.6 until 67:30
    """,
    "one that comes too late for that end as well leaves no trace, and does not part the bids around it": """
        59:00 bob bids 0.5 & 64:00 pause & 58:30 eve bids 0.4
        then this was said: BidAccepted BidAccepted EndExtended
        then bob leads with 0.5 until 64:00
    """,
    "one that is said again changes nothing": """
        59:00 bob bids 0.5 & 61:00 pause & 62:00 pause
        then this was said: BidAccepted EndExtended AuctionPaused
        63:00 eve bids 0.7 & 63:30 pause
        then this was said: BidRefused
    """,
    "a day that is paused can be void": """
        10:00 ann bids 0.5
        50:00 pause
        51:00 void
        then the day is void
    """,
}


@pytest.mark.requirement("LIFE-8", "LIFE-5")
@pytest.mark.parametrize("script", PAUSES.values(), ids=PAUSES)
def test_a_pause_costs_nobody_any_time(script: str) -> None:
    Played().play(script)


EXTENSIONS = {
    "an operator may go beyond the cap of the soft close": """
        10:00 ann bids 0.5
        59:00 extend 180:00
        then ann leads with 0.5 until 180:00
        179:59 bob bids 0.6
        then bob leads with 0.6 until 180:00
    """,
    "a bid that was too late counts once the end has moved beyond it": """
        10:00 ann bids 0.5
        61:00 bob bids 0.6
        then bob 61:00 is AFTER_CLOSE
        61:10 extend 70:00
        then bob leads with 0.6 until 70:00
    """,
    "the end is never taken back": """
        59:00 extend 70:00
        59:10 extend 65:00
        then nothing was said
        then nobody leads until 70:00
    """,
    "a bid of the same batch that moves the end further makes the order none the less": """
        59:00 ann bids 0.5 & 59:10 extend 63:00
        then this was said: BidAccepted EndExtended EndExtended
        then ann leads with 0.5 until 64:00
    """,
}


@pytest.mark.requirement("LIFE-8", "LIFE-5")
@pytest.mark.parametrize("script", EXTENSIONS.values(), ids=EXTENSIONS)
def test_an_operator_can_move_the_end_one_way(script: str) -> None:
    played = Played().play(script)
    ends = [event.ends_at_ms for batch in played.log for event in batch if isinstance(event, EndExtended)]
    assert ends == sorted(ends)


BANS = {
    "a ban counts from a time: what was posted before it stands": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        30:00 eve bids 0.7
        40:00 bob bids 0.8
        then bob leads with 0.8 until 60:00
        41:00 ban bob 35:00
        then this was said: BidderBarred StandingsRevised
        then bob 40:00 is BANNED
        then bob 20:00 is ACCEPTED
        then eve leads with 0.7 until 60:00
    """,
    "what he posts at that very ms does not count": """
        35:00 bob bids 0.8
        41:00 ban bob 35:00
        then bob 35:00 is BANNED
    """,
    "a ban may count from the day's beginning": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        41:00 ban bob 00:00
        then ann leads with 0.5 until 60:00
    """,
    "an extension that his bid brought stays": """
        10:00 ann bids 0.5
        59:00 bob bids 0.6
        59:10 ban bob 50:00
        then ann leads with 0.5 until 64:10
        then strikes:
    """,
    "once it is lifted he counts again from then on, and what he posted meanwhile does not": """
        10:00 ban bob
        20:00 bob bids 0.6
        30:00 unban bob
        then bob 20:00 is BANNED
        30:00 bob bids 0.6
        then bob leads with 0.6 until 60:00
    """,
    "a bid that is taken out gives way to the one before, and the end stays": """
        10:00 ann bids 0.5
        59:00 bob bids 0.6
        59:10 invalidate bob 59:00
        then this was said: BidInvalidated EndExtended StandingsRevised
        then ann leads with 0.5 until 64:10
        then bob 59:00 is INVALIDATED
        then strikes:
    """,
    "a bid may be taken out before it is found": """
        10:00 ann bids 0.5
        20:30 invalidate bob 20:00
        20:00 bob bids 0.6
        then bob 20:00 is INVALIDATED
        then ann leads with 0.5 until 60:00
    """,
    "a bid that is taken out while the last ones are checked does not win": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        60:30 tick
        61:00 invalidate bob 20:00
        61:00 swept
        then ann wins with 0.5
    """,
}


@pytest.mark.requirement("BID-6", "BID-8")
@pytest.mark.parametrize("script", BANS.values(), ids=BANS)
def test_what_does_not_count_is_folded_out(script: str) -> None:
    Played().play(script)


RESULTS = {
    "void before the close": """
        10:00 ann bids 0.5
        11:00 void
        then this was said: ResultNamed
        then the day is void
        60:30 tick
        then nothing was said
        12:00 bob bids 0.6
        then this was said: BidRefused
    """,
    "void while the last bids are checked": """
        10:00 ann bids 0.5
        60:30 tick
        61:00 void
        then the day is void
    """,
    "the result is named as it stands": """
        10:00 ann bids 0.5
        60:30 tick
        90:00 tick
        then this was said: CloseOverdue
        91:00 name-result
        then ann wins with 0.5
    """,
    "the result is named as it stands, with nobody": """
        60:30 tick
        91:00 name-result
        then the day is unsold
    """,
    "the result is named though a bid is held": """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        21:00 hold bob 20:00
        60:30 tick
        60:30 swept
        then the day is processing
        61:00 name-result
        then ann wins with 0.5
    """,
}


@pytest.mark.requirement("LIFE-8", "BID-5")
@pytest.mark.parametrize("script", RESULTS.values(), ids=RESULTS)
def test_an_operator_can_end_a_day_and_the_log_says_who(script: str) -> None:
    played = Played().play(script)
    [result] = [event for batch in played.log for event in batch if isinstance(event, ResultNamed)]
    assert (result.by, result.why) == ("alice", "because")


@pytest.mark.requirement("BID-6", "BID-8")
def test_a_strike_is_for_who_led_and_took_it_back_and_for_nobody_else() -> None:
    played = Played().play(
        """
        10:00 ann bids 0.5
        20:00 bob bids 0.6
        21:00 ann deletes 10:00
        then strikes:
        30:00 hold bob 20:00
        31:00 bob deletes 20:00
        then strikes:
        40:00 ann bids 0.5
        41:00 ann deletes 40:00 & 41:00 ann deletes 40:00
        then strikes: ann
        50:00 bob bids 0.5
        60:30 tick
        60:30 swept
        then bob wins with 0.5
        61:00 bob deletes 50:00
        then strikes: ann
        """
    )
    [strike] = [event for batch in played.log for event in batch if isinstance(event, StrikeGiven)]
    assert (strike.bidder_id, bool(strike.cause)) == (1, True)


def test_commands_of_a_batch_are_taken_in_their_order() -> None:
    batch: list[AuctionCommand] = [read("20:00 pause"), read("30:00 resume"), read("31:00 void"), read("32:00 pause")]
    played = Played()
    played.take(batch)
    assert [type(event).__name__ for event in played.log[-1]] == ["AuctionPaused", "AuctionResumed", "ResultNamed"]
    played.check()
