"""Files and terminals as they are found: every command meets every misfortune with an exit code and one line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ROOT

CODES = {0, 1, 2, 70, 130, 141}
DEADLINE_S = 300.0


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("misfortunes")
    command = [sys.executable, "-m", "tests.commands.misfortunes", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=DEADLINE_S, check=True
    )
    played: list[dict[str, Any]] = json.loads(done.stdout)
    return played


def test_no_command_answers_a_misfortune_with_a_traceback(played: list[dict[str, Any]]) -> None:
    assert len(played) > 200
    wrong = [case for case in played if case["code"] not in CODES or "Traceback" in case["err"]]
    assert wrong == []


def test_what_is_wrong_is_told_in_one_line(played: list[dict[str, Any]]) -> None:
    heard = [case for case in played if "all closed" not in case["name"]]
    assert [case for case in heard if case["err"].count("\n") > 1] == []
    # What an audit finds is its result, not an error of the command.
    assert [
        case for case in heard if case["code"] and not (case["err"] or case["name"].startswith("audit: file"))
    ] == []


def test_a_file_of_windows_is_read_like_any_other(played: list[dict[str, Any]]) -> None:
    of_windows = [case for case in played if case["name"].endswith("config of Windows")]
    assert of_windows
    assert [case for case in of_windows if ".toml" in case["err"]] == []
    assert {case["name"]: case["code"] for case in of_windows}["check-config: config of Windows"] == 0


def test_what_a_full_disk_did_not_take_is_told(played: list[dict[str, Any]]) -> None:
    full = {case["name"]: case for case in played}["parse-bid: full"]
    assert (full["code"], full["err"]) == (1, "auction-manager: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full"])
def test_python_itself_has_nothing_to_add_at_the_end(redirection: str, tmp_path: Path) -> None:
    command = f'exec "$0" "$1" parse-bid "0.5 ETH" {redirection}'
    arguments = ["sh", "-c", command, sys.executable, str(ROOT / "supervisor.py")]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, env=dict(os.environ), timeout=60, check=False)
    assert done.returncode in CODES
    assert done.stderr.count(b"\n") <= 1
