"""The loop's thread: work from other threads, its heartbeat, and its end."""

import asyncio
import threading

import pytest

from adapters.event_loop import LoopThread
from tests.harness.waiting import until


def test_work_comes_back_as_a_future_and_calls_keep_their_order() -> None:
    loop = LoopThread()
    loop.start()
    seen: list[int] = []
    for number in range(100):
        loop.call(seen.append, number)
    assert loop.submit(asyncio.sleep(0, "done")).result(30) == "done"
    assert seen == list(range(100))
    assert loop.stop()


@pytest.mark.requirement("SUP-5")
def test_a_blocked_loop_shows_in_the_age_of_its_beat() -> None:
    loop, release = LoopThread(), threading.Event()
    loop.start()
    loop.call(release.wait, 30)
    until(lambda: loop.beat_age_ms() >= 600)
    release.set()
    until(lambda: loop.beat_age_ms() <= 300)
    assert loop.stop()


def test_stopping_ends_what_runs_and_refuses_what_comes_after() -> None:
    loop = LoopThread()
    loop.start()
    forever = loop.submit(asyncio.Event().wait())
    assert loop.stop()
    assert forever.cancelled()
    assert loop.stop()
    with pytest.raises(RuntimeError):
        loop.submit(asyncio.sleep(0))
    with pytest.raises(RuntimeError):
        loop.call(print)


def test_a_loop_that_cannot_stop_in_time_says_so() -> None:
    loop, release = LoopThread(), threading.Event()
    loop.start()
    loop.call(release.wait, 30)
    assert not loop.stop(deadline_s=0.1)
    release.set()
    assert loop.stop()
