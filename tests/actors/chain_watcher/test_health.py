"""The health of the chain as the log, the alarms and the metrics have it."""

from collections.abc import Callable

import pytest

from actors.chain_watcher.health import DOWN_MS, STALLED_MS, UP_MS
from adapters import alarms
from adapters.metrics import REGISTRY
from messages.chain_events import ChainCameBack, ChainWentDown
from tests.harness.anvil import FINALIZED_LAG, Anvil
from tests.harness.chain_watch import Watch, logged, tokens
from tests.harness.lying_node import LyingNode
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-2")

MakeWatch = Callable[..., Watch]
MakeLiar = Callable[..., LyingNode]


def head_ms(anvil: Anvil) -> int:
    return int(anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) * 1000


def outages(store: Store) -> list[str]:
    return [type(event).__name__ for event in logged(store) if isinstance(event, ChainWentDown | ChainCameBack)]


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"auction_{name}", labels)


def test_an_old_head_is_an_outage_and_only_a_recent_one_ends_it(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    it, at_ms = watch(anvil.url), head_ms(anvil)
    for age_ms, expected in [
        (0, []),
        (DOWN_MS, []),
        (DOWN_MS + 1, ["ChainWentDown"]),
        (DOWN_MS + 9, ["ChainWentDown"]),
        (DOWN_MS - 1, ["ChainWentDown"]),
        (UP_MS, ["ChainWentDown"]),
        (UP_MS - 1, ["ChainWentDown", "ChainCameBack"]),
        (DOWN_MS, ["ChainWentDown", "ChainCameBack"]),
        (DOWN_MS + 1, ["ChainWentDown", "ChainCameBack", "ChainWentDown"]),
    ]:
        it.clock = lambda age_ms=age_ms: at_ms + age_ms  # type: ignore[misc]
        it.poll()
        assert outages(store) == expected
        assert value("chain_head_age_seconds") == age_ms / 1000
        assert ("chain:head" in alarms.sounding()) == (outages(store)[-1:] == ["ChainWentDown"])


def test_a_head_that_goes_back_is_no_second_outage(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    anvil.rpc("anvil_setBlockTimestampInterval", 2)
    anvil.mine(30)
    node, at_ms = liar(), head_ms(anvil)
    it = watch(node.url)
    it.clock = lambda: at_ms + DOWN_MS + 1
    it.poll()
    node.lies.old_head = 1.0
    it.poll()
    node.lies.old_head = 0.0
    it.poll()
    assert outages(store) == ["ChainWentDown"]


def test_an_outage_goes_on_over_a_restart_and_while_no_node_answers(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node, at_ms = liar(), head_ms(anvil)
    it = watch(node.url)
    it.poll()
    node.lies.too_many_requests = 1.0
    it.clock = lambda: at_ms + DOWN_MS + 1
    it.poll()
    it.stop()
    successor = watch(node.url)
    successor.poll(3)
    assert outages(store) == ["ChainWentDown"]
    assert alarms.sounding()["chain:nodes"].endswith("node 1: eth_getBlockByNumber(latest): HTTPError 429")
    node.lies.too_many_requests = 0.0
    successor.clock = lambda: at_ms
    successor.poll()
    assert outages(store) == ["ChainWentDown", "ChainCameBack"]
    assert alarms.sounding() == {}


def test_a_level_without_progress_for_an_hour_is_one_alarm_until_it_moves(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    anvil.mine(10)
    node, begun_ms = liar(), head_ms(anvil)
    it = watch(node.url)
    it.clock = lambda: begun_ms
    it.poll()
    stalled = anvil.rpc("eth_getBlockByNumber", "finalized", False)

    def stands(question: dict[str, object], result: object) -> object:
        asked = question["params"]
        return stalled if isinstance(asked, list) and asked[:1] == ["finalized"] else result

    node.alter = stands
    anvil.transfer(1)
    for hours in (0.5, 1.0, 2.0, 3.0):
        it.clock = lambda hours=hours: begun_ms + int(hours * STALLED_MS)  # type: ignore[misc]
        anvil.mine(FINALIZED_LAG)
        it.poll()
        assert ("chain:finalized" in alarms.sounding()) == (hours >= 1)
        assert "chain:safe" not in alarms.sounding()
    assert value("chain_stalled_seconds", level="finalized") == 3 * STALLED_MS / 1000
    assert sum("the finalized head" in record.message for record in caplog.records) == 1
    assert tokens(store) == [1]
    node.alter = lambda question, result: result
    it.poll()
    assert "chain:finalized" not in alarms.sounding()
