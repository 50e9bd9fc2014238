"""The README's commands as a reader may type them: in any order, again and again, on whatever the ones before left."""

import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import process_file
from tests.harness import ROOT
from tests.harness.processes import end_world
from tests.harness.running_demo import RunningDemo, command
from tests.harness.waiting import PATIENCE_S

pytestmark = pytest.mark.timeout(300)
SHORT = {"--days": "1", "--day-seconds": "5"}


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "demo"
    end_world(tmp_path / "demo")


def commands(data_dir: Path) -> list[list[str]]:
    """What the README's blocks say, on short days and in this directory."""
    blocks = "".join(re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL))
    found = [shlex.split(re.split(r" {5,}", line)[0]) for line in blocks.splitlines() if "demo" in line]
    found += [shlex.split(line) for line in re.findall(r"`(make demo .*?)`", (ROOT / "README.md").read_text())]
    return [_short(words, data_dir) for words in found if words[0] in ("make", ".venv/bin/auction-manager")]


def _short(words: list[str], data_dir: Path) -> list[str]:
    if words[0] == "make":
        options = " ".join(words[2:]).removeprefix("ARGS=").split()
        rest = [one for one in options if one not in SHORT and (not one.isdigit() or "7" in one)]
        rest = [str(data_dir.parent / one) if one.endswith(".json") else one for one in rest]
        return ["demo", *rest, *(part for pair in SHORT.items() for part in pair), "--data-dir", str(data_dir)]
    return [str(data_dir) if word == "build/demo" else word for word in words[1:]]


def show(arguments: list[str], data_dir: Path) -> None:
    """`make demo` until its marathon has ended; then Ctrl-C."""
    log = (data_dir.parent / "shown.log").open("w+", encoding="utf-8")
    program = [str(ROOT / ".venv" / "bin" / "python"), str(ROOT / "supervisor.py"), *arguments]
    with log, subprocess.Popen(program, stderr=log, stdout=log) as process:
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while "MarathonEnded" not in (said := Path(log.name).read_text(encoding="utf-8")):
                assert process.poll() is None, said
                assert time.monotonic() < deadline_s, said
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0, said
        finally:
            process.kill()


@pytest.mark.requirement("SUP-1")
def test_the_commands_of_the_readme_work_in_any_order_and_twice(data_dir: Path) -> None:
    asked = commands(data_dir)
    assert sum(words[0] == "demo" for words in asked) == 3, asked
    assert {"status", "log", "audit", "inject"} < {words[0] for words in asked}
    order = asked * 2
    random.Random(14).shuffle(order)
    has_run = False
    for words in order:
        if words[0] == "demo" and "--once" not in words:
            show(words, data_dir)
            has_run = True
            continue
        done = command(*words)
        assert "Traceback" not in done.stderr, done.stderr
        if words[0] == "demo":
            assert done.returncode == 0, (words, done.stderr)
            has_run = True
        elif words[0] in ("log", "audit") and has_run:
            assert done.returncode == 0, (words, done.stderr)
        else:  # nobody is at work
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), (words, done.stderr)


@pytest.mark.requirement("SUP-1")
def test_a_killed_demo_comes_back_on_its_port_and_one_with_other_options_begins_anew(data_dir: Path) -> None:
    options = ("--days", "1", "--day-seconds", "60", "--seed", "3")
    with RunningDemo(data_dir, *options) as demo:
        demo.until("opening", lambda: demo.count("AuctionOpened") == 1)
    before = process_file.read(data_dir)
    with RunningDemo(data_dir, *options) as demo:
        demo.until("its page", lambda: demo.count("stage page") == 1)
        demo.until("its past", lambda: demo.count("AuctionOpened") == 1)
        refused = command("demo", "--seed", "4", "--data-dir", str(data_dir))
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
        assert "another supervisor works in" in refused.stderr
    after = process_file.read(data_dir)
    assert before
    assert after
    assert (after.public_port, after.private_port) == (before.public_port, before.private_port)
    with RunningDemo(data_dir, "--days", "1", "--day-seconds", "5", "--seed", "4") as demo:
        assert demo.wait() == 0, demo.said()
        assert demo.report()["seed"] == 4
        assert demo.count("the one before, which was not finished, had --seed 3 --days 1 --day-seconds 60") == 1


def test_the_set_up_puts_the_command_where_the_texts_say_it_is(tmp_path: Path) -> None:
    """With the packages there already, since the network is no part of it."""
    home = tmp_path / "a home"
    (home / ".venv" / "bin").mkdir(parents=True)
    for name in ("scripts/setup", "scripts/auction-manager"):
        (home / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, home / name)
    (home / "requirements.lock").write_text("")
    python = home / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -m ] || printf "%s\\n" "$@"\n')
    python.chmod(0o755)
    for _ in range(2):
        subprocess.run(["scripts/setup", "requirements.lock"], cwd=home, check=True, timeout=PATIENCE_S)
    said = subprocess.run(
        [home / ".venv" / "bin" / "auction-manager", "status", "--json"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={"PATH": os.environ["PATH"]},
    )
    assert said.stdout.splitlines() == [str(home / "supervisor.py"), "status", "--json"]
