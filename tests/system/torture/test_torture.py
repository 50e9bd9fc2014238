"""A short torture: the real process and its server, killed under load. The long one is `make torture`."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.x.payload import read_payload
from benchmarks.lines import HASHTAG, War
from benchmarks.torture import Victim, differences, play, schedule
from benchmarks.torturers import Verdict
from messages.base import Refusal
from messages.events import BidRefused

AUCTION_POST_ID = 1_724_551_110_456_246_272


@pytest.mark.requirement("QUE-1")
@pytest.mark.timeout(120)
def test_every_bid_that_was_taken_is_decided_once_though_supervisor_and_server_are_killed() -> None:
    with TemporaryDirectory(prefix="torture-") as folder:
        outcome = play(Path(folder), seed=1, seconds=2.5)
    assert outcome.faults == []
    assert outcome.kills == {Victim.SUPERVISOR: 1, Victim.SERVER: 1}
    assert outcome.read == outcome.taken >= 1_000


def test_one_seed_is_one_schedule_and_kills_both() -> None:
    for seed in range(20):
        kills = schedule(seed, 10.0)
        assert kills == schedule(seed, 10.0)
        assert [kill.at_s for kill in kills] == sorted(kill.at_s for kill in kills)
        assert {kill.victim for kill in kills} == set(Victim)
    assert schedule(1, 10.0) != schedule(2, 10.0)


def verdict(number: int, reason: Refusal = Refusal.BELOW_MINIMUM) -> BidRefused:
    bid = War(AUCTION_POST_ID).command(number, found_at_ms=1)
    return BidRefused(
        message_id=bid.message_id,
        at_ms=1,
        post_id=number,
        bidder_id=bid.author_id,
        bidder_handle=bid.author_handle,
        bidder_created_at_ms=None,
        replied_to_id=AUCTION_POST_ID,
        text=bid.text,
        hashtags=(HASHTAG,),
        source="test",
        reason=reason,
    )


@pytest.mark.parametrize(
    ("logged", "history", "read", "said"),
    [
        ([verdict(1), verdict(2)], [1, 2], [verdict(1)], []),
        ([verdict(1)], [1], [], ["1 bids that were taken have no verdict in the log, the first is 2"]),
        (
            [verdict(1), verdict(2), verdict(2)],
            [1, 2],
            [],
            ["1 bids have more than one verdict in the log, the first is 2"],
        ),
        ([verdict(1), verdict(2), verdict(3)], [1, 2, 3], [], ["1 bids of the log were never offered, the first is 3"]),
        ([verdict(1), verdict(2)], [1], [], ["1 bids stand in the log or in the history alone, the first is 2"]),
        (
            [verdict(1), verdict(2)],
            [1, 2],
            [verdict(1, Refusal.ZERO)],
            ["1 verdicts are other ones than were read, the first is 1"],
        ),
    ],
)
def test_whatever_is_lost_doubled_or_changed_is_told(
    logged: list[Verdict], history: list[int], read: list[Verdict], said: list[str]
) -> None:
    assert differences([1, 2], logged, history, {found.post_id: found for found in read}) == said


def test_a_line_of_the_stream_and_a_command_of_the_queue_are_the_same_bid() -> None:
    war = War(AUCTION_POST_ID)
    for number in (0, 1, 49, 50, 12_345, 999_999):
        found = read_payload(war.line(number), "benchmark", 7)
        assert found is not None
        assert found.bid == war.command(number, 7)
        assert war.number(found.bid.post_id) == number
