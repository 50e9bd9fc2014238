"""The simulated X for those who start a marathon with it: its process, and the keys that every simulated X takes."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from adapters.x.credentials import Credentials
from commands.common import CommandError
from simulator.launch import SimulatorFailed, ask_x, ensure_x, lives
from simulator.x import settings as x

END_S = 5.0
CREDENTIALS = Credentials(
    bearer_token=x.BEARER_TOKEN,
    consumer_key=x.CONSUMER_KEY,
    consumer_secret=x.CONSUMER_SECRET,
    access_token=x.ACCESS_TOKEN,
    access_token_secret=x.ACCESS_TOKEN_SECRET,
)


def simulated_x(data_dir: Path, options: Mapping[str, object]) -> tuple[int, Callable[[], None]]:
    """The port of the simulated X of this directory, and what ends it again where this call has started it; one that
    lives is left alone. Raises CommandError."""
    try:
        port, begun = ensure_x(
            data_dir, [part for name, value in options.items() for part in (f"--{name}", str(value))]
        )
    except SimulatorFailed as failure:
        raise CommandError(str(failure)) from None
    return port, lambda: end_simulated_x(data_dir, port) if begun else None


def end_simulated_x(data_dir: Path, port: int) -> None:
    """Ends it, and waits until it is gone; whoever is gone already is no fault."""
    with suppress(SimulatorFailed):
        ask_x(port, "POST", "/_sim/stop", {})
    deadline = time.monotonic() + END_S
    while lives(data_dir) and time.monotonic() < deadline:
        time.sleep(0.02)


def base_url(port: int) -> str:
    """Where tweepy is sent instead of X."""
    return f"http://127.0.0.1:{port}"
