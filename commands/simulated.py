"""Starts and ends the simulators of a data directory, and names the keys that every simulated X accepts."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from adapters.x.credentials import Credentials
from commands.common import CommandError
from simulator.launch import CHAIN, Simulator, SimulatorFailed, X, ask_x, ensure, lives
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
    return _simulated(X, data_dir, options)


def simulated_chain(data_dir: Path, options: Mapping[str, object]) -> tuple[int, Callable[[], None]]:
    """The same for the simulated chain; the port is that of its first endpoint. Raises CommandError."""
    return _simulated(CHAIN, data_dir, options)


def end_simulated_x(data_dir: Path, port: int) -> None:
    """Ends the simulated X and waits until it has ended. It is no error if it has ended already."""
    _end(X, data_dir, port)


def end_simulated_chain(data_dir: Path, port: int) -> None:
    """Ends the simulated chain and waits until it has ended. It is no error if it has ended already."""
    _end(CHAIN, data_dir, port)


def _simulated(kind: Simulator, data_dir: Path, options: Mapping[str, object]) -> tuple[int, Callable[[], None]]:
    try:
        port, begun = ensure(
            kind, data_dir, [part for name, value in options.items() for part in (f"--{name}", str(value))]
        )
    except SimulatorFailed as failure:
        raise CommandError(str(failure)) from None
    return port, lambda: _end(kind, data_dir, port) if begun else None


def _end(kind: Simulator, data_dir: Path, port: int) -> None:
    with suppress(SimulatorFailed):
        ask_x(port, "POST", "/_sim/stop", {})
    deadline = time.monotonic() + END_S
    while lives(data_dir, kind) and time.monotonic() < deadline:
        time.sleep(0.02)


def base_url(port: int) -> str:
    """Returns the address to which tweepy sends its requests instead of X."""
    return f"http://127.0.0.1:{port}"
