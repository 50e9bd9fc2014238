"""A day from its opening to its result: commands in, events out."""

import msgspec
import pytest

from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.lifecycle import TRANSITIONS, IllegalTransition, advance
from messages.base import Outcome, Phase, Refusal
from messages.codec import pack, unpack
from messages.commands import AuctionCommand, HoldBid, VoidAuction, WithdrawBid
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    CloseOverdue,
    EndExtended,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
    StrikeGiven,
    StrikeLifted,
    WatermarkMoved,
)
from tests.auction.script import Played
from tests.harness.builders import (
    AUCTION,
    CLOSES_MS,
    ETH,
    OPENING,
    OPENS_MS,
    RULES,
    back,
    gone,
    opened_day,
    reply,
    swept,
)


def kinds(events: list[AuctionEvent]) -> list[type]:
    return [type(event) for event in events]


def leading(day: AuctionDay) -> int | None:
    return day.standings.leader.bid.post_id if day.standings and day.standings.leader else None


@pytest.mark.requirement("LIFE-3", "LIFE-7")
def test_a_day_is_active_only_once_its_auction_post_exists() -> None:
    day = AuctionDay(AUCTION)
    prepare, confirm = OPENING
    assert kinds(day.decide([prepare], OPENS_MS)) == [AuctionPrepared]
    before = day.phase
    assert kinds(day.decide([confirm], OPENS_MS)) == [AuctionOpened]
    assert (before, day.phase) == (Phase.PENDING, Phase.ACTIVE)
    assert day.decide(OPENING, OPENS_MS) == []  # a repetition is a no-op


@pytest.mark.requirement("BID-3")
def test_a_refusal_carries_the_exact_minimum() -> None:
    day = opened_day()
    low, first, equal, raise_ = day.decide(
        [reply(1, 1, "0.09"), reply(2, 1, "0.1"), reply(3, 2, "0.109999999999999999"), reply(4, 2, "0.11")],
        OPENS_MS,
    )
    assert isinstance(low, BidRefused)
    assert (low.reason, low.required_wei) == (Refusal.BELOW_RESERVE, ETH // 10)
    assert isinstance(first, BidAccepted)
    assert isinstance(equal, BidRefused)
    assert (equal.reason, equal.required_wei) == (Refusal.BELOW_MINIMUM, ETH // 10 + ETH // 100)
    assert isinstance(raise_, BidAccepted)


@pytest.mark.requirement("BID-3")
def test_the_percentage_is_rounded_up_to_the_wei() -> None:
    day = opened_day()
    day.decide([reply(1, 1, "1.000000000000000001")], OPENS_MS)
    assert day.standings is not None
    assert day.standings.minimum_wei == ETH + 1 + 50_000_000_000_000_001


REASONS = [
    ("another reply's child", reply(1, 1, "0.5", replied_to=99), Refusal.NOT_A_REPLY),
    ("an unreadable amount", reply(1, 1, "1,5 ETH #AuctionDay"), Refusal.COMMA),
    ("a young account", reply(1, 1, "0.5", age_days=29), Refusal.ACCOUNT_TOO_YOUNG),
    ("before the opening", reply(-1, 1, "0.5"), Refusal.BEFORE_OPEN),
    ("at the end, which is exclusive", reply(3_600_000, 1, "0.5", serial=0), Refusal.AFTER_CLOSE),
]


@pytest.mark.requirement("BID-1", "BID-6", "LIFE-5")
@pytest.mark.parametrize(("what", "command", "reason"), REASONS, ids=[row[0] for row in REASONS])
def test_a_reply_that_is_no_bid_says_why(what: str, command: AuctionCommand, reason: Refusal) -> None:
    (refused,) = opened_day().decide([command], OPENS_MS)
    assert isinstance(refused, BidRefused)
    assert refused.reason is reason


@pytest.mark.requirement("BID-7")
def test_the_leader_does_not_outbid_himself() -> None:
    _, second = opened_day().decide([reply(1, 1, "0.5"), reply(2, 1, "0.9")], OPENS_MS)
    assert isinstance(second, BidRefused)
    assert second.reason is Refusal.ALREADY_LEADING


@pytest.mark.requirement("BID-1")
def test_a_reply_without_the_hashtag_is_counted_and_left_out() -> None:
    day = opened_day()
    assert day.decide([reply(1, 1, "0.5 ETH")], OPENS_MS) == []
    assert day.untagged == 1


@pytest.mark.requirement("BID-9")
def test_a_bid_is_decided_once_however_often_it_is_delivered() -> None:
    day = opened_day()
    bid = reply(1, 1, "0.5")
    assert len(day.decide([bid, bid], OPENS_MS)) == 1
    assert day.decide([bid], OPENS_MS) == []


@pytest.mark.requirement("BID-4")
def test_a_late_bid_is_folded_in_where_it_belongs() -> None:
    day = opened_day()
    day.decide([reply(20, 2, "0.5")], OPENS_MS)
    accepted, revised = day.decide([reply(10, 1, "0.5")], OPENS_MS)
    assert isinstance(accepted, BidAccepted)
    assert isinstance(revised, StandingsRevised)
    assert revised.leader is not None
    assert revised.leader.bidder_id == 1  # the earlier of two equal amounts wins


@pytest.mark.requirement("BID-8")
def test_a_withdrawn_leader_gives_way_to_the_bid_before() -> None:
    day = opened_day()
    first, second = reply(10, 1, "0.5"), reply(20, 2, "0.6")
    day.decide([first, second], OPENS_MS)
    withdrawn, strike, revised = day.decide([gone(second)], OPENS_MS)
    assert isinstance(strike, StrikeGiven)
    assert strike.bidder_id == 2
    assert isinstance(withdrawn, BidWithdrawn)
    assert isinstance(revised, StandingsRevised)
    assert (revised.from_post_id, revised.leaders) == (second.post_id, ())
    assert revised.leader is not None
    assert revised.leader.post_id == first.post_id


@pytest.mark.requirement("BID-8", "BID-6")
def test_a_bid_that_was_edited_costs_no_strike() -> None:
    day = opened_day()
    first, edited = reply(10, 1, "0.5"), reply(20, 1, "0.4")
    day.decide([first], OPENS_MS)
    gone_first = WithdrawBid(message_id=f"gone:{first.post_id}", post_id=first.post_id, cause="edited")
    assert kinds(day.decide([gone_first, edited], OPENS_MS)) == [BidWithdrawn, BidAccepted, StandingsRevised]


@pytest.mark.requirement("BID-8", "BID-1")
@pytest.mark.parametrize(
    ("version", "said"),
    [(RULES.version, (0, Refusal.NOT_A_REPLY)), (msgspec.UNSET, (1, Refusal.FOUND_TOO_LATE))],
)
def test_days_under_the_first_version_of_the_rules_are_decided_as_they_were(
    version: int | msgspec.UnsetType, said: tuple[int, Refusal]
) -> None:
    day, (prepare, confirm) = AuctionDay(AUCTION), OPENING
    rules = msgspec.structs.replace(RULES, version=version)
    day.decide([msgspec.structs.replace(prepare, rules=rules), confirm], OPENS_MS)
    first = reply(10, 1, "0.5")
    edit = WithdrawBid(message_id=f"gone:{first.post_id}", post_id=first.post_id, cause="edited")
    day.decide([first], OPENS_MS)
    strikes = kinds(day.decide([edit], OPENS_MS)).count(StrikeGiven)
    day.decide([VoidAuction(message_id="void", by="olga", why="ill", said_at_ms=OPENS_MS)], OPENS_MS)
    (late,) = day.decide([reply(20, 2, "60", replied_to=99)], OPENS_MS)
    assert isinstance(late, BidRefused)
    assert (strikes, late.reason) == said


@pytest.mark.requirement("BID-8", "BID-6")
def test_a_bid_that_is_found_again_counts_again_at_its_own_time_and_costs_no_strike() -> None:
    day = opened_day()
    first, second, third = reply(10, 1, "0.5"), reply(20, 2, "0.6"), reply(30, 3, "0.6")
    day.decide([first, second, third], OPENS_MS)
    day.decide([gone(second)], OPENS_MS)
    assert leading(day) == third.post_id
    assert kinds(day.decide([back(second)], OPENS_MS)) == [BidRestored, StrikeLifted, StandingsRevised]
    assert leading(day) == second.post_id
    assert day.decide([back(second)], OPENS_MS) == [], "it is there already"
    # Both in one batch, and the other way round: what was said last holds.
    day.decide([gone(second), back(second)], OPENS_MS)
    assert leading(day) == second.post_id
    day.decide([back(second), gone(second)], OPENS_MS)
    assert leading(day) == third.post_id


@pytest.mark.requirement("BID-8", "BID-5")
def test_a_bid_that_is_found_again_after_the_result_changes_nothing() -> None:
    day = opened_day()
    first, second = reply(10, 1, "0.5"), reply(20, 2, "0.6")
    day.decide([first, second, gone(second)], OPENS_MS)
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    assert ResultNamed in kinds(day.decide([swept(CLOSES_MS)], CLOSES_MS + RULES.delivery_allowance_ms))
    assert day.decide([back(second)], CLOSES_MS + RULES.delivery_allowance_ms) == []


@pytest.mark.requirement("BID-8")
def test_a_withdrawal_may_come_before_its_post() -> None:
    day = opened_day()
    bid = reply(10, 1, "0.5")
    day.decide([gone(bid)], OPENS_MS)
    (refused,) = day.decide([bid], OPENS_MS)
    assert isinstance(refused, BidRefused)
    assert refused.reason is Refusal.WITHDRAWN


@pytest.mark.requirement("LIFE-5")
def test_a_leading_bid_in_the_last_minutes_moves_the_end_and_a_refused_one_does_not() -> None:
    day = opened_day()
    day.decide([reply(10, 1, "0.5")], OPENS_MS)
    late_ms = 3_600_000 - 60_000
    assert kinds(day.decide([reply(late_ms - 1, 2, "0.5")], CLOSES_MS)) == [BidRefused]
    _, extended = day.decide([reply(late_ms, 2, "0.6")], CLOSES_MS)
    assert isinstance(extended, EndExtended)
    assert extended.ends_at_ms == OPENS_MS + late_ms + RULES.soft_close_ms


@pytest.mark.requirement("LIFE-5", "BID-8")
def test_an_end_that_was_published_is_not_taken_back_with_its_bid() -> None:
    day = opened_day()
    first, extending = reply(10, 1, "0.5"), reply(3_599_000, 2, "0.6")
    day.decide([first, extending], OPENS_MS)
    day.decide([gone(extending)], OPENS_MS)
    assert day.standings is not None
    assert day.standings.ends_at_ms == OPENS_MS + 3_599_000 + RULES.soft_close_ms
    (accepted, *_) = day.decide([reply(3_600_500, 3, "0.6")], OPENS_MS)
    assert isinstance(accepted, BidAccepted)


@pytest.mark.requirement("LIFE-5")
def test_the_end_never_passes_its_cap() -> None:
    day = opened_day()
    at_ms, amount, ends = 3_599_000, 1, 0
    for author in range(1, 40):
        day.decide([reply(at_ms, author, str(amount))], OPENS_MS)
        assert day.standings is not None
        ends, amount = day.standings.ends_at_ms, amount * 2
        at_ms = ends - OPENS_MS - 1
    assert ends == CLOSES_MS + RULES.soft_close_cap_ms


@pytest.mark.requirement("BID-5", "LIFE-3")
def test_a_winner_is_named_only_once_the_watermark_has_passed_the_end() -> None:
    day = opened_day()
    day.decide([reply(10, 1, "0.5")], OPENS_MS)
    assert day.tick(CLOSES_MS + RULES.delivery_allowance_ms - 1) == []
    assert kinds(day.tick(CLOSES_MS + RULES.delivery_allowance_ms)) == [EndFrozen]
    assert kinds(day.decide([swept(CLOSES_MS - 1)], CLOSES_MS)) == [WatermarkMoved]
    _, named = day.decide([swept(CLOSES_MS)], CLOSES_MS)
    assert isinstance(named, ResultNamed)
    assert named.outcome is Outcome.SOLD
    assert named.winner is not None
    assert named.winner.bidder_id == 1
    assert day.phase is Phase.COMPLETED


@pytest.mark.requirement("X-5", "RED-5")
def test_the_result_names_the_winner_as_his_account_is_called_by_then() -> None:
    day = (
        Played()
        .play(
            """
        10:00 ann bids 0.5
        59:00 bob bids 0.6
        64:30 tick
        64:40 ann is called somebody
        64:40 bob is called bob_2
        64:50 bob is called bob_3
        64:50 swept
        then the result names bob_3
        65:00 bob is called bob_4
        then nothing was said
        then the result names bob_3
        """
        )
        .day
    )
    assert day.standings is not None
    assert [lead.bid.bidder_handle for lead in day.standings.lead_history] == ["user1", "user2"], (
        "bids stand as they were seen"
    )


@pytest.mark.requirement("RED-4")
def test_a_checkpoint_of_before_renamings_were_seen_is_gone_on_from() -> None:
    day = opened_day()
    day.decide([reply(10, 1, "0.5")], OPENS_MS)
    state = msgspec.structs.astuple(day.state())
    older = state[: DayState.__struct_fields__.index("renamed")]
    again = AuctionDay(AUCTION, unpack(pack(older), DayState))
    assert again.state() == day.state()


@pytest.mark.requirement("BID-5", "BID-8")
def test_no_winner_is_named_before_the_posts_were_looked_up_again() -> None:
    day = opened_day()
    day.decide([reply(10, 1, "0.5")], OPENS_MS)
    assert kinds(day.decide([swept(CLOSES_MS + 5, looked_again=False)], CLOSES_MS)) == [WatermarkMoved]
    assert kinds(day.tick(CLOSES_MS + RULES.delivery_allowance_ms)) == [EndFrozen]
    assert kinds(day.decide([swept(CLOSES_MS + 4)], CLOSES_MS)) == [WatermarkMoved, ResultNamed]
    assert day.watermark_ms == CLOSES_MS + 5


@pytest.mark.requirement("BID-5")
def test_a_find_after_the_freeze_counts_but_extends_nothing() -> None:
    day = opened_day()
    day.decide([reply(10, 1, "0.5")], OPENS_MS)
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    assert kinds(day.decide([reply(3_599_999, 2, "0.6")], CLOSES_MS)) == [BidAccepted]
    assert day.standings is not None
    assert day.standings.ends_at_ms == CLOSES_MS


@pytest.mark.requirement("BID-5")
def test_what_is_found_after_the_result_changes_nothing() -> None:
    day = opened_day()
    day.decide([reply(10, 1, "0.5")], OPENS_MS)
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    day.decide([swept(CLOSES_MS)], CLOSES_MS)
    (refused,) = day.decide([reply(20, 2, "5")], CLOSES_MS)
    assert isinstance(refused, BidRefused)
    assert refused.reason is Refusal.FOUND_TOO_LATE
    assert day.result is not None
    assert day.result.winner is not None
    assert day.result.winner.bidder_id == 1


@pytest.mark.requirement("RED-4")
def test_late_finds_stand_in_the_order_of_their_posts_in_whatever_batches_they_came() -> None:
    day = Played().play(
        """
        64:30 tick
        64:30 swept
        65:00 ann bids 5
        65:01 bob bids 4
        50:00 eve bids 3
        """
    )
    replayed = AuctionDay(AUCTION)
    replayed.replay(event for batch in day.log for event in batch)
    assert replayed.state() == day.day.state()


@pytest.mark.requirement("BID-5")
def test_a_close_that_waits_too_long_calls_for_an_operator_once() -> None:
    day = opened_day()
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    assert kinds(day.tick(CLOSES_MS + RULES.close_bound_ms)) == [CloseOverdue]
    assert day.tick(CLOSES_MS + RULES.close_bound_ms + 1) == []


@pytest.mark.requirement("BID-5", "LIFE-11")
def test_a_held_bid_has_until_x_s_time_has_passed_the_bound_whatever_our_clock_says() -> None:
    day = opened_day()
    held = reply(10, 1, "0.5")
    hold = HoldBid(message_id="hold", by="eve", why="?", said_at_ms=OPENS_MS + 20, post_id=held.post_id)
    day.decide([held, hold], OPENS_MS + 20)
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    bound_ms = CLOSES_MS + RULES.close_bound_ms
    assert kinds(day.decide([swept(CLOSES_MS)], bound_ms + 1)) == [WatermarkMoved]
    assert day.tick(bound_ms - 1) == []
    assert kinds(day.tick(bound_ms)) == [ResultNamed]


@pytest.mark.requirement("BID-5")
def test_a_day_without_a_bid_is_unsold() -> None:
    day = opened_day()
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    *_, named = day.decide([swept(CLOSES_MS)], CLOSES_MS)
    assert isinstance(named, ResultNamed)
    assert (named.outcome, named.winner) == (Outcome.UNSOLD, None)


@pytest.mark.requirement("RED-4")
def test_the_state_of_a_checkpoint_goes_on_like_the_day_it_was_taken_from() -> None:
    day = opened_day()
    day.decide([gone(reply(30, 9, "9")), reply(10, 1, "0.5"), reply(20, 2, "0.6")], OPENS_MS)
    again = AuctionDay(AUCTION, unpack(pack(day.state()), DayState))
    assert again.state() == day.state()
    batch: list[AuctionCommand] = [reply(15, 3, "0.55"), reply(30, 9, "9"), swept(OPENS_MS + 25)]
    assert again.decide(batch, OPENS_MS) == day.decide(batch, OPENS_MS)


def test_every_transition_that_the_table_does_not_allow_is_refused() -> None:
    for current in Phase:
        for wanted in Phase:
            if wanted is current:
                assert advance(current, wanted) is False
            elif wanted in TRANSITIONS[current]:
                assert advance(current, wanted) is True
            else:
                with pytest.raises(IllegalTransition):
                    advance(current, wanted)


@pytest.mark.requirement("RED-5")
def test_the_audit_finds_a_changed_verdict() -> None:
    day, auditor = AuctionDay(AUCTION), Auditor(AUCTION)
    assert auditor.check(day.decide(OPENING, OPENS_MS)) is None
    (accepted,) = day.decide([reply(1, 1, "0.5")], OPENS_MS)
    assert isinstance(accepted, BidAccepted)
    forged = type(accepted)(
        **{**{f: getattr(accepted, f) for f in accepted.__struct_fields__}, "text": "5 ETH #AuctionDay"}
    )
    assert "makes it" in (auditor.check([forged]) or "")
