"""Injected bids among actors: X, which does not have them, is neither asked about them nor told of them."""

from collections.abc import Iterable
from typing import Any

import pytest

from actors.announcer.notices import QUIET_MS
from actors.scheduler.house_state import HouseState
from adapters.x.answers import Lookup, Users
from adapters.x.client import XClient
from api.injection import injected
from messages.commands import NameResult, PlaceBid, WithdrawBid
from messages.events import BidAccepted, BidRefused, BidWithdrawn, CloseOverdue, PostAttempted, ResultNamed, StrikeGiven
from tests.actors.twitter.sweeping import ahead
from tests.harness.stage import HOUR_MS, TIMING, MakeClient, OpenOnX, Stage
from tests.harness.x_process import SimulatedX

pytestmark = pytest.mark.requirement("SUP-4")


class Remembering(XClient):
    """Knows which posts and accounts it was asked about."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.asked: set[int] = set()

    def lookup(self, asked_ids: Iterable[int]) -> Lookup:
        asked = list(asked_ids)
        self.asked.update(asked)
        return super().lookup(asked)

    def users(self, user_ids: Iterable[int]) -> Users:
        asked = list(user_ids)
        self.asked.update(asked)
        return super().users(asked)


def inject(stage: Stage, text: str, author_id: int = 42) -> int:
    """An injected bid stands in the queue; its post's id."""
    fields = {"type": "PlaceBid", "text": text, "author_id": author_id, "author_created_at_ms": 0}
    auction_id, command = injected(fields, "ada", stage.clock(), author_id, stage.current())
    stage.queues.append(auction_id, [command])
    assert isinstance(command, PlaceBid)
    return command.post_id


@pytest.mark.requirement("X-6", "BID-5", "BID-8")
def test_x_is_not_asked_about_injected_bids_and_the_close_does_not_wait_for_them(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX
) -> None:
    client = x_client(Remembering)
    reconciler = stage.reconciler(client)
    auction, post = open_on_x()
    real = x.reply("ann", "0.4 ETH #AuctionDay", post)
    ahead(stage)
    made_up = [inject(stage, f"0.{n} ETH #AuctionDay", n) for n in (5, 6, 8)]
    stage.queues.append("m-01", [WithdrawBid(message_id="w", post_id=made_up[1], cause="deleted")])
    stage.step(auction)
    for _ in range(4):
        stage.clock.goes_on(TIMING.interval_ms)
        stage.step(reconciler, auction)
    assert (stage.current()["leader_post_id"], stage.current()["leader_injected"]) == (str(made_up[2]), "1")
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        stage.clock.goes_on(TIMING.lag_ms + 30_000)
        stage.step(auction, reconciler)
    [result] = stage.logged(ResultNamed)
    assert (result.winner.post_id, result.is_of_a_test) == (made_up[2], True)
    assert real in client.asked
    assert client.asked.isdisjoint([*made_up, 5, 6, 8])
    assert [event.post_id for event in stage.logged(BidWithdrawn)] == [made_up[1]]
    assert stage.logged(StrikeGiven, CloseOverdue) == []


@pytest.mark.requirement("BID-10", "X-5")
def test_a_day_that_an_injected_bid_wins_is_never_told_on_x(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    auction = stage.prepared()
    announcer = stage.announcer(x_client())
    stage.step(announcer, auction, announcer)
    ahead(stage)
    for number in (5, 6):
        inject(stage, f"0.{number} ETH #AuctionDay", number)
    inject(stage, "0,7 ETH #AuctionDay", 7)
    stage.step(auction, announcer)
    stage.clock.goes_on(QUIET_MS)
    stage.step(announcer, announcer)
    assert len(stage.logged(BidAccepted, BidRefused)) == 3
    stage.clock.goes_on(2 * HOUR_MS)
    stage.step(auction, announcer, announcer)
    stage.queues.append("m-01", [NameResult(message_id="n", by="ada", why="w", said_at_ms=stage.clock())])
    stage.step(auction, announcer, announcer)
    [result] = stage.logged(ResultNamed)
    assert result.is_of_a_test
    told = [event.job.split(":")[0] for event in stage.logged(PostAttempted)]
    assert set(told) <= {"auction-post", "closing"}, told

    house = HouseState()
    house.finish(result)
    ended = house.summary(stage.clock())
    assert (ended.sold, ended.unsold, ended.void, ended.total_wei) == (0, 0, 0, 0)
