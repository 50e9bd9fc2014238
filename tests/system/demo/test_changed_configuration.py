"""A process is started, ended, and started again with another configuration, on the same data directory."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

import bootstrap
import supervisor
from actors.listener import Limits
from actors.scheduler.day_plan import DayPlan, FurtherDay
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.log import LogReader
from adapters.wall_clock import wall_clock_ms
from commands.compressed import DemoPlan, demo_settings
from commands.simulated import CREDENTIALS
from messages.events import DayAdded
from process import Process
from settings import Settings, load
from tests.harness import ROOT
from tests.harness.stage import day_plan
from tests.harness.waiting import PATIENCE_S
from tests.harness.x_process import simulated_x

MINUTE_MS = 60_000
LIVE = {"_X__MODE": "live", "_X__BASE_URL": "https://127.0.0.1:9", "_X__ACCOUNT_ID": "1", "_X__HANDLE": "house"}
LIVE |= {f"X_{name.upper()}": "a_key_of_x" for name in CREDENTIALS.__struct_fields__}
replace = msgspec.structs.replace


def settings_of(data_dir: Path) -> Settings:
    plan = DemoPlan(seed=1, days=3, day_seconds=3600, bidders=2, first_opens_at_ms=0)
    return demo_settings(load(None, {}), plan, data_dir, 0)


def days(now_ms: int, *numbers: int) -> list[DayPlan]:
    """The first one is over; the others come in the next days."""
    return [day_plan(day, now_ms + (day - 2) * 24 * 60 * MINUTE_MS + 5 * MINUTE_MS, "demo") for day in numbers]


def run(settings: Settings, x_url: str, plan: list[DayPlan], look: Callable[[Process], Any], further: int = 4) -> Any:
    """One process, looked at when it is ready and at work."""
    dates = [FurtherDay(day.auction_id, day.window) for day in days(wall_clock_ms(), further)]
    seen: list[Any] = []

    def is_over() -> bool:
        if not seen and (found := look(process[0])):
            seen.append(found)
        return bool(seen)

    process: list[Process] = []
    dependencies = bootstrap.Dependencies(x_url, CREDENTIALS, plan, dates, begin_late=True)
    ports = bootstrap.Ports(listener_limits=Limits(events_between_checkpoints=1))
    assert supervisor.run(settings, dependencies, process.append, is_over, ports) == 0
    return seen[0]


def came_again(process: Process) -> list[int]:
    entries = LogReader(process.client, process.keys).read(0, 1_000)
    return [event.of_day for entry in entries for event in entry.events() if isinstance(event, DayAdded)]


def upcoming_days(process: Process) -> dict[int, str]:
    """The days to come and their titles, as a viewer is told of them first."""

    async def ask() -> Any:
        address = f"http://127.0.0.1:{process.public_port}/livestream"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as viewer:
            return await viewer.receive_json(timeout=60)

    hello = asyncio.run(ask())
    return {day["day"]: day["lot"]["title"] for day in hello["body"]["programme"]["days"]}


@pytest.mark.requirement("LIFE-3", "LIFE-6", "LIV-1")
def test_a_corrected_title_reaches_viewers_also_where_a_lot_comes_again(tmp_path: Path) -> None:
    now_ms, settings = wall_clock_ms(), settings_of(tmp_path / "data")
    corrected = [*days(now_ms, 1, 2), day_plan(3, days(now_ms, 3)[0].window.opens_at_ms, "demo", "Corrected")]
    with simulated_x(tmp_path) as x:  # which tells the time
        assert run(settings, x.base_url, days(now_ms, 1, 2, 3), came_again) == [1]
        assert run(settings, x.base_url, corrected, upcoming_days) == {2: "Lot 2", 3: "Corrected", 4: "Lot 1"}
        assert run(settings, x.base_url, days(now_ms, 1, 2), upcoming_days) == {2: "Lot 2", 4: "Lot 1"}, "fewer days"


def said_by(data_dir: Path, **settings: str) -> tuple[int, list[str]]:
    """What `run` says with the shipped configuration and these settings; SIGTERM once it is ready."""
    given = {"_X__BASE_URL": "http://127.0.0.1:9", "_HTTP__PUBLIC_PORT": "0", "_HTTP__PRIVATE_PORT": "0", **settings}
    environ = {**os.environ, **{f"AUCTION_MANAGER_{name}": value for name, value in given.items()}}
    program = [sys.executable, str(ROOT / "supervisor.py"), "run", "--data-dir", str(data_dir)]
    with subprocess.Popen(program, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("ready:"):
                process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_S), lines


@pytest.mark.requirement("RED-3")
def test_another_x_another_marathon_and_another_store_are_refused_in_one_line(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "data", EmbeddedServer(tmp_path / "elsewhere")
    assert said_by(here)[0] == 0
    elsewhere.ensure()
    try:
        for changed, words in [
            (LIVE, "x.mode: marathon was announced on the simulated X"),
            ({"_MARATHON__ID": "other"}, "marathon.id: marathon has run in "),
            ({"_REDIS__URL": elsewhere.url}, "--begin-anew"),
        ]:
            code, lines = said_by(here, **changed)
            assert (code, len(lines)) in ((1, 1), (2, 1)), lines
            assert words in lines[0]
        assert said_by(tmp_path / "other", _REDIS__URL=elsewhere.url)[0] == 0, "a data directory that knows nothing"
        assert said_by(here)[0] == 0, "as before"
    finally:
        elsewhere.stop()
