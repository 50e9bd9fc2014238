"""The chain watcher on a real node and a real store: each log of the contract once, in order, whatever happens."""

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from actors.chain_watcher.actor import STEPS_A_TURN, WRITER, ChainWatcher
from actors.chain_watcher.following import BLOCKS_A_STEP, WrongChain
from adapters import alarms
from adapters.chain.endpoints import TURN_S
from adapters.chain.node import NodeUnavailable
from adapters.redis.errors import NotOwner
from bootstrap import CHAIN, NODE_S
from settings import load
from supervision import ChildSpec, Context, Group, Supervisor
from supervisor import CONDITIONS, SPEAKERS
from tests.harness import ROOT
from tests.harness.anvil import CONTRACT, FINALIZED_LAG, OTHER_CONTRACT, Anvil
from tests.harness.chain_watch import Watch, access, canonical, nodes, seen, tokens, watched
from tests.harness.hostile import Hostile, Mood
from tests.harness.lying_node import Lies, LyingNode
from tests.harness.shown_auction import now_ms
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S, until

pytestmark = pytest.mark.requirement("CHN-1")

KEY = "s3cr3t-k3y"

MakeAnvil = Callable[..., Anvil]
MakeWatch = Callable[..., Watch]


def test_logs_are_taken_once_and_in_order_over_many_polls(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1, 2)
    anvil.transfer(3)
    it.poll(3)
    anvil.mine(4)
    it.poll()
    anvil.transfer(4)
    it.poll(3)
    assert tokens(store) == [1, 2, 3, 4]


def test_the_log_says_of_a_log_what_the_chain_says(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    it = watch(anvil.url)
    it.clock = lambda: 1_800_000_000_000
    it.poll()
    anvil.mine(2)
    anvil.transfer(5, 6)
    it.poll()
    second = seen(store)[1]
    receipt = anvil.rpc("eth_getBlockReceipts", hex(anvil.head()))[1]
    block = anvil.rpc("eth_getBlockByNumber", hex(anvil.head()), False)
    assert second.message_id == f"chain:{receipt['blockHash']}:1"
    assert second.at_ms == 1_800_000_000_000
    assert second.block_at_ms == int(block["timestamp"], 16) * 1000
    assert (second.block_number, second.block_hash) == (anvil.head(), receipt["blockHash"])
    assert (second.transaction_hash, second.log_index) == (receipt["transactionHash"], 1)
    assert (list(second.topics), second.data) == (receipt["logs"][0]["topics"], receipt["logs"][0]["data"])


def test_who_listens_is_told_only_when_there_is_something(anvil: Anvil, watch: MakeWatch) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.mine(3)
    it.poll()
    assert it.sent == []
    anvil.transfer(1)
    it.poll(2)
    assert it.sent == ["publisher: LogGrew"]


def test_what_was_final_before_the_first_look_is_left_alone(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.transfer(1)
    anvil.mine(FINALIZED_LAG)
    it = watch(anvil.url)
    it.poll(2)
    anvil.transfer(2)
    it.poll()
    assert tokens(store) == [2]


def test_a_contract_that_was_deployed_just_now_is_watched_from_its_first_event(
    anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    """The finalized head, where it begins, is a block without the contract."""
    anvil.mine(10)
    deployed = anvil.deploy()
    anvil.transfer(1, contract=deployed)
    it = watch(anvil.url, contract=deployed)
    it.poll()
    assert tokens(store) == [1]
    anvil.mine(FINALIZED_LAG)
    it.poll(2)
    assert store.client.hget(store.keys.chain, "finalized_number") == b"12"
    assert alarms.sounding() == {}


def test_the_logs_of_other_contracts_are_not_taken(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1, contract=OTHER_CONTRACT)
    with anvil.one_block():
        anvil.send(3, OTHER_CONTRACT)
        anvil.send(2)
        anvil.send(3, OTHER_CONTRACT)
    it.poll()
    assert tokens(store) == [2]


def test_many_blocks_are_read_in_steps_and_the_steps_of_a_turn_are_bounded(
    anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1)
    anvil.mine(BLOCKS_A_STEP * STEPS_A_TURN)
    anvil.transfer(2)
    it.poll()
    assert tokens(store) == [1]
    it.poll()
    assert tokens(store) == [1, 2]


def test_the_store_shows_how_far_the_chain_was_read(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.mine(10)
    watch(anvil.url).poll()
    block = anvil.rpc("eth_getBlockByNumber", "latest", False)
    at_ms = int(block["timestamp"], 16) * 1000
    assert store.client.hgetall(store.keys.chain) == {
        b"read_number": b"10",
        b"read_at_ms": b"%d" % at_ms,
        b"head_at_ms": b"%d" % at_ms,
        b"finalized_number": b"%d" % (10 - FINALIZED_LAG),
        b"is_down": b"0",
    }


# ---- restarts


def test_after_a_crash_its_successor_goes_on_where_it_was(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    first = watch(anvil.url)
    first.poll()
    anvil.transfer(1)
    first.poll()
    anvil.transfer(2)
    first.crash()
    anvil.transfer(3)
    second = watch(anvil.url)
    second.poll(2)
    assert tokens(store) == [1, 2, 3]


def test_after_an_orderly_end_too(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    for token in range(1, 5):
        it = watch(anvil.url)
        it.poll()
        anvil.transfer(token)
        if token % 2:  # every second time it does not see the transfer itself
            it.poll()
        it.stop()
    watch(anvil.url).poll()
    assert tokens(store) == [1, 2, 3, 4]


def test_one_that_was_left_behind_writes_nothing_any_more(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    old = watch(anvil.url)
    old.poll()
    anvil.transfer(1)
    new = watch(anvil.url)
    new.poll()
    anvil.transfer(2)
    with pytest.raises(NotOwner):
        old.poll()
    new.poll()
    assert tokens(store) == [1, 2]


@pytest.mark.requirement("RED-4")
@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_makes_no_log_count_twice(
    damaged: int, final: bool, anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    it = watch(anvil.url)
    it.poll()
    for token in (1, 3):
        anvil.transfer(token, token + 1)
        anvil.mine(FINALIZED_LAG + 2 if final else 1)
        it.poll()
    it.crash()
    for key in [store.keys.checkpoint(WRITER), store.keys.previous_checkpoint(WRITER)][:damaged]:
        store.client.set(key, b"damaged")
    anvil.transfer(5)
    watch(anvil.url).poll(2)
    assert tokens(store) == [1, 2, 3, 4, 5]


# ---- nodes


def test_the_next_node_takes_over_in_the_same_turn(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    hostile = Hostile(upstream=int(anvil.url.rpartition(":")[2]), flood_bytes=16 * 2**20).start()
    try:
        it = watch(hostile.url, anvil.url, timeout_s=0.5)
        it.poll()
        for token, mood in enumerate((mood for mood in Mood if mood is not Mood.HONEST), start=1):
            hostile.turn(mood)
            anvil.transfer(token)
            it.poll()
            assert tokens(store) == [*range(1, token + 1)]
            hostile.turn(Mood.HONEST)
    finally:
        hostile.stop()


def test_a_node_that_failed_is_asked_last_from_then_on(anvil: Anvil, watch: MakeWatch) -> None:
    with LyingNode(anvil.url, lies=Lies(too_many_requests=1.0)) as failing:
        it = watch(failing.url, anvil.url)
        it.poll()
        asked = failing.requests
        it.poll(3)
        assert failing.requests == asked


def test_a_turn_in_which_every_answer_takes_its_whole_time_is_shorter_than_a_hang() -> None:
    assert load(None, {}).supervision.hang_ms / 1000 > TURN_S + NODE_S
    assert NODE_S <= 5, "the next node has its turn within 10 s"


def test_a_node_that_lags_behind_is_waited_for(
    anvil: Anvil, make_anvil: MakeAnvil, watch: MakeWatch, store: Store
) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    it.stop()
    watch(make_anvil().url).poll(2)
    anvil.transfer(2)
    watch(anvil.url).poll()
    assert tokens(store) == [1, 2]


def wrong_chain(make_anvil: MakeAnvil) -> tuple[str, dict[str, Any]]:
    return make_anvil(chain_id=11011).url, {}


def no_contract(make_anvil: MakeAnvil) -> tuple[str, dict[str, Any]]:
    return make_anvil().url, {"contract": "0x" + "77" * 20}


def no_numbers(make_anvil: MakeAnvil) -> tuple[str, dict[str, Any]]:
    return make_anvil().url, {"contract": OTHER_CONTRACT}


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (wrong_chain, "node 1 is on chain 11011, the settings say 360"),
        (no_contract, f"node 1 has no contract at 0x{'77' * 20} on chain 360"),
        (no_numbers, f"the contract at {OTHER_CONTRACT} does not count its events"),
    ],
)
def test_a_node_that_is_not_what_was_meant_is_named_once_and_nothing_is_taken(
    made: Callable[[MakeAnvil], tuple[str, dict[str, Any]]],
    says: str,
    make_anvil: MakeAnvil,
    watch: MakeWatch,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, what = made(make_anvil)
    watch(url, **what).poll(2)
    assert alarms.sounding()["chain:node 1"].startswith(says)
    assert sum(record.levelno >= logging.WARNING for record in caplog.records) == 1
    assert not store.client.exists(store.keys.checkpoint(WRITER))


def test_a_wrong_node_does_not_keep_the_right_one_from_being_asked(
    anvil: Anvil, make_anvil: MakeAnvil, watch: MakeWatch, store: Store
) -> None:
    it = watch(make_anvil(chain_id=11011).url, anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    assert tokens(store) == [1]


# ---- under the supervisor, with the settings as shipped


@pytest.mark.parametrize("mood", [Mood.DRIP, Mood.SILENT, Mood.FLOOD])
def test_a_hostile_node_is_waited_for_and_is_no_hang_no_restart_and_no_end(
    mood: Mood, anvil: Anvil, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Dripped, its answers take half an hour; so each question has to be cut off by its own deadline."""
    caplog.set_level(logging.INFO)
    hostile = Hostile(upstream=int(anvil.url.rpartition(":")[2]), drip_s=0.2).start()
    shipped = load(None, {}).supervision

    def start(context: Context) -> Any:
        make_nodes = lambda: nodes([f"{hostile.url}?key={KEY}"], 0.5)  # noqa: E731
        return ChainWatcher.start(context, access(store), now_ms, make_nodes, watched(poll_ms=20), ())

    spec = ChildSpec(WRITER, start, hang_s=shipped.hang_ms / 1000, essential=CHAIN not in SPEAKERS)
    supervisor = Supervisor([Group("listeners", children=[spec], max_restarts=0)], CONDITIONS, last_resort_s=None)
    supervisor.start()
    try:
        until(lambda: store.client.exists(store.keys.checkpoint(WRITER)))
        hostile.turn(mood)
        until(lambda: "chain:nodes" in alarms.sounding())
        anvil.transfer(1)
        hostile.turn(Mood.HONEST)
        until(lambda: tokens(store) == [1])
        until(lambda: "chain:nodes" not in alarms.sounding())
        assert (supervisor.tree()[0].hangs, supervisor.tree()[0].restarts) == (0, 0)
    finally:
        supervisor.stop()
        assert supervisor.wait(PATIENCE_S) is not None
        hostile.stop()
    assert KEY not in caplog.text


def test_a_watcher_that_hangs_is_parked_and_the_process_goes_on(store: Store) -> None:
    """Where its own deadlines fail, the supervisor's hold."""

    def start(context: Context) -> Any:
        def hang() -> list[Any]:
            until(lambda: supervisor.wait(0) is not None)
            return []

        return ChainWatcher.start(context, access(store), now_ms, hang, watched(poll_ms=20), ())

    spec = ChildSpec(WRITER, start, hang_s=0.2, essential=CHAIN not in SPEAKERS)
    supervisor = Supervisor([Group("listeners", children=[spec], max_restarts=0)], CONDITIONS, last_resort_s=None)
    supervisor.start()
    try:
        until(lambda: supervisor.tree()[0].state == "PARKED")
        assert supervisor.wait(0) is None
    finally:
        supervisor.stop()
        assert supervisor.wait(PATIENCE_S) is not None


def test_a_wrong_chain_is_no_reason_to_end_the_auctions() -> None:
    assert CONDITIONS[NodeUnavailable] == "WAITING_FOR_CHAIN"
    assert issubclass(WrongChain, NodeUnavailable)


# ---- no chain


def test_without_a_chain_it_says_so_opens_nothing_and_web3_stays_away() -> None:
    script = """
import logging, sys
import supervisor
from actors.ports import StoreAccess
from adapters.redis.keys import Keys
from tests.harness.chain_watch import Watch, watched
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
def connect():
    raise AssertionError("it needs no store")
it = Watch(StoreAccess(connect, Keys("m"), "token"), (), watched())
it.poll(3)
it.stop()
print("web3" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["no chain is configured: the chain watcher is idle", "False"]


def test_what_is_seen_in_the_end_is_what_the_chain_has(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    it = watch(anvil.url)
    it.poll()
    for token in range(1, 20):
        anvil.transfer(token, contract=CONTRACT if token % 3 else OTHER_CONTRACT)
        it.poll(token % 2)
    it.poll()
    assert [(event.block_hash, event.log_index) for event in seen(store)] == canonical(anvil.rpc)
