"""One run: a whole marathon of a day or two, from a seed to its end, with everything that goes wrong on the way."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache

import msgspec
import redis

import bootstrap
from actors import listener
from actors.auction.actor import Limits
from actors.scheduler.actor import DayPlan
from adapters.redis import journal
from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from auction.calendar import Window
from ledger.entry import LogDamaged
from messages.base import Lot, Phase, Wei
from settings import Settings, load
from tests.system.simulation.crowd import Crowd
from tests.system.simulation.faults import Disaster, Faults, Strike
from tests.system.simulation.house import House, Outside
from tests.system.simulation.model import ModelStore
from tests.system.simulation.watch import Watch
from tests.system.simulation.wire import Crashed, Killed, Link
from tests.system.simulation.world import START_MS, World
from tests.system.simulation.x import X

WINDOW_MS, GAP_MS, OPENS_MS = 12_000, 5_000, 700
FAULTS_AFTER_CLOSE_MS = 12_000
PATIENCE_MS = 150_000  # how long the end may take once nothing goes wrong any more
RESTART_MS = 1_500


@dataclass(frozen=True)
class Outcome:
    """How a run went. `wrong` is empty, or the first thing that was not as it must be."""

    seed: int
    wrong: str
    fingerprint: str
    trace: list[str]
    bids: int
    virtual_s: float


@cache
def settings() -> Settings:
    """The shipped settings with every duration cut to the length of a run; the bounds of `x` and `faults` fit them."""
    shipped = load(None, {})
    replace = msgspec.structs.replace
    return replace(
        shipped,
        marathon=replace(shipped.marathon, id="m", days=1, first_date=date(2027, 3, 1)),
        rules=replace(
            shipped.rules,
            soft_close_ms=1_500,
            soft_close_cap_ms=4_000,
            delivery_allowance_ms=1_000,
            close_bound_ms=20_000,
            downtime_allowance_ms=2_000,
        ),
        x=replace(
            shipped.x, search_lag_ms=1_000, sweep_interval_ms=4_000, sweep_lag_ms=2_300, request_timeout_ms=2_000
        ),
        redis=replace(shipped.redis, url="unix://simulated", lease_ms=2_000),
        supervision=replace(shipped.supervision, hang_ms=3_000, shutdown_ms=1_000),
    )


def plan(days: int) -> list[DayPlan]:
    found = []
    for day in range(1, days + 1):
        opens_at_ms = START_MS + OPENS_MS + (day - 1) * (WINDOW_MS + GAP_MS)
        window = Window(
            day=day, local_date=date(2027, 3, day), opens_at_ms=opens_at_ms, closes_at_ms=opens_at_ms + WINDOW_MS
        )
        lot = Lot(token_id=day, title=f"Lot {day}")
        # What the oracle knows nothing of is left out.
        rules = msgspec.structs.replace(settings().rules_for(day), rate_limit_posts=0, hold_above_wei=Wei(0))
        found.append(DayPlan(bootstrap.auction_id(settings(), day), window, lot, rules))
    return found


class Run:
    """The world of one seed, ready to be run."""

    def __init__(self, seed: int, tracing: bool = False, calm: bool = False) -> None:
        self.world = world = World(seed, tracing)
        self.random = world.random("run")
        days = self.random.choice((1, 1, 2))
        its = settings()
        days_plan = plan(days)
        last_close_ms = days_plan[-1].window.closes_at_ms - START_MS
        self.faults = Faults(world, last_close_ms + FAULTS_AFTER_CLOSE_MS * self.random.random(), calm)
        store, x, keys = ModelStore(world.utc_ms), X(world), Keys(its.marathon.id)
        self.watch = Watch(world, store, x, keys, its.marathon.time_zone)
        self.outside = Outside(world, self.faults, store, Link(world), x, self.watch, its, days_plan)
        closes_at_ms = {day.window.day: day.window.closes_at_ms for day in days_plan}
        self.crowd = Crowd(world, x, days_plan[0].rules, closes_at_ms)
        # On one machine a successor may take the lease at once; on two it has to wait until the lease has ended.
        self.one_machine = self.random.random() < 0.6
        self.houses: list[House] = []
        # Small batches, early checkpoints: what is rare in a long day is common here.
        self.outside.auction_limits = Limits(
            events_between_checkpoints=self.random.choice((1, 4, 20, 10_000)),
            bids_a_commit=self.random.choice((1, 3, 1_024)),
            entries_a_read=self.random.choice((1, 3, 16)),
            commits_a_turn=self.random.choice((1, 16)),
            turn_s=float("inf"),  # by the wall's clock, which is not the run's
        )
        self.outside.listener_limits = listener.Limits(
            entries_a_read=self.random.choice((1, 3, 64)), reads_a_turn=self.random.choice((1, 16))
        )
        self._tail_chunk = self.random.choice((1, 3, 64))

    def go(self) -> Outcome:
        """Runs it to its end."""
        world, watch = self.world, self.watch
        world.after_each = watch.look
        world.is_over = lambda: bool(watch.violation or world.broken)
        with _tail_in_chunks_of(self._tail_chunk), _silent():
            self._start()
            for strike in self.faults.strikes:
                world.at(strike.at_ms, self._strike, strike)
            deadline_ms = self.faults.quiet_ms + PATIENCE_MS
            while not world.is_over() and not self._is_done() and world.step(deadline_ms):
                pass
            if world.broken:
                raise world.broken
            if not watch.violation and not self._is_done():
                phases = {name: str(its.day.phase) for name, its in watch.days.items()}
                watch.wrong(f"no end {PATIENCE_MS / 1000:g} s after the last fault: {phases}")
            if not watch.violation:
                watch.finish()
            for house in self.houses:
                house.dead = True
                house.supervisor.end()
        bids = sum(len(its.decided) for its in watch.days.values())
        return Outcome(world.seed, watch.violation, world.fingerprint(), world.trace, bids, world.now_ms / 1000)

    def _is_done(self) -> bool:
        """The marathon has ended, its results are posted, and its last words are on X and before the viewers."""
        days = self.watch.days.values()
        posted = sum(event.startswith("result:") for event in self.watch.made)
        return self.watch.over and posted >= sum(its.day.phase is Phase.COMPLETED for its in days)

    # ---- the processes

    def _start(self) -> None:
        if any(not house.dead and not self._stands_still(house) for house in self.houses):
            return
        house = House(self.outside, len(self.houses) + 1, self._on_end, self._start)
        self.houses.append(house)
        try:
            house.start(steal=self.one_machine)
        except (StoreError, LogDamaged, redis.RedisError, Crashed, Killed) as why:
            if not house.dead:
                house.kill(f"cannot start: {why}")

    def _on_end(self) -> None:
        self.world.after(RESTART_MS * self.random.random(), self._start)

    def _stands_still(self, house: House) -> bool:
        return not self.one_machine and house.stands_still_until_ms > self.world.now_ms

    # ---- what strikes everything

    def _strike(self, strike: Strike) -> None:
        self.world.note("fate", f"{strike.what}, {strike.value:.0f} ms")
        living = [house for house in self.houses if not house.dead]
        match strike.what:
            case Disaster.STORE_AWAY:
                self.outside.store_link.close(strike.value)
            case Disaster.X_AWAY:
                self.outside.x.link.close(strike.value)
                for stream in list(self.outside.x.streams):
                    stream.lose()
            case Disaster.CLOCK:
                self.outside.skew_ms = strike.value
            case Disaster.KILL if living:
                living[0].kill("killed")
            case Disaster.PAUSE if living:
                living[0].stand_still(strike.value)
            case Disaster.CRASH if living and living[-1].supervisor.runs:
                living[-1].supervisor.crash(self.random.choice(sorted(living[-1].supervisor.runs)))


@contextmanager
def _tail_in_chunks_of(entries: int) -> Iterator[None]:
    """A journal's tail is read by so many entries at once."""
    before, journal.TAIL_CHUNK = journal.TAIL_CHUNK, entries
    try:
        yield
    finally:
        journal.TAIL_CHUNK = before


@contextmanager
def _silent() -> Iterator[None]:
    """What the actors log is not printed: thousands of them die here, as they should."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def simulate(seed: int, tracing: bool = False, calm: bool = False) -> Outcome:
    """The run of this seed. The same seed gives the same run, in any process."""
    return Run(seed, tracing, calm).go()
