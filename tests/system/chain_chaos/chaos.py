"""One run of chain chaos: the real watcher on a real node, behind two endpoints that lie, while the chain reorganises.

What the watcher's log holds in the end is compared with the chain. A naive watcher, which keeps a block number as its
cursor, runs beside it on the same answers.
"""

import itertools
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import redis

from actors.ports import StoreAccess
from adapters.chain.node import Node, NodeUnavailable
from adapters.chain.rpc import Question
from adapters.redis.journal import Journal
from adapters.redis.writes import Write
from messages.base import Event
from messages.chain_events import ChainConfirmed, ChainLogRevoked
from supervision import InjectedCrash
from tests.harness.anvil import CONTRACT, OTHER_CONTRACT, Anvil
from tests.harness.chain_watch import Watch, access, canonical, logged, nodes, seen, watched
from tests.harness.lying_node import ALL_LIES, LyingNode
from tests.harness.store import Store

SAFE_LAG = 8  # and 16 to the finalized head: beyond the deepest reorganisation
DEEPEST = 6
TIMEOUT_S = 0.25
SETTLE_POLLS = 400
OPERATIONS = (
    *["transfer"] * 6, *["poll"] * 8, *["mine"] * 2, *["reorganise"] * 3,
    "other", "crash", "crash at walk-back", "restart", "freeze one", "freeze all",
)  # fmt: skip


@dataclass
class Outcome:
    """What a run has found. `missing` and `phantom` compare our log with the chain, the naive ones another's. `false`
    are blocks that were called safe or finalized and are not on the chain."""

    logs: int
    missing: int
    phantom: int
    false: int
    naive_missing: int
    naive_phantom: int
    reorganisations: int
    revoked: int
    crashes_at_walk_back: int
    told: dict[str, int] = field(default_factory=dict)


class _Crashing(Journal):
    """A journal that dies before a commit that revokes, once it is armed."""

    def __init__(self, armed: list[bool], *args: Any) -> None:
        super().__init__(*args)
        self._armed = armed

    def commit(self, events: Sequence[Event], writes: Iterable[Write] = (), checkpoint: bytes | None = None) -> int:
        if self._armed and any(isinstance(event, ChainLogRevoked) for event in events):
            self._armed.clear()
            raise InjectedCrash("between walk-back and commit")
        return super().commit(events, writes, checkpoint)


@dataclass(frozen=True)
class _CrashingAccess(StoreAccess):
    """Gives the watcher such a journal."""

    armed: list[bool] = field(default_factory=list)

    def journal(self, client: redis.Redis, writer: str) -> Journal:
        return _Crashing(self.armed, client, self.keys, self.token, writer, self.recent)


class Naive:
    """Remembers the logs from the block after its cursor to the head, and moves the cursor there."""

    def __init__(self, node: Node) -> None:
        self._node, self._cursor = node, 0
        self.seen: set[tuple[str, int]] = set()

    def poll(self) -> None:
        with suppress(NodeUnavailable):
            head = self._node.heads().unsafe.number
            if head <= self._cursor:
                return
            asked = {"address": CONTRACT, "fromBlock": hex(self._cursor + 1), "toBlock": hex(head)}
            logs = self._node.rpc.ask(Question("eth_getLogs", [asked]))
            self.seen |= {(log["blockHash"], int(log["logIndex"], 16)) for log in logs}
            self._cursor = head


class Chaos:
    """A run of `operations` operations, which follow from the seed."""

    def __init__(self, seed: int, operations: int, store: Store, folder: Path) -> None:
        self._random, self._fresh, self._operations = Random(seed), itertools.count(1), operations
        self._seed, self._store, self._folder = seed, store, folder
        self._armed: list[bool] = []
        self._recent: list[int] = []
        self.reorganisations = self.crashes = 0

    def run(self) -> Outcome:
        with ExitStack() as ending:
            self._anvil = anvil = Anvil(self._folder, safe_lag=SAFE_LAG)
            ending.callback(anvil.kill)
            self._liars = [
                ending.enter_context(LyingNode(anvil.url, 2 * self._seed + at, replace(ALL_LIES, told={})))
                for at in range(2)
            ]
            [node] = nodes([self._liars[0].url], TIMEOUT_S)
            ending.callback(node.close)
            naive = Naive(node)
            anvil.mine(2 * SAFE_LAG)
            self._watch = self._started()
            ending.callback(self._end)
            while not self._store.client.exists(self._store.keys.chain):
                self._poll()  # until it has begun: what came before is not read
            for _ in range(self._operations):
                self._do(self._random.choice(OPERATIONS))
                naive.poll()
            self._settle()
            naive.poll()
            return self._outcome(naive)

    def _do(self, operation: str) -> None:
        anvil, random = self._anvil, self._random
        match operation:
            case "transfer":
                self._recent = list(itertools.islice(self._fresh, random.randint(1, 3)))
                anvil.transfer(*self._recent)
            case "other":
                anvil.transfer(0, contract=OTHER_CONTRACT)
            case "mine":
                anvil.mine(random.choice([1, 1, 1, 30]))
            case "reorganise":
                self.reorganisations += 1
                anvil.reorganise(random.randint(1, DEEPEST), *random.choice([[], self._recent]))
            case "poll":
                self._poll()
            case "crash":
                self._watch.crash()
                self._watch = self._started()
            case "crash at walk-back":
                self._armed.append(True)
            case "restart":
                self._watch.stop()
                self._watch = self._started()
            case "freeze one" | "freeze all":
                frozen = self._liars if operation == "freeze all" else [random.choice(self._liars)]
                for liar in frozen:
                    liar.freeze()
                self._poll()
                for liar in frozen:
                    liar.thaw()

    def _poll(self) -> None:
        try:
            self._watch.poll()
        except InjectedCrash:
            self.crashes += 1
            self._watch = self._started()

    def _started(self) -> Watch:
        base = access(self._store)
        store = _CrashingAccess(base.connect, base.keys, base.token, armed=self._armed)
        return Watch(store, [liar.url for liar in self._liars], watched(), TIMEOUT_S)

    def _end(self) -> None:
        self._watch.stop()

    def _settle(self) -> None:
        """Lets the last blocks become final, and the watcher read them."""
        head = self._anvil.head()
        self._anvil.mine(3 * SAFE_LAG)
        for _ in range(SETTLE_POLLS):
            self._poll()
            if int(self._store.client.hget(self._store.keys.chain, "finalized_number") or 0) >= head:
                return

    def _outcome(self, naive: Naive) -> Outcome:
        chain = set(canonical(self._anvil.rpc))
        ours = {(event.block_hash, event.log_index) for event in seen(self._store)}
        blocks = {self._anvil.rpc("eth_getBlockByNumber", hex(n), False)["hash"] for n in range(self._anvil.head() + 1)}
        events = logged(self._store)
        told: dict[str, int] = {}
        for liar in self._liars:
            for lie, times in liar.lies.told.items():
                told[lie] = told.get(lie, 0) + times
        return Outcome(
            len(chain),
            len(chain - ours),
            len(ours - chain),
            sum(event.block_hash not in blocks for event in events if isinstance(event, ChainConfirmed)),
            len(chain - naive.seen),
            len(naive.seen - chain),
            self.reorganisations,
            sum(isinstance(event, ChainLogRevoked) for event in events),
            self.crashes,
            told,
        )
