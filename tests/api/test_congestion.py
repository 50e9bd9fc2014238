"""What fails and goes on failing is said: on /status as an alarm, until it has passed."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from actors.auction.poison import Suspects
from adapters import alarms
from adapters.metrics import render
from api.health import LATE_MS, LETTERS, RESTARTS, watch
from api.numbers import StoreNumbers
from supervision.status import ChildStatus
from tests.harness.builders import reply

pytestmark = pytest.mark.requirement("QUE-3")

WELL = StoreNumbers(log_seq=1, dead_letters=0)


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    yield
    watch([], WELL)


def child(state: str, restarts: int) -> ChildStatus:
    fields: dict[str, Any] = dict.fromkeys(ChildStatus.__dataclass_fields__, 0)
    return ChildStatus(**fields | {"name": "m-01", "group": "auctions", "state": state, "restarts": restarts})


@pytest.mark.parametrize(
    ("numbers", "sounds"),
    [
        (WELL, {}),
        (StoreNumbers(1, LETTERS - 1, queue_oldest_ms=LATE_MS - 1), {}),
        (StoreNumbers(1, LETTERS), {"dead_letters": "100 dead letters or more wait"}),
        (StoreNumbers(1, 0, queue_oldest_ms=LATE_MS), {"queue": "the auction on stage is more than 10 s behind"}),
    ],
)
def test_a_queue_that_stands_and_letters_that_pile_up_are_told_until_that_is_over(
    numbers: StoreNumbers, sounds: dict[str, str]
) -> None:
    watch([], numbers)
    assert alarms.sounding().keys() == sounds.keys()
    assert all(alarms.sounding()[name].startswith(what) for name, what in sounds.items())
    watch([], None)  # a store that is away says nothing about its queues
    assert alarms.sounding().keys() == sounds.keys()
    watch([], WELL)
    assert alarms.sounding() == {}


@pytest.mark.parametrize(
    ("state", "restarts", "sounds"),
    [
        ("READY", 99, False),
        ("RESTARTING", RESTARTS - 1, False),
        ("RESTARTING", RESTARTS, True),
        ("WAITING_FOR_STORE", RESTARTS, True),
        ("WAITING_FOR_ROOM", RESTARTS, True),
        ("PARKED", 0, True),
        ("STOPPED", RESTARTS, False),
    ],
)
def test_an_actor_that_fails_again_and_again_is_told_until_it_is_back(state: str, restarts: int, sounds: bool) -> None:
    watch([child(state, restarts)], None)
    assert ("actor:m-01" in alarms.sounding()) is sounds
    watch([child("READY", restarts + 1)], None)
    assert alarms.sounding() == {}
    watch([child("RESTARTING", RESTARTS)], None)
    watch([], None)
    assert alarms.sounding() == {}, "nor is one that is gone for good"


def test_the_alarm_of_one_that_is_parked_says_what_hangs_and_what_happens_next() -> None:
    hung = dataclasses.replace(child("PARKED", 1), last_error="m-01#2 hung for more than 30 s")
    watch([hung], None)
    assert alarms.sounding()["actor:m-01"] == (
        "m-01 is parked (m-01#2 hung for more than 30 s); "
        "the auctions go on without it, and it is tried again by itself"
    )


def test_attempts_that_failed_are_counted() -> None:
    def counted() -> float:
        [line] = [line for line in render().decode().splitlines() if line.startswith("auction_failed_attempts_total ")]
        return float(line.split()[1])

    before = counted()
    Suspects().died_of([reply(1, 1, "1")], ValueError("broken"))
    assert counted() == before + 1
