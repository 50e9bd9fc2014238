"""What several commands need: their settings, and the running process of a data directory.

It is light: what reads the store imports `commands.store`.
"""

import argparse
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from adapters import process_file
from adapters.process_file import ProcessFile
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


def ask(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Status and JSON answer of the running process's private listener. Raises CommandError when nobody answers."""
    port = process_of(settings).private_port
    host = settings.http.private_host
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    headers = {"Content-Type": "application/json"}
    if token := next(iter(settings.http.operator_tokens.values()), None):
        headers["Authorization"] = f"Bearer {token.reveal()}"
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise CommandError(
            f"nobody answers on port {port} ({fault}); is the supervisor of {settings.data_dir} running?"
        ) from None
    finally:
        connection.close()
