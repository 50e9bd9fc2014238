"""The command line as a whole: help, exit codes, errors in one line, and no more imported than is needed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands.table import COMMANDS
from tests.commands.line import Line, process
from tests.harness import ROOT


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(line: Line, command: str) -> None:
    said = line(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: auction-manager {command}")
    assert f"auction-manager {command}" in " ".join(said.out.partition("example: ")[2].split())


def test_the_help_names_every_command_with_a_line_about_it(line: Line) -> None:
    told = " ".join(line("--help").out.split())
    assert all(f"{name} {summary}" in told for name, summary in COMMANDS.items())


def test_without_a_command_the_help_is_shown_and_that_is_wrong_usage(line: Line) -> None:
    said = line()
    assert said.code == 2
    assert "parse-bid" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["launch"], 2, "invalid choice: 'launch'"),
        (["log", "--after", "-1"], 2, "--after: '-1' is not a number from 0"),
        (["log", "--after", "soon"], 2, "--after: 'soon' is not a number from 0"),
        (["bids"], 2, "one of the arguments AUCTION --user is required"),
        (["bids", "m-01", "--user", "7"], 2, "not allowed with argument"),
        (["bids", "m-01", "--limit", "0"], 2, "--limit: '0' is not a number from 1"),
        (["parse-bid"], 2, "one of the arguments TEXT --stdin is required"),
        (["parse-bid", "--stdin", "0.5 ETH"], 2, "not allowed with argument --stdin"),
        (["parse-bid", "--hashtag", "two words", "x"], 2, "--hashtag: 'two words' is not a hashtag"),
        (["completion", "dos"], 2, "invalid choice: 'dos'"),
        (["status", "--data-dir", "nowhere"], 1, "auction-manager: no marathon has run in nowhere"),
        (["bids", "m-01", "--data-dir", "nowhere"], 1, "auction-manager: no marathon has run in nowhere"),
        (["inject"], 1, "auction-manager: say either what to inject"),
        (["inject", "--file", "nowhere"], 1, "nowhere"),
        (["status", "--config", "nowhere.toml"], 2, "nowhere.toml: cannot be read: No such file or directory"),
        (["parse-bid", "--config", "nowhere.toml", "x"], 2, "nowhere.toml: cannot be read"),
        (["check-config", "--config", "nowhere.toml"], 1, "nowhere.toml: cannot be read"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_line(line: Line, arguments: list[str], code: int, says: str) -> None:
    said = line(*arguments)
    assert (said.code, said.out) == (code, "")
    *usage, last = said.err.splitlines()
    assert says in last
    assert not usage or usage[0].startswith("usage: ")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"5", b'{"a": 1}\n[1]', b"[" * 100_000, b'"\xe2\x80\xa8"'])
def test_a_file_of_injections_that_is_none_is_told_with_its_line(line: Line, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "injections"
    file.write_bytes(content)
    said = line("inject", "--file", str(file))
    number = 1 + content.count(b"\n")
    assert (said.code, said.err) == (1, f"auction-manager: {file}:{number}: not a JSON object\n")


def test_a_file_of_injections_from_windows_is_read(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "injections"
    file.write_bytes(b'\xef\xbb\xbf{"type": "crash", "actor": "announcer"}\r\n\r\n')
    said = line("inject", "--file", str(file), "--data-dir", "nowhere")
    assert said.err.startswith("auction-manager: no marathon has run in nowhere")


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["parse-bid", "0.5 ETH"], {"aiohttp", "asyncio", "pykka", "redis", "requests", "rich", "tweepy", "web3"}),
        (["check-config", "--begin-late"], {"aiohttp", "asyncio", "pykka", "redis", "requests", "tweepy", "web3"}),
        (["status", "--data-dir", "nowhere"], {"aiohttp", "asyncio", "pykka", "redis", "requests", "tweepy", "web3"}),
        (["--help"], {"aiohttp", "asyncio", "pykka", "redis", "requests", "rich", "tweepy", "web3"}),
    ],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(arguments: list[str], heavy: set[str]) -> None:
    tell = (
        "import atexit, sys, cli\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"cli.main({arguments!r})"
    )
    done = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = done.stderr.split()
    assert "settings" in imported
    assert heavy.isdisjoint(imported)


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    texts = subprocess.Popen(
        [sys.executable, "supervisor.py", "parse-bid", "--stdin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert texts.stdin
    assert texts.stdout
    assert texts.stderr
    with texts:
        texts.stdin.write(b'"0.5 ETH #AuctionDay"\n')
        texts.stdin.flush()
        assert texts.stdout.readline() == b"500000000000000000\n"
        texts.stdout.close()
        texts.stdin.write(b'"0.6 ETH #AuctionDay"\n')
        texts.stdin.close()
        assert texts.stderr.read() == b""
        assert texts.wait(60) == 141


COMPLETE = """
source "$1"
COMP_WORDS=(auction-manager {words}); COMP_CWORD={last}
_shtab_auction_manager auction-manager "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
echo "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [("par", "parse-bid"), ("log --fo", "--follow"), ("audit --js", "--json"), ("dead-letters ret", "retry")],
)
def test_bash_completes_commands_and_options(line: Line, tmp_path: Path, words: str, completed: str) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(line("completion", "bash").out)
    ask = COMPLETE.format(words=words, last=len(words.split()))
    done = subprocess.run(["bash", "-c", ask, "-", str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [completed]


def test_zsh_is_told_every_command(line: Line) -> None:
    script = line("completion", "zsh").out
    assert script.startswith("#compdef auction-manager")
    assert all(f"{name}:" in script for name in COMMANDS)


def test_supervisor_py_is_the_same_program() -> None:
    assert process("parse-bid", "0.5 ETH #AuctionDay").out == "500000000000000000\n"
