"""Reorganisations: what left the chain is revoked by an event, what is finalized is never changed."""

from collections.abc import Callable
from typing import Any

import pytest

from actors.chain_watcher.following import SAID_WITHIN_MS
from adapters import alarms
from messages.chain_events import ChainConfirmed, ChainLogRevoked, ChainLogSeen
from supervision import InjectedCrash
from tests.harness.anvil import FINALIZED_LAG, SAFE_LAG, Anvil
from tests.harness.chain_watch import Watch, canonical, logged, seen, tokens
from tests.harness.lying_node import LyingNode
from tests.harness.shown_auction import now_ms
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-1")

MakeWatch = Callable[..., Watch]
MakeLiar = Callable[..., LyingNode]


def on_the_branch(block_hash: str) -> str:
    return f"{block_hash[:-1]}{15 - int(block_hash[-1], 16):x}"


def another_branch(question: dict[str, Any], result: Any) -> Any:
    """The blocks of the chain after the first one with other hashes."""
    if question["method"] != "eth_getBlockByNumber" or result["number"] == "0x0":
        return result
    parent = result["parentHash"] if result["number"] == "0x1" else on_the_branch(result["parentHash"])
    return {**result, "hash": on_the_branch(result["hash"]), "parentHash": parent}


def kinds(store: Store) -> list[str]:
    """The events in the log, in words."""
    said = []
    for event in logged(store):
        match event:
            case ChainLogSeen():
                said.append(f"seen {int(event.topics[-1], 16)}")
            case ChainLogRevoked():
                said.append(f"revoked {event.log_index}")
            case ChainConfirmed():
                said.append(event.level)
    return said


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_left_the_chain_is_revoked_and_read_again_within_two_polls(
    depth: int, anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    anvil.mine(5)
    it = watch(anvil.url, anvil.url)
    it.poll()
    for token in range(1, 4):
        anvil.transfer(token)
    it.poll()
    anvil.reorganise(depth)
    anvil.transfer(9)
    it.poll(2)
    assert tokens(store) == [*range(1, 4 - depth), 9]
    assert kinds(store).count("revoked 0") == depth
    assert [(event.block_hash, event.log_index) for event in seen(store)] == canonical(anvil.rpc)


def test_the_same_transaction_in_another_block_is_another_fact(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.mine(5)
    it = watch(anvil.url, anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    anvil.reorganise(1, 1)
    it.poll(2)
    assert kinds(store) == ["seen 1", "revoked 0", "seen 1"]
    assert len({event.message_id for event in logged(store)}) == 3


def test_after_a_quiet_week_a_reorganisation_is_repaired_all_the_same(
    anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    it = watch(anvil.url, anvil.url)
    it.poll()
    anvil.transfer(1)
    anvil.mine(400)
    it.poll()
    anvil.transfer(2)
    it.poll()
    anvil.reorganise(3)
    anvil.transfer(3)
    it.poll(2)
    assert tokens(store) == [1, 3]


def test_without_a_second_node_the_same_node_has_to_say_it_three_times(
    anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    anvil.mine(5)
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    anvil.reorganise(1)
    it.poll(2)
    assert tokens(store) == [1]
    it.poll()
    assert tokens(store) == []


def test_three_times_within_a_minute(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.mine(5)
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    anvil.reorganise(1)
    late_ms = 0
    it.clock = lambda: now_ms() + late_ms
    it.poll(2)
    late_ms = SAID_WITHIN_MS + 1
    it.poll(2)
    assert tokens(store) == [1]
    it.poll()
    assert tokens(store) == []


def test_a_node_that_is_alone_with_another_past_is_passed_over(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    anvil.mine(5)
    false = liar()
    it = watch(false.url, anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()

    false.alter = another_branch
    for token in (2, 3):
        anvil.transfer(token)
        it.poll()
    assert tokens(store) == [1, 2, 3]
    assert not any(kind.startswith("revoked") for kind in kinds(store))
    assert "chain:past" not in alarms.sounding()


def test_a_node_that_stands_still_on_the_old_chain_does_not_hold_up_the_others(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    anvil.rpc("anvil_setBlockTimestampInterval", 20)
    anvil.mine(5)
    stuck = liar()
    it = watch(anvil.url, stuck.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    old = anvil.rpc("eth_getBlockByNumber", "latest", False)
    stuck.alter = lambda question, result: old if question["params"][:1] in (["latest"], [old["number"]]) else result
    anvil.reorganise(1)
    anvil.mine(2)
    anvil.transfer(2)
    it.poll(3)
    assert tokens(store) == [2]
    assert kinds(store)[:2] == ["seen 1", "revoked 0"]


def test_below_what_is_finalized_nothing_is_changed_but_an_alarm_sounds(
    anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    anvil.mine(5)
    it = watch(anvil.url, anvil.url)
    it.poll()
    anvil.transfer(1)
    anvil.mine(FINALIZED_LAG + 2)
    it.poll()
    before = kinds(store)
    anvil.reorganise(FINALIZED_LAG + 4)
    anvil.transfer(2)
    it.poll(5)
    assert "another chain than the one that was finalized" in alarms.sounding()["chain:past"]
    assert kinds(store) == before == ["seen 1", "safe", "finalized"]


def test_a_crash_between_the_walk_back_and_its_commit_loses_and_repeats_nothing(
    anvil: Anvil, watch: MakeWatch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    anvil.mine(5)
    it = watch(anvil.url, anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    anvil.reorganise(1)
    anvil.transfer(2)

    def die(*_: object, **__: object) -> int:
        raise InjectedCrash

    with monkeypatch.context() as patched:
        patched.setattr("adapters.redis.journal.Journal.commit", die)
        with pytest.raises(InjectedCrash):
            it.poll()
    assert kinds(store) == ["seen 1"]
    watch(anvil.url, anvil.url).poll(2)
    assert kinds(store) == ["seen 1", "revoked 0", "seen 2"]


@pytest.mark.requirement("CHN-2")
def test_a_block_with_logs_is_told_as_safe_and_as_finalized_once_each(
    anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    anvil.mine(5)
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1, 2)
    for _ in range(SAFE_LAG):
        it.poll(2)
        assert kinds(store) == ["seen 1", "seen 2"]
        anvil.mine(1)
    for _ in range(FINALIZED_LAG - SAFE_LAG):
        it.poll(2)
        assert kinds(store) == ["seen 1", "seen 2", "safe"]
        anvil.mine(1)
    it.poll(2)
    assert kinds(store) == ["seen 1", "seen 2", "safe", "finalized"]
    [*_, final] = logged(store)
    assert isinstance(final, ChainConfirmed)
    assert (final.block_number, final.block_hash) == (6, seen(store)[0].block_hash)


def test_a_node_on_a_branch_cannot_make_its_blocks_final(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    """Between the marks of old blocks, only the other node knows that these are others."""
    branch = liar()
    it = watch(anvil.url, branch.url)
    it.poll()

    def by_its_real_hash(question: dict[str, Any]) -> dict[str, Any]:
        params = [
            {**each, "blockHash": on_the_branch(each["blockHash"])} if "blockHash" in each else each
            for each in question["params"]
        ]
        return {**question, "params": params}

    branch.instead = lambda question: by_its_real_hash(question) if "Hash" in str(question["params"]) else question
    branch.alter = another_branch
    anvil.mine(90)
    it.poll()
    branch.alter, branch.instead = (lambda question, result: result), (lambda question: question)
    anvil.transfer(1)
    anvil.mine(FINALIZED_LAG)
    it.poll(2)
    assert kinds(store) == ["seen 1", "safe", "finalized"]
    assert "chain:past" not in alarms.sounding()
    assert store.client.hget(store.keys.chain, "finalized_number") == b"91"
