"""What several commands need: their settings, and the running process of a data directory.

It is light: what reads the store imports `commands.store`.
"""

import argparse
import hmac
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
    """The command cannot do what was asked; the text is one line for whoever asked."""


def add_config(parser: argparse.ArgumentParser) -> None:
    """The options that every command takes that looks at a marathon."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: the shipped config.toml)")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="the data directory (default: data_dir of the settings)"
    )


def bounded(kind: type[float], least: float, most: float) -> Callable[[str], float]:
    """An argument that is a number within bounds; `kind` is int or float."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = most + 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return number

    return read


def settings_of(args: argparse.Namespace, environ: dict[str, str]) -> Settings:
    """The settings, with the command line's data directory. Raises SettingsError."""
    settings = load(args.config, environ)
    return msgspec.structs.replace(settings, data_dir=args.data_dir) if args.data_dir else settings


def process_of(settings: Settings) -> ProcessFile:
    """The process that works, or last worked, in the data directory. Raises CommandError."""
    process = process_file.read(settings.data_dir)
    if process is None:
        raise CommandError(f"no marathon has run in {settings.data_dir}; name its directory with --data-dir")
    return process


def add_operator(parser: argparse.ArgumentParser) -> None:
    """The option of commands that act: in whose name."""
    parser.add_argument("--as", dest="operator", metavar="NAME", help="of several http.operator_tokens, the one to use")


def token_of(settings: Settings, operator: str | None) -> str | None:
    """The token of this operator, or the only one that there is; None where there are none. Raises CommandError."""
    tokens = settings.http.operator_tokens
    if operator is None and len(tokens) > 1:
        raise CommandError(f"there are several operators: say --as {' or --as '.join(sorted(tokens))}")
    if operator is not None and operator not in tokens:
        raise CommandError(f"http.operator_tokens has no {operator!r}; it has {', '.join(sorted(tokens)) or 'none'}")
    return tokens[operator or next(iter(tokens))].reveal() if tokens else None


def house_ms(settings: Settings) -> int:
    """The time (UTC ms) by the house's clock, which is X's; by this machine's where no house is at work."""
    try:
        return int(ask(settings, "GET", "/status")[1]["store"]["as_of_ms"])
    except (CommandError, LookupError, TypeError):
        return wall_clock_ms()


def ask(
    settings: Settings, method: str, path: str, body: dict[str, Any] | None = None, token: str | None = None
) -> tuple[int, Any]:
    """Status and JSON answer of the private listener of the process that works in the data directory.

    It is told the marathon and the token only after it has shown, on the same connection, that it knows the secret of
    the directory. Raises CommandError when nobody answers, or somebody else.
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
                raise CommandError(f"not the supervisor of {settings.data_dir} answers on port {port}; is it running?")
            if method == "POST":
                path += f"?marathon={process.marathon_id}"
            return there.exchange(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
    except NoAnswer as fault:
        raise CommandError(
            f"nobody answers on port {port} ({fault}); is the supervisor of {settings.data_dir} running?"
        ) from None
