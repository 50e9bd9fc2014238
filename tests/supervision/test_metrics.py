"""The numbers of the tree and of the store on /metrics, and no name there that nobody feeds."""

import ast
import time
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.auction.receipts import ReceiptReader
from adapters.event_loop import LoopThread
from adapters.redis.client import connect_async
from adapters.redis.queue import Queue
from api.process_api import ProcessApi
from messages.base import Phase
from messages.commands import MarkSwept
from supervision import Group, Supervisor
from tests.harness import ROOT
from tests.harness.store import Store
from tests.harness.waiting import until
from tests.supervision.auction_house import OPENING, House, bid
from tests.supervision.stage import Blocker, fail_with, is_back, player, status

pytestmark = pytest.mark.requirement("OBS-1", "SUP-5")

Supervise = Callable[..., Supervisor]
Samples = dict[tuple[str, ...], float]


def look(supervisor: Supervisor, store: Store, now_ms: int, url: str = "") -> Samples:
    """What a scrape finds: name and label values (by the names of the labels) to the value."""
    loop = LoopThread()
    loop.start()
    client = connect_async(url or store.url, timeout_s=5)
    try:
        receipt_reader = ReceiptReader(store.client, store.keys)
        api = ProcessApi(supervisor, client, store.keys, ["m-01"], {}, lambda: now_ms, receipt_reader, "UTC")

        async def scraped() -> bytes:
            return await api.views(False, "").metrics()

        text = loop.submit(scraped()).result(20).decode()
        loop.submit(client.aclose()).result(20)
    finally:
        assert loop.stop()
    return {
        (sample.name.removeprefix("auction_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_of_the_tree_is_a_metric_of_its_actor(store: Store, supervise: Supervise) -> None:
    busy = Blocker()
    supervisor = supervise(Group("g", children=[player("a", spec={"mailbox_size": 2}), player("b")]))
    supervisor.start()
    supervisor.send("a", fail_with(ValueError("broken")))
    until(is_back(supervisor, "a", 2))
    supervisor.send("a", lambda _: time.sleep(0.02))  # the work of a handler, not a wait
    until(lambda: status(supervisor, "a").worked_ms >= 20)
    supervisor.send("a", busy)
    busy.wait_entered()
    for number in range(3):
        supervisor.send("a", number)
    until(lambda: status(supervisor, "a").mailbox_oldest_ms > 10)
    seen = look(supervisor, store, 0)
    busy.release.set()
    exact = {
        **{"up": 1, "incarnation": 2, "restarts_total": 1, "hangs_total": 0, "messages_dropped_total": 1},
        **{"inbox_messages": 2, "inbox_high_water": 2, "inbox_refused_total": 1},
    }
    assert {name: seen[f"actor_{name}", "a"] for name in exact} == exact
    for name in ("busy_seconds", "inbox_oldest_seconds"):
        assert 0.01 <= seen[f"actor_{name}", "a"] < 20
        assert seen[f"actor_{name}", "b"] == 0
    assert 0.02 <= seen["actor_handle_seconds_total", "a"] < 20


def test_an_actor_that_is_not_ready_is_not_up(store: Store, supervise: Supervise) -> None:
    dying = Blocker()
    supervisor = supervise(Group("g", children=[player("a", at_teardown=dying)]))
    supervisor.start()
    supervisor.crash("a")
    dying.wait_entered()
    assert look(supervisor, store, 0)["actor_up", "a"] == 0
    dying.release.set()


def test_what_counts_up_does_not_begin_anew_with_an_incarnation(store: Store, supervise: Supervise) -> None:
    supervisor = supervise(Group("g", children=[player("a", at_setup=lambda _: time.sleep(0.005))]))
    supervisor.start()
    before = status(supervisor, "a").worked_ms
    for incarnation in (2, 3, 4):
        supervisor.send("a", fail_with(ValueError("broken")))
        until(is_back(supervisor, "a", incarnation))
        now = status(supervisor, "a").worked_ms
        assert now >= before + 5
        before = now


def test_the_log_the_queue_and_the_verdicts_are_counted(store: Store, supervise: Supervise) -> None:
    house = House(store, supervise)
    before = look(house.supervisor, store, 0)
    house.put(*OPENING, bid(1), bid(3), bid(4, "no amount #marathon"))
    house.supervisor.start()
    house.until_empty()
    house.put(bid(2), MarkSwept(message_id="swept", swept_to_ms=bid(4).found_at_ms))
    house.until_empty()
    house.supervisor.stop()
    until(lambda: house.supervisor.wait(0) == 0)
    Queue(store.client, store.keys).append("m-01", [bid(5)])
    until(lambda: look(house.supervisor, store, now_ms=0)["queue_oldest_seconds",] > 0)
    seen = look(house.supervisor, store, now_ms=0)  # the age is by the server's clock, whatever ours says

    def gained(*key: str) -> float:
        return seen.get(key, 0) - before.get(key, 0)

    assert gained("bids_total", "ACCEPTED", "stream") == 3
    assert gained("bids_total", "NO_AMOUNT", "stream") == 1
    assert gained("revisions_total") == 1
    assert gained("phase_transitions_total", Phase.ACTIVE) == 1
    assert gained("bid_decision_seconds_count") >= 2
    assert seen["log_seq",] == len(house.events())
    assert seen["phase", Phase.ACTIVE] == 1
    assert seen["queue_entries",] == 1
    assert 0 < seen["queue_oldest_seconds",] < 60
    assert (seen["dead_letters",], seen["store_up",]) == (0, 1)


def test_the_watermark_lag_is_how_far_it_is_behind_now(store: Store, supervise: Supervise) -> None:
    house = House(store, supervise)
    house.put(*OPENING, MarkSwept(message_id="swept", swept_to_ms=bid(4_000).found_at_ms))
    house.supervisor.start()
    house.until_empty()
    assert look(house.supervisor, store, now_ms=bid(9_000).found_at_ms)["watermark_lag_seconds",] == 5


def test_metrics_are_shown_while_the_store_is_away(
    store: Store, supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = supervise(Group("g", children=[player("a")]))
    supervisor.start()
    seen = look(supervisor, store, 0, url="unix:///nowhere/socket")
    assert seen["actor_up", "a"] == 1
    assert seen["store_up",] == 0
    assert ("log_seq",) not in seen
    assert "the store does not say how it stands" in caplog.text


def test_no_metric_is_named_that_nobody_feeds() -> None:
    module = ROOT / "adapters" / "metrics.py"
    named = [
        target.id
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.func, ast.Name)
        if node.value.func.id in {"_counter", "_gauge", "_histogram"}
    ]
    sources = [
        path.read_text(encoding="utf-8")
        for place in ("actors", "adapters", "api", "process.py", "supervisor.py")
        for path in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))
        if path != module
    ]
    assert len(named) > 5
    assert [name for name in named if not any(f"metrics.{name}." in source for source in sources)] == []
