"""Prepares the standard streams, so that printing never ends a command, whatever terminal, pipe or parent it has."""

import io
import os
import sys


def make_fit() -> None:
    """Lets the streams escape letters that their encoding lacks. A closed stream is opened on /dev/null; otherwise the
    next file or connection would get its number, and with it the output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (until the process ends)
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_output() -> None:
    """Drops unwritten standard output, about which Python would print an error at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
