"""Runs a command of the command line; its error becomes one line and an exit code. `commands.table` lists them."""

import sys
from collections.abc import Sequence

import end_signals
from adapters.redis.errors import StoreError
from commands import standard_streams
from commands.common import CommandError
from commands.table import parser
from ledger.entry import LogDamaged
from settings import SettingsError

USAGE = 2
INTERRUPTED = 130
NO_READER = 141  # 128 + SIGPIPE, the code of programs whose output is not read to its end


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
