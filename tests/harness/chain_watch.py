"""A chain watcher driven by hand: the real actor on the real store, without a thread, one poll at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from actors.chain_watcher.actor import WRITER, ChainWatcher, Watched
from actors.ports import StoreAccess
from adapters.chain.node import Node
from adapters.redis.client import connect
from adapters.redis.log import LogReader
from messages.chain_events import ChainLogRevoked, ChainLogSeen
from messages.events import AnyEvent
from supervision import Actor, Context, Delivery, Exit, Mailbox, Ready
from supervision.context import Crash, Stop
from tests.harness.anvil import CHAIN_ID, CONTRACT
from tests.harness.shown_auction import now_ms
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S

POLL_MS = 2_000


def watched(
    contract: str = CONTRACT, chain_id: int = CHAIN_ID, poll_ms: int = POLL_MS, is_numbered: bool = True
) -> Watched:
    return Watched(chain_id, contract, poll_ms, is_numbered)


def access(store: Store) -> StoreAccess:
    return StoreAccess(lambda: connect(store.url), store.keys, store.token)


def nodes(urls: Sequence[str], timeout_s: float = PATIENCE_S) -> list[Node]:
    return [Node(url, timeout_s, f"node {n}") for n, url in enumerate(urls, start=1)]


class Watch:
    """One incarnation of the watcher, with nodes at these addresses. `died_of` is set when it has ended; `sent` is whom
    it gave a hint. `clock` is its clock, at first the real one."""

    def __init__(self, store: StoreAccess, urls: Sequence[str], what: Watched, timeout_s: float = PATIENCE_S) -> None:
        launched: list[Actor] = []
        self._now_s = 0.0
        self._mailbox = Mailbox(10)
        self.clock = now_ms
        self.sent: list[str] = []
        self.died_of: BaseException | None = None
        context = Context(
            "chain_watcher", 1, self._mailbox, self._send, self._report, lambda: self._now_s, launched.append
        )
        make_nodes = (lambda: nodes(urls, timeout_s)) if urls else None
        ChainWatcher.start(context, store, self._now_ms, make_nodes, what, ("publisher",))
        self._life = launched[0].life()

    def poll(self, times: int = 1) -> None:
        """Lets it look at the nodes; what it dies of is raised here."""
        for _ in range(times):
            next(self._life, None)
            self._now_s += POLL_MS / 1000
            if self.died_of is not None:
                raise self.died_of

    def crash(self) -> None:
        """Lets it die of an injected crash before it looks again."""
        self._mailbox.urge(Crash())
        assert next(self._life, None) is None
        assert self.died_of is not None

    def stop(self) -> None:
        """Ends it in an orderly way, if it lives."""
        self._mailbox.urge(Stop())
        assert next(self._life, None) is None

    def _now_ms(self) -> int:
        return self.clock()

    def _send(self, name: str, message: object) -> Delivery:
        self.sent.append(f"{name}: {type(message).__name__}")
        return Delivery.DELIVERED

    def _report(self, said: Ready | Exit) -> None:
        if isinstance(said, Exit):
            assert said.teardown_error is None
            self.died_of = said.reason


def logged(store: Store) -> list[AnyEvent]:
    """All that the watchers have written into the log, in its order."""
    found: list[AnyEvent] = []
    reader, seq = LogReader(store.client, store.keys), 0
    while entries := reader.read(seq, 1_000):
        for entry in entries:
            assert entry.writer == WRITER
            found += entry.events()
            seq = entry.last_seq
    return found


def seen(store: Store) -> list[ChainLogSeen]:
    """The logs that the watchers have seen, without the revoked ones."""
    found: dict[tuple[str, int], ChainLogSeen] = {}
    for event in logged(store):
        if isinstance(event, ChainLogSeen):
            key = event.block_hash, event.log_index
            assert key not in found, f"{event.message_id} was seen twice"
            found[key] = event
        elif isinstance(event, ChainLogRevoked):
            del found[event.block_hash, event.log_index]
    return list(found.values())


def tokens(store: Store) -> list[int]:
    """The tokens that the contract has logged, as our log has it."""
    return [int(event.topics[-1], 16) for event in seen(store)]


def canonical(rpc: Callable[..., Any], contract: str = CONTRACT) -> list[tuple[str, int]]:
    """Block and index of each log that the contract has on the chain."""
    logs = rpc("eth_getLogs", {"address": contract, "fromBlock": "0x0", "toBlock": "latest"})
    return [(log["blockHash"], int(log["logIndex"], 16)) for log in logs]
