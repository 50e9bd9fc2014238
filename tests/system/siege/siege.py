"""A demo day under siege: calm first, then strangers attack to the end, and each neighbour in turn turns hostile.

What is measured is measured from outside, as operators, the broadcast and bidders see it. The attackers share the
machine's cores with the house.
"""

import asyncio
import contextlib
import itertools
import json
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.progress import Progress

from adapters import process_file
from adapters.process_file import ProcessFile
from adapters.redis.client import connect
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from commands.compressed import MARATHON, DemoPlan, x_options
from messages.events import AuctionOpened, BidAccepted, BidRefused
from messages.x_ids import posted_at_ms
from tests.harness.anvil import Anvil
from tests.harness.hostile import Hostile, Mood
from tests.harness.shown_auction import now_ms
from tests.harness.x_process import simulated_x
from tests.system.siege.house import SiegePlan

START, CALM, STRANGERS, NEIGHBOURS, STORE, REST = "start", "calm", "strangers", "neighbours", "store", "rest"
PHASES = START, CALM, STRANGERS, NEIGHBOURS, STORE
AMOUNT_WEI = "100000000000000"  # a probe never leads
PROBERS = 100
START_S = 60.0
OPENS_MS = 10_000  # until the day opens: what the start of everything takes on a busy machine
WELL_AGAIN_S = 60.0
CLOSE_S = 240.0
LIES = (Mood.DRIP, Mood.SILENT, Mood.STALL, Mood.FLOOD, Mood.HTML, Mood.OTHER_JSON, Mood.HANG_UP, Mood.REFUSE)
SILENCES = (Mood.HANG_UP, Mood.SILENT, Mood.STALL, Mood.DRIP, Mood.REFUSE)


@dataclass(frozen=True)
class Size:
    """How long and how hard. Shares of the day's window: it is calm, strangers alone attack, neighbours turn."""

    day_s: float
    share: float = 1.0  # of the army
    turn_s: float = 5.0
    calm: float = 0.12
    strangers: float = 0.3
    turns: tuple[tuple[str, Mood], ...] = (
        *(("x", mood) for mood in LIES),
        *(("chain", mood) for mood in (*LIES, Mood.BOMB)),
        *((STORE, mood) for mood in SILENCES),
    )

    @property
    def window_s(self) -> float:
        return self.day_s * 0.6


@dataclass
class Seen:
    """What was seen. Times in s, each with the phase in which it was."""

    ready: list[tuple[str, float, bool]] = field(default_factory=list)
    seats: list[tuple[str, float]] = field(default_factory=list)
    bids: list[tuple[str, float]] = field(default_factory=list)
    bytes: list[tuple[str, int]] = field(default_factory=list)
    turns: list[tuple[str, float]] = field(default_factory=list)  # and how long until all was well again
    log: list[str] = field(default_factory=list)
    exit_code: int | None = None
    report: dict[str, Any] = field(default_factory=dict)

    def worst_ready_s(self) -> float:
        return max(took_s for phase, took_s, _ in self.ready if phase not in (START, STORE))

    def unready(self) -> int:
        """Answers under strangers that were not true."""
        return sum(not is_ready for phase, _, is_ready in self.ready if phase in (CALM, STRANGERS))

    def worst_seat_s(self) -> float:
        return max(took_s for phase, took_s in self.seats if phase != START)

    def bids_p99_s(self, phase: str) -> float:
        return statistics.quantiles([took_s for when, took_s in self.bids if when == phase], n=100)[-1]

    def told(self, phase: str) -> str:
        """The worst of a phase, in a line."""
        ready_s = [took_s for when, took_s, _ in self.ready if when == phase]
        seats_s, bids_s = ([took_s for when, took_s in each if when == phase] for each in (self.seats, self.bids))
        sizes = [size for when, size in self.bytes if when == phase]
        if not (ready_s and seats_s and bids_s and sizes):
            return f"{phase}: nothing was seen"
        middle_s, worst_s = statistics.median(bids_s), max(bids_s)
        bids = f"bid {middle_s:.3f} s in the middle and {worst_s:.2f} s at worst"
        return f"{phase}: /readyz {max(ready_s):.2f} s, seat {max(seats_s):.2f} s, {bids}, {max(sizes) >> 20} MB"

    def grown_mb(self) -> float:
        calm = max(size for phase, size in self.bytes if phase == CALM)
        return (max(size for _, size in self.bytes) - calm) / 2**20


class Siege:
    """One siege in a folder of its own."""

    def __init__(self, size: Size, folder: Path, progress: Progress) -> None:
        self._size, self._folder, self._progress = size, folder, progress
        self._task = progress.add_task("starts", total=size.window_s)
        self.seen = Seen()
        self._began_ms: list[tuple[int, str]] = [(0, REST)]  # the phases
        self._keys = Keys(MARATHON)

    def run(self) -> Seen:
        """From the start of everything to the day's report."""
        with self._world() as plan:
            asyncio.run(self._play(plan))
        with suppress(OSError):
            self.seen.report = json.loads(plan.report_file.read_bytes())
        self.seen.log = self._log_file.read_text(errors="replace").splitlines()
        return self.seen

    @property
    def _log_file(self) -> Path:
        return self._folder / "house.log"

    @contextmanager
    def _world(self) -> Iterator[SiegePlan]:
        """The neighbours, each behind a relay that can be turned."""
        with ExitStack() as stack:
            store = EmbeddedServer(self._folder / "store")
            stack.callback(store.stop)
            store.ensure()
            self._log = LogReader(client := connect(store.url), self._keys)
            stack.callback(client.close)
            self._anvil = anvil = Anvil(self._folder)
            stack.callback(anvil.kill)
            opens_at_ms = now_ms() + OPENS_MS
            demo = DemoPlan(seed=7, days=1, day_seconds=self._size.day_s, bidders=20, first_opens_at_ms=opens_at_ms)
            plan = SiegePlan(demo, self._folder / "house", 0, 0, "", "")
            options = {name.replace("-", "_"): value for name, value in x_options(plan.settings(), demo).items()}
            x_port = int(stack.enter_context(simulated_x(self._folder, **options)).base_url.rpartition(":")[2])
            self._hostile = {
                "x": Hostile(x_port),
                "chain": Hostile(int(anvil.url.rpartition(":")[2])),
                STORE: Hostile(store.socket),
            }
            for hostile in self._hostile.values():
                stack.callback(hostile.start().stop)
            yield msgspec.structs.replace(
                plan,
                x_port=x_port,
                x_port_of_house=self._hostile["x"].port,
                store_url=f"redis://127.0.0.1:{self._hostile[STORE].port}",
                chain_url=f"http://127.0.0.1:{self._hostile['chain'].port}",
            )

    async def _play(self, plan: SiegePlan) -> None:
        size, encoded = self._size, msgspec.json.encode(plan, enc_hook=str).decode()
        with self._log_file.open("wb") as log:
            async with (
                _process("tests.system.siege.house", encoded, stderr=log) as house,
                aiohttp.ClientSession() as session,
            ):
                where = await self._begun(plan, house, session)
                probes = [
                    self._look_whether_ready(session, where.private_port),
                    self._take_seats(session, where.public_port),
                    self._bid(session, plan.x_port),
                    self._hear(),
                    self._weigh(house.pid),
                ]
                self._begin(START)
                async with _all(probes):
                    await self._until_heard()
                    await self._during(CALM, size.window_s * size.calm)
                    async with _process("tests.system.siege.attack", str(where.public_port), str(size.share)):
                        await self._during(STRANGERS, size.window_s * size.strangers)
                        await self._turn_each(session, where.private_port, plan)
                        self._begin(REST)
                        with suppress(TimeoutError):
                            self.seen.exit_code = await asyncio.wait_for(house.wait(), size.window_s + CLOSE_S)

    def _begin(self, phase: str) -> None:
        self._began_ms.append((now_ms(), phase))
        self._progress.update(self._task, description=phase)

    @property
    def _phase(self) -> str:
        return self._began_ms[-1][1]

    async def _during(self, phase: str, seconds: float) -> None:
        self._begin(phase)
        for _ in range(max(1, round(seconds))):
            await asyncio.sleep(seconds / max(1, round(seconds)))
            self._progress.advance(self._task)

    async def _until_heard(self) -> None:
        """The first verdict on a probe: from here on the stream of X is connected."""
        async with asyncio.timeout(START_S):
            while not self.seen.bids:
                await asyncio.sleep(0.1)

    async def _turn_each(self, session: aiohttp.ClientSession, port: int, plan: SiegePlan) -> None:
        """Each neighbour in each mood, as long as the window lasts; after each, until all is well again."""
        ends_ms = plan.demo.first_opens_at_ms + self._size.window_s * 850
        for whose, mood in self._size.turns:
            if now_ms() + self._size.turn_s * 1_000 > ends_ms:
                self.seen.turns.append((f"{whose} {mood}: no time left", 0.0))
                continue
            await asyncio.to_thread(self._hostile[whose].turn, mood)
            await self._during(STORE if whose == STORE else NEIGHBOURS, self._size.turn_s)
            await asyncio.to_thread(self._hostile[whose].turn, Mood.HONEST)
            began_s = time.monotonic()
            head = self._mined() if whose == "chain" else 0
            while not await self._is_well(session, port, head) and time.monotonic() < began_s + WELL_AGAIN_S:
                await asyncio.sleep(0.1)
            self.seen.turns.append((f"{whose} {mood}", time.monotonic() - began_s))

    def _mined(self) -> int:
        """The number of a new block of the chain."""
        self._anvil.mine(1)
        return self._anvil.head()

    async def _is_well(self, session: aiohttp.ClientSession, port: int, head: int) -> bool:
        """Whether the house is ready, and has read the chain up to this block."""
        if head:
            async with session.get(f"http://127.0.0.1:{port}/status") as answer:
                chain = (await answer.json())["chain"]
            if chain.get("read_number", 0) < head:
                return False
        return (await _is_ready(session, port))[1]

    # ---- what is seen from outside

    async def _begun(
        self, plan: SiegePlan, house: asyncio.subprocess.Process, session: aiohttp.ClientSession
    ) -> ProcessFile:
        """The house's ports, once it is ready and its day is open."""
        async with asyncio.timeout(START_S):
            while True:
                assert house.returncode is None, f"the house did not start: {self._log_file.read_text()}"
                where = process_file.read(plan.data_dir)
                if where and (await _is_ready(session, where.private_port))[1] and self._opened():
                    return where
                await asyncio.sleep(0.1)

    def _opened(self) -> bool:
        for entry in self._log.read(0, 100):
            for event in entry.events():
                if isinstance(event, AuctionOpened):
                    self._post_id, self._after = event.post_id, entry.last_seq
                    return True
        return False

    async def _look_whether_ready(self, session: aiohttp.ClientSession, port: int) -> None:
        async for phase in self._every(0.5):
            self.seen.ready.append((phase, *await _is_ready(session, port)))

    async def _take_seats(self, session: aiohttp.ClientSession, port: int) -> None:
        async for phase in self._every(1.0):
            began_s = time.monotonic()
            with suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(10), session.ws_connect(f"http://127.0.0.1:{port}/livestream") as seat:
                    assert (await seat.receive_json())["type"] == "hello"
                    self.seen.seats.append((phase, time.monotonic() - began_s))
                    continue
            self.seen.seats.append((phase, float("inf")))

    async def _bid(self, session: aiohttp.ClientSession, x_port: int) -> None:
        numbers = itertools.count()
        async for _ in self._every(0.1):
            body = {
                "author": f"prober{next(numbers) % PROBERS}",
                "text": "0.0001 ETH #AuctionDay",
                "reply_to": str(self._post_id),
                "meaning": {"amount_wei": AMOUNT_WEI},
                "delivery_ms": [0],
            }
            async with session.post(f"http://127.0.0.1:{x_port}/_sim/post", json=body) as made:
                assert made.ok, await made.text()

    async def _hear(self) -> None:
        """The verdicts, as the log has them."""
        while True:
            for entry in self._log.read(self._after, 100):
                for _, event in entry.events_after(self._after):
                    if isinstance(event, BidAccepted | BidRefused) and event.bidder_handle.startswith("prober"):
                        posted_ms = posted_at_ms(event.post_id)
                        phase = next(phase for began_ms, phase in reversed(self._began_ms) if began_ms <= posted_ms)
                        self.seen.bids.append((phase, (now_ms() - posted_ms) / 1000))
                self._after = entry.last_seq
            await asyncio.sleep(0.005)

    async def _weigh(self, process_id: int) -> None:
        async for phase in self._every(1.0):
            with suppress(OSError):
                pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
                self.seen.bytes.append((phase, pages * 4_096))

    async def _every(self, seconds: float) -> AsyncIterator[str]:
        """The phase, again and again until the last one."""
        while True:
            if self._phase != REST:
                yield self._phase
            await asyncio.sleep(seconds)


async def _is_ready(session: aiohttp.ClientSession, port: int) -> tuple[float, bool]:
    """How long /readyz took, and whether it said yes."""
    began_s, is_ready = time.monotonic(), False
    with suppress(aiohttp.ClientError, TimeoutError):
        timeout = aiohttp.ClientTimeout(total=10)
        async with session.get(f"http://127.0.0.1:{port}/readyz", timeout=timeout) as answer:
            is_ready = answer.status == 200
    return time.monotonic() - began_s, is_ready


@asynccontextmanager
async def _process(module: str, *arguments: str, stderr: Any = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of this project, which has ended when this ends."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *arguments, stderr=stderr)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


@asynccontextmanager
async def _all(work: list[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """All of it, until this ends. Raises what one of them has raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each
