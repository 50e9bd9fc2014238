"""The API of the running process: status, readiness, metrics and receipts, and the orders and injections of operators.

It reads the supervisor's tree and the store; routes, tokens and limits are in `adapters/http`.
"""

import asyncio
import dataclasses
import itertools
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from redis import RedisError
from redis.asyncio import Redis

from actors.auction.receipts import LONGEST_S, ReceiptReader, StillReading
from actors.lease_keeper import ALARM as STORE
from actors.scheduler.actor import HOUSE
from actors.scheduler.day_plan import stored_plan
from adapters import alarms
from adapters.http.reads import StoreReads
from adapters.http.views import NotFound, Refused, Views, Webhook
from adapters.metrics import render
from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.queue import append_async
from api.health import watch
from api.injection import INJECTABLE, injected
from api.numbers import Numbers, StoreNumbers
from api.orders import ordered
from api.webhook import Pushes
from auction.order_kind import BIDDER, TO_COME, moment_in
from auction.orders import ORDERS
from auction.receipts import receipt_json
from messages.base import Command, Phase
from messages.codec import pack_batch
from messages.hints import QueueGrew
from messages.known_words import there_is_no
from supervision import Delivery, State, Supervisor

log = logging.getLogger(__name__)

LOOK_S = 1.0  # how long the store may take to answer for the status; after that its last answer is shown


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the store answered for the status last, and when (UTC ms; None: it has never answered)."""

    at_ms: int | None = None
    current: dict[str, Any] | None = None
    queues: dict[str, int] = dataclasses.field(default_factory=dict)
    numbers: StoreNumbers | None = None
    chain: dict[str, int] = dataclasses.field(default_factory=dict)


class ProcessApi:
    """What HTTP calls in a process. `auctions` are its days' ids, `integrations` a line on each outside system."""

    def __init__(
        self,
        supervisor: Supervisor,
        client: Redis,
        keys: Keys,
        auctions: Collection[str],
        integrations: Mapping[str, str],
        clock: Callable[[], int],
        receipt_reader: ReceiptReader,
        time_zone: str,
    ) -> None:
        self._supervisor, self._client, self._keys = supervisor, client, keys
        self._auctions, self._integrations, self._clock = auctions, integrations, clock
        self._receipt_reader, self._time_zone = receipt_reader, time_zone
        self._reads = StoreReads(client, keys, len(auctions), self.receipts, clock)
        self._serials = itertools.cycle(range(4096))
        self._seen, self._looking, self._asking = Seen(), asyncio.Lock(), asyncio.Lock()

    def views(self, inject_enabled: bool, consumer_secret: str) -> Views:
        """The functions in the form that the HTTP server takes. Without X's `consumer_secret` it cannot push."""
        inject = self.inject if inject_enabled else None
        pushes = Pushes(self._client, self._keys, len(self._auctions), self._clock, self._supervisor.send)
        webhook = Webhook(consumer_secret, pushes.take) if consumer_secret else None
        return Views(self._reads.reads(), self.status, self.ready, self.metrics, inject, self.operate, webhook)

    def ready(self) -> tuple[bool, list[str]]:
        """Whether the auctions go on, and a line for each actor that is not ready and for trouble with the store.

        An actor that the auctions can do without only delays readiness until it has started once, or failed to.
        """
        idle = [child for child in self._supervisor.tree() if child.state != State.READY]
        reasons = [f"{child.name}: {child.state}" for child in idle]
        trouble = alarms.sounding().get(STORE)
        if trouble:
            reasons.append(f"store: {trouble}")
        is_coming = any(child.state == State.STARTING and child.restarts == 0 for child in idle)
        return not (trouble or is_coming or any(child.essential for child in idle)), reasons

    async def status(self) -> dict[str, Any]:
        """The whole status: the tree of actors, the auction on stage, its queue, the external systems, the alarms.
        While the store is away, its last answer and when that was."""
        answered = await self._look()
        seen, tree = self._seen, self._supervisor.tree()
        watch(tree, seen.numbers if answered else None)
        sounding = alarms.sounding()
        return {
            "marathon_id": self._keys.marathon_id,
            "actors": [dataclasses.asdict(child) for child in tree],
            "store": {"as_of_ms": seen.at_ms, "trouble": sounding.get(STORE)},
            "current": seen.current,
            "queues": seen.queues,
            "chain": seen.chain,
            "integrations": self._integrations,
            "alarms": sounding,
        }

    async def metrics(self) -> bytes:
        """All metrics in Prometheus's text format, those of the store only if it answers."""
        store = self._seen.numbers if await self._look() else None
        watch(self._supervisor.tree(), store)
        return render(Numbers(self._supervisor.tree(), store))

    async def _look(self) -> bool:
        """Ask the store for the status. Returns whether it has answered within LOOK_S."""
        try:
            async with asyncio.timeout(LOOK_S), self._looking:
                self._seen = await self._ask_store()
        except (RedisError, OSError) as fault:  # TimeoutError is an OSError
            log.warning("the store has not answered for the status: %r", fault)
            return False
        return True

    async def _ask_store(self) -> Seen:
        now_ms = self._clock()
        log_seq = int(await self._client.get(self._keys.seq) or 0)
        dead_letters = int(await self._client.xlen(self._keys.dead))
        told: Any = await self._client.hgetall(self._keys.chain)
        chain = {name.decode(): int(value) for name, value in told.items()}
        try:
            current = await self._reads.current()
        except NotFound:
            return Seen(now_ms, numbers=StoreNumbers(log_seq, dead_letters), chain=chain)
        queue = self._keys.queue(current["auction_id"])
        entries = int(await self._client.xlen(queue))
        first: Any = await self._client.xrange(queue, count=1)
        # An entry's id holds its time by the server's clock, which may differ from ours.
        server_s, microseconds = await self._client.time()
        server_ms = server_s * 1000 + microseconds // 1000
        came_ms = int(first[0][0].partition(b"-")[0]) if first else server_ms
        waiting = current["phase"] in (Phase.ACTIVE, Phase.PROCESSING)
        numbers = StoreNumbers(
            log_seq,
            dead_letters,
            queue_entries=entries,
            queue_oldest_ms=max(0, server_ms - came_ms),
            phase=current["phase"],
            watermark_lag_ms=now_ms - (current["watermark_ms"] or current["opens_at_ms"]) if waiting else None,
        )
        return Seen(now_ms, current, {"undecided_batches": entries, "dead_letters": dead_letters}, numbers, chain)

    async def receipts(self, auction_id: str, post_ids: Sequence[int]) -> list[Any]:
        """The receipts of these posts as of now; None for a post without a verdict. Raises Refused, StoreError."""
        try:
            # Callers wait here, not each in a thread: the loop has few, and needs them for images and host names too.
            async with asyncio.timeout(LONGEST_S):
                await self._asking.acquire()
        except TimeoutError:
            raise Refused("other questions are being answered: please ask again", "STILL_READING", 503) from None
        try:
            found = await asyncio.to_thread(self._receipt_reader.receipts, auction_id, post_ids)
        except StillReading as reading:
            raise Refused(str(reading), "STILL_READING", 503) from None
        finally:
            self._asking.release()
        return [receipt and receipt_json(receipt, self._time_zone) for receipt in found]

    async def operate(self, name: str, fields: dict[str, Any], by: str) -> dict[str, Any]:
        """Queue an operator's order, which is on disk when this returns. Raises Refused, UnreadableMessage."""
        on_stage: Any = await self._client.hget(self._keys.current, "auction_id")
        queue, command = ordered(name, fields, by, self._clock(), on_stage.decode() if on_stage else "")
        kind, moment = ORDERS[name], TO_COME
        if kind.argument is not BIDDER:
            number, auction_id = await self._planned(getattr(command, "day", queue))
            stored: Any = await self._client.hgetall(self._keys.day(number))
            moment = moment_in({name.decode(): value.decode() for name, value in stored.items()})
            if reason := kind.why_not(auction_id, moment):
                raise Refused(reason, "NOT_NOW", 409)
        await self._append(queue, command)
        self._supervisor.send("scheduler" if queue == HOUSE else queue, QueueGrew())
        log.warning("%s orders %s in %s: %s", by, name, queue, command.why)
        answer = {"ordered": name, "of": queue, "message_id": command.message_id}
        return answer | ({"note": kind.idle[moment]} if moment in kind.idle else {})

    async def _planned(self, which: int | str) -> tuple[int, str]:
        """The number and the id of the planned day that has this number or id, added days included. Raises NotFound."""
        stored: Any = await self._client.get(self._keys.config)
        for day in stored_plan(self._keys, stored):
            if which in (day.window.day, day.auction_id):
                return day.window.day, day.auction_id
        what = f"day {which}" if isinstance(which, int) else f"auction {which!r:.60}"
        raise NotFound(f"this marathon has no {what}")

    async def inject(self, fields: dict[str, Any], by: str) -> dict[str, Any]:
        """Inject a crash, or a command, which is on disk when this returns. Raises Refused, UnreadableMessage."""
        if fields["type"] == "crash":
            if fields.keys() != {"type", "actor"}:
                raise Refused("a crash says actor=NAME and nothing else", "UNREADABLE")
            return self._crash(str(fields["actor"]), by)
        if fields["type"] not in INJECTABLE:
            raise Refused(there_is_no("injection", fields["type"], ("crash", *INJECTABLE)), "UNREADABLE")
        stored: Any = await self._client.hgetall(self._keys.current)
        stage = {name.decode(): value.decode() for name, value in stored.items()}
        auction_id, command = injected(fields, by, self._clock(), next(self._serials), stage)
        if auction_id not in self._auctions:
            raise NotFound(f"this marathon has no auction {auction_id!r:.60}")
        await self._append(auction_id, command)
        self._supervisor.send(auction_id, QueueGrew())
        log.warning("%s has injected a %s into %s", by, type(command).__name__, auction_id)
        return {"injected": type(command).__name__, "auction_id": auction_id, "message_id": command.message_id}

    async def _append(self, queue: str, command: Command) -> None:
        try:
            await append_async(self._client, self._keys.queue(queue), pack_batch([command]))
        except StoreError as fault:
            raise Refused(str(fault), "STORE_UNAVAILABLE", 503) from None

    def _crash(self, name: str, by: str) -> dict[str, Any]:
        delivery = self._supervisor.crash(name)
        if delivery is Delivery.UNKNOWN:
            known = [child.name for child in self._supervisor.tree()]
            raise Refused(there_is_no("actor", name, known), "UNKNOWN_ACTOR", 404)
        if delivery is not Delivery.DELIVERED:
            raise Refused(f"{name} cannot be crashed now: {delivery}", "NOT_NOW", 409)
        log.warning("%s has injected a crash into %s", by, name)
        return {"injected": f"crash of {name}"}
