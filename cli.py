"""The command line: the table of commands, and how an error of a command becomes one line and an exit code."""

import argparse
import sys
from collections.abc import Collection, Sequence
from importlib import import_module

import end_signals
from adapters.redis.errors import StoreError
from auction.orders import ORDERS
from commands import standard_streams
from commands.common import CommandError
from ledger.entry import LogDamaged
from settings import SettingsError

# Each command is a module of `commands`, with `EXAMPLE`, `add_options` and `run`; its docstring is its --help text. The
# orders of operators are all in one module, `commands.order`.
COMMANDS = {
    "run": "run the marathon of a configuration, until stopped",
    "demo": "run a compressed marathon, everything simulated",
    "check-config": "validate the settings, print the marathon's calendar",
    "status": "show the actors of the running process, the auction, queues, integrations",
    "parse-bid": "print what a text bids, in wei, or why it is no bid",
    **{name: kind.summary for name, kind in ORDERS.items()},
    "inject": "send a command into the running system, for tests",
    "scenario": "play a scenario and check what it expects",
    "bids": "show the bid history of an auction or of a user",
    "log": "show the log in words",
    "audit": "replay the log, check hash chains and state",
    "dead-letters": "list, show, retry or discard entries that could not be decided",
    "repair": "rebuild damaged parts of the store from the log",
    "completion": "print the completion of these commands for a shell",
}
USAGE = 2
INTERRUPTED = 130
NO_READER = 141  # 128 + SIGPIPE, the code of programs whose output is not read to its end


def parser(wanted: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of all commands. Only the wanted commands are imported and get options: most imports are slow."""
    whole = argparse.ArgumentParser(
        prog="auction-manager",
        description="Orchestrates a marathon of daily auctions held on X and a livestream.",
        epilog="Every command explains itself: auction-manager demo --help. Without a command it is `run`.",
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        if name not in wanted:
            commands.add_parser(name, help=summary)
            continue
        order = ORDERS.get(name)
        module = import_module("commands.order" if order else f"commands.{name.replace('-', '_')}")
        example = f"auction-manager {name} {order.example}" if order else module.EXAMPLE
        about = f"`{name}`: {summary}. {module.__doc__}" if order else module.__doc__
        command = commands.add_parser(name, help=summary, description=about, epilog=f"example: {example}")
        command.set_defaults(run=module.run, command=name)
        module.add_options(command)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name. Returns its exit code: 0 fine, 1 refused or found wrong, 2 usage,
    70 gave up."""
    arguments = sys.argv[1:] if arguments is None else arguments
    standard_streams.make_fit()
    with end_signals.noted_by(arguments):
        return _run_and_report(arguments)


def _run_and_report(arguments: Sequence[str]) -> int:
    """Runs the command and prints its error, if it has one; returns the exit code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()  # here, so that a full disk or a closed pipe is still reported
        return code
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        standard_streams.give_up_output()
        return NO_READER
    except (CommandError, StoreError, LogDamaged, OSError) as error:
        from auction.wording.lines import one_line

        print(f"auction-manager: {one_line(_in_words(error))}", file=sys.stderr)  # may quote text of strangers
        try:
            sys.stdout.flush()
        except OSError:
            standard_streams.give_up_output()
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _run(arguments: Sequence[str]) -> int:
    try:
        known = parser(arguments[:1])
        args = known.parse_args(arguments)
        if not hasattr(args, "run"):
            known.print_help()
            return USAGE
        end_signals.leave_if_asked()
        return int(args.run(args))
    except SystemExit as ending:  # raised by argparse, after --help and wrong usage
        return int(ending.code or 0)


if __name__ == "__main__":
    sys.exit(main())
