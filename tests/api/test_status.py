"""What `/status`, `/readyz` and `/metrics` say while the store is away: what they remember, at once."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.auction.receipts import ReceiptReader
from actors.lease_keeper import ALARM
from adapters import alarms
from adapters.event_loop import LoopThread
from adapters.redis.client import connect, connect_async, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.keys import Keys
from api.process_api import LOOK_S, ProcessApi
from supervision import ChildStatus, Group, Supervisor
from tests.harness.waiting import PATIENCE_S

NOW_MS = 1_800_000_000_000


class Desk:
    """The process's API with a supervisor whose actors do not run."""

    def __init__(self, server: EmbeddedServer, loop: LoopThread) -> None:
        self.server, self._loop, keys = server, loop, Keys("m")
        self.client, self._waiting_client = connect(server.url), connect_async(server.url, timeout_s=60)
        execute(self.client, "SET", keys.seq, 7)
        self.supervisor = Supervisor([Group("auctions", children=[])], last_resort_s=None)
        receipt_reader = ReceiptReader(self.client, keys)
        client = self._waiting_client
        self.api = ProcessApi(self.supervisor, client, keys, ["m-01"], {}, lambda: NOW_MS, receipt_reader, "UTC")

    def ask(self, what: Any) -> Any:
        """The answer, and how long it took, in seconds."""
        began_s = time.monotonic()
        answer = self._loop.submit(what()).result(PATIENCE_S)
        return answer, time.monotonic() - began_s

    def close(self) -> None:
        self._loop.submit(self._waiting_client.aclose()).result(PATIENCE_S)
        self.client.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    server, loop = EmbeddedServer(tmp_path / "data"), LoopThread()
    server.ensure()
    loop.start()
    made = Desk(server, loop)
    alarms.clear(ALARM)  # of another test's keeper: the board is the process's
    try:
        yield made
    finally:
        made.close()
        loop.stop()
        server.stop()


@pytest.mark.requirement("RED-3", "OBS-1")
def test_while_the_store_stands_still_the_status_is_what_it_last_said_and_when(desk: Desk) -> None:
    before, _ = desk.ask(desk.api.status)
    assert before["store"] == {"as_of_ms": NOW_MS, "trouble": None}
    process_id = desk.server.process_id()
    assert process_id is not None
    os.kill(process_id, signal.SIGSTOP)
    try:
        status, took_s = desk.ask(desk.api.status)
        assert status == before
        assert took_s < LOOK_S + 30, "not as long as the client would wait"
        shown, _ = desk.ask(desk.api.metrics)
        assert b"auction_store_up 0" in shown
    finally:
        os.kill(process_id, signal.SIGCONT)
    shown, _ = desk.ask(desk.api.metrics)
    assert b"auction_store_up 1" in shown


@pytest.mark.requirement("RED-3", "OBS-1")
def test_a_store_that_was_never_there_fails_no_status(desk: Desk) -> None:
    desk.server.stop()
    status, _ = desk.ask(desk.api.status)
    assert status["store"]["as_of_ms"] is None
    assert status["current"] is None
    desk.server.ensure()


READINESS = [  # what of the tree is not READY: essential, state, restarts; whether the process is ready
    (False, "PARKED", 2, True),
    (False, "WAITING_FOR_CHAIN", 1, True),
    (False, "RESTARTING", 1, True),
    (False, "STARTING", 1, True),
    (False, "STARTING", 0, False),
    (True, "RESTARTING", 1, False),
    (True, "HUNG", 1, False),
]


@pytest.mark.requirement("OBS-1")
@pytest.mark.parametrize(("essential", "state", "restarts", "is_ready"), READINESS)
def test_one_without_whom_the_auctions_go_on_is_named_on_readyz_and_does_not_make_it_false(
    essential: bool, state: str, restarts: int, is_ready: bool, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, Any] = dict.fromkeys(ChildStatus.__dataclass_fields__, 0)
    child = ChildStatus(**fields | {"name": "a", "essential": essential, "state": state, "restarts": restarts})
    monkeypatch.setattr(desk.supervisor, "tree", lambda: [child])
    assert desk.api.ready() == (is_ready, [f"a: {state}"])


@pytest.mark.requirement("RED-3", "OBS-1")
def test_what_keeps_the_store_stands_on_status_and_readyz_in_the_same_words(desk: Desk) -> None:
    alarms.sound(ALARM, "the disk is full")
    try:
        status, _ = desk.ask(desk.api.status)
        assert status["store"]["trouble"] == "the disk is full"
        assert desk.api.ready() == (False, ["store: the disk is full"])
    finally:
        alarms.clear(ALARM)
    assert desk.api.ready() == (True, [])


@pytest.mark.requirement("LIV-3")
def test_receipts_that_wait_for_the_store_leave_the_threads_of_the_loop_to_others(desk: Desk) -> None:
    process_id = desk.server.process_id()
    assert process_id is not None

    async def scenario() -> None:
        asked = [asyncio.ensure_future(desk.api.receipts("m-01", [1])) for _ in range(100)]
        await asyncio.sleep(0)
        other = asyncio.ensure_future(asyncio.to_thread(bool))
        done, _ = await asyncio.wait([*asked, other], return_when=asyncio.FIRST_COMPLETED)
        os.kill(process_id, signal.SIGCONT)
        await asyncio.gather(*asked, return_exceptions=True)
        assert done == {other}

    os.kill(process_id, signal.SIGSTOP)
    try:
        desk.ask(scenario)
    finally:
        os.kill(process_id, signal.SIGCONT)
