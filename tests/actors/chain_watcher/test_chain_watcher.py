"""The chain watcher on a real node and a real store: each log of the contract once, in order, whatever happens."""

import itertools
import logging
import subprocess
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import requests

from actors.chain_watcher import BLOCKS_A_TURN, WRITER, ChainWatcher, WrongChain
from adapters.bounded_http import BoundedAdapter
from adapters.chain.node import Node, NodeUnavailable
from adapters.redis.errors import NotOwner
from bootstrap import NODE_S
from settings import load
from supervision import Backoff, ChildSpec, Context, Group, Supervisor
from supervisor import CONDITIONS
from tests.actors.chain_watcher.watch import NOW_MS, Watch, access, seen, tokens, watched
from tests.harness import ROOT
from tests.harness.anvil import CONTRACT, OTHER_CONTRACT, SAFE_LAG, Anvil
from tests.harness.hostile import Hostile, Mood
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
    it.poll()
    anvil.mine(2)
    anvil.transfer(5, 6)
    it.poll()
    second = seen(store)[1]
    receipt = anvil.rpc("eth_getBlockReceipts", hex(anvil.head()))[1]
    assert second.message_id == f"chain:{receipt['transactionHash']}:1"
    assert second.at_ms == NOW_MS
    assert (second.block_number, second.block_hash) == (anvil.head(), receipt["blockHash"])
    assert (second.transaction_hash, second.log_index) == (receipt["transactionHash"], 1)
    assert (list(second.topics), second.data) == (receipt["logs"][0]["topics"], "0x")


def test_who_listens_is_told_only_when_there_is_something(anvil: Anvil, watch: MakeWatch) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.mine(3)
    it.poll()
    assert it.sent == []
    anvil.transfer(1)
    it.poll(2)
    assert it.sent == ["publisher: LogGrew"]


def test_what_came_before_the_first_look_is_left_alone(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.transfer(1)
    it = watch(anvil.url)
    it.poll(2)
    anvil.transfer(2)
    it.poll()
    assert tokens(store) == [2]


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


@pytest.mark.parametrize(("read_to", "lag"), [("unsafe", 0), ("safe", 2), ("finalized", 4)])
def test_it_reads_only_as_far_as_it_is_told(
    read_to: str, lag: int, anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    anvil.mine(10)
    it = watch(anvil.url, read_to=read_to)
    it.poll()
    anvil.transfer(1)
    for _ in range(lag):
        it.poll()
        assert tokens(store) == []
        anvil.mine(1)
    it.poll()
    assert tokens(store) == [1]


def test_many_blocks_are_read_in_turns(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1)
    anvil.mine(BLOCKS_A_TURN - 2)
    anvil.transfer(2)
    anvil.transfer(3)
    anvil.mine(BLOCKS_A_TURN)
    anvil.transfer(4)
    for expected in ([1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]):
        it.poll()
        assert tokens(store) == expected


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
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_makes_no_log_count_twice(
    damaged: int, anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    it = watch(anvil.url)
    it.poll()
    for token in (1, 3):
        anvil.transfer(token, token + 1)
        it.poll()
    it.crash()
    for key in [store.keys.checkpoint(WRITER), store.keys.previous_checkpoint(WRITER)][:damaged]:
        store.client.set(key, b"damaged")
    anvil.transfer(5)
    watch(anvil.url).poll(2)
    assert tokens(store) == [1, 2, 3, 4, 5]


# ---- the chain changes its mind


def test_a_reorganisation_above_the_level_leaves_no_trace(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.mine(10)
    it = watch(anvil.url, read_to="safe")
    it.poll()
    anvil.transfer(1)
    anvil.transfer(2)
    it.poll()
    anvil.reorganise(1)  # the second transfer never was
    anvil.transfer(3)
    for _ in range(3):
        it.poll()
        anvil.mine(1)
    assert tokens(store) == [1, 3]


def test_a_reorganisation_below_what_was_read_stops_it(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    anvil.mine(5)
    it = watch(anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    anvil.reorganise(2)
    anvil.transfer(2)
    with pytest.raises(WrongChain, match="reorganised below its unsafe head"):
        it.poll()
    with pytest.raises(WrongChain, match="reorganised"):  # and not only once
        watch(anvil.url).poll()
    assert tokens(store) == [1]


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


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_log_has_what_the_chain_has(
    seed: int, anvil: Anvil, watch: MakeWatch, store: Store
) -> None:
    """Transfers, empty blocks, polls, crashes and reorganisations above the level, in any order."""
    random, fresh = Random(seed), itertools.count(1)
    anvil.mine(SAFE_LAG)
    it = watch(anvil.url, read_to="safe")
    it.poll()
    for _ in range(150):
        match random.choice(["transfer", "transfer", "other", "mine", "reorganise", "poll", "poll", "crash"]):
            case "transfer":
                anvil.transfer(*itertools.islice(fresh, random.randint(1, 3)))
            case "other":
                anvil.transfer(0, contract=OTHER_CONTRACT)
            case "mine":
                anvil.mine(random.choice([1, 1, 1, BLOCKS_A_TURN]))
            case "reorganise":
                anvil.reorganise(random.randint(1, SAFE_LAG))
            case "poll":
                it.poll()
            case "crash":
                it.crash()
                it = watch(anvil.url, read_to="safe")
    anvil.mine(SAFE_LAG)
    it.poll(2 + anvil.head() // BLOCKS_A_TURN)
    logs = anvil.rpc("eth_getLogs", {"address": CONTRACT, "fromBlock": "0x0", "toBlock": "latest"})
    assert logs
    assert [(event.block_hash, event.message_id) for event in seen(store)] == [
        (log["blockHash"], f"chain:{log['transactionHash']}:{int(log['logIndex'], 16)}") for log in logs
    ]


# ---- what is not the chain that was meant


def test_a_node_on_another_chain_is_refused(make_anvil: MakeAnvil, watch: MakeWatch) -> None:
    with pytest.raises(WrongChain, match="on chain 11011, the settings say 360"):
        watch(make_anvil(chain_id=11011).url).poll()


def test_an_address_without_a_contract_is_refused(anvil: Anvil, watch: MakeWatch, store: Store) -> None:
    nobody = "0x" + "77" * 20
    with pytest.raises(WrongChain, match=f"no contract at {nobody} on chain 360"):
        watch(anvil.url, contract=nobody).poll()
    assert not store.client.exists(store.keys.checkpoint(WRITER))


# ---- under the supervisor


def test_a_node_that_is_away_is_waited_for_outside_the_restart_budget(
    anvil: Anvil, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def start(context: Context) -> Any:
        what = watched(poll_ms=20)
        return ChainWatcher.start(
            context, access(store), lambda: NOW_MS, lambda: Node(f"{anvil.url}?key={KEY}", 0.2), what, ()
        )

    group = Group("listeners", children=[ChildSpec(WRITER, start)], max_restarts=0)  # none may be charged
    supervisor = Supervisor([group], CONDITIONS, backoff=Backoff(first_s=0.01, longest_s=0.05), last_resort_s=None)
    supervisor.start()
    try:
        until(lambda: store.client.exists(store.keys.checkpoint(WRITER)))
        anvil.transfer(1)
        anvil.freeze()
        until(lambda: supervisor.tree()[0].restarts > 3)
        until(lambda: supervisor.tree()[0].state == "WAITING_FOR_CHAIN")
        assert "NodeUnavailable: the node did not answer" in supervisor.tree()[0].last_error
        anvil.thaw()
        until(lambda: tokens(store) == [1])
        assert supervisor.wait(0) is None
    finally:
        supervisor.stop()
        assert supervisor.wait(PATIENCE_S) is not None
    assert KEY not in caplog.text


def test_a_node_that_drips_is_waited_for_and_never_taken_for_a_hang(anvil: Anvil, store: Store) -> None:
    """Dripped, its answers take half an hour; so each question has to be cut off by its own deadline."""
    hostile = Hostile(upstream=int(anvil.url.rpartition(":")[2]), drip_s=0.2).start()

    def start(context: Context) -> Any:
        what = watched(poll_ms=20)
        return ChainWatcher.start(context, access(store), lambda: NOW_MS, lambda: Node(hostile.url, 1.0), what, ())

    spec = ChildSpec(WRITER, start, hang_s=30.0, essential=False)
    supervisor = Supervisor([Group("listeners", children=[spec], max_restarts=0)], CONDITIONS, last_resort_s=None)
    supervisor.start()
    try:
        until(lambda: store.client.exists(store.keys.checkpoint(WRITER)))
        hostile.turn(Mood.DRIP)
        until(lambda: supervisor.tree()[0].restarts > 2)
        anvil.transfer(1)
        hostile.turn(Mood.HONEST)
        until(lambda: tokens(store) == [1])
        assert supervisor.tree()[0].hangs == 0
    finally:
        supervisor.stop()
        assert supervisor.wait(PATIENCE_S) is not None
        hostile.stop()


def test_no_turn_asks_more_questions_than_may_hang_before_it_counts_as_hung(
    anvil: Anvil, watch: MakeWatch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = watch(anvil.url)
    it.poll()
    it.stop()
    anvil.transfer(1)
    asked, really = [], BoundedAdapter.send

    def noted(adapter: BoundedAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        asked.append(request)
        return really(adapter, request, **options)

    monkeypatch.setattr(BoundedAdapter, "send", noted)
    successor, turns = watch(anvil.url), []
    while tokens(store) != [1]:
        successor.turn()
        turns.append(len(asked))
        asked.clear()
    assert turns == [2, 3]
    assert max(turns) * NODE_S < load(None, {}).supervision.hang_ms / 1000


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
from tests.actors.chain_watcher.watch import Watch, watched
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
def connect():
    raise AssertionError("it needs no store")
it = Watch(StoreAccess(connect, Keys("m"), "token"), None, watched())
it.poll(3)
it.stop()
print("web3" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["no chain is configured: the chain watcher is idle", "False"]
