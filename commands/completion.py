"""`completion`: prints a script with which the shell completes these commands, their options and file names."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from commands.table import COMMANDS, parser

SubCommands = argparse._SubParsersAction  # noqa: SLF001  # argparse has no public name for it
EXAMPLE = 'eval "$(auction-manager completion bash)"'


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"), help="the shell that reads the script")


def run(args: argparse.Namespace) -> int:
    whole = parser()
    for action in _actions(whole):
        if isinstance(action, SubCommands):
            for name, command in action.choices.items():
                command.description = COMMANDS.get(name, command.description)  # the shell shows one line
        if action.type is Path:
            is_folder = action.dest.endswith("dir")
            action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]  # read by shtab
    print(shtab.complete(whole, shell=args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001  # argparse tells of its options in no other way
        yield action
        if isinstance(action, SubCommands):
            for command in action.choices.values():
                yield from _actions(command)
