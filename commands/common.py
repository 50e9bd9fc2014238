"""Helpers of several commands: common options, the settings, and requests to the running process of a data directory.

The module imports nothing slow; commands that read the store import `commands.store` too.
"""

import argparse
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from adapters import process_file
from adapters.process_file import ProcessFile, proof
from adapters.wall_clock import wall_clock_ms
from loopback import Connection, NoAnswer
from settings import Settings, load

ANSWER_S = 10.0


class CommandError(Exception):
    """The command cannot do what the user asked; the text is one line for the user."""


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name the settings and the data directory of a marathon."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: the shipped config.toml)")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="the data directory (default: data_dir of the settings)"
    )


def bounded(kind: type[float], least: float, most: float) -> Callable[[str], float]:
    """Returns an argument type for numbers from `least` to `most`; `kind` is int or float."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = most + 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return number

    return read


def settings_of(args: argparse.Namespace) -> Settings:
    """Loads the settings; --data-dir replaces their data directory. Raises SettingsError."""
    settings = load(args.config, os.environ)
    return msgspec.structs.replace(settings, data_dir=args.data_dir) if args.data_dir else settings


def process_of(settings: Settings) -> ProcessFile:
    """Returns the process that runs, or last ran, in the data directory. Raises CommandError."""
    process = process_file.read(settings.data_dir)
    if process is None:
        raise CommandError(f"no marathon has run in {settings.data_dir}; name its directory with --data-dir")
    return process


def add_operator(parser: argparse.ArgumentParser) -> None:
    """Adds --as, which names the operator who acts."""
    parser.add_argument(
        "--as", dest="operator", metavar="NAME", help="the operator, if http.operator_tokens has several"
    )


def token_of(settings: Settings, operator: str | None) -> str | None:
    """Returns the token of this operator or, without a name, the only token; None if there are no tokens.

    Raises CommandError."""
    tokens = settings.http.operator_tokens
    if operator is None and len(tokens) > 1:
        raise CommandError(f"there are several operators: say --as {' or --as '.join(sorted(tokens))}")
    if operator is not None and operator not in tokens:
        raise CommandError(f"http.operator_tokens has no {operator!r}; it has {', '.join(sorted(tokens)) or 'none'}")
    return tokens[operator or next(iter(tokens))].reveal() if tokens else None


def house_ms(settings: Settings) -> int:
    """Returns the time (UTC ms) of the running process, which is X's; without a process this machine's time."""
    try:
        return int(ask(settings, "GET", "/status")[1]["store"]["as_of_ms"])
    except (CommandError, LookupError, TypeError):
        return wall_clock_ms()


def ask(
    settings: Settings, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None
) -> tuple[int, Any]:
    """Sends a request to the private listener of the data directory's process; returns status and JSON answer.

    Marathon and token are sent only after the process has proven, on the same connection, that it knows the secret of
    the data directory. Raises CommandError when nothing answers, or another program.
    """
    process = process_of(settings)
    port = process.private_port
    try:
        with Connection(port, ANSWER_S, settings.http.private_host) as there:
            nonce = secrets.token_hex(32)
            known = there.exchange("GET", f"/proof?nonce={nonce}")[1]
            said = str(known.get("proof")) if isinstance(known, dict) else ""
            wanted = proof(process.secret, nonce, process.marathon_id, port)
            if not process.secret or not hmac.compare_digest(said.encode(), wanted.encode()):
                raise CommandError(
                    f"another program than the supervisor of {settings.data_dir} answers on port {port}; is it running?"
                )
            if method == "POST":
                path += f"?marathon={process.marathon_id}"
            return there.exchange(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
    except NoAnswer as fault:
        raise CommandError(
            f"nobody answers on port {port} ({fault}); is the supervisor of {settings.data_dir} running?"
        ) from None
