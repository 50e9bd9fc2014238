"""What becomes of a day that could not open in time, for a window of an hour with a cap of an hour unless said."""

import msgspec
import pytest

from auction.audit import Auditor
from auction.controls import Controls, Pause
from auction.day import AuctionDay
from auction.downtime_policy import HOUSE, late_close, made_up_end
from messages.base import Lot, Outage, Outcome, Phase
from messages.commands import ConfirmAuctionPost, MakeUpFor, OpenAuction
from messages.events import AuctionOpened, EndExtended, ResultNamed
from tests.harness.builders import AUCTION, CLOSES_MS, OPENS_MS, RULES, post_id

MINUTE_MS = 60_000

TABLE = [
    # opens this late, cap of the soft close (min): closes so much later (ms), or the day is void
    ("on time", 0, 60, 0),
    ("as late as still is on time", 5_000, 60, 0),
    ("a little late: by all that was lost", 5_001, 60, 5_001),
    ("ten minutes", 10 * MINUTE_MS, 60, 10 * MINUTE_MS),
    ("ten minutes, within the cap", 10 * MINUTE_MS, 5, 5 * MINUTE_MS),
    ("with exactly half of the window left", 30 * MINUTE_MS, 60, 30 * MINUTE_MS),
    ("with less than half of it left", 30 * MINUTE_MS + 1, 60, None),
    ("in the last ms", 60 * MINUTE_MS - 1, 60, None),
    ("after the window", 60 * MINUTE_MS, 60, None),
    ("a day after", 24 * 60 * MINUTE_MS, 60, None),
]


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(("what", "late_ms", "cap_min", "later_ms"), TABLE, ids=[row[0] for row in TABLE])
def test_a_day_that_opens_late_closes_later_or_is_void(
    what: str, late_ms: int, cap_min: int, later_ms: int | None
) -> None:
    rules = msgspec.structs.replace(RULES, soft_close_cap_ms=cap_min * MINUTE_MS)
    closes_at_ms = late_close(OPENS_MS, CLOSES_MS, OPENS_MS + late_ms, rules)
    assert closes_at_ms == (None if later_ms is None else CLOSES_MS + later_ms)


@pytest.mark.requirement("LIFE-6")
def test_a_window_shorter_than_what_is_on_time_is_not_opened_once_it_is_over() -> None:
    assert late_close(OPENS_MS, OPENS_MS + 3_000, OPENS_MS + 2_999, RULES) == OPENS_MS + 3_000
    assert late_close(OPENS_MS, OPENS_MS + 3_000, OPENS_MS + 3_000, RULES) is None


ALLOWED_MIN = 2
OUTAGES = [
    # down from, to; pauses and earlier outages: (from, to or None); the end before and after; all in min
    ("two minutes cost nothing", (10, 12), [], [], 60, 60),
    ("what exceeds them moves the end", (10, 20), [], [], 60, 68),
    ("also an end that has moved already", (10, 20), [], [], 64, 72),
    ("only since the opening", (-30, 10), [], [], 60, 68),
    ("across the end, it is moved by all of it", (50, 80), [], [], 60, 88),
    ("never beyond the cap", (10, 90), [], [], 60, 120),
    ("an end that would have passed already stays", (50, 120), [], [], 60, 60),
    ("nor does one come back that was over before", (60, 90), [], [], 60, 60),
    ("a pause moves the end by itself", (10, 20), [(12, 17)], [], 65, 68),
    ("also one that still lasts", (10, 20), [(15, None)], [], 60, 63),
    ("nothing counts twice", (10, 20), [], [(10, 20)], 68, 68),
    ("of two that overlap, each part once", (10, 30), [], [(15, 20)], 63, 76),
    ("nor what overlaps a pause and an earlier one", (10, 30), [(12, 20)], [(18, 25)], 60, 65),
]


def at(minutes: int) -> int:
    return OPENS_MS + minutes * MINUTE_MS


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(("what", "down", "pauses", "earlier", "before", "after"), OUTAGES, ids=[r[0] for r in OUTAGES])
def test_an_outage_moves_the_end_by_what_it_cost(
    what: str,
    down: tuple[int, int],
    pauses: list[tuple[int, int | None]],
    earlier: list[tuple[int, int]],
    before: int,
    after: int,
) -> None:
    controls = Controls(OPENS_MS, CLOSES_MS, at(120))
    controls.pauses = [Pause(at(first), None if last is None else at(last)) for first, last in pauses]
    controls.outages = [Outage(from_ms=at(first), to_ms=at(last)) for first, last in earlier]
    outage = Outage(from_ms=at(down[0]), to_ms=at(down[1]), allowed_ms=ALLOWED_MIN * MINUTE_MS)
    assert made_up_end(outage, controls, at(before)) == at(after)


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(
    ("lost_ms", "latest_ms", "moves_ms"),
    [
        (1, 9999, 1000),
        (999, 9999, 1000),
        (1001, 9999, 2000),
        (0, 9999, 0),
        (1001, 1999, 1000),
        (1, 999, 0),
    ],
)
def test_an_outage_moves_the_end_by_whole_seconds_because_posts_show_no_less(
    lost_ms: int, latest_ms: int, moves_ms: int
) -> None:
    outage = Outage(from_ms=OPENS_MS + 1000, to_ms=OPENS_MS + 2000 + lost_ms, allowed_ms=1000)
    controls = Controls(OPENS_MS, CLOSES_MS, CLOSES_MS + latest_ms)
    assert made_up_end(outage, controls, CLOSES_MS) - CLOSES_MS == moves_ms


def open_day(posted_min: int, prepared_min: int = 0) -> tuple[AuctionDay, Auditor, list[object]]:
    """A day whose auction post was made so many minutes after its opening, and what is said of the post."""
    day, auditor = AuctionDay(AUCTION), Auditor(AUCTION)
    order = OpenAuction(
        message_id="open",
        auction_id=AUCTION,
        day=1,
        lot=Lot(token_id=1, title="Lot"),
        rules=RULES,
        opens_at_ms=OPENS_MS,
        closes_at_ms=CLOSES_MS,
        latest_end_ms=CLOSES_MS + RULES.soft_close_cap_ms,
    )
    assert auditor.check(day.decide([order], at(prepared_min))) is None
    post = ConfirmAuctionPost(message_id="tweet:1", post_id=post_id(posted_min * MINUTE_MS))
    told = day.decide([post], at(posted_min) + 500)
    assert auditor.check(told) is None
    return day, auditor, list(told)


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(("posted_min", "closes_min"), [(0, 60), (10, 70), (30, 90)])
def test_a_day_whose_post_x_did_not_take_for_a_while_closes_later(posted_min: int, closes_min: int) -> None:
    day, _, told = open_day(posted_min)
    [opened] = told
    assert day.prepared is not None
    assert isinstance(opened, AuctionOpened)
    assert (opened.ends_at_ms, day.ends_at_ms) == (at(closes_min), at(closes_min))
    again = AuctionDay(AUCTION)
    again.replay([day.prepared, opened])
    assert again.state() == day.state()


@pytest.mark.requirement("LIFE-6", "LIFE-3")
def test_a_day_whose_post_was_made_with_less_than_half_its_window_left_is_void() -> None:
    day, _, told = open_day(31)
    [result] = told
    assert isinstance(result, ResultNamed)
    assert (result.outcome, result.by, day.phase) == (Outcome.VOID, HOUSE, Phase.COMPLETED)
    assert "less than half" in result.why


@pytest.mark.requirement("LIFE-6")
def test_an_outage_is_in_the_log_of_the_day_once_and_can_be_decided_again_from_it() -> None:
    day, auditor, _ = open_day(0)
    outage = Outage(from_ms=at(10), to_ms=at(20), allowed_ms=ALLOWED_MIN * MINUTE_MS)
    order = MakeUpFor(message_id="outage:1", by=HOUSE, why="we were down", said_at_ms=at(20), outage=outage)
    told = day.decide([order, order], at(20)) + day.decide([order], at(21))
    [extended] = told
    assert isinstance(extended, EndExtended)
    assert (extended.ends_at_ms, extended.by_post_id, extended.outage) == (at(68), 0, outage)
    assert auditor.check(told) is None
    assert day.state() == auditor.day.state()
    forged = msgspec.structs.replace(extended, ends_at_ms=at(69))
    _, fresh, _ = open_day(0)
    assert "makes it EndExtended" in (fresh.check([forged]) or "")
