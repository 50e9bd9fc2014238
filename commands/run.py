"""`run`: runs the supervisor until SIGTERM or SIGINT."""

import argparse
import dataclasses
import logging
import sys

import bootstrap
import supervisor
from adapters import process_log
from adapters.x.credentials import Credentials
from commands.common import add_config, settings_of
from commands.simulated import CREDENTIALS, base_url, simulated_x
from config import Secret
from process import Process
from settings import Settings, SettingsError

EXAMPLE = "auction-manager run --config staging.toml"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--begin-anew",
        action="store_true",
        help="accept a store without the data of the marathon that has run here; its auctions are announced again",
    )
    parser.add_argument("--begin-late", action="store_true", help="accept a marathon whose first days are over")


def run(args: argparse.Namespace) -> int:
    process_log.begin(logging.INFO)
    settings = settings_of(args)
    dependencies = dataclasses.replace(
        dependencies_of(settings), begin_anew=args.begin_anew, begin_late=args.begin_late
    )
    return supervisor.run(settings, dependencies, announce)


def announce(process: Process) -> None:
    """Prints the ports of a process that is ready."""
    public, private = process.public_port, process.private_port
    print(f"ready: stage page on port {public}, status on port {private}", file=sys.stderr, flush=True)


def dependencies_of(settings: Settings) -> bootstrap.Dependencies:
    """Returns the address and keys of X: the real X with the settings' keys, or a simulated X, started if needed."""
    days = bootstrap.plan_of(settings), bootstrap.further_of(settings)
    if settings.x.mode == "live":
        return bootstrap.Dependencies(settings.x.base_url, live_credentials(settings), *days)
    if settings.x.base_url:
        return bootstrap.Dependencies(settings.x.base_url, CREDENTIALS, *days)
    options = {"hashtag": settings.marathon.hashtag, "search-end-lag-ms": settings.x.search_lag_ms}
    port, abandon = simulated_x(settings.data_dir, options)
    return bootstrap.Dependencies(base_url(port), CREDENTIALS, *days, abandon=abandon)


def live_credentials(settings: Settings) -> Credentials:
    """Returns X's keys. Raises SettingsError with the names of missing ones."""
    names = Credentials.__struct_fields__
    keys: dict[str, Secret | None] = {name: getattr(settings.x, name) for name in names}
    if missing := [name for name, secret in keys.items() if secret is None]:
        raise SettingsError([f"x.{name}: is needed to reach X and is not set" for name in missing])
    return Credentials(**{name: secret.reveal() for name, secret in keys.items() if secret})
