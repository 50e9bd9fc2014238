"""What is shown after a commit is what stands after it, however its bids were found."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.listener import passing
from adapters.livestream.frames import Stage
from auction.wording.lines import host_line
from ledger.entry import LogEntry
from messages.base import Rules
from messages.commands import AuctionCommand
from messages.events import AnyEvent, CharacterSpoke, StandingsRevised
from tests.harness.builders import AUCTION, OPENING, OPENS_MS, reply
from tests.harness.random_days import CUTS, FREEZES, days, held
from tests.harness.who_leads import standings, wrong_frames, wrong_lines

Batches = Sequence[Sequence[AnyEvent]]


def entries_of(batches: Batches, writer: str = AUCTION) -> list[LogEntry]:
    found: list[LogEntry] = []
    seq = 0
    for batch in filter(None, batches):
        found.append(LogEntry(seq + 1, len(batch), writer, seq + 1, "", b"", batch))
        seq += len(batch)
    return found


def frames_of(entries: list[LogEntry]) -> list[dict[str, Any]]:
    stage, frames = Stage(), []
    frames.append({"type": "snapshot", "seq": 0, "body": stage.snapshot() | {"stage": dict(stage.snapshot()["stage"])}})
    for entry in entries:
        commit = list(entry.events_after(0))
        passed = passing(commit)
        for seq, event in commit:
            frame = stage.fold(seq, event, seq in passed)
            if frame:
                frames.append({"type": frame.type, "seq": frame.seq, "body": {**frame.body}})
    return frames


@pytest.mark.requirement("LIV-1", "LIV-2")
@given(days(), CUTS, FREEZES, st.booleans())
def test_no_frame_names_a_leader_who_does_not_lead_after_its_commit(
    made: tuple[Rules, list[AuctionCommand]], cuts: list[int], frozen_before: int | None, is_timely: bool
) -> None:
    _, log = held(*made, cuts, frozen_before, is_timely)
    entries = entries_of(log)
    assert list(wrong_frames(frames_of(entries), entries)) == []


@pytest.mark.requirement("LIV-1", "BID-4")
def test_a_bid_found_late_that_does_not_lead_is_listed_and_not_called_leader() -> None:
    rules, *_ = OPENING
    _, log = held(rules.rules, [reply(20_000, 2, "0.5"), reply(10_000, 1, "0.2")], [1], None, False)
    entries = entries_of(log)
    bid, revised = [frame for frame in frames_of(entries) if frame["seq"] > entries[-1].first_seq - 1]
    assert (bid["type"], bid["body"]["bid"]["handle"]) == ("bid", "user1")
    assert "leader" not in bid["body"]["stage"]
    assert (revised["type"], revised["body"]["stage"]["leader"]["handle"]) == ("revised", "user2")


@pytest.mark.requirement("ELZ-3", "LIV-1")
def test_a_line_goes_from_the_stage_with_the_lead_that_it_names_and_a_late_one_does_not_come() -> None:
    rules, *_ = OPENING
    first, second = reply(10_000, 1, "0.2"), reply(20_000, 2, "0.5")
    _, log = held(rules.rules, [first, second], [1], None, False)
    about_first = entries_of(log)[-2].last_seq

    def line(post_id: int) -> CharacterSpoke:
        text = "@user1's bid of 0.2 ETH leads so far."
        return CharacterSpoke(
            message_id="line", at_ms=OPENS_MS, text=text, about_seq=about_first, leader_post_id=post_id
        )

    in_time: Batches = [*log[:-1], [line(first.post_id)], log[-1]]
    frames = frames_of(entries_of(in_time))
    assert frames[-2]["body"]["character"]["text"].startswith("@user1")
    assert frames[-1]["body"]["character"] is None
    too_late: Batches = [*log, [line(first.post_id)]]
    assert all(frame["type"] != "character" for frame in frames_of(entries_of(too_late)))


# ---- the judge sees what is wrong


@pytest.mark.requirement("LIV-1", "ELZ-3")
def test_what_names_somebody_else_is_noticed() -> None:
    rules, *_ = OPENING
    late = [reply(20_000, 2, "0.5"), reply(10_000, 1, "0.2")]
    _, log = held(rules.rules, late, [1], None, False)
    accepted, revised = log[-1]
    assert isinstance(revised, StandingsRevised)
    entries = entries_of(log)
    assert standings(entries)[-1].leader == ("user2", "0.5 ETH")
    said = host_line(accepted)
    assert said
    line = CharacterSpoke(message_id="line", at_ms=1, text=said, about_seq=entries[-1].first_seq)
    told: Batches = [*log, [line]]
    assert len(list(wrong_lines(entries_of(told)))) == 1
    frames = frames_of(entries)
    frames[-2]["body"]["stage"]["leader"] = frames[-2]["body"]["bid"]
    assert len(list(wrong_frames(frames, entries))) == 1
