"""The command line: which commands there are, and how their errors become one line and an exit code."""

import argparse
import sys
from collections.abc import Sequence

from adapters.redis.errors import StoreError
from commands import audit, demo, inject, log, run, status
from commands.common import CommandError
from settings import SettingsError

COMMANDS = (run, demo, status, inject, log, audit)
USAGE = 2


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="auction-manager",
        description="Orchestrates a marathon of daily auctions held on X and a livestream.",
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say. The exit code: 0 fine, 1 refused or found wrong, 2 usage, 70 gave up."""
    args = parser().parse_args(arguments)
    if not hasattr(args, "run"):
        parser().print_help()
        return USAGE
    try:
        return int(args.run(args))
    except SettingsError as error:
        for fault in error.faults:
            print(f"auction-manager: {fault}", file=sys.stderr)
        return USAGE
    except (CommandError, StoreError, OSError) as error:
        print(f"auction-manager: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
