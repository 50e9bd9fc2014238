"""Poison: a bid of which its auction dies is put aside, whatever stands around it. A real store, a real supervisor."""

from typing import Any

import pytest

import auction.bidding
from actors.auction.poison import DEATHS, QUARANTINED_KEPT, DiedIsolated, Suspects
from auction.fold import Bid
from auction.replies import read_reply
from messages.codec import unpack_commands
from messages.commands import (
    HoldBid,
    PauseAuction,
    PlaceBid,
    ReleaseBid,
    ResumeAuction,
)
from messages.events import AuctionPaused, AuctionResumed
from supervisor import CONDITIONS
from tests.harness.builders import OPENS_MS, post_id
from tests.harness.shown_auction import ENDS_MS
from tests.harness.store import Store
from tests.harness.waiting import until
from tests.supervision.auction_house import DAY, OPENING, House, Supervise, bid
from tests.supervision.stage import is_back, states, status

pytestmark = pytest.mark.requirement("QUE-2", "SUP-3")


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Reading a bid fails for every text that begins with "poison"; each try is written down."""
    tried: list[str] = []

    def read_or_fail(reply: PlaceBid, *args: Any) -> Bid:
        tried.append(reply.text)
        if reply.text.startswith("poison"):
            raise ZeroDivisionError(f"no way to read {reply.text}")
        return read_reply(reply, *args)

    monkeypatch.setattr(auction.bidding, "read_reply", read_or_fail)
    return tried


def test_a_bid_that_kills_three_times_becomes_a_dead_letter_and_the_rest_is_decided(
    store: Store, supervise: Supervise, tries: list[str]
) -> None:
    house = House(store, supervise)
    house.put(*OPENING, bid(1), bid(2), bid(3, "poison"), bid(4))
    house.put(bid(5))
    house.supervisor.start()
    house.until_empty()
    assert house.decided() == [f"{number} ETH #marathon" for number in (1, 2, 4, 5)]
    ((_, letter),) = house.queue.dead_letters("0-0", 10)
    assert unpack_commands(letter.data) == [bid(3, "poison")]
    assert (letter.auction_id, letter.attempts) == (DAY, 3)
    assert letter.error == "ZeroDivisionError: no way to read poison"
    assert letter.entry_id.partition("-")[0].isdigit()
    assert tries.count("poison") == 3
    until(is_back(house.supervisor, DAY, 4))
    assert status(house.supervisor, DAY).last_error.startswith(f"DiedIsolated: tweet:{post_id(3)} cannot be decided")


def test_the_auction_that_has_put_poison_aside_lives_on_and_decides_in_batches_again(
    store: Store, supervise: Supervise, tries: list[str]
) -> None:
    house = House(store, supervise)
    house.put(*OPENING, bid(1), bid(2, "poison"))
    house.supervisor.start()
    house.until_empty()
    house.put(bid(3), bid(4))
    house.until_empty()
    assert house.decided() == [f"{number} ETH #marathon" for number in (1, 3, 4)]
    entries = house.log.read(0, 100)
    assert entries[-1].count == 2, "two bids of one batch stand in one commit"
    assert states(house.supervisor) == {DAY: "READY"}


def test_each_order_before_a_poison_has_its_effect_once(store: Store, supervise: Supervise, tries: list[str]) -> None:
    house = House(store, supervise)
    at_ms = OPENS_MS + 1_000
    pause = PauseAuction(message_id="pause", by="op", why="", said_at_ms=at_ms)
    resume = ResumeAuction(message_id="resume", by="op", why="", said_at_ms=at_ms + 60_000)
    again = PauseAuction(message_id="again", by="op", why="", said_at_ms=at_ms + 70_000)
    hold = HoldBid(message_id="hold", by="op", why="", said_at_ms=at_ms, post_id=post_id(1))
    release = ReleaseBid(message_id="release", by="op", why="", said_at_ms=at_ms, post_id=post_id(1))
    house.put(*OPENING, bid(1), hold, release, pause, resume, again, bid(2, "poison"))
    house.supervisor.start()
    house.until_empty()
    assert tries.count("poison") == DEATHS
    resumed = [event for event in house.events() if isinstance(event, AuctionResumed)]
    assert [event.ends_at_ms for event in resumed] == [ENDS_MS + 60_000]
    assert len([event for event in house.events() if isinstance(event, AuctionPaused)]) == 2
    assert store.client.hget(store.keys.day(1), "paused") == b"1"


def test_poison_that_is_found_again_kills_nobody_any_more(store: Store, supervise: Supervise, tries: list[str]) -> None:
    house = House(store, supervise)
    house.put(*OPENING, bid(1, "poison"))
    house.supervisor.start()
    house.until_empty()
    house.put(bid(1, "poison"), bid(2))
    house.until_empty()
    assert house.decided() == ["2 ETH #marathon"]
    assert tries.count("poison") == 3
    assert len(house.queue.dead_letters("0-0", 10)) == 2
    assert status(house.supervisor, DAY).incarnation == 4


def test_several_poisons_in_one_batch_cost_one_restart_of_the_budget(
    store: Store, supervise: Supervise, tries: list[str]
) -> None:
    house = House(store, supervise)
    house.put(*OPENING, *(bid(number, f"poison {number}") for number in range(1, 6)), bid(6))
    house.supervisor.start()
    house.until_empty()
    assert house.decided() == ["6 ETH #marathon"]
    assert len(house.queue.dead_letters("0-0", 10)) == 5
    assert house.supervisor.wait(0) is None


def test_a_death_that_does_not_come_again_accuses_nobody(
    store: Store, supervise: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(store, supervise)
    failures = [MemoryError("this once")]

    def fail_once(*args: Any) -> Bid:
        if failures:
            raise failures.pop()
        return read_reply(*args)

    monkeypatch.setattr(auction.bidding, "read_reply", fail_once)
    house.put(*OPENING, bid(1), bid(2))
    house.supervisor.start()
    house.until_empty()
    assert house.decided() == ["1 ETH #marathon", "2 ETH #marathon"]
    assert house.queue.dead_letters("0-0", 10) == []


def test_what_is_remembered_of_the_quarantined_is_bounded() -> None:
    suspects = Suspects()
    for number in range(QUARANTINED_KEPT + 10):
        for _ in range(DEATHS):
            suspects.died_of([bid(number)], ValueError("broken"))
        suspects.clear()
    assert len(suspects.quarantined) == QUARANTINED_KEPT
    assert bid(QUARANTINED_KEPT + 9).message_id in suspects.quarantined
    assert not suspects.isolated


def test_a_command_that_stands_twice_in_a_batch_has_killed_once() -> None:
    suspects = Suspects()
    for _ in range(DEATHS - 1):
        suspects.died_of([bid(1), bid(1), bid(1)], ValueError("broken"))
    assert suspects.quarantined == {}


def test_the_deaths_on_trial_are_named_in_the_table_of_conditions() -> None:
    assert CONDITIONS[DiedIsolated] == "FINDING_POISON"
