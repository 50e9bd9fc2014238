"""What is over costs nothing: the short form of `make marathon`."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median_high

import pytest

from adapters.redis.embedded import EmbeddedServer
from benchmarks.marathon import watch
from simulator.launch import lives
from tests.harness import ROOT
from tests.harness.waiting import until


@pytest.mark.timeout(300)
@pytest.mark.requirement("SUP-1", "LIFE-3")
def test_no_thread_and_no_descriptor_stays_for_a_day_that_is_over(tmp_path: Path) -> None:
    samples, report = watch(tmp_path, days=12, day_seconds=2.0)
    assert report
    assert report.right, report
    for what in ("threads", "descriptors"):
        of_process = [getattr(sample, what)[0] for sample in samples]
        # The lowest count of the last days is compared: on a slow machine one day ends while the next but one begins.
        assert min(of_process[8:]) <= median_high(of_process[3:8]), (what, of_process)


@pytest.mark.timeout(120)
def test_a_marathon_whose_watcher_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.marathon", "--days", "50"]
    words = tmp_path / "words"
    with words.open("wb") as out:
        watcher = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=out)

    def data_dirs() -> list[Path]:
        assert watcher.poll() is None, words.read_text(encoding="utf-8")
        return [file.parent for file in tmp_path.glob("*/data/process.json")]

    try:
        [data_dir] = until(data_dirs, "a process that has written its file")
        server = EmbeddedServer(data_dir)
        assert server.alive()
        assert lives(data_dir)
    finally:
        watcher.kill()
        watcher.wait()
    until(lambda: not (server.alive() or lives(data_dir)))
