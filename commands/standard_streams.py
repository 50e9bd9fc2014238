"""The standard streams, made fit for any terminal, pipe or parent: what is printed never ends a command by itself."""

import io
import os
import sys


def make_fit() -> None:
    """Letters that an encoding lacks are escaped. A stream that was closed leads nowhere: otherwise the next file or
    connection would take its number, and hear what was meant for people."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (until the process ends)
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_output() -> None:
    """What could not be written to standard output is dropped: Python would complain about it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
