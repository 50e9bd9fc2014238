"""What of the log is shown, and that the frames add up to the snapshot."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.livestream.frames import RECENT_BIDS, Stage
from messages.base import Outage, Refusal
from messages.events import (
    BidWithdrawn,
    CharacterSpoke,
    CloseOverdue,
    DayStarted,
    DayVoided,
    EndExtended,
    MarathonEnded,
    MarathonStarted,
    PostMade,
    WatermarkMoved,
)
from tests.harness.builders import OPENS_MS, post_id
from tests.harness.shown_auction import ENDS_MS, accepted, frozen, named, opened, prepared, refused, revised

pytestmark = pytest.mark.requirement("LIV-1")


def told(stage: Stage, *events: Any) -> list[dict[str, Any]]:
    frames = [stage.fold(stage.seq + 1, event) for event in events]
    return [json.loads(frame.json()) for frame in frames if frame]


def test_a_bid_shows_who_leads_with_how_much_and_what_the_next_needs() -> None:
    *_, bid = told(Stage(), prepared(), opened(), accepted(450))
    assert list(bid) == ["type", "seq", "at_ms", "body"]
    assert (bid["type"], bid["seq"], bid["at_ms"]) == ("bid", 3, OPENS_MS + 450)
    assert bid["body"]["auction_id"] == "m-01"
    assert bid["body"]["bid"] == {
        "post_id": str(post_id(450)),
        "bidder_id": "7450",
        "handle": "bidder_450",
        "posted_at_ms": OPENS_MS + 450,
        "amount_wei": "550000000000000000",
        "amount": "0.55 ETH",
    }
    assert bid["body"]["stage"]["minimum"] == "0.56 ETH"


def test_a_refusal_shows_its_reason_and_what_would_have_been_needed_but_never_the_text() -> None:
    *_, frame = told(Stage(), prepared(), opened(), refused(3))
    assert frame["body"]["refusal"]["reason"] == "BELOW_MINIMUM"
    assert frame["body"]["refusal"]["required"] == "0.5 ETH"
    assert "script" not in json.dumps(frame)


def test_a_standing_is_provisional_until_the_watermark_reaches_the_end() -> None:
    stage = Stage()
    told(stage, prepared(), opened())
    assert stage.snapshot()["stage"]["provisional"] is True
    (frame,) = told(stage, WatermarkMoved(message_id="w", at_ms=ENDS_MS, watermark_ms=ENDS_MS))
    assert frame["body"]["stage"] == {"watermark_ms": ENDS_MS, "provisional": False}


def test_the_phases_of_a_day_are_shown_to_its_winner() -> None:
    stage = Stage()
    frames = told(stage, prepared(), opened(), accepted(1), frozen(), named(1))
    phases = [frame["body"]["stage"].get("phase") for frame in frames]
    assert phases == ["PENDING", "ACTIVE", None, "PROCESSING", "COMPLETED"]
    assert frames[-1]["type"] == "winner"
    assert frames[-1]["body"]["stage"]["winner"]["handle"] == "bidder_1"


@pytest.mark.parametrize(
    ("moved", "extended_by"),
    [
        ({"by_post_id": 5}, "bid"),
        ({"by_post_id": 5, "lead_lost": True}, "lost_lead"),
        ({"by_post_id": 0, "by": "olga", "why": "a check"}, "operator"),
        ({"by_post_id": 0, "by": "house", "why": "down", "outage": Outage(from_ms=1, to_ms=9)}, "outage"),
    ],
)
def test_what_has_moved_the_end_is_shown_as_what_it_is(moved: dict[str, Any], extended_by: str) -> None:
    (frame,) = told(Stage(), EndExtended(message_id="e", at_ms=1, ends_at_ms=ENDS_MS + 1, **moved))
    assert frame["body"]["stage"]["extended_by"] == extended_by


def test_a_revision_takes_back_what_no_longer_leads() -> None:
    stage = Stage()
    told(stage, prepared(), opened(), accepted(1), accepted(3), accepted(5))
    (frame,) = told(stage, revised(2, 2, 5))
    assert [bid["handle"] for bid in frame["body"]["bids"]] == ["bidder_5", "bidder_2", "bidder_1"]
    assert stage.snapshot()["stage"]["accepted"] == 3
    assert frame["body"]["stage"]["leader"]["handle"] == "bidder_5"


@pytest.mark.requirement("BID-8")
def test_a_bid_that_binds_stays_on_stage_although_its_post_is_gone() -> None:
    stage = Stage()
    told(stage, prepared(), opened(), accepted(1), accepted(3))
    bids = stage.snapshot()["bids"]
    gone = BidWithdrawn(message_id="w", at_ms=ENDS_MS, post_id=post_id(3), cause="deleted", binds=True)
    assert told(stage, gone) == []
    assert stage.snapshot()["bids"] == bids


def test_a_bid_found_too_late_does_not_appear_on_the_next_auctions_stage() -> None:
    stage = Stage()
    told(stage, prepared(), opened(), named(None), prepared(2), opened(2))
    assert told(stage, refused(9, Refusal.FOUND_TOO_LATE)) == []


def test_a_repeated_event_changes_nothing() -> None:
    stage = Stage()
    told(stage, prepared(), opened(), accepted(1))
    assert stage.fold(3, accepted(1)) is None
    assert stage.snapshot()["stage"]["accepted"] == 1


def test_what_the_stage_keeps_is_bounded() -> None:
    stage = Stage()
    told(stage, prepared(), opened(), *(accepted(n) for n in range(500)), *(refused(n) for n in range(500, 900)))
    snapshot = stage.snapshot()
    assert len(snapshot["bids"]) == RECENT_BIDS
    assert len(json.dumps(snapshot)) < 8_192
    assert (snapshot["stage"]["accepted"], snapshot["stage"]["refused"]) == (500, 400)


numbers = st.integers(1, 60)
anything = st.one_of(
    st.builds(prepared, st.integers(1, 3)),
    st.builds(opened, st.just(1)),
    st.builds(accepted, numbers),
    st.builds(refused, numbers, st.sampled_from(list(Refusal))),
    st.builds(revised, numbers, numbers, numbers),
    st.just(revised(5)),
    st.just(frozen()),
    st.builds(named, st.none() | numbers),
    st.builds(lambda n: BidWithdrawn(message_id="d", at_ms=1, post_id=post_id(n), cause="deleted"), numbers),
    st.builds(lambda n: WatermarkMoved(message_id="w", at_ms=1, watermark_ms=ENDS_MS - 30 + n), st.integers(0, 60)),
    st.builds(lambda n: EndExtended(message_id="e", at_ms=1, ends_at_ms=ENDS_MS + n, by_post_id=post_id(n)), numbers),
    st.just(CharacterSpoke(message_id="c", at_ms=1, text="Well!", about_seq=1)),
    st.just(CloseOverdue(message_id="o", at_ms=1, watermark_ms=1, ends_at_ms=ENDS_MS)),
    st.just(DayVoided(message_id="v", at_ms=1, auction_id="m-02", day=2, why="downtime")),
    st.just(DayStarted(message_id="s", at_ms=1, auction_id="m-02", day=2)),
    st.just(MarathonStarted(message_id="m", at_ms=1, days=3)),
    st.just(MarathonEnded(message_id="z", at_ms=1)),
    st.just(PostMade(message_id="p", at_ms=1, job="auction", post_id=1)),
)


@given(st.lists(anything, max_size=40), st.integers(0, 40))
def test_a_snapshot_and_the_frames_after_it_add_up_to_the_next_snapshot(events: list[Any], joined: int) -> None:
    stage = Stage()
    told(stage, *events[:joined])
    seen = stage.snapshot()
    for frame in told(stage, *events[joined:]):
        body = frame["body"]
        seen["auction_id"] = body["auction_id"]
        seen["stage"].update(body["stage"])
        if frame["type"] == "bid":
            seen["bids"] = [body["bid"], *seen["bids"]][:RECENT_BIDS]
        seen["bids"] = body.get("bids", seen["bids"])
        seen["character"] = body.get("character", seen["character"])
    expected = json.loads(json.dumps(stage.snapshot()))
    expected["refusals"] = seen["refusals"] = []  # a refusal frame shows the newest; older ones are for joiners
    assert json.loads(json.dumps(seen)) == expected
