"""The command line: which commands there are, and how their errors become one line and an exit code."""

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from importlib import import_module

from adapters.redis.errors import StoreError
from commands.common import CommandError
from settings import SettingsError

# Each is a module of `commands`, with `EXAMPLE`, `add_options` and `run`; its docstring is what its --help says.
COMMANDS = {
    "run": "the supervisor, long-lived",
    "demo": "a compressed marathon, everything simulated",
    "check-config": "validate the settings, print the marathon's calendar",
    "status": "the tree, the auction, queues, integrations",
    "parse-bid": "what a text bids, in wei, or why it is no bid",
    "inject": "a command into the running system",
    "scenario": "play a scenario and check what it expects",
    "bids": "the bid history of an auction or of a user",
    "log": "the log in words",
    "audit": "replay the log, check chains and state",
    "completion": "completion of these commands for a shell",
}
USAGE = 2
INTERRUPTED = 130
NO_READER = 141  # as if ended by SIGPIPE, which is what others do whose output nobody reads to its end


def parser(wanted: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of all commands. Only the wanted ones are imported and know their options: most take a while."""
    whole = argparse.ArgumentParser(
        prog="auction-manager",
        description="Orchestrates a marathon of daily auctions held on X and a livestream.",
        epilog="Every command explains itself: auction-manager demo --help",
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        if name not in wanted:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"commands.{name.replace('-', '_')}")
        example = f"example: {module.EXAMPLE}"
        command = commands.add_parser(name, help=summary, description=module.__doc__, epilog=example)
        module.add_options(command)
        command.set_defaults(run=module.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say. The exit code: 0 fine, 1 refused or found wrong, 2 usage, 70 gave up."""
    arguments = sys.argv[1:] if arguments is None else arguments
    known = parser(arguments[:1])
    args = known.parse_args(arguments)
    if not hasattr(args, "run"):
        known.print_help()
        return USAGE
    try:
        code = int(args.run(args))
        sys.stdout.flush()  # here, where a full disk or a reader that has gone is still told
        return code
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # What is left in the buffer has no reader, and Python would complain about it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except (CommandError, StoreError, OSError) as error:
        print(f"auction-manager: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
