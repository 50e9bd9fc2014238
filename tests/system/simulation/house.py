"""The process, stepped: the real child table of `supervisor` with the real actors, without threads.

What `supervision.Supervisor` does in its thread is done here as events of the world; the decisions are those of the
real `ChildTable`. Only what reaches outside is exchanged: the store's client, X, the clock, the viewers' hub.
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Container, Sequence
from typing import Any

import pykka

import bootstrap
import supervisor
from actors import listener
from actors.auction.actor import LIMITS, Limits
from actors.ports import StoreAccess
from actors.scheduler.actor import DayPlan
from adapters.livestream.frames import Stage
from adapters.livestream.hub import FeedState
from adapters.redis.errors import NotOwner
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease
from adapters.x.budget import Budget
from adapters.x.clock import XClock
from adapters.x.credentials import Credentials
from messages.events import AnyEvent
from settings import Settings
from supervision import Actor, Backoff, ChildSpec, Context, Delivery, Exit, Group, Ready
from supervision.context import Crash
from supervision.table import ChildTable
from tests.harness.privates import send_through
from tests.system.simulation.faults import Faults
from tests.system.simulation.model import ModelStore
from tests.system.simulation.watch import Watch
from tests.system.simulation.wire import Host, Link, StoreClient, Wire
from tests.system.simulation.world import World
from tests.system.simulation.x import Client, Stream, X

LONGEST_TURN_S = 0.5


@dataclasses.dataclass
class Outside:
    """Everything that processes share: the world, the store, X, what goes wrong, and who watches."""

    world: World
    faults: Faults
    store: ModelStore
    store_link: Link
    x: X
    watch: Watch
    settings: Settings
    plan: Sequence[DayPlan]
    skew_ms: float = 0.0
    auction_limits: Limits = LIMITS
    listener_limits: listener.Limits = listener.LIMITS
    at_work: list[tuple["House", "Run"]] = dataclasses.field(default_factory=list)

    def clock_ms(self) -> int:
        """The clock of the machine on which the processes run: nearly right."""
        return int(self.world.utc_ms() + self.skew_ms)


class Run:
    """One incarnation of an actor, on its way from step to step."""

    def __init__(self, actor: Actor) -> None:
        self.context, self.actor_ref = actor.context, actor.actor_ref
        self.life = actor.life()
        self.at_work = self.over = self.woken = False
        self.due = 0


class Tree:
    """What the rest of the process uses of `Supervisor`, and its loop, taken step by step."""

    def __init__(self, house: "House", groups: Sequence[Group]) -> None:
        self._house, self._world = house, house.outside.world
        random = self._world.random(f"back-off {house.number}")
        self._random = self._world.random(f"scheduling {house.number}")
        self._said: deque[Any] = deque()
        self.runs: dict[str, Run] = {}
        self._every_run: list[Run] = []
        self._turn_due = 0
        stepped = [
            dataclasses.replace(group, children=[self._stepped(spec) for spec in group.children]) for group in groups
        ]
        self.table = ChildTable(
            stepped, supervisor.CONDITIONS, (NotOwner,), Backoff(random=random.random), self._report
        )

    # ---- as Supervisor

    def start_child(self, group_name: str, spec: ChildSpec) -> None:
        group = next(group for group in self.table.groups if group.group.name == group_name)
        self._said.append((group, self._stepped(spec)))
        self._turn_soon()

    def send(self, name: str, message: Any) -> Delivery:
        delivery = self.table.deliver(name, message)
        if delivery is Delivery.DELIVERED and name in self.runs:
            self._plan(self.runs[name], self._random.choice((0.0, 0.0, 1.0, 20.0)) * self._random.random())
        return delivery

    def hurry(self) -> None:
        self._said.append("hurry")
        self._turn_soon()

    def stop(self) -> None:
        raise AssertionError("a process of the simulation stays after the marathon's end")

    def crash(self, name: str) -> Delivery:
        return self.send(name, Crash())

    # ---- the loop of the supervisor's thread

    def turn(self) -> None:
        house, table = self._house, self.table
        if house.dead or self._held_up(self.turn):
            return
        now_s = self._world.now_ms / 1000
        table.advance(now_s)
        while self._said and table.code is None:
            said = self._said.popleft()
            match said:
                case Ready():
                    table.on_ready(said, now_s)
                case Exit():
                    house.note(f"{said.name}#{said.incarnation} ended: {said.reason!r:.160}")
                    table.on_exit(said, now_s)
                case "hurry":
                    table.hurry(now_s)
                case (group, spec):
                    table.on_start_child(group, spec, now_s)
        if table.code is not None:
            house.ended(table.code)
            return
        table.advance(now_s)
        self._turn_due += 1
        self._world.after(1000 * table.pause_s(now_s, LONGEST_TURN_S), self._turn_if, self._turn_due)

    def _turn_if(self, due: int) -> None:
        if due == self._turn_due:
            self.turn()

    def _turn_soon(self) -> None:
        self._turn_due += 1
        self._world.after(0, self._turn_if, self._turn_due)

    def _report(self, said: Ready | Exit) -> None:
        self._said.append(said)
        self._turn_soon()

    def _held_up(self, what: Any, *args: Any) -> bool:
        """Whether the process stands still; `what` is then done once it goes on."""
        until_ms = self._house.stands_still_until_ms
        if until_ms <= self._world.now_ms:
            return False
        self._world.at(until_ms + self._random.random(), what, *args)
        return True

    # ---- the actors' threads

    def _stepped(self, spec: ChildSpec) -> ChildSpec:
        def factory(context: Context) -> Any:
            context.clock = lambda: self._world.now_ms / 1000
            context.launch = self._launch
            send_through(context, self.send)
            return spec.factory(context)

        return dataclasses.replace(spec, factory=factory)

    def _launch(self, actor: Actor) -> None:
        run = self.runs[actor.context.name] = Run(actor)
        self._every_run.append(run)
        self._plan(run, self._random.random())

    def _plan(self, run: Run, wait_ms: float) -> None:
        if run.at_work:
            run.woken = True
        else:
            run.due += 1
            self._world.after(wait_ms, self._step, run, run.due)

    def _step(self, run: Run, due: int) -> None:
        if run.over or run.at_work or due != run.due or self._house.dead or self._held_up(self._step, run, due):
            return
        run.at_work, run.woken = True, False
        self._house.outside.at_work.append((self._house, run))
        try:
            wait_s = next(run.life)
        except StopIteration:
            run.over = True
        finally:
            self._house.outside.at_work.pop()
            run.at_work = False
        if not run.over:
            self._plan(run, 0.0 if run.woken else wait_s * 1000 * self._random.uniform(1.0, 1.02))

    def who(self) -> str:
        at_work = self._house.outside.at_work
        return f"{at_work[-1][0].number}/{at_work[-1][1].context}" if at_work else f"process {self._house.number}"

    def end(self) -> None:
        """The process is gone; those who were in the middle of something find out when they come back."""
        for run in self._every_run:
            if not run.at_work:
                run.over = True
                run.life.close()
                pykka.ActorRegistry.unregister(run.actor_ref)


class Hub:
    """The viewers: whoever was shown something has seen it."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._stage = Stage()

    @property
    def seq(self) -> int:
        return self._stage.seq

    @property
    def on_stage(self) -> str | None:
        return self._stage.auction_id

    def publish(self, events: Sequence[tuple[int, AnyEvent]], passing: Container[int] = ()) -> None:
        for seq, event in events:
            self._stage.fold(seq, event, seq in passing)
        self._watch.shown(events)

    def state(self) -> FeedState:
        return FeedState(self._stage.state())

    def resume(self, state: FeedState) -> None:
        self._stage = Stage(state.stage)


class House(Host):
    """One process, from its start to its end. `on_end()` is called when it is gone, `on_silence()` when it has not been
    heard of for as long as its lease lasts."""

    def __init__(
        self, outside: Outside, number: int, on_end: Callable[[], None], on_silence: Callable[[], None]
    ) -> None:
        self.outside, self.number, self._on_end, self._on_silence = outside, number, on_end, on_silence
        self.settings = outside.settings
        nobody = Credentials(**dict.fromkeys(Credentials.__struct_fields__, ""))
        self.keys = Keys(self.settings.marathon.id)
        self.hang_s = self.settings.supervision.hang_ms / 1000
        self._token = f"token-{number}"
        self._clock = XClock(outside.clock_ms, lambda: outside.world.now_ms / 1000)
        actors = bootstrap.Actors(
            self.settings,
            bootstrap.Dependencies("", nobody, outside.plan),
            bootstrap.Ports(
                self._connect,  # type: ignore[arg-type]
                self._x,  # type: ignore[arg-type]
                self._stream,
                auction_limits=outside.auction_limits,
                listener_limits=outside.listener_limits,
            ),
            bootstrap.Store(StoreAccess(self._connect, self.keys, self._token), "", None, None),  # type: ignore[arg-type]
            self._clock,
            Budget({}),
            Hub(outside.watch),  # type: ignore[arg-type]
        )
        table = supervisor.child_table(
            actors,
            self.settings.supervision,
            lambda: self.supervisor,  # type: ignore[arg-type, return-value]
            _no_history_is_lost,
        )
        self.supervisor = Tree(self, table)
        self._wire = Wire(outside.world, outside.faults, self, self.supervisor.who)

    def _connect(self) -> StoreClient:
        outside = self.outside
        return StoreClient(self._wire, outside.store, outside.store_link, outside.watch.answered)

    def _x(self, *_: Any, **__: Any) -> Client:
        return Client(self.outside.x, self._wire, self._clock)

    def _stream(self, _base_url: str, _token: str, *callbacks: Any, **_: Any) -> Stream:
        return Stream(self.outside.world, self.outside.x, self.outside.faults, self, *callbacks)

    def start(self, steal: bool = True) -> None:
        """Takes the marathon and begins. Raises StoreError when that cannot be."""
        lease = Lease(self._connect(), self.keys, self._token, self.settings.redis.lease_ms)  # type: ignore[arg-type]
        if not lease.take(steal=steal):
            raise NotOwner("another process owns the marathon")
        self.note("starts")
        self.supervisor.turn()

    def kill(self, why: str) -> None:
        if self.dead:
            return
        self.dead = True
        self.note(why)
        for stream in [stream for stream in self.outside.x.streams if stream.host is self]:
            stream.vanish()
        self.supervisor.end()
        self._on_end()

    def stand_still(self, for_ms: float) -> None:
        """Nothing of it moves for so long; whoever waits for its lease may take over meanwhile."""
        self.stands_still_until_ms = max(self.stands_still_until_ms, self.outside.world.now_ms + for_ms)
        self.note(f"stands still for {for_ms:.0f} ms")
        self.outside.world.after(self.settings.redis.lease_ms + 100, self._on_silence)

    def ended(self, code: int) -> None:
        """The supervisor has given up, or everything was stopped."""
        self.kill(f"ends with exit code {code}")

    def note(self, what: str) -> None:
        self.outside.world.note(f"process {self.number}", what)


def _no_history_is_lost(why: str) -> None:
    raise AssertionError(f"the store of the simulation forgets nothing: {why}")
