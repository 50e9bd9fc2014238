"""Playing a scenario: its steps at their times, on a compressed marathon that runs in this process.

Every step goes in where the real thing would: faults and posts at the simulated X, commands through the process's own
listener, crashes through the supervisor. What came of it is for `scenario_expect` to judge.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console

import supervisor
from actors.scheduler import DayPlan
from commands.common import CommandError, ask
from commands.follow import Follower
from commands.scenario_file import Post, Scenario, Step
from messages.events import AnyEvent, AuctionOpened
from settings import Settings
from simulator.launch import SimulatorFailed, ask_x
from supervision import ChildStatus, Delivery, State

# How long a step may wait for what it needs (the day's auction post, an actor that is down), in ms.
STEP_PATIENCE_MS = 10_000
# How long after the last day's length the marathon may take to end, in ms: a little more than the bound of a close.
END_PATIENCE_MS = 45_000


class Played(msgspec.Struct, frozen=True):
    """A step and what became of it: `late_ms` after its time it was done, or `failed` says why it was not."""

    step: str
    does: str
    late_ms: int
    failed: str | None = None


class NotYet(Exception):
    """The step cannot be done now, but may be in a moment."""


class StepFailed(Exception):
    """The step cannot be done."""


class Player(Follower):
    """Follows the marathon and plays the steps meanwhile; one that has to wait holds up those behind it."""

    def __init__(
        self, scenario: Scenario, settings: Settings, days: Sequence[DayPlan], x_port: int, console: Console
    ) -> None:
        super().__init__(settings, console)
        self.played: list[Played] = []
        self.faults: list[str] = []
        self.children: Mapping[str, ChildStatus] = {}
        self._scenario, self._settings, self._x_port = scenario, settings, x_port
        self._days = {day.window.day: day for day in days}
        self._todo = deque(step for step in scenario.steps if step.at_ms is not None)
        self._auction_posts: dict[str, int] = {}
        self._named: dict[str, str] = {}
        last = days[-1].window.opens_at_ms + scenario.demo.day_seconds * 1000
        self._crashed: dict[str, int] = {}
        self._over = False
        self._give_up_at_ms = last + END_PATIENCE_MS

    def begin(self, process: supervisor.Process) -> None:
        """The process is up. Actors that the scenario names and that do not exist become `faults`, and end it."""
        super().begin(process)
        self._supervisor = process.supervisor
        self._look_at_children()
        known = [*self.children, *(day.auction_id for day in self._days.values())]
        expect = self._scenario.expect
        named = [(f"{step.path}.crash", step.what) for step in self._scenario.steps if step.action == "crash"]
        named += [(f"expect.restarts.{name}", name) for name in expect.restarts]
        named += [(f"expect.children.{name}", name) for name in expect.children]
        self.faults = [
            f"{self._scenario.file}: {path}: there is no actor {name!r}; there are {', '.join(known)}"
            for path, name in named
            if name not in known
        ]

    def is_over(self) -> bool:
        """Shows what is new and plays what is due; answers whether that was all, or whether there is no point left."""
        if not self._over:  # what is seen while everything is being stopped says nothing
            self._look_at_children()
            self.look()
            self._play_due()
            given_up = bool(self.faults) or supervisor.clock_ms() > self._give_up_at_ms
            self._over = given_up or (self.ended and not self._todo)
        return self._over

    def hear(self, event: AnyEvent) -> None:
        if isinstance(event, AuctionOpened):
            self._auction_posts[event.auction_id] = event.post_id
        super().hear(event)

    def unplayed(self) -> list[Played]:
        """The steps whose time has not come."""
        return [Played(step.path, _words(step), 0, "the marathon was over before") for step in self._todo]

    def _look_at_children(self) -> None:
        self.children = {child.name: child for child in self._supervisor.tree()}

    # ---- the steps

    def _play_due(self) -> None:
        while self._todo and (due_ms := self._due_ms(self._todo[0])) <= supervisor.clock_ms():
            step = self._todo[0]
            failed = None
            try:
                self._do(step)
            except NotYet as reason:
                if supervisor.clock_ms() < due_ms + STEP_PATIENCE_MS:
                    return
                failed = str(reason)
            except (StepFailed, SimulatorFailed, CommandError) as reason:
                failed = str(reason)
            self._todo.popleft()
            self.played.append(Played(step.path, _words(step), supervisor.clock_ms() - due_ms, failed))
            self.tell(f"step      {_words(step)}" + (f": {failed}" if failed else ""))

    def _due_ms(self, step: Step) -> int:
        return self._days[step.day].window.opens_at_ms + (step.at_ms or 0)

    def _do(self, step: Step) -> None:
        match step.action:
            case "crash":
                self._crash(step.what)
            case "fault":
                ask_x(self._x_port, "POST", "/_sim/faults", step.what)
            case "inject":
                self._inject(step)
            case "post":
                self._post(step, step.what)
            case "delete":
                if step.what not in self._named:
                    raise StepFailed(f"the post {step.what} was not made")
                ask_x(self._x_port, "POST", "/_sim/delete", {"id": self._named[step.what]})

    def _crash(self, name: str) -> None:
        """Each crash needs a life of its own: a second one for a dying actor would be buried with it."""
        child = {child.name: child for child in self._supervisor.tree()}.get(name)
        if child is None or child.state != State.READY or child.incarnation == self._crashed.get(name):
            raise NotYet(f"{name} is {child.state if child else 'not there'}")
        if (delivery := self._supervisor.crash(name)) is not Delivery.DELIVERED:
            raise NotYet(f"{name} could not be told: {delivery}")
        self._crashed[name] = child.incarnation

    def _inject(self, step: Step) -> None:
        auction_id = self._days[step.day].auction_id
        if auction_id not in self._auction_posts:
            raise NotYet(f"{auction_id} is not open")
        status, answer = ask(self._settings, "POST", "/inject", {"auction_id": auction_id, **step.what})
        if status == 503:
            raise NotYet(f"answered {status}: {answer}")
        if status >= 300:
            raise StepFailed(f"answered {status}: {answer}")

    def _post(self, step: Step, post: Post) -> None:
        auction_id = self._days[step.day].auction_id
        parent = self._named.get(post.reply_to) if post.reply_to else self._auction_posts.get(auction_id)
        if parent is None:
            raise NotYet("there is no post to reply to")
        meaning = {"refusal": post.refusal} if post.refusal else {"amount_wei": str(int(post.amount_wei or 0))}
        body: dict[str, Any] = {"author": post.author, "text": post.text, "reply_to": str(parent), "meaning": meaning}
        if post.account_age_ms is not None:
            body["account_age_ms"] = post.account_age_ms
        if post.delivery is not None:
            body["delivery_ms"] = post.delivery
        made = ask_x(self._x_port, "POST", "/_sim/post", body)
        if post.name:
            self._named[post.name] = made["id"]


def set_up(scenario: Scenario, x_port: int) -> list[Played]:
    """The faults that hold before the manager starts. Raises SimulatorFailed."""
    before = [step for step in scenario.steps if step.at_ms is None]
    for step in before:
        ask_x(x_port, "POST", "/_sim/faults", step.what)
    return [Played(step.path, _words(step), 0) for step in before]


def _words(step: Step) -> str:
    """The step in words, on one line."""
    match step.action:
        case "post":
            return f"post by @{step.what.author}: {step.what.text!r:.80}"
        case "inject":
            return f"inject {step.what['type']}"
        case "fault":
            return "fault " + " ".join(f"{name}={value}" for name, value in step.what.items())
        case _:
            return f"{step.action} {step.what}"
