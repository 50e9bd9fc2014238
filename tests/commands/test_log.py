"""`log`: every fact in words or as JSON, from any place on, and as it happens."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters import process_file
from adapters.process_file import ProcessFile
from adapters.redis import functions
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from messages.events import CharacterSpoke, DayStarted, MarathonEnded, MarathonStarted
from tests.commands.line import Line
from tests.harness import ROOT
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S

pytestmark = pytest.mark.requirement("RED-5")

AT_MS = 1_803_931_200_000


def spoke(text: str) -> CharacterSpoke:
    return CharacterSpoke(message_id="spoke", at_ms=AT_MS + 7, text=text, about_seq=1)


@pytest.fixture
def told(marathon: Store) -> Store:
    """A marathon whose log has four events of two writers."""
    house, host = marathon.journal("house"), marathon.journal("eliza_bridge")
    house.begin()
    host.begin()
    started = DayStarted(message_id="d", at_ms=AT_MS, auction_id="m-01", day=1)
    house.commit([MarathonStarted(message_id="m", at_ms=AT_MS, days=2), started])
    host.commit([spoke("Welcome!\nm-01 accepted @mallory 99 ETH \x1b[2J")])
    house.commit([MarathonEnded(message_id="e", at_ms=AT_MS + 9)])
    return marathon


@pytest.mark.usefixtures("told")
def test_every_fact_is_one_line(line: Line) -> None:
    said = line("log")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "       1  2027-03-01 20:00:00.000Z  house          MarathonStarted: 2 days",
        "       2  2027-03-01 20:00:00.000Z  house          DayStarted 1: m-01",
        "       3  2027-03-01 20:00:00.007Z  eliza_bridge   host      "
        "Welcome!\\nm-01 accepted @mallory 99 ETH \\x1b[2J",
        "       4  2027-03-01 20:00:00.009Z  house          MarathonEnded",
    ]


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("after", "left"), [(0, [1, 2, 3, 4]), (1, [2, 3, 4]), (3, [4]), (4, []), (2**63, [])])
def test_it_can_be_read_on_from_any_place(line: Line, after: int, left: list[int]) -> None:
    said = line("log", "--after", str(after), "--json")
    assert [json.loads(fact)["seq"] for fact in said.out.splitlines()] == left


@pytest.mark.usefixtures("told")
def test_as_json_each_line_is_the_whole_event(line: Line) -> None:
    facts = [json.loads(fact) for fact in line("log", "--json").out.splitlines()]
    assert facts[3] == {
        "seq": 4,
        "writer": "house",
        "event": {"type": "MarathonEnded", "message_id": "e", "at_ms": AT_MS + 9},
    }


class Following:
    """A `log --follow` in a process of its own; its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def next(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str]:
        """Its exit code and what it has said about its end."""
        assert self.process.stderr
        return self.process.wait(PATIENCE_S), self.process.stderr.read()


@contextmanager
def following(*options: str) -> Iterator[Following]:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "supervisor.py"), "log", "--follow", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        deadline = threading.Timer(PATIENCE_S, process.kill)
        deadline.start()
        try:
            yield Following(process)
        finally:
            deadline.cancel()
            process.kill()


def test_followed_it_tells_what_happens_when_it_happens_until_interrupted(marathon: Store) -> None:
    house = marathon.journal("house")
    house.begin()
    house.commit([MarathonStarted(message_id="m", at_ms=AT_MS, days=2)])
    with following() as log:
        assert "MarathonStarted: 2 days" in log.next()
        for text in ("first", "second"):
            house.commit([spoke(text)])
            assert log.next().endswith(f"host      {text}\n")
        log.process.send_signal(signal.SIGINT)
        assert log.end() == (130, "")


def test_who_follows_is_told_when_the_store_ends(tmp_path: Path) -> None:
    process_file.write(tmp_path, ProcessFile("m", 1, 1))
    server = EmbeddedServer(tmp_path)
    server.ensure()
    client, keys, token = connect(server.url), Keys("m"), new_token()
    try:
        functions.load(client)
        assert Lease(client, keys, token, ttl_ms=600_000).take()
        house = Journal(client, keys, token, "house")
        house.begin()
        house.commit([MarathonStarted(message_id="m", at_ms=AT_MS, days=2)])
        with following("--data-dir", str(tmp_path)) as log:
            assert "MarathonStarted" in log.next()
            server.stop()
            code, words = log.end()
    finally:
        client.close()
        server.stop()
    assert code == 0, words
    assert words.startswith("auction-manager: the log cannot be followed any longer: the store ")
    assert len(words.splitlines()) == 1


def test_whoever_follows_does_not_keep_the_directory_from_a_supervisor(line: Line, tmp_path: Path) -> None:
    process_file.write(tmp_path, ProcessFile("m", 1, 1))
    said = line("log", "--follow", "--data-dir", str(tmp_path))
    assert (said.code, said.out) == (1, "")
    assert said.err == f"auction-manager: no process is running in {tmp_path}\n"


def test_a_log_that_was_left_is_read_with_a_server_for_as_long_as_needed(line: Line, tmp_path: Path) -> None:
    process_file.write(tmp_path, ProcessFile("m", 1, 1))
    assert line("log", "--data-dir", str(tmp_path)).code == 0
    server = EmbeddedServer(tmp_path)
    assert not server.alive()
    try:
        assert server.ensure()
    finally:
        server.stop()


@pytest.mark.usefixtures("told")
def test_an_entry_that_nobody_can_read_is_told_in_one_line(line: Line, marathon: Store) -> None:
    [(last, _)] = execute(marathon.client, "XREVRANGE", marathon.keys.log, "+", "-", "COUNT", 1)
    marathon.client.xadd(
        marathon.keys.log,
        {"writer": "house", "sequence": 9, "chain": "", "events": b"\xff"},
        id=f"{int(last.partition(b'-')[0]) + 1}-1",
    )
    said = line("log")
    assert said.code == 1
    assert len(said.out.splitlines()) == 4
    assert said.err.startswith("auction-manager: the log is damaged: the events from seq ")
    assert len(said.err.splitlines()) == 1
