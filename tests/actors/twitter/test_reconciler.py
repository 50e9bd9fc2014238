"""Sweeps: what the stream did not bring is found, and the close has its proof, whoever dies on the way."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from actors.twitter.completeness import unpacked
from actors.twitter.reconciler import TwitterReconciler
from adapters import alarms
from adapters.redis.client import execute
from adapters.redis.queue import DeadLetter
from adapters.x.budget import Budget
from adapters.x.client import XClient
from adapters.x.payload import Page
from messages.base import Outcome, Phase
from messages.codec import pack_batch
from messages.commands import MakeUpFor
from messages.events import (
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    CloseOverdue,
    EndFrozen,
    ResultNamed,
    WatermarkMoved,
)
from messages.hints import QueueGrew, SweepNow
from tests.actors.twitter.sweeping import ahead, bids, marks
from tests.harness.builders import RULES
from tests.harness.stage import HOUR_MS, TIMING, MakeClient, OpenOnX, Stage
from tests.harness.x_process import SimulatedX

SEARCH = {"method": "GET", "path": "/2/tweets/search/recent"}
LOOKUP = {"method": "GET", "path": "/2/tweets"}


class Counting(XClient):
    """Knows how often it has searched."""

    searches = 0

    def search(self, conversation_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
        self.searches += 1
        return super().search(conversation_id, end_ms, start_ms, token)


@pytest.fixture
def reconciler(stage: Stage, x_client: MakeClient) -> Callable[..., TwitterReconciler]:
    """Puts a reconciler on the stage, in place of the one before it, which crashes."""

    def make(client: XClient | None = None) -> TwitterReconciler:
        return stage.reconciler(client or x_client())

    return make


@pytest.mark.requirement("X-3", "QUE-1")
def test_a_sweep_finds_what_the_stream_did_not_bring_and_queues_it_once(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = [x.reply("ann", f"0.{n} ETH #AuctionDay", post, delivery_ms=[]) for n in (2, 3)]
    ahead(stage)
    actor = reconciler()
    stage.step(actor)
    assert bids(stage) == made
    assert {command.source for command in stage.queued("m-01")} == {"search"}
    assert ("m-01", QueueGrew()) in stage.sent
    stage.step(auction)
    made.append(x.reply("ann", "0.4 ETH #AuctionDay", made[0], delivery_ms=[]))
    stage.clock.goes_on(TIMING.interval_ms)
    stage.step(actor)
    assert bids(stage) == made[2:]
    stage.step(auction)
    assert [event.post_id for event in stage.logged(BidAccepted, BidRefused)] == made


@pytest.mark.requirement("X-3", "BID-5")
def test_a_time_is_proven_by_two_equal_passes_a_lag_apart(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    x.reply("ann", "0.2 ETH #AuctionDay", post)
    ahead(stage)
    actor = reconciler()
    first_ms = stage.clock() - TIMING.search_lag_ms
    stage.step(actor)
    stage.clock.goes_on(TIMING.lag_ms - 1)
    actor.context.mailbox.offer(SweepNow())
    stage.step(actor)
    assert marks(stage) == []
    stage.clock.goes_on(1)
    actor.context.mailbox.offer(SweepNow())
    stage.step(actor)
    assert marks(stage) == [first_ms]


@pytest.mark.requirement("X-3", "BID-5")
def test_a_post_that_comes_up_late_is_found_and_no_mark_is_given_across_it(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    ahead(stage)
    actor = reconciler()
    stage.step(actor)
    late = x.reply("ann", "0.2 ETH #AuctionDay", post)
    second_ms = stage.clock() + TIMING.interval_ms - TIMING.search_lag_ms
    stage.clock.goes_on(TIMING.interval_ms)
    stage.step(actor)
    assert (bids(stage), marks(stage)) == ([late], [])
    stage.clock.goes_on(TIMING.interval_ms)
    stage.step(actor)
    assert (bids(stage), marks(stage)) == ([late], [second_ms - TIMING.interval_ms, second_ms])


@pytest.mark.requirement("X-3")
def test_looks_are_as_frequent_as_configured_and_at_once_when_something_may_be_missing(
    stage: Stage, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    open_on_x()
    client = x_client(Counting)
    actor = reconciler(client)
    stage.step(actor)
    assert client.searches == 0, "nothing is old enough to be found for sure"
    ahead(stage)
    stage.step(actor, actor)
    assert client.searches == 1
    stage.clock.goes_on(TIMING.interval_ms - 1)
    stage.step(actor, actor)
    assert client.searches == 2, "the second look"
    stage.clock.goes_on(1)
    stage.step(actor, actor)
    assert client.searches == 3
    stage.clock.goes_on(1)
    stage.step(actor)
    assert client.searches == 3
    actor.context.mailbox.offer(SweepNow())
    stage.step(actor, actor)
    assert client.searches == 4


@pytest.mark.requirement("X-3", "X-4", "BID-5")
def test_a_search_that_fails_is_made_later_and_proves_nothing(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    ahead(stage)
    client = x_client(Counting)
    actor = reconciler(client)
    stage.step(actor)
    x.tell("faults", kind="http_503", count=2, **SEARCH)
    for searches in (2, 3):
        stage.clock.goes_on(TIMING.interval_ms)
        stage.step(actor, actor)
        assert (client.searches, stage.queued("m-01")) == (searches, [])
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    stage.clock.goes_on(2_000)
    stage.step(actor)
    assert (bids(stage), marks(stage)) == ([made], []), "sooner than the next turn, and not equal to the first pass"


@pytest.mark.requirement("X-3", "BID-5")
def test_a_day_of_forty_longest_posts_is_swept_complete_and_is_no_outage(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    longest = "0.2 ETH #AuctionDay " + "𠀀" * 24_980
    made = [x.reply("ann", longest, post, delivery_ms=[]) for _ in range(40)]
    ahead(stage)
    client = x_client(Counting)
    actor, known_ms = reconciler(client), stage.clock() - TIMING.search_lag_ms
    stage.step(actor)
    assert sorted(bids(stage)) == made
    stage.clock.goes_on(TIMING.lag_ms)
    stage.step(actor)
    assert (sorted(bids(stage)), marks(stage)[-1]) == (made, known_ms)
    assert not stage.client.exists(stage.keys.x_away), "which would move the end"
    assert client.searches < 80


def posted_before_the_end(stage: Stage, x: SimulatedX, post: int, *amounts: str) -> list[int]:
    """Bids, and the end of the window behind them; 30 s more and it is frozen."""
    made = [x.reply(f"bidder{n}", f"{amount} ETH #AuctionDay", post) for n, amount in enumerate(amounts)]
    stage.clock.goes_on(HOUR_MS)
    return made


@pytest.mark.requirement("X-6", "BID-5", "BID-8")
def test_who_is_gone_only_after_the_end_is_bound_and_the_close_goes_on(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    actor = reconciler()
    made = posted_before_the_end(stage, x, post, "0.2", "0.3", "0.4", "0.5")
    stage.step(actor, auction)
    assert stage.current()["leader_post_id"] == str(made[3])
    x.tell("delete", id=str(made[3]))
    x.tell("suspend", handle="bidder2")
    stage.clock.goes_on(30_000)
    stage.step(auction)
    assert stage.current()["phase"] == Phase.PROCESSING
    assert stage.logged(ResultNamed) == []
    for _ in range(3):
        stage.step(actor, auction)
        stage.clock.goes_on(TIMING.lag_ms)
    found = {event.post_id: (event.cause, event.binds) for event in stage.logged(BidWithdrawn)}
    assert found == {made[3]: ("deleted", True), made[2]: ("suspended", True)}
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made[3]


@pytest.mark.requirement("X-4", "X-6", "BID-5")
def test_while_nobody_can_say_who_is_gone_all_is_found_and_no_result_is_named(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    actor = reconciler()
    made = posted_before_the_end(stage, x, post, "0.2", "0.3")
    stage.step(actor, auction)
    x.tell("delete", id=str(made[1]))
    stage.clock.goes_on(30_000)
    stage.step(auction)

    class CannotLookUp(XClient):
        """X's look-ups are down."""

        def lookup(self, ids: Any) -> Any:
            x.tell("faults", kind="http_503", count=1, **LOOKUP)
            return super().lookup(ids)

    actor = reconciler(x_client(CannotLookUp))
    for _ in range(5):
        stage.step(actor, auction)
        stage.clock.goes_on(TIMING.interval_ms)
    assert stage.logged(WatermarkMoved)[-1].watermark_ms >= stage.logged(EndFrozen)[0].ends_at_ms
    assert not [event for event in stage.logged(WatermarkMoved) if event.looked_again]
    assert stage.logged(ResultNamed) == []
    actor = reconciler()
    for _ in range(3):
        stage.step(actor, auction)
        stage.clock.goes_on(TIMING.lag_ms)
    assert stage.logged(ResultNamed)[0].winner.post_id == made[1], "it stood at the end"


@pytest.mark.requirement("SUP-3", "X-3", "BID-5", "LIFE-3")
def test_a_day_is_closed_however_often_the_reconciler_starts_anew(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = posted_before_the_end(stage, x, post, "0.2", "0.3")
    stage.clock.goes_on(30_000)
    for _ in range(3):
        stage.step(reconciler(), auction)  # the same look again: the lag has not passed
    ends_at_ms = stage.logged(EndFrozen)[0].ends_at_ms
    assert not [moved for moved in stage.logged(WatermarkMoved) if moved.watermark_ms >= ends_at_ms]
    assert stage.logged(ResultNamed) == []
    stage.clock.goes_on(TIMING.lag_ms)
    stage.step(reconciler(), auction)  # the second look of another process proves what the first one has seen
    assert stage.logged(WatermarkMoved)[-1].watermark_ms >= ends_at_ms
    assert stage.logged(ResultNamed) == []
    stage.step(reconciler(), auction)  # goes on from the watermark: nothing has to be proven again
    stage.step(reconciler(), auction)
    [result] = stage.logged(ResultNamed)
    assert (result.outcome, result.winner.post_id) == (Outcome.SOLD, made[1])
    assert len(stage.logged(BidAccepted, BidRefused)) == 2
    assert stage.current()["phase"] == Phase.COMPLETED


@pytest.mark.requirement("SUP-3", "X-3", "BID-5")
def test_a_machine_whose_clock_is_behind_goes_on_from_the_looks_of_the_process_before(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    posted_before_the_end(stage, x, post, "0.2")
    stage.clock.goes_on(30_000)
    stage.step(reconciler(), auction)
    stage.clock.goes_on(TIMING.lag_ms)
    client = x_client()

    def clock() -> int:
        """X's time, and before X has said it the machine's."""
        return stage.clock() - (HOUR_MS if client.clock.unread_s() == float("inf") else 0)

    after = stage.reconciler(client, now_ms=clock)
    stage.step(after, auction)
    assert stage.logged(WatermarkMoved)[-1].watermark_ms >= stage.logged(EndFrozen)[0].ends_at_ms


@pytest.mark.requirement("RED-4", "SUP-3", "X-3")
@pytest.mark.parametrize("stored", [b"", b"\xff", b"[]", b'{"search": [[1, 2]]}', b'{"search": [["", 2, 3, ""]]}'])
def test_looks_that_cannot_be_read_are_made_anew(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler], stored: bytes
) -> None:
    auction, post = open_on_x()
    posted_before_the_end(stage, x, post, "0.2")
    stage.step(reconciler(), auction)
    assert any(unpacked(execute(stage.client, "GET", stage.keys.looked("m-01"))).values())
    stage.client.set(stage.keys.looked("m-01"), stored)
    stage.clock.goes_on(30_000)
    actor = reconciler()
    for _ in range(3):
        stage.step(actor, auction)
        stage.clock.goes_on(TIMING.lag_ms)
    assert stage.logged(ResultNamed)[0].outcome is Outcome.SOLD


@pytest.mark.requirement("X-4", "SUP-3")
def test_a_process_that_comes_after_does_not_ask_beyond_the_window_that_its_predecessor_has_used_up(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    x.reply("ann", "0.2 ETH #AuctionDay", post)
    endpoint = "GET /2/tweets/search/recent"

    def exceeded() -> int:
        return sum(window["exceeded"] for window in x.ask("rates")["windows"] if window["endpoint"] == endpoint)

    ahead(stage)
    x.tell("rates", endpoint=endpoint, limit=1)
    try:
        first = reconciler()
        for _ in range(2):  # the second time it is held back
            stage.step(first)
            stage.clock.goes_on(TIMING.interval_ms)
        before = exceeded()
        for _ in range(2):
            stage.step(reconciler(x_client(budget=Budget({}))))
        assert exceeded() == before
    finally:
        x.tell("rates", endpoint=endpoint, limit=450)


@pytest.mark.requirement("X-3")
def test_a_day_with_a_result_is_not_swept_any_more(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    client = x_client(Counting)
    actor = reconciler(client)
    posted_before_the_end(stage, x, post, "0.2")
    stage.clock.goes_on(30_000)
    stage.step(auction, actor)
    stage.clock.goes_on(TIMING.lag_ms)
    stage.step(actor, auction, actor, auction)
    assert [type(event) for event in stage.logged(EndFrozen, ResultNamed)] == [EndFrozen, ResultNamed]
    searches = client.searches
    stage.step(actor)
    stage.clock.goes_on(HOUR_MS)
    stage.step(actor, reconciler(client))
    assert client.searches == searches


@pytest.mark.requirement("LIFE-6", "SUP-3")
def test_when_x_is_back_the_house_is_told_how_long_it_was_away_whoever_died_meanwhile(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    open_on_x()
    ahead(stage)
    x.tell("faults", kind="http_503", rate=1.0, **SEARCH)
    from_ms = stage.clock()
    for _ in range(3):
        stage.step(reconciler())
        stage.clock.goes_on(10_000)
    assert stage.client.get(stage.keys.x_away) == str(from_ms).encode()
    x.tell("faults", kind="http_503", rate=0.0, **SEARCH)
    actor = reconciler()
    stage.step(actor, actor)
    [told] = stage.queued("house")
    assert isinstance(told, MakeUpFor)
    assert (told.outage.from_ms, told.outage.to_ms) == (from_ms, stage.clock())
    assert ("scheduler", QueueGrew()) in stage.sent
    assert stage.client.exists(stage.keys.x_away), "it goes when the house has told the auctions"


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(("kind", "away_ms"), [("http_503", 2_999), ("http_429", 600_000)])
def test_a_stumble_of_x_and_a_limit_of_our_own_are_no_outage(
    kind: str,
    away_ms: int,
    stage: Stage,
    x: SimulatedX,
    open_on_x: OpenOnX,
    reconciler: Callable[..., TwitterReconciler],
) -> None:
    open_on_x()
    ahead(stage)
    x.tell("faults", kind=kind, count=1, **SEARCH)
    stage.step(reconciler())
    stage.clock.goes_on(away_ms)
    stage.step(reconciler())
    assert stage.queued("house") == []
    assert not stage.client.exists(stage.keys.x_away)


class Counted(Budget):
    """Knows how many requests were made of each endpoint."""

    def __init__(self) -> None:
        super().__init__({})
        self.made: Counter[str] = Counter()

    def spend(self, endpoint: str, now_ms: int) -> None:
        super().spend(endpoint, now_ms)
        self.made[endpoint] += 1


@pytest.mark.requirement("X-3", "SUP-3")
def test_each_turn_makes_one_request_however_many_have_replied(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    made = [x.reply(f"crowd{n % 9}", f"0.{n} ETH #AuctionDay", post, delivery_ms=[]) for n in range(1, 231)]
    ahead(stage)
    budget = Counted()
    actor = reconciler(x_client(budget=budget))
    actor.tick()
    assert budget.made == {"rules": 1, "me": 1}, "the keys are looked at"
    while envelopes := actor.context.mailbox.take(1):
        before = budget.made.total()
        actor.handle_batch([envelope.message for envelope in envelopes])
        assert budget.made.total() <= before + 1
    assert budget.made == {"rules": 1, "me": 1, "search": 3, "mentions": 3, "lookup": 1}
    assert sorted(bids(stage)) == made, "each once, though both sources have it"


@pytest.mark.requirement("X-4", "BID-5")
@pytest.mark.parametrize(
    ("kind", "fails"),
    [
        ("http_503", "/2/users/"),
        ("http_402", "/2/users/"),
        ("http_429", "/2/users/"),
        ("http_402", "/2/tweets/search/recent"),
    ],
)
def test_what_one_endpoint_finds_counts_while_another_one_fails_and_only_the_proof_waits(
    kind: str, fails: str, stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    actor = reconciler()
    stage.step(actor)
    x.tell("faults", kind=kind, rate=1.0, method="GET", path=fails)
    made = posted_before_the_end(stage, x, post, "0.2", "0.3")
    for _ in range(6):
        stage.step(actor, auction)
        stage.clock.goes_on(TIMING.interval_ms)
    assert [event.post_id for event in stage.logged(BidAccepted)] == made
    assert (marks(stage), stage.logged(ResultNamed)) == ([], [])
    assert not stage.client.exists(stage.keys.x_away), "X is there"
    x.tell("faults", kind=kind, rate=0.0, method="GET", path=fails)
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        stage.step(actor, auction)
        stage.clock.goes_on(TIMING.interval_ms)
    assert [event.winner.post_id for event in stage.logged(ResultNamed)] == [made[1]]


@pytest.mark.requirement("LIFE-6", "X-4")
def test_a_reconciler_that_has_asked_nothing_does_not_take_x_for_back(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    open_on_x()
    stage.client.set(stage.keys.x_away, stage.clock() - HOUR_MS)
    actor = reconciler()
    stage.step(actor, actor)
    assert stage.client.exists(stage.keys.x_away), "nothing is old enough to be asked for"
    ahead(stage)
    stage.step(actor)
    [told] = stage.queued("house")
    assert told.outage.to_ms == stage.clock()


@pytest.mark.requirement("QUE-2", "BID-5")
def test_an_auction_is_not_closed_while_a_post_of_it_lies_undecided_with_the_dead_letters(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = posted_before_the_end(stage, x, post, "0.2", "0.3")
    actor = reconciler()
    stage.step(actor, auction)

    def letter(data: bytes, auction_id: str = "m-01") -> str:
        made = DeadLetter(auction_id=auction_id, entry_id="", data=data, error="odd", attempts=1, at_ms=1)
        return stage.queues.dead_letter(made)

    letter(b'{"id": "%d"}' % made[0])  # has its verdict by now
    letter(b"half a line of the stream", auction_id="")
    holding_up = [letter(b'{"id": "5"}'), letter(b"\xc1")]
    for _ in range(4):
        stage.clock.goes_on(TIMING.lag_ms + 30_000)
        stage.step(actor, auction)
    assert stage.logged(ResultNamed) == []
    assert f"({', '.join(holding_up)})" in alarms.sounding()["letters_of:m-01"]
    for letter_id in holding_up:
        assert stage.queues.settle(letter_id, "house", pack_batch([]))
    for _ in range(2):
        stage.clock.goes_on(TIMING.lag_ms)
        stage.step(actor, auction)
    assert stage.logged(ResultNamed)[0].winner.post_id == made[1]
    stage.step(actor)
    assert "letters_of:m-01" not in alarms.sounding()


@pytest.mark.requirement("LIFE-5", "X-3", "BID-4")
def test_a_bid_that_only_a_sweep_finds_moves_the_end_which_is_not_frozen_before_and_the_stream_is_told_to_be_deaf(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    actor = reconciler()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    x.reply("cid", "what a nice lot", post)
    ahead(stage)
    stage.client.delete(stage.keys.searched("m-01"))
    ends_at_ms = int(stage.current()["ends_at_ms"])
    stage.clock.now_ms = ends_at_ms + TIMING.search_lag_ms
    stage.clock.goes_on(RULES.delivery_allowance_ms)
    stage.step(auction)
    assert stage.logged(EndFrozen) == []
    assert "deaf_stream:m-01" not in alarms.sounding()
    stage.step(actor)
    assert int(execute(stage.client, "GET", stage.keys.searched("m-01"))) >= ends_at_ms
    assert alarms.sounding()["deaf_stream:m-01"].startswith("the stream has not brought 1 posts of m-01")
    stage.step(auction)
    assert [type(event) for event in stage.logged(BidAccepted, EndFrozen)] == [BidAccepted, EndFrozen]
    assert stage.logged(BidAccepted)[0].post_id == made
    for _ in range(3):
        stage.clock.goes_on(TIMING.interval_ms)
        stage.step(actor, auction, actor)
    assert len(stage.logged(ResultNamed)) == 1
    assert "deaf_stream:m-01" not in alarms.sounding()


@pytest.mark.requirement("X-3", "X-1")
def test_a_stream_that_brings_half_of_what_a_search_finds_is_not_deaf(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    for n in (2, 3):
        x.reply("ann", f"0.{n} ETH #AuctionDay", post)
    brought, _ = x_client().mentions(post, stage.clock() + 60_000).posts
    stage.queues.append("m-01", [brought.bid])
    stage.step(auction)
    ahead(stage)
    stage.step(reconciler())
    assert len(bids(stage)) == 2
    assert "deaf_stream:m-01" not in alarms.sounding()


@pytest.mark.requirement("LIFE-5", "BID-5")
def test_an_end_that_no_sweep_reaches_is_frozen_when_the_close_is_overdue_and_an_operator_decides(
    stage: Stage, open_on_x: OpenOnX
) -> None:
    auction, _ = open_on_x()
    stage.client.delete(stage.keys.searched("m-01"))
    stage.clock.now_ms = int(stage.current()["ends_at_ms"]) + RULES.close_bound_ms - 1
    stage.step(auction)
    assert stage.logged(EndFrozen) == []
    stage.clock.goes_on(1)
    stage.step(auction)
    assert [type(event) for event in stage.logged(EndFrozen, CloseOverdue)] == [EndFrozen, CloseOverdue]
