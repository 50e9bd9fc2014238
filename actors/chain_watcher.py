"""The chain watcher: takes the logs of the sale contract into the log, each once, as far as the chain vouches for them.

It reads only up to the configured confirmation level and moves its place in the same commit, so that neither a
reorganisation above that level nor a crash can make a log count twice. Without a chain it is idle and says so.
"""

import logging
from collections.abc import Callable, Sequence

import msgspec

from actors.ports import Clock, StoreAccess
from adapters.shape.node import Node
from messages.codec import pack, unpack
from messages.events import ChainLogSeen
from messages.hints import LogGrew
from supervision import Actor, Context

log = logging.getLogger(__name__)

WRITER = "chain_watcher"
BLOCKS_A_TURN = 500


class Watched(msgspec.Struct, frozen=True):
    """What is watched: the contract, on which chain, up to which confirmation level, and how often (ms)."""

    chain_id: int
    contract: str
    read_to: str
    poll_ms: int


class WrongChain(Exception):
    """The node is on another chain than the settings say."""


class WatcherState(msgspec.Struct, array_like=True):
    """The last block whose logs were taken; None before the first look."""

    block: int | None = None


class ChainWatcher(Actor):
    """`make_node` is None where no chain is configured."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        make_node: Callable[[], Node] | None,
        watched: Watched,
        listeners: Sequence[str],
    ) -> None:
        super().__init__(context)
        self._store, self._clock, self._make_node = store, clock, make_node
        self._watched, self._listeners = watched, listeners
        self._node: Node | None = None
        self.tick_s = watched.poll_ms / 1000  # type: ignore[misc]

    def setup(self) -> None:
        if self._make_node is None:
            log.info("no chain is configured: the chain watcher is idle")
            return
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        begun = self._journal.begin()
        self._state = unpack(begun.checkpoint, WatcherState) if begun.checkpoint else WatcherState()

    def teardown(self) -> None:
        if self._node is not None:
            self._node.close()
        if self._make_node is not None:
            self._client.close()

    def handle(self, message: object) -> object:
        return NotImplemented

    def tick(self) -> None:
        if self._make_node is None:
            return
        if self._node is None:
            self._node = self._make_node()
            if (chain_id := self._node.chain_id()) != self._watched.chain_id:
                raise WrongChain(f"the node is on chain {chain_id}, the settings say {self._watched.chain_id}")
        head = self._node.head(self._watched.read_to)
        if self._state.block is None:
            self._commit(head, [])  # a marathon's sales begin after it does
        elif head > self._state.block:
            first, last = self._state.block + 1, min(head, self._state.block + BLOCKS_A_TURN)
            now_ms = self._clock()
            seen = [
                ChainLogSeen(
                    message_id=f"chain:{found.transaction_hash}:{found.log_index}",
                    at_ms=now_ms,
                    block_number=found.block_number,
                    block_hash=found.block_hash,
                    transaction_hash=found.transaction_hash,
                    log_index=found.log_index,
                    topics=found.topics,
                    data=found.data,
                )
                for found in self._node.logs(self._watched.contract, first, last)
            ]
            self._commit(last, seen)

    def _commit(self, block: int, seen: Sequence[ChainLogSeen]) -> None:
        self._state.block = block
        self._journal.commit(seen, checkpoint=pack(self._state))
        if seen:
            for name in self._listeners:
                self.context.send(name, LogGrew())
