"""Starts and ends the simulated X of a data directory, and names the keys that every simulated X accepts."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from adapters.x.credentials import Credentials
from commands.common import CommandError
from simulator.launch import SimulatorFailed, X, ask_x, ensure, lives
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
    """Returns the port of the directory's simulated X, which it starts if none runs, and a function that ends the
    simulated X if this call has started it. Raises CommandError."""
    try:
        port, begun = ensure(
            X, data_dir, [part for name, value in options.items() for part in (f"--{name}", str(value))]
        )
    except SimulatorFailed as failure:
        raise CommandError(str(failure)) from None
    return port, lambda: end_simulated_x(data_dir, port) if begun else None


def end_simulated_x(data_dir: Path, port: int) -> None:
    """Ends the simulated X and waits until it has ended. It is no error if it has ended already."""
    with suppress(SimulatorFailed):
        ask_x(port, "POST", "/_sim/stop", {})
    deadline = time.monotonic() + END_S
    while lives(data_dir) and time.monotonic() < deadline:
        time.sleep(0.02)


def base_url(port: int) -> str:
    """Returns the address to which tweepy sends its requests instead of X."""
    return f"http://127.0.0.1:{port}"
