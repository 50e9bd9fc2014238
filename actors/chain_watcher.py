"""The chain watcher: copies the logs of the sale contract from the blockchain into our log, each once.

It reads up to the configured confirmation level and commits its place together with the logs, so that neither a
reorganisation above that level nor a crash makes a log count twice or be missed. A reorganisation below its place
cannot be repaired here: the watcher stops with WrongChain. Without a configured chain it is idle.
"""

import logging
from collections.abc import Callable, Sequence

import msgspec
import redis

from actors.ports import Clock, StoreAccess
from adapters.chain.node import Block, Node, NodeUnavailable
from messages.codec import pack, reader_of
from messages.events import ChainLogSeen
from messages.hints import LogGrew
from supervision import Actor, Context

log = logging.getLogger(__name__)

WRITER = "chain_watcher"
# Blocks in one request to the node: providers bound what they answer at once.
BLOCKS_A_TURN = 50


class Watched(msgspec.Struct, frozen=True):
    """What is watched: the contract, on which chain, up to which confirmation level, and how often (ms)."""

    chain_id: int
    contract: str
    read_to: str
    poll_ms: int


class WrongChain(NodeUnavailable):
    """The node answers, but it is on another chain, lacks the contract, or has another past than was read.

    An operator has to look; until then nothing is taken from the node, and the auctions go on.
    """


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The last block whose logs were taken."""

    block_number: int
    block_hash: str


class ChainWatcher(Actor):
    """The actor that watches the contract. `make_node` is None where no chain is configured."""

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
        self._client: redis.Redis | None = None
        self._node: Node | None = None
        self._place: Place | None = None
        self.tick_s = watched.poll_ms / 1000  # type: ignore[misc]

    def setup(self) -> None:
        if self._make_node is None:
            log.info("no chain is configured: the chain watcher is idle")
            return
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        self._place = self._journal.begin(reader_of(Place)).checkpoint
        # The tail is empty unless a checkpoint is damaged. The logs of a block are always in one commit.
        for _, event in self._journal.tail():
            if isinstance(event, ChainLogSeen):
                self._place = Place(event.block_number, event.block_hash)

    def teardown(self) -> None:
        if self._node is not None:
            self._node.close()
        if self._client is not None:
            self._client.close()

    def handle(self, message: object) -> object:
        return NotImplemented

    def tick(self) -> None:
        if self._make_node is None:
            return
        if self._node is None:
            self._node = self._make_node()
            self._verify(self._node)
            return  # so that no turn makes more than three requests, each of which may take its whole time-out
        head = self._node.head(self._watched.read_to)
        if self._place is None:
            self._commit(head, [])  # blocks from before the marathon are not read: they hold none of its sales
        elif head.number > self._place.block_number:
            self._take(self._node, self._place, head)

    def _verify(self, node: Node) -> None:
        if (chain_id := node.chain_id()) != self._watched.chain_id:
            raise WrongChain(f"the node is on chain {chain_id}, the settings say {self._watched.chain_id}")
        if not node.has_code(self._watched.contract):
            raise WrongChain(f"there is no contract at {self._watched.contract} on chain {chain_id}")

    def _take(self, node: Node, place: Place, head: Block) -> None:
        """Take the logs of at most BLOCKS_A_TURN blocks after `place`, up to `head`. Raises WrongChain,
        NodeUnavailable."""
        known, *blocks = node.blocks(place.block_number, min(head.number, place.block_number + BLOCKS_A_TURN))
        if known.hash != place.block_hash:
            raise WrongChain(
                f"block {known.number} is {known.hash} on the node, but {place.block_hash} was read: "
                f"the chain was reorganised below its {self._watched.read_to} head"
            )
        now_ms = self._clock()
        seen = [
            ChainLogSeen(message_id=f"chain:{each.transaction_hash}:{each.log_index}", at_ms=now_ms, **each._asdict())
            for each in node.logs(self._watched.contract, blocks)
        ]
        self._commit(blocks[-1], seen)

    def _commit(self, last: Block, seen: Sequence[ChainLogSeen]) -> None:
        place = Place(last.number, last.hash)
        self._journal.commit(seen, checkpoint=pack(place))
        self._place = place
        if seen:
            for name in self._listeners:
                self.context.send(name, LogGrew())
