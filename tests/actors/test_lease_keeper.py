"""The keeper of the lease, and of the embedded server: what can be had back is had back, what is another's is not."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.lease_keeper import ALARM, LeaseKeeper
from adapters import alarms
from adapters.redis.errors import NotOwner, ServerFailed, StoreUnavailable
from adapters.redis.lease import Lease
from adapters.redis.log import LogReader
from adapters.redis.queue import Queue
from adapters.wall_clock import wall_clock_ms
from ledger.hash_chain import verify_chain
from messages.base import Phase
from messages.commands import ConfirmAuctionPost
from messages.events import CharacterSpoke, DayStarted
from supervision import Context
from tests.harness.stage import Stage
from tests.harness.store import full_memory
from tests.harness.supervised_house import running
from tests.harness.waiting import until


def keeper(stage: Stage, ensure: Callable[[], object] = lambda: None, **more: Any) -> LeaseKeeper:
    return stage.enter("lease_keeper", lambda context: LeaseKeeper(context, stage.access, 60_000, ensure, **more))


@pytest.mark.requirement("RED-3", "HA-1")
def test_a_lease_that_has_lapsed_is_taken_back_and_lasts(stage: Stage) -> None:
    actor = keeper(stage)
    stage.client.pexpire(stage.keys.lease, 50)
    stage.step(actor)
    assert stage.client.pttl(stage.keys.lease) > 50_000
    stage.client.delete(stage.keys.lease)  # a process that was stopped for longer than its lease
    stage.step(actor)
    assert stage.client.get(stage.keys.lease) == stage.access.token.encode()
    assert stage.client.pttl(stage.keys.lease) > 50_000
    assert actor.tick_s <= 60 / 3, "often enough to survive a lost turn"


@pytest.mark.requirement("HA-1", "RED-2")
def test_a_lease_that_another_has_or_has_had_is_left_to_him(stage: Stage) -> None:
    actor = keeper(stage)
    another = Lease(stage.client, stage.keys, "another process", 60_000)
    assert another.take(steal=True)
    with pytest.raises(NotOwner):
        stage.step(actor)
    another.release()
    with pytest.raises(NotOwner):
        stage.step(keeper(stage))
    assert not stage.client.exists(stage.keys.lease)


@pytest.mark.requirement("RED-3")
@pytest.mark.parametrize("fault", [ServerFailed("it ended at once"), OSError(28, "no room")])
def test_a_server_that_does_not_come_up_is_an_alarm_and_waited_for(stage: Stage, fault: Exception) -> None:
    faults = [fault]

    def ensure() -> None:
        if faults:
            raise faults[0]

    actor = keeper(stage, ensure)
    stage.step(actor)
    assert alarms.sounding()[ALARM] == str(fault)
    faults.clear()
    stage.step(actor)
    assert ALARM not in alarms.sounding()


@pytest.mark.requirement("RED-3", "HA-1")
def test_a_full_memory_is_told_and_costs_no_lease_and_who_waits_hears_when_it_is_over(stage: Stage) -> None:
    well: list[bool] = []
    actor = keeper(stage, on_well=lambda: well.append(True))
    with full_memory(stage.client):
        stage.client.delete(stage.keys.lease)
        stage.step(actor)
        assert "maxmemory" in alarms.sounding()[ALARM]
        assert stage.client.pttl(stage.keys.lease) > 50_000
    assert not well
    stage.step(actor)
    stage.step(actor)
    assert well == [True]


@pytest.mark.requirement("RED-3", "RED-5")
def test_a_store_that_was_emptied_is_waited_for_and_everybody_begins_anew_when_it_is_back(stage: Stage) -> None:
    told: list[str] = []
    actor = keeper(stage, on_lost_history=told.append)
    stage.client.flushall()
    for _ in range(2):
        stage.step(actor)
        assert "knows nothing of this marathon" in alarms.sounding()[ALARM]
        assert told == []
        assert not stage.client.keys("*")
    stage.client.set(stage.keys.owner, stage.access.token)  # a copy is brought back
    stage.step(actor)
    assert len(told) == 1
    assert ALARM not in alarms.sounding()


@pytest.mark.requirement("RED-3")
def test_what_keeps_the_store_from_working_is_said_in_the_words_of_who_knows(stage: Stage) -> None:
    def make(context: Context) -> LeaseKeeper:
        return LeaseKeeper(context, stage.access, 60_000, lambda: None, lambda: "the disk is full")

    actor = stage.enter("lease_keeper", make)
    stage.client.delete(stage.keys.owner)
    stage.step(actor)
    assert alarms.sounding()[ALARM] == "the disk is full"
    stage.client.set(stage.keys.owner, stage.access.token)
    stage.step(actor)


@pytest.mark.requirement("RED-3", "RED-5")
def test_a_store_that_has_less_than_it_had_acknowledged_is_told_and_nobody_writes_before_that(stage: Stage) -> None:
    told: list[str] = []
    actor = keeper(stage, on_lost_history=told.append)
    journal = stage.access.journal(stage.client, "house")
    journal.begin()
    head = stage.client.hget(stage.keys.heads, "house")
    journal.commit([DayStarted(message_id="d", at_ms=1, auction_id="m-01", day=1)])
    stage.step(actor)
    assert told == []
    # The tail of a history is lost: what was committed last is not there any more.
    stage.client.hset(stage.keys.heads, "house", head)
    stage.client.set(stage.keys.seq, 0)
    stage.client.delete(stage.keys.log)
    with pytest.raises(StoreUnavailable, match="lost history"):
        journal.begin()
    stage.step(actor)
    assert len(told) == 1
    journal.begin()
    stage.step(actor)
    assert len(told) == 1


# ---- the whole, on a server that is killed


@pytest.mark.requirement("RED-3", "SUP-3", "SUP-4", "BID-9", "ELZ-3")
def test_a_killed_server_is_started_again_and_everybody_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "data") as house:
        until(lambda: house.phase() == Phase.PENDING)
        post_id = (wall_clock_ms() - 1_288_834_974_657) << 22
        Queue(house.client, house.keys).append("m-01", [ConfirmAuctionPost(message_id="c", post_id=post_id)])
        until(lambda: house.phase() == Phase.ACTIVE)
        before = house.bid("0.2 ETH #AuctionDay", 1)
        until(lambda: house.decided() == [before.post_id])
        everybody = house.incarnations()
        assert set(everybody) == {"lease_keeper", "publisher", "bridge", "m-01", "scheduler"}
        killed = house.server.process_id()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(lambda: house.server.process_id() not in (None, killed))
        until(lambda: house.incarnations().keys() == everybody.keys())
        after = until(lambda: house.answers(lambda: house.bid("0.3 ETH #AuctionDay", 2)))
        until(lambda: house.decided() == [before.post_id, after.post_id])
        until(lambda: any(seq for seq, event in house.shown.given if getattr(event, "post_id", 0) == after.post_id))
        until(lambda: [event for event in house.events()[-2:] if isinstance(event, CharacterSpoke)])
        spoken = [event.about_seq for event in house.events() if isinstance(event, CharacterSpoke)]
        assert len(spoken) == len(set(spoken))
        reader = LogReader(house.client, house.keys)
        assert verify_chain(reader.read(0, 1_000), reader.heads()) is None
        assert house.supervisor.wait(0) is None, "nobody's budget is used up by that"


@pytest.mark.requirement("SUP-3", "BID-9", "SUP-2")
def test_a_crashed_auction_is_back_at_once_and_has_lost_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data") as house:
        until(lambda: house.phase() == Phase.PENDING)
        post_id = (wall_clock_ms() - 1_288_834_974_657) << 22
        Queue(house.client, house.keys).append("m-01", [ConfirmAuctionPost(message_id="c", post_id=post_id)])
        until(lambda: house.phase() == Phase.ACTIVE)
        made = []
        for number in range(1, 4):
            house.supervisor.crash("m-01")
            made.append(house.bid(f"{number} ETH #AuctionDay", number).post_id)
            until(lambda: house.incarnations().get("m-01") == number + 1)  # noqa: B023
        until(lambda: house.decided() == made)
