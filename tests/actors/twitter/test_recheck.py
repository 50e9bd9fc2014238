"""What is looked at again: leading bids that are gone, accounts that hide, and the auction post itself."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from actors.twitter.conversation import Timing
from actors.twitter.reconciler import TwitterReconciler
from adapters import alarms
from adapters.redis.queue import START
from adapters.x.answers import Lookup, Users
from adapters.x.client import XClient
from adapters.x.errors import UnreadablePost, XUnavailable
from adapters.x.payload import Page
from auction.record import DayRecord
from messages.base import Phase, Refusal
from messages.commands import ExtendAuction, HoldBid, PauseAuction, ReleaseBid, ResumeAuction, WithdrawBid
from messages.events import (
    AuctionPaused,
    AuctionResumed,
    BidderRenamed,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    EndExtended,
    EndFrozen,
    ResultNamed,
    StrikeGiven,
    StrikeLifted,
)
from tests.actors.twitter.sweeping import ahead, bids, goes_on, marks
from tests.harness.stage import HOUR_MS, TIMING, MakeClient, OpenOnX, Stage
from tests.harness.x_process import SimulatedX


@pytest.fixture
def reconciler(stage: Stage, x_client: MakeClient) -> TwitterReconciler:
    return stage.reconciler(x_client())


@pytest.mark.requirement("X-6", "BID-8")
def test_a_leading_bid_that_is_deleted_loses_its_lead_while_the_day_is_open(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    made = [x.reply("ann", "0.2 ETH #AuctionDay", post), x.reply("bob", "0.3 ETH #AuctionDay", post)]
    ahead(stage)
    stage.step(reconciler, auction)
    assert stage.current()["leader_post_id"] == str(made[1])
    x.tell("delete", id=str(made[1]))
    goes_on(stage, reconciler, auction)
    assert stage.current()["leader_post_id"] == str(made[1]), "one look proves nothing"
    goes_on(stage, reconciler, auction)
    assert stage.current()["leader_post_id"] == str(made[0])
    assert [(event.post_id, event.cause) for event in stage.logged(BidWithdrawn)] == [(made[1], "deleted")]
    assert [event.bidder_id for event in stage.logged(StrikeGiven)]


@pytest.mark.requirement("X-6", "BID-8")
def test_a_suspended_leader_is_withdrawn_and_a_protected_one_is_flagged_only(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    made = [x.reply(name, f"0.{n} ETH #AuctionDay", post) for n, name in enumerate(("prot1", "susp1"), 2)]
    ahead(stage)
    stage.step(reconciler, auction)
    x.tell("suspend", handle="susp1")
    x.tell("protect", handle="prot1")
    for _ in range(2):
        goes_on(stage, reconciler, auction)
    assert stage.current()["leader_post_id"] == str(made[0])
    goes_on(stage, reconciler, auction)
    assert [(event.post_id, event.cause) for event in stage.logged(BidWithdrawn)] == [(made[1], "suspended")]
    assert stage.current()["leader_post_id"] == str(made[0])
    assert str(made[0]) in alarms.sounding()["protected:m-01"]
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made[0]
    assert alarms.sounding() == {}


@pytest.mark.requirement("X-6", "BID-8")
def test_what_is_missed_only_after_the_end_binds_and_the_close_does_not_wait_for_it(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    texts = (("ann", "1"), ("susp2", "1.5"), ("bob", "1.55"), ("cid", "1.8"))
    made = [x.reply(name, f"{eth} ETH #AuctionDay", post) for name, eth in texts]
    ahead(stage)
    stage.step(reconciler, auction)
    assert [event.post_id for event in stage.logged(BidRefused)] == [made[2]], "too little beside the second"
    x.tell("suspend", handle="susp2")
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)
    assert [(event.post_id, event.binds) for event in stage.logged(BidWithdrawn)] == [(made[1], True)]
    day = DayRecord("m-01")
    day.replay(stage.logged(writer="m-01"))
    assert day.standings is not None
    assert [lead.bid.post_id for lead in day.standings.lead_history] == [made[0], made[1], made[3]]
    assert len(stage.logged(ResultNamed)) == 1


@pytest.mark.requirement("X-6", "BID-5", "BID-8")
def test_a_post_that_stands_though_somebody_said_that_it_is_gone_counts_again_at_the_close(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    made = [x.reply("ann", "0.4 ETH #AuctionDay", post), x.reply("eve", "0.5 ETH #AuctionDay", post)]
    ahead(stage)
    stage.step(reconciler, auction)
    stage.queues.append("m-01", [WithdrawBid(message_id="gone", post_id=made[1], cause="deleted")])
    stage.step(auction)
    assert stage.current()["leader_post_id"] == str(made[0])
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)
    assert [event.post_id for event in stage.logged(BidRestored, StrikeLifted)] == [made[1], made[1]]
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made[1]


@pytest.mark.requirement("X-6", "BID-8", "LIFE-5")
def test_a_leader_who_deletes_just_before_the_end_is_missed_in_time_and_moves_the_end(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    made = [x.reply("ann", "0.4 ETH #AuctionDay", post), x.reply("eve", "50 ETH #AuctionDay", post)]
    ahead(stage)
    stage.step(reconciler, auction)
    ends_ms = int(stage.current()["ends_at_ms"])
    goes_on(stage, reconciler, auction, ms=ends_ms - stage.clock() - 2_000)
    x.tell("delete", id=str(made[1]))
    goes_on(stage, reconciler, auction, ms=1_000)  # missed here, and certain a lag later
    goes_on(stage, auction, reconciler, ms=2_000)
    assert stage.current()["leader_post_id"] == str(made[1])
    goes_on(stage, reconciler, auction, ms=TIMING.lag_ms)
    assert stage.current()["leader_post_id"] == str(made[0])
    [extended] = stage.logged(EndExtended)
    assert (extended.lead_lost, extended.by_post_id) == (True, made[1])
    assert extended.ends_at_ms > ends_ms + 200_000, "everybody has a soft close to answer"
    assert stage.logged(EndFrozen) == []


@pytest.mark.requirement("X-6", "BID-8", "LIFE-5")
@pytest.mark.parametrize("is_back", [True, False])
def test_no_end_is_frozen_while_a_leader_who_was_missed_before_it_may_be_gone(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, forgetful: Callable[..., TwitterReconciler], is_back: bool
) -> None:
    auction, post = open_on_x()
    made = x.reply("eve", "50 ETH #AuctionDay", post)
    forgotten: set[int] = set()
    reconciler = forgetful(forgotten, msgspec.structs.replace(TIMING, lag_ms=60_000))
    ahead(stage)
    stage.step(reconciler, auction)
    ends_ms = int(stage.current()["ends_at_ms"])
    forgotten.add(made)
    goes_on(stage, reconciler, auction, ms=ends_ms - stage.clock() - 1_000)
    for _ in range(5):  # the searches reach the end meanwhile, and the delivery allowance is over
        goes_on(stage, reconciler, auction, ms=10_000)
    assert stage.logged(EndFrozen) == []
    if is_back:
        forgotten.clear()
    for _ in range(3):
        goes_on(stage, reconciler, auction, ms=10_000)
    assert len(stage.logged(EndFrozen)) == is_back
    assert [event.lead_lost for event in stage.logged(EndExtended)] == ([] if is_back else [True])


@pytest.mark.requirement("X-6", "BID-8", "BID-5")
def test_a_close_does_not_wait_for_a_leader_whose_bid_binds_although_he_was_missed_before_the_end(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    made = x.reply("eve", "50 ETH #AuctionDay", post)
    ends_ms = int(stage.current()["ends_at_ms"]) + 2 * HOUR_MS  # no soft close goes further, so nobody could answer
    said: dict[str, Any] = {"by": "olga", "why": "a long day", "said_at_ms": stage.clock()}
    stage.queues.append("m-01", [ExtendAuction(message_id="e", ends_at_ms=ends_ms, **said)])
    ahead(stage)
    stage.step(reconciler, auction)
    x.tell("delete", id=str(made))
    goes_on(stage, reconciler, auction, ms=ends_ms - stage.clock() - 60_000)
    goes_on(stage, reconciler, auction)
    assert [(event.post_id, event.binds) for event in stage.logged(BidWithdrawn)] == [(made, True)]
    stage.clock.goes_on(60_000)
    for _ in range(6):
        goes_on(stage, reconciler, auction, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made


@pytest.mark.requirement("LIFE-3", "X-6")
def test_a_deleted_auction_post_pauses_the_day_once_and_sounds_an_alarm(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    ahead(stage)
    stage.step(reconciler, auction)
    assert stage.logged(AuctionPaused) == []
    x.tell("delete", id=str(post))
    goes_on(stage, reconciler, auction)
    assert stage.logged(AuctionPaused) == [], "one look proves nothing"
    goes_on(stage, reconciler, auction)
    [paused] = stage.logged(AuctionPaused)
    assert (paused.by, paused.why, paused.from_ms) == ("house", "the auction post is deleted", stage.clock())
    assert "deleted: the day is paused" in alarms.sounding()["auction_post:m-01"]
    order = ResumeAuction(message_id="r", by="olga", why="it goes on", said_at_ms=stage.clock() + 1)
    stage.queues.append("m-01", [order])
    for _ in range(3):
        goes_on(stage, auction, reconciler)
    assert len(stage.logged(AuctionPaused)) == 1, "what an operator has decided stands"
    assert "auction_post:m-01" in alarms.sounding()
    assert stage.current()["phase"] == Phase.ACTIVE


class Forgets(XClient):
    """X does not find some posts for a while, each of them there."""

    forgotten: set[int]

    def lookup(self, asked_ids: Iterable[int]) -> Lookup:
        found = super().lookup(asked_ids)
        lost = found.present & self.forgotten
        return Lookup(found.present - lost, found.gone | dict.fromkeys(lost, "deleted"))


@pytest.fixture
def forgetful(stage: Stage, x_client: MakeClient) -> Callable[..., TwitterReconciler]:
    """Puts a reconciler on the stage whose X does not find these posts; they can be changed."""

    def make(forgotten: set[int], timing: Timing = TIMING) -> TwitterReconciler:
        client = x_client(Forgets)
        client.forgotten = forgotten
        return stage.reconciler(client, timing)

    return make


@pytest.mark.requirement("X-6", "BID-8")
def test_a_post_that_one_look_does_not_find_keeps_its_lead_and_costs_no_strike(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, forgetful: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    forgotten: set[int] = set()
    reconciler = forgetful(forgotten)
    ahead(stage)
    stage.step(reconciler, auction)
    for _ in range(3):  # lost and found again, time after time
        for forgotten_now in ({made, post}, set()):
            forgotten.clear()
            forgotten.update(forgotten_now)
            goes_on(stage, reconciler, auction)
    assert stage.logged(BidWithdrawn, StrikeGiven, AuctionPaused) == []
    assert stage.current()["leader_post_id"] == str(made)


@pytest.mark.requirement("X-6", "BID-8", "BID-6")
@pytest.mark.parametrize("restarted", [False, True])
def test_a_post_that_is_found_again_counts_again_until_the_result_is_named(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, forgetful: Callable[..., TwitterReconciler], restarted: bool
) -> None:
    auction, post = open_on_x()
    made = [x.reply("ann", "0.2 ETH #AuctionDay", post), x.reply("bob", "0.3 ETH #AuctionDay", post)]
    forgotten: set[int] = set()
    reconciler = forgetful(forgotten)
    ahead(stage)
    stage.step(reconciler, auction)
    forgotten.add(made[1])
    for _ in range(2):
        goes_on(stage, reconciler, auction)
    assert stage.current()["leader_post_id"] == str(made[0])
    assert len(stage.logged(StrikeGiven)) == 1
    forgotten.clear()
    if restarted:
        reconciler = forgetful(forgotten)
    goes_on(stage, reconciler, auction)
    assert stage.current()["leader_post_id"] == str(made[1])
    assert [event.post_id for event in stage.logged(BidRestored)] == [made[1]]
    assert [event.bidder_id for event in stage.logged(StrikeLifted)] == [
        event.bidder_id for event in stage.logged(StrikeGiven)
    ]
    goes_on(stage, reconciler, auction)
    assert len(stage.logged(BidRestored)) == 1, "told once"
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made[1]


@pytest.mark.requirement("X-6", "BID-5")
def test_no_result_is_named_while_a_post_was_missed_only_once_and_not_found_since(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, forgetful: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = [x.reply(name, f"0.{n} ETH #AuctionDay", post) for n, name in enumerate(("ann", "bob", "cid"), 2)]
    forgotten: set[int] = set()
    reconciler = forgetful(forgotten)
    ahead(stage)
    stage.step(reconciler, auction)
    stage.clock.goes_on(HOUR_MS)
    forgotten.update({made[2], post})
    goes_on(stage, auction, reconciler, auction, ms=TIMING.lag_ms + 30_000)
    goes_on(stage, reconciler, auction, ms=TIMING.lag_ms - 1)
    assert stage.logged(ResultNamed, BidWithdrawn) == []
    forgotten.clear()
    goes_on(stage, reconciler, auction, reconciler, auction, ms=1)
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made[2]
    assert stage.logged(BidWithdrawn) == []


def closes(stage: Stage, auction: Any, reconciler: TwitterReconciler, turns: int = 6) -> None:
    """The day's end is over, and what the close needs is looked at."""
    stage.clock.goes_on(HOUR_MS)
    for _ in range(turns):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)


@pytest.mark.requirement("X-5", "BID-8")
@pytest.mark.parametrize("then", ["nothing more", "delete", "protect"])
def test_the_result_names_the_account_as_it_is_called_by_then(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler, then: str
) -> None:
    auction, post = open_on_x()
    called, now = f"ren_{then[:6]}".replace(" ", "_"), f"ren_{then[:6]}_2".replace(" ", "_")
    made = x.reply(called, "0.5 ETH #AuctionDay", post)
    ahead(stage)
    stage.step(reconciler, auction)
    x.tell("rename", handle=called, to=now)
    taken = x.reply(called, "0.2 ETH #AuctionDay", post)  # somebody else has the handle now
    goes_on(stage, reconciler, auction)
    assert [event.post_id for event in stage.logged(BidRefused)] == [taken]
    assert stage.logged(BidderRenamed) == [], "X is asked once, at the close"
    stage.clock.goes_on(HOUR_MS)
    goes_on(stage, auction)
    if then == "delete":
        x.tell("delete", id=str(made))  # too late: the bid binds
    if then == "protect":
        x.tell("protect", handle=now)
    for _ in range(6):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert (result.winner.post_id, result.winner.bidder_handle) == (made, now)
    assert stage.current()["winner_handle"] == stage.current()["leader_handle"] == now
    assert [event.handle for event in stage.logged(BidderRenamed)] == [now]


@pytest.fixture
def naming(stage: Stage, x_client: MakeClient) -> Callable[..., TwitterReconciler]:
    """Puts a reconciler on the stage whose X says this about every account."""

    def make(handle: str) -> TwitterReconciler:
        class Names(XClient):
            def users(self, user_ids: Iterable[int]) -> Users:
                found = super().users(user_ids)
                return Users({one: msgspec.structs.replace(it, handle=handle) for one, it in found.found.items()}, {})

        return stage.reconciler(x_client(Names))

    return make


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize("handle", ["", "sixteen_letters_", "a b", "ann\n@eve", "\u0430nn", "@ann"])
def test_what_is_no_handle_is_not_named(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, naming: Callable[..., TwitterReconciler], handle: str
) -> None:
    auction, post = open_on_x()
    x.reply("ann", "0.5 ETH #AuctionDay", post)
    reconciler = naming(handle)
    ahead(stage)
    stage.step(reconciler, auction)
    closes(stage, auction, reconciler)
    [result] = stage.logged(ResultNamed)
    assert result.winner.bidder_handle == "ann"


@pytest.mark.requirement("X-5", "X-6")
def test_an_account_that_is_suspended_after_the_end_is_named_as_its_bid_was(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    x.reply("susp3", "0.5 ETH #AuctionDay", post)
    ahead(stage)
    stage.step(reconciler, auction)
    stage.clock.goes_on(HOUR_MS)
    goes_on(stage, auction)
    x.tell("suspend", handle="susp3")
    for _ in range(6):
        goes_on(stage, auction, reconciler, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert result.winner.bidder_handle == "susp3"


@pytest.mark.requirement("X-5", "BID-5")
def test_no_result_is_named_while_x_does_not_say_what_the_winner_is_called(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, x_client: MakeClient
) -> None:
    class Silent(XClient):
        is_silent = True

        def users(self, user_ids: Iterable[int]) -> Users:
            if self.is_silent:
                raise XUnavailable("users: HTTP 503", None, 503)
            return super().users(user_ids)

    auction, post = open_on_x()
    client = x_client(Silent)
    reconciler = stage.reconciler(client)
    x.reply("slow", "0.5 ETH #AuctionDay", post)
    ahead(stage)
    stage.step(reconciler, auction)
    x.tell("rename", handle="slow", to="slow_2")
    closes(stage, auction, reconciler)
    assert stage.current()["phase"] == Phase.PROCESSING
    client.is_silent = False
    for _ in range(3):
        goes_on(stage, reconciler, auction)
    assert stage.logged(ResultNamed)[0].winner.bidder_handle == "slow_2"


@pytest.mark.requirement("X-5", "BID-7")
def test_who_wins_because_an_operator_releases_his_bid_is_named_as_he_is_called_too(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    x.reply("ann", "0.5 ETH #AuctionDay", post)
    held = x.reply("held1", "0.7 ETH #AuctionDay", post)
    order: dict[str, Any] = {"by": "olga", "why": "who is that?", "said_at_ms": stage.clock(), "post_id": held}
    stage.queues.append("m-01", [HoldBid(message_id="h", **order)])
    ahead(stage)
    stage.step(reconciler, auction)
    x.tell("rename", handle="held1", to="held1_2")
    closes(stage, auction, reconciler, turns=4)
    assert stage.logged(ResultNamed) == []
    stage.queues.append("m-01", [ReleaseBid(message_id="r", **order)])
    stage.step(auction)
    assert stage.logged(ResultNamed)[0].winner.bidder_handle == "held1_2"


@pytest.mark.requirement("LIFE-3")
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("pauser", ["house", "olga"])
def test_a_pause_by_the_house_ends_when_the_auction_post_is_back_and_an_operator_s_does_not(
    stage: Stage,
    x: SimulatedX,
    open_on_x: OpenOnX,
    forgetful: Callable[..., TwitterReconciler],
    pauser: str,
    restarted: bool,
) -> None:
    auction, post = open_on_x()
    forgotten = {post}
    reconciler = forgetful(forgotten)
    ahead(stage)
    if pauser == "olga":
        order = PauseAuction(message_id="p", by="olga", why="a storm", said_at_ms=stage.clock())
        stage.queues.append("m-01", [order])
    for _ in range(3):
        goes_on(stage, reconciler, auction)
    [paused] = stage.logged(AuctionPaused)
    assert paused.by == pauser
    assert "deleted" in alarms.sounding()["auction_post:m-01"]
    forgotten.clear()
    if restarted:
        reconciler = forgetful(forgotten)
    for _ in range(2):
        goes_on(stage, reconciler, auction)
    resumed = [(event.by, event.why) for event in stage.logged(AuctionResumed)]
    assert resumed == [("house", "the auction post is there again")] * (pauser == "house")
    assert "auction_post:m-01" not in alarms.sounding()


@pytest.mark.requirement("X-6", "BID-8")
def test_an_edited_bid_counts_as_it_was_edited_and_costs_no_strike(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    first = x.reply("ann", "0.5 ETH #AuctionDay", post)
    ahead(stage)
    stage.step(reconciler, auction)
    second = int(x.tell("edit", id=str(first), text="0.3 ETH #AuctionDay")["id"])
    for _ in range(3):
        goes_on(stage, reconciler, auction)
    assert stage.current()["leader_post_id"] == str(second)
    assert [(event.post_id, event.cause) for event in stage.logged(BidWithdrawn)] == [(first, "edited")]
    assert stage.logged(StrikeGiven) == []


@pytest.mark.requirement("LIFE-3", "BID-1")
def test_an_edited_auction_post_is_no_trouble(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: TwitterReconciler
) -> None:
    auction, post = open_on_x()
    second = int(x.tell("edit", id=str(post), text="Reply with #AuctionDay to bid, 0.1 ETH at least")["id"])
    made = x.reply("ann", "0.2 ETH #AuctionDay", second)
    ahead(stage)
    stage.step(reconciler, auction)
    goes_on(stage, reconciler, auction)
    assert stage.logged(AuctionPaused) == []
    assert alarms.sounding().keys() == {"deaf_stream:m-01"}
    assert stage.current()["leader_post_id"] == str(made)
    assert stage.logged(BidRefused, BidWithdrawn) == [], "our own post is nobody's bid"


@pytest.mark.requirement("X-3")
def test_what_the_search_does_not_find_the_mentions_do(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, x_client: MakeClient
) -> None:
    class FindsNothing(XClient):
        """X's search by conversation returns no replies for some ids."""

        def search(self, conversation_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
            return super().search(conversation_id + (1 << 62), end_ms, start_ms, token)

    _, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    x.tell("post", author="stranger", text="@auction_house hello 9 ETH #AuctionDay")
    ahead(stage)
    actor = stage.reconciler(x_client(FindsNothing))
    stage.step(actor)
    assert bids(stage) == [made]
    assert {command.source for command in stage.queued("m-01")} == {"mentions"}
    assert Refusal.NOT_A_REPLY not in stage.current().values()


@pytest.mark.requirement("QUE-2", "X-3")
def test_a_post_of_a_search_that_cannot_be_read_is_kept_once_and_ends_no_pass(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, x_client: MakeClient
) -> None:
    class HasAnOddOne(XClient):
        """Each search has a post among the others that makes no sense."""

        def search(self, conversation_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
            page = super().search(conversation_id, end_ms, start_ms, token)
            return Page(page.posts, [UnreadablePost("the post has no text", b'{"id": "5"}')])

    _, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    ahead(stage)
    actor = stage.reconciler(x_client(HasAnOddOne))
    stage.step(actor)
    goes_on(stage, actor)
    [(_, letter)] = stage.queues.dead_letters(START, 10)
    assert (letter.auction_id, letter.data, letter.error) == ("m-01", b'{"id": "5"}', "the post has no text")
    assert bids(stage) == [made]
    assert len(marks(stage)) == 1
