"""Plays the steps of a scenario at their times, on a compressed marathon that runs in a process of its own.

Faults and posts go to the simulated X; commands, orders and crashes go to the private listener of the process; `kill`
kills the process. `scenario_expect` judges the outcome.
"""

import random
from collections import Counter, deque
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from rich.console import Console

from actors.scheduler.day_plan import DayPlan, FurtherDay
from adapters.redis.client import connect
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.keys import Keys
from adapters.wall_clock import wall_clock_ms
from auction.order_kind import DAY
from auction.orders import ORDERS
from auction.units import format_duration
from commands.common import CommandError, ask, token_of
from commands.follow import Follower
from commands.scenario_file import ANY, Order, Post, Scenario, Step
from commands.scenario_process import MarathonProcess
from messages.events import AnyEvent, AuctionOpened
from messages.known_words import there_is_no
from settings import Settings
from simulator.launch import SimulatorFailed, ask_x
from supervision import State

# How long a step may wait for the day's auction post or for an actor that is down.
STEP_PATIENCE_MS = 10_000
# How long the marathon may take to end after the last day: a little more than `close_bound` of a demo.
END_PATIENCE_MS = 45_000


class Played(msgspec.Struct, frozen=True):
    """A played step: it was done `late_ms` after its time, or `failed` says why not."""

    step: str
    does: str
    late_ms: int
    failed: str | None = None


class NotYet(Exception):
    """The step cannot be done yet and is tried again."""


class StepFailed(Exception):
    """The step cannot be done."""


class Player(Follower):
    """Follows the marathon and plays the steps in order; a step that has to wait holds up later ones."""

    def __init__(
        self,
        scenario: Scenario,
        settings: Settings,
        days: Sequence[DayPlan | FurtherDay],
        x_port: int,
        process: MarathonProcess,
        console: Console,
    ) -> None:
        super().__init__(settings, console)
        self.played: list[Played] = []
        self.faults: list[str] = []
        self.children: dict[str, dict[str, Any]] = {}
        self.restarts: Counter[str] = Counter()
        self._scenario, self._settings, self._x_port, self._process = scenario, settings, x_port, process
        self._token = token_of(settings, next(iter(settings.http.operator_tokens), None))
        self._days = {day.window.day: day for day in days}
        self._todo = deque(step for step in scenario.steps if step.at_ms is not None)
        self._auction_posts: dict[str, int] = {}
        self._named: dict[str, str] = {}
        self._crashed: dict[str, int] = {}
        self._lot = random.Random(scenario.demo.seed)
        self._over = self._is_known = False
        self._give_up_at_ms = days[-1].window.opens_at_ms + scenario.demo.day_seconds * 1000 + END_PATIENCE_MS
        before = [step.what for step in scenario.steps if step.at_ms is None and step.action == "kill"]
        self._starts_at_ms: int | None = days[0].window.opens_at_ms + max(before) if before else 0

    def is_over(self) -> bool:
        """Prints new events and plays due steps; returns whether all is played or the scenario has to be given up."""
        if not self._over:  # the state of a process that is being stopped must not be recorded
            if self._starts_at_ms is not None and wall_clock_ms() >= self._starts_at_ms:
                self._process.start()
                self._starts_at_ms = None
            self._look_at_children()
            if self._is_known:
                self.look()
            self._play_due()
            given_up = bool(self.faults) or self._process.gave_up or wall_clock_ms() > self._give_up_at_ms
            self._over = given_up or (self.ended and not self._todo)
        return self._over

    def close(self) -> None:
        """Closes the connection to the store."""
        if self._is_known:
            self._client.close()

    def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, AuctionOpened):
            self._auction_posts[event.auction_id] = event.post_id
        super().on_event(event)

    def unplayed(self) -> list[Played]:
        """Returns the steps that were not played, as failed."""
        return [Played(step.path, _words(step), 0, "the marathon was over before") for step in self._todo]

    def _look_at_children(self) -> None:
        """Reads the states of the actors from /status. `restarts` keeps the counts of killed processes."""
        try:
            status, told = ask(self._settings, "GET", "/status")
        except CommandError:
            return  # the process is down or still starting
        if status != HTTPStatus.OK:
            return
        self.children = {child["name"]: child for child in told["actors"]}
        if not self._is_known:
            self._is_known = True
            self.follow(connect(EmbeddedServer(self._settings.data_dir).url), Keys(self._settings.marathon.id))
            self._check_names([*self.children, *(day.auction_id for day in self._days.values())])

    def _check_names(self, known: Sequence[str]) -> None:
        """Notes in `faults` each actor that the scenario names and that does not exist; any fault ends the scenario."""
        expect = self._scenario.expect
        crashes = [step for step in self._scenario.steps if step.action == "crash" and step.what != ANY]
        named = [(f"{step.path}.crash", step.what) for step in crashes]
        named += [(f"expect.restarts.{name}", name) for name in expect.restarts]
        named += [(f"expect.children.{name}", name) for name in expect.children]
        self.faults = [
            f"{self._scenario.file}: {path}: {there_is_no('actor', name, known)}"
            for path, name in named
            if name not in known
        ]

    # ---- the steps

    def _play_due(self) -> None:
        while self._todo and (due_ms := self._due_ms(self._todo[0])) <= wall_clock_ms():
            step = self._todo[0]
            failed = None
            try:
                self._do(step)
            except NotYet as reason:
                if wall_clock_ms() < due_ms + STEP_PATIENCE_MS:
                    return
                failed = str(reason)
            except (StepFailed, SimulatorFailed) as reason:
                failed = str(reason)
            self._todo.popleft()
            self.played.append(Played(step.path, _words(step), wall_clock_ms() - due_ms, failed))
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
            case "order":
                self._order(step, step.what)
            case "kill":
                self._kill(step.what)
            case "post":
                self._post(step, step.what)
            case "delete":
                if step.what not in self._named:
                    raise StepFailed(f"the post {step.what} was not made")
                ask_x(self._x_port, "POST", "/_sim/delete", {"id": self._named[step.what]})

    def _crash(self, name: str) -> None:
        """Crashes an actor once for each incarnation: a second crash sent to a dying actor would have no effect."""
        is_drawn = name == ANY
        if is_drawn:
            name = self._lot.choice(sorted(self.children) or [ANY])
        child = self.children.get(name)
        if child is None or child["state"] != State.READY or child["incarnation"] == self._crashed.get(name):
            raise NotYet(f"{name} is {child['state'] if child else 'not there'}")
        status, answer = self._ask("POST", "/inject", {"type": "crash", "actor": name})
        if status != HTTPStatus.ACCEPTED:
            raise NotYet(f"{name} could not be told: {answer}")
        self._crashed[name] = child["incarnation"]
        if is_drawn:
            self.tell(f"crash     {name}")

    def _kill(self, down_ms: int) -> None:
        self._process.kill()
        self.restarts.update({name: child["restarts"] for name, child in self.children.items()})
        self.children = {}
        self._starts_at_ms = wall_clock_ms() + down_ms

    def _inject(self, step: Step) -> None:
        auction_id = self._days[step.day].auction_id
        if auction_id not in self._auction_posts:
            raise NotYet(f"{auction_id} is not open")
        status, answer = self._ask("POST", "/inject", {"auction_id": auction_id, **step.what})
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise StepFailed(f"answered {status}: {answer}")

    def _order(self, step: Step, order: Order) -> None:
        fields: dict[str, Any] = {"why": order.why}
        kind = ORDERS[order.name]
        if not kind.is_for_house:
            fields["auction_id"] = self._days[order.of or step.day].auction_id
        if kind.argument is DAY:
            fields["day"] = order.of or step.day
        if order.post:
            fields["post_id"] = int(self._named[order.post])
        if order.bidder_id is not None:
            fields["bidder_id"] = order.bidder_id
        if order.by_ms is not None:
            current = self._ask("GET", "/status")[1]["current"] or {}
            fields["ends_at_ms"] = (current.get("ends_at_ms") or wall_clock_ms()) + order.by_ms
        status, answer = self._ask("POST", f"/operator/{order.name}", fields)
        wanted, told = order.refused, answer.get("reason", "") if status >= HTTPStatus.MULTIPLE_CHOICES else ""
        if bool(wanted) != bool(told) or wanted not in told or order.note not in answer.get("note", ""):
            raise StepFailed(f"answered {status}: {answer}")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Sends a request to the process. Raises NotYet while the process or its store does not answer."""
        try:
            status, answer = ask(self._settings, method, path, body, self._token)
        except CommandError as nobody:
            raise NotYet(str(nobody)) from None
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise NotYet(f"answered {status}: {answer}")
        return status, answer

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
    """Plays the steps before the start: sets their faults, and returns all of them. Raises SimulatorFailed."""
    before = [step for step in scenario.steps if step.at_ms is None]
    for step in before:
        if step.action == "fault":
            ask_x(x_port, "POST", "/_sim/faults", step.what)
    return [Played(step.path, _words(step), 0) for step in before]


def _words(step: Step) -> str:
    """Describes the step in one line."""
    match step.action:
        case "post":
            return f"post by @{step.what.author}: {step.what.text!r:.80}"
        case "inject":
            return f"inject {step.what['type']}"
        case "order":
            return f"order {step.what.name}"
        case "kill":
            return f"kill for {format_duration(step.what)}"
        case "fault":
            return "fault " + " ".join(f"{name}={value}" for name, value in step.what.items())
        case _:
            return f"{step.action} {step.what}"
