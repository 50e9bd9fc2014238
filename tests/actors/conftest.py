"""One simulated X for all tests of the folder, and auctions that are open on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from actors.auction.actor import Auction
from adapters.x.client import XClient
from adapters.x.clock import XClock
from adapters.x.credentials import Credentials
from commands.simulated import CREDENTIALS
from messages.base import Phase
from messages.commands import ConfirmAuctionPost
from tests.harness.stage import MakeClient, Stage
from tests.harness.x_process import SimulatedX, simulated_x


class StageClock(XClock):
    """X's clock stands where the stage's does: what is to have been posted long ago has only just been."""

    def reached_ms(self) -> int:
        return self._machine_ms()

    now_ms = steady_ms = reached_ms

    def read(self, from_ms: int, to_ms: int, asked_s: float) -> None:
        """It knows already."""
        self._read_at_s = self.steady_s()


@pytest.fixture(scope="package")
def _x() -> Iterator[SimulatedX]:
    # All tests together post more than X allows in a quarter of an hour.
    options = {"keepalive_s": 0.05, "idle_exit_s": 600, "rate_window_ms": 1_000}
    with TemporaryDirectory(prefix="x-") as folder, simulated_x(Path(folder), **options) as x:
        yield x


@pytest.fixture
def x(_x: SimulatedX) -> SimulatedX:
    """The simulated X, without faults, with nobody on its stream; what earlier tests have posted is still there."""
    _x.rest()
    return _x


@pytest.fixture
def x_client(x: SimulatedX, stage: Stage) -> Iterator[MakeClient]:
    """Closes in the end what it has made."""
    clients: list[XClient] = []

    def make(kind: type[Any] = XClient, credentials: Credentials = CREDENTIALS, **more: Any) -> Any:
        clients.append(kind(x.base_url, credentials, 10, **{"clock": StageClock(stage.clock), **more}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def open_on_x(stage: Stage, x_client: MakeClient) -> Callable[..., tuple[Auction, int]]:
    """Opens the auction of a day: its actor, and its post on X."""

    def make(day: int = 1) -> tuple[Auction, int]:
        auction = stage.prepared(day)
        client = x_client()
        post_id = client.create_post(f"{stage.current()['lot_title']} Reply to bid.")
        client.close()
        confirm = ConfirmAuctionPost(message_id=f"tweet:{post_id}", post_id=post_id)
        stage.queues.append(auction.auction_id, [confirm])
        stage.step(auction)
        assert stage.current()["phase"] == Phase.ACTIVE
        return auction, post_id

    return make
