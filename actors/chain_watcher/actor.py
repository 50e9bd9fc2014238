"""The chain watcher: copies the logs of the sale contract from the blockchain into our log, each once.

It reads block by block up to the newest one. Every block may still leave the chain: then its logs are revoked by
events. Events say when a block with logs has become safe and finalized. Events and place are in one commit, so neither
a reorganisation nor a crash makes a log count twice or be missed. Nodes that fail or do not tell the truth are an
alarm and never the end of the actor. Without a configured chain it is idle.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import msgspec
import redis

from actors.chain_watcher.finality import Finality
from actors.chain_watcher.following import Following, Step, WrongChain, after
from actors.chain_watcher.health import Health
from actors.chain_watcher.reading import BlockReader
from actors.chain_watcher.record import Record, mark_of
from actors.ports import Clock, StoreAccess
from adapters import alarms, metrics
from adapters.chain.endpoints import Endpoints
from adapters.chain.node import Heads, Node, NodeUnavailable
from adapters.chain.rpc import Refused
from adapters.redis.writes import HashSet
from messages.chain_events import ChainCameBack, ChainEvent, ChainWentDown
from messages.codec import pack, reader_of
from messages.hints import LogGrew
from supervision import Actor, Context

log = logging.getLogger(__name__)

WRITER = "chain_watcher"
# How many steps are made in a turn at most, and after which time of a turn no step begins.
STEPS_A_TURN, STEPS_S = 16, 2.0
# The turns in a row without a node that answers after which that is an alarm.
FAILED_TURNS = 3
# How often nodes that could not be accepted are asked again.
ACCEPT_S = 30.0


class Watched(msgspec.Struct, frozen=True):
    """What is watched: the contract, on which chain, how often (ms), and whether the contract numbers its events."""

    chain_id: int
    contract: str
    poll_ms: int
    is_numbered: bool = True


class ChainWatcher(Actor):
    """The actor that watches the contract. `make_nodes` is None where no chain is configured."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        make_nodes: Callable[[], Sequence[Node]] | None,
        watched: Watched,
        listeners: Sequence[str],
    ) -> None:
        super().__init__(context)
        self._store, self._clock, self._make_nodes = store, clock, make_nodes
        self._watched, self._listeners = watched, listeners
        self._client: redis.Redis | None = None
        self._endpoints: Endpoints | None = None
        self._accept_at_s = 0.0
        self._record = Record()
        self._failed_turns = 0
        self._health = Health(clock())
        self.tick_s = watched.poll_ms / 1000  # type: ignore[misc]

    def setup(self) -> None:
        if self._make_nodes is None:
            log.info("no chain is configured: the chain watcher is idle")
            return
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        self._record = self._journal.begin(reader_of(Record)).checkpoint or Record()
        # The tail is empty unless a checkpoint is damaged.
        for _, event in self._journal.tail():
            self._record = self._record.after(event)

    def teardown(self) -> None:
        if self._endpoints is not None:
            self._endpoints.close()
        if self._client is not None:
            self._client.close()

    def handle(self, message: object) -> object:
        return NotImplemented

    def tick(self) -> None:
        if self._make_nodes is None:
            return
        if self._endpoints is None:
            self._connect(self._make_nodes())
        self._look()
        is_down = self._health.turn(self._record.is_down, self._clock())
        if is_down != self._record.is_down:
            self._commit(self._turned(is_down))

    def _connect(self, nodes: Sequence[Node]) -> None:
        watched = self._watched
        self._endpoints = endpoints = Endpoints(nodes)
        reader = BlockReader(endpoints, watched.contract, watched.is_numbered)
        self._following = Following(endpoints, reader, watched.is_numbered, self._clock)
        self._finality = Finality(endpoints, reader, watched.contract, watched.is_numbered, self._clock)

    # ---- a turn: the nodes are asked in order, until one has answered all questions

    def _look(self) -> None:
        assert self._endpoints is not None
        faults: list[NodeUnavailable] = []
        for node in self._endpoints.begin_turn():
            try:
                self._follow(node)
            except NodeUnavailable as fault:
                log.info("%s", fault)
                self._endpoints.pass_over(node)
                faults.append(fault)
                continue
            if faults:
                metrics.chain_fail_overs.inc()
            self._failed_turns = 0
            alarms.clear("chain:nodes")
            self._accept_others()
            return
        self._failed_turns += 1
        if self._failed_turns >= FAILED_TURNS:
            alarms.sound("chain:nodes", f"no node of the chain answers as it should: {'; '.join(map(str, faults))}")

    def _follow(self, node: Node) -> None:
        heads = self._heads(node)
        if not self._record.marks:
            self._commit(self._begun(node, heads))
        end_s = self.context.clock() + STEPS_S
        for steps, step in enumerate(self._steps(node, heads), start=1):
            self._commit(step)
            if steps >= STEPS_A_TURN or self.context.clock() >= end_s:
                return

    def _steps(self, node: Node, heads: Heads) -> Iterator[Step]:
        """The steps that are due. Each has to be committed before the next one is asked for."""
        while step := self._following.step(self._record, node, heads):
            yield step
        agreed = self._following.agreed
        if step := self._finality.safe(self._record, heads, agreed):
            yield step
        while step := self._finality.finalized(self._record, node, heads, agreed):
            yield step

    def _accept_others(self) -> None:
        """Make acquaintance with the nodes that could not be accepted yet, one turn in a while: each may take its whole
        time to say nothing."""
        assert self._endpoints is not None
        if self.context.clock() < self._accept_at_s:
            return
        self._accept_at_s = self.context.clock() + ACCEPT_S
        for node in self._endpoints.strangers():
            with suppress(NodeUnavailable):
                self._accept(node, node.heads())

    def _heads(self, node: Node) -> Heads:
        """The node's heads. Raises NodeUnavailable, also where they are old and another node has newer ones."""
        assert self._endpoints is not None
        heads, now_ms = node.heads(), self._clock()
        if not self._endpoints.is_accepted(node):
            self._accept(node, heads)
        self._health.saw(heads, now_ms)
        if self._health.is_old(now_ms):
            for other in self._endpoints.others(node):
                try:
                    theirs = other.heads()
                except NodeUnavailable:
                    continue
                if theirs.unsafe.at_ms > heads.unsafe.at_ms:
                    self._health.saw(theirs, now_ms)
                    raise NodeUnavailable(f"{node.name} is at block {heads.unsafe.number}, behind {other.name}")
        return heads

    def _accept(self, node: Node, heads: Heads) -> None:
        """Accept the node. Raises WrongChain, with an alarm, where it is not what the settings say."""
        assert self._endpoints is not None
        contract, alarm = self._watched.contract, f"chain:{node.name}"
        try:
            if (chain_id := node.chain_id()) != self._watched.chain_id:
                raise WrongChain(f"{node.name} is on chain {chain_id}, the settings say {self._watched.chain_id}")
            if not node.has_code(contract):
                raise WrongChain(f"{node.name} has no contract at {contract} on chain {chain_id}")
            if self._watched.is_numbered:
                self._ask_count(node, heads)
        except WrongChain as fault:
            alarms.sound(alarm, str(fault))
            raise
        alarms.clear(alarm)
        self._endpoints.accept(node)

    def _ask_count(self, node: Node, heads: Heads) -> None:
        try:
            node.count(self._watched.contract, heads.unsafe)
        except Refused as fault:
            says = f"the contract at {self._watched.contract} does not count its events ({fault})"
            raise WrongChain(f"{says}: it is not contracts/AuctionSale, or chain.numbered has to be false") from None

    # ---- steps and their commit

    def _begun(self, node: Node, heads: Heads) -> Step:
        """Begin at the finalized head: blocks from before the marathon hold none of its sales. Where logs are known
        and the place is lost, begin before the first of them that is not finalized."""
        lowest = min([heads.finalized.number, *(block.number - 1 for block in self._record.held)])
        [block] = node.blocks_at([lowest])
        n = node.count(self._watched.contract, block) if self._watched.is_numbered else 0
        return Step(self._record.begun(mark_of(block), n), (), block)

    def _turned(self, is_down: bool) -> Step:
        now_ms, head_at_ms = self._clock(), self._health.head_at_ms
        kind = ChainWentDown if is_down else ChainCameBack
        event: ChainEvent = kind(message_id=f"{kind.__name__}:{now_ms}", at_ms=now_ms, head_at_ms=head_at_ms)
        return Step(after(self._record, [event]), [event])

    def _commit(self, step: Step) -> None:
        record, events, read = step
        fields: dict[str, int | str] = {"head_at_ms": self._health.head_at_ms, "is_down": int(record.is_down)}
        if read is not None:
            fields |= {"read_number": read.number, "read_at_ms": read.at_ms}
            metrics.chain_block.labels("read").set(read.number)
        if record.marks:
            fields["finalized_number"] = record.finalized.number
        writes = [HashSet(self._store.keys.chain, fields)]
        self._journal.commit(events, writes, checkpoint=pack(record))
        self._record = record
        if events:
            for name in self._listeners:
                self.context.send(name, LogGrew())
