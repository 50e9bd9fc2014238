"""What the simulation has found, each in a test of its own, so that it stays found whatever the seeds do."""

from typing import Any

import pytest

from auction.day import AuctionDay
from messages.base import Refusal
from messages.commands import BarBidder, UnbarBidder
from messages.events import AuctionEvent
from tests.harness.builders import AUCTION, OPENING, OPENS_MS, reply
from tests.system.simulation.many import told
from tests.system.simulation.run import Run
from tests.system.simulation.wire import Wire

ORDER: dict[str, Any] = {"by": "scheduler", "why": "strikes", "said_at_ms": OPENS_MS, "bidder_id": 7}


@pytest.mark.requirement("RED-4", "BID-6")
def test_a_replay_does_not_take_a_bar_for_a_flaw_of_the_bid() -> None:
    day, recovered = AuctionDay(AUCTION), AuctionDay(AUCTION)
    ban = BarBidder(message_id="ban", from_ms=OPENS_MS + 1_000, reason=Refusal.NOT_ELIGIBLE, **ORDER)
    unban = UnbarBidder(message_id="unban", from_ms=OPENS_MS + 5_000, **ORDER)
    events = list[AuctionEvent]()
    for commands in (OPENING, [ban], [reply(2_000, 7, "0.5")], [unban], [reply(6_000, 7, "0.6")]):
        events += day.decide(commands, OPENS_MS + 7_000)
    recovered.replay(events)
    assert recovered.state() == day.state()


@pytest.mark.requirement("X-5")
def test_a_process_that_stood_still_before_posting_does_not_post_what_its_successor_has_posted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = Wire.call
    commits = 0

    def held_up(self: Wire, what: str, *args: Any, **kwargs: Any) -> Any:
        nonlocal commits
        answer = call(self, what, *args, **kwargs)
        if what == "commit of announcer":
            commits += 1
            if commits == 2:  # the first takes the job into the outbox, the second is the attempt
                self._host.stand_still(6_900)
                self._wait(0)
        return answer

    monkeypatch.setattr(Wire, "call", held_up)
    run = Run(0, calm=True)
    run.one_machine = False
    run.outside.x.refuses_duplicates = False
    outcome = run.go()
    assert len(run.houses) == 2
    assert not outcome.wrong, told(outcome)
