"""Every command of the command line under every misfortune of files and terminals: what each came to, as JSON.

A process of its own, which has imported everything once and is forked for each case: the child has the streams, the
working directory and the environment of its misfortune, and ends as a command line does.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cli
from auction.orders import ORDERS
from commands.table import COMMANDS, parser
from tests.harness import ROOT

POST = "1801234567890123456"
WHY = ["--why", "a reason"]
# What each command needs beside --data-dir or a file. None of them gets as far as to start anything.
ARGUMENTS = {
    "run": ["--config", "nowhere.toml"],
    "demo": ["--report", "report.json"],
    "check-config": [],
    "status": [],
    "parse-bid": ["0.5 ETH → 😀 #AuctionDay"],
    **dict.fromkeys(("pause", "resume", "void", "name-result"), WHY),
    "extend": ["10 min", *WHY],
    "skip": ["3", *WHY],
    **{name: [POST, *WHY] for name in ("invalidate", "hold", "release")},
    **{name: ["42", *WHY] for name in ("ban", "unban")},
    "inject": ["crash", "actor=announcer"],
    "scenario": ["nowhere.toml"],
    "bids": ["marathon-01"],
    "log": [],
    "audit": [],
    "dead-letters": ["list"],
    "repair": [],
    "contract": ["show"],
    "completion": ["bash"],
}
WITHOUT_CONFIG = {"demo", "scenario", "completion"}
WITHOUT_DATA = {*WITHOUT_CONFIG, "run", "check-config", "parse-bid", "contract"}
TAKES_FILE = {"inject": ["--file"], "audit": ["--file"], "scenario": []}


class Case(NamedTuple):
    name: str
    arguments: list[str]
    before: Callable[[], None] = lambda: None
    streams: str = "as usual"


def cases(folder: Path) -> Iterator[Case]:
    """Every command with every misfortune that it can meet."""
    bad = files_in(folder)
    good = folder / "windows.toml"
    good.write_bytes(b"\xef\xbb\xbf" + (ROOT / "config.toml").read_bytes().replace(b"\n", b"\r\n"))
    for command in COMMANDS:
        plain = [command, *ARGUMENTS[command], *([] if command in WITHOUT_DATA else ["--data-dir", "nowhere"])]
        if command in ORDERS and command != "pause":  # they are one module
            yield Case(f"{command}: latin-1", plain, streams="latin-1")
            yield Case(f"{command}: config of Windows", [*plain, "--config", str(good)])
            continue
        for streams in ("latin-1", "ascii", "closed", "all closed", "full"):
            yield Case(f"{command}: {streams}", plain, streams=streams)
        yield Case(f"{command}: help to a full disk", [command, "--help"], streams="full")
        yield Case(f"{command}: no environment", plain, os.environ.clear)
        yield Case(f"{command}: no working directory", plain, gone_from(folder))
        for what, file in bad.items():
            if command not in WITHOUT_CONFIG:
                yield Case(f"{command}: config is {what}", [command, *ARGUMENTS[command], "--config", str(file)])
            if command not in WITHOUT_DATA:
                yield Case(f"{command}: data is {what}", [command, *ARGUMENTS[command], "--data-dir", str(file)])
            if command in TAKES_FILE:
                yield Case(f"{command}: file is {what}", [command, *TAKES_FILE[command], str(file)])
        if command not in {*WITHOUT_CONFIG, "run"}:
            yield Case(f"{command}: config of Windows", [*plain, "--config", str(good)])
    rubbish = folder / "data"
    rubbish.mkdir()
    (rubbish / "process.json").write_bytes(bytes(range(256)))
    yield Case("status: a process file of rubbish", ["status", "--data-dir", str(rubbish)])


def files_in(folder: Path) -> dict[str, Path]:
    """What may lie where a file is expected."""
    found = {name: folder / name.replace(" ", "-") for name in ("a folder", "rubbish", "huge", "a loop", "nowhere")}
    found["a folder"].mkdir()
    found["rubbish"].write_bytes(bytes(range(255, -1, -1)) * 9)
    with found["huge"].open("wb") as file:
        file.truncate(1 << 40)
    found["a loop"].symlink_to(found["a loop"])
    return found


def gone_from(folder: Path) -> Callable[[], None]:
    def go() -> None:
        gone = folder / f"gone-{os.getpid()}"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    return go


def play(case: Case, out: Path, err: Path) -> dict[str, object]:
    """What the case has come to: exit code, and what was said."""
    if (child := os.fork()) == 0:
        code = 99
        try:
            os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
            os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            case.before()
            set_streams(case.streams)
            code = cli.main(case.arguments)
            if sys.stdout:
                sys.stdout.flush()  # as Python does at its end, where an error is told and makes 120 of the code
        except BaseException:
            os.write(2, traceback.format_exc().encode(errors="replace"))
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said, told = (path.read_bytes().decode(errors="replace") for path in (out, err))
    return {"name": case.name, "arguments": case.arguments, "code": code, "out": said[:300], "err": told}


def set_streams(streams: str) -> None:
    """As Python makes them at its start."""
    if streams == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    encoding = streams if streams in ("latin-1", "ascii") else "utf-8"
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    closed = {"closed": [1], "all closed": [0, 1, 2]}.get(streams, [])
    for number in closed:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)


def main() -> None:
    folder = Path(sys.argv[1])
    parser()  # imports every command once
    os.chdir(folder)
    os.environ["AUCTION_MANAGER__DATA_DIR"] = str(folder / "nowhere")
    print(json.dumps([play(case, folder / "out", folder / "err") for case in list(cases(folder))]))


if __name__ == "__main__":
    main()
