"""Reads and checks a scenario file (docs/scenarios.md). Every error is one line with its path in the file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import msgspec

from adapters.http.private import read_command
from adapters.http.views import Refused
from api.injection import injected
from auction.orders import ORDERS
from auction.units import format_duration, format_percentage, parse_duration, parse_percentage
from commands.compressed import LEAST_FURTHER
from commands.report import UNCOUNTED
from config import Form, ListOf, Reading, Section, forms, read_toml
from messages.base import Outcome, Refusal, Wei
from messages.codec import UnreadableMessage
from messages.events import AnyEvent
from messages.money import format_eth, parse_eth
from settings import SettingsError
from simulator.x.faults import Fault
from supervision import State
from supervisor import CONDITIONS

ACTIONS = ("inject", "crash", "fault", "post", "delete", "order", "kill")
BEFORE_THE_START = ("fault", "kill")
MOST_STEPS = 1_000
ANY = "any"
"""In place of an actor's name: a random actor, by the seed of the demo."""
_NAMES = {"post": "reply_to", "order": "post"}  # the field in which a step names an earlier post
S = TypeVar("S", bound=Section)


# ---- how values are written


def _between(least: str, most: str) -> Form:
    read = forms.bounded(parse_duration, format_duration, least, most)
    return Form(str, 'a duration with its unit, in quotes, such as "3 s"', read, format_duration)


def _read_delays(value: list[Any]) -> list[int]:
    if len(value) > 10:
        raise ValueError("has more than 10 durations")
    return [_DELAY.read(delay if isinstance(delay, str) else str(delay)) for delay in value]


def _read_rush(value: str) -> float:
    return forms.bounded(parse_percentage, format_percentage, "0 %", "90 %")(value) / 10_000


def _least(known: Callable[[str], bool], what: str) -> Form:
    """A table of the least numbers that must be seen, by name; 0 means none."""

    def read(table: dict[str, Any]) -> dict[str, int]:
        for name, least in table.items():
            if not known(name):
                raise ValueError(f"{name[:40]!r} is not {what}")
            if type(least) is not int or not 0 <= least <= 1_000_000:
                raise ValueError(f"{name} must be a whole number from 0 to 1000000")
        return table

    return Form(dict, f"a table of numbers by {what}", read, str, shown=False)


def _read_states(table: dict[str, Any]) -> dict[str, str]:
    known = [*(str(state) for state in State), *CONDITIONS.values()]
    for name, state in table.items():
        if state not in known:
            raise ValueError(f"{name} is one of {', '.join(dict.fromkeys(known))}, not {state!r:.40}")
    return table


_DELAY = _between("0 s", "24 h")
_TEXT = Form(str, "a text", lambda text: text, forms.quoted)
_TABLE = Form(dict, "a table", lambda table: table, str, shown=False)
_STATES = Form(dict, "a table of states by actor", _read_states, str, shown=False)
_AMOUNT = Form(str, 'an amount with its unit, in quotes, such as "0.1 ETH"', parse_eth, format_eth)
_HANDLE = forms.text(r"[A-Za-z0-9_]{1,15}", "a handle of 1 to 15 letters, digits and _, without the @")
_NAME = forms.text(r"[A-Za-z0-9_-]{1,40}", "a name of 1 to 40 letters, digits, - and _")
_EVENTS = {kind.__name__ for kind in get_args(AnyEvent)}
_COUNTED = {str(reason) for reason in Refusal} - {str(reason) for reason in UNCOUNTED}
_RESTARTS = _least(bool, "the name of an actor")
_REFUSALS = _least(_COUNTED.__contains__, "a refusal that a report counts")
_KINDS = _least(_EVENTS.__contains__, "an event of the log")


# ---- the parts of a file


class Demo(Section, frozen=True, kw_only=True):
    """The marathon to play; `bids` is the number of posts that the crowd makes in a day."""

    days: Annotated[int, forms.whole(1, 9)] = 1
    day_seconds: Annotated[int, forms.whole(5, 3600)] = 15
    seed: Annotated[int, forms.whole(0, 2**31)] = 1
    bidders: Annotated[int, forms.whole(2, 10_000)] = 12
    bids: Annotated[int, forms.whole(0, 200_000)] = 60
    rush: Annotated[float, Form(str, 'a percentage, in quotes, such as "60 %"', _read_rush, str)] = 0.22


class Post(Section, frozen=True, kw_only=True):
    """A post by a named user, a reply to the day's auction post or to another post of the scenario (`reply_to`)."""

    author: Annotated[str, _HANDLE]
    text: Annotated[str, _TEXT]
    amount_wei: Annotated[Wei | None, _AMOUNT] = None
    refusal: Annotated[str, forms.choice(*(str(reason) for reason in Refusal))] = ""
    name: Annotated[str, _NAME] = ""
    reply_to: Annotated[str, _NAME] = ""
    account_age_ms: Annotated[int | None, _between("0 s", "3650 days")] = None
    delivery: Annotated[list[int] | None, Form(list, "a list of durations", _read_delays, str, shown=False)] = None


class Order(Section, frozen=True, kw_only=True):
    """An operator's order about a day. `refused` is a part of the reason with which it must be refused, `note` a part
    of the message about an order that changes nothing."""

    name: Annotated[str, forms.choice(*ORDERS)]
    why: Annotated[str, _TEXT] = "the scenario wants it"
    post: Annotated[str, _NAME] = ""
    of: Annotated[int | None, forms.whole(1, 9)] = None  # the day; None is the step's day
    bidder_id: Annotated[int | None, forms.whole(1, 2**63 - 1)] = None
    by_ms: Annotated[int | None, _DELAY] = None
    refused: Annotated[str, _TEXT] = ""
    note: Annotated[str, _TEXT] = ""


class _Step(Section, frozen=True, kw_only=True):
    day: Annotated[int, forms.whole(1, 9)] = 1
    at_ms: Annotated[int | None, _DELAY] = None
    inject: Annotated[dict[str, Any] | None, _TABLE] = None
    crash: Annotated[str, _NAME] = ""
    fault: Annotated[dict[str, Any] | None, _TABLE] = None
    post: Annotated[dict[str, Any] | None, _TABLE] = None
    delete: Annotated[str, _NAME] = ""
    order: Annotated[dict[str, Any] | None, _TABLE] = None
    kill_ms: Annotated[int | None, _DELAY] = None
    every_ms: Annotated[int | None, _between("1 ms", "24 h")] = None
    times: Annotated[int, forms.whole(1, MOST_STEPS)] = 1


class ExpectedDay(Section, frozen=True, kw_only=True):
    """The expected result of a day; fields that are left out are not checked."""

    day: Annotated[int, forms.whole(1, 9)]
    outcome: Annotated[str, forms.choice(*(str(outcome) for outcome in Outcome))] = ""
    winner: Annotated[str, _HANDLE] = ""
    amount_wei: Annotated[Wei | None, _AMOUNT] = None
    moved_ms: Annotated[int | None, _DELAY] = None


class Expect(Section, frozen=True, kw_only=True):
    """What must be found at the end. Numbers are the least that must be seen; 0 means none."""

    right: Annotated[bool | None, forms.FLAG] = None
    exit_code: Annotated[int, forms.whole(0, 255)] = 0
    restarts: Annotated[dict[str, int], _RESTARTS] = msgspec.field(default_factory=dict)
    refused: Annotated[dict[str, int], _REFUSALS] = msgspec.field(default_factory=dict)
    log: Annotated[dict[str, int], _KINDS] = msgspec.field(default_factory=dict)
    children: Annotated[dict[str, str], _STATES] = msgspec.field(default_factory=dict)
    day: Annotated[tuple[ExpectedDay, ...], ListOf(ExpectedDay)] = ()


class _Document(Section, frozen=True, kw_only=True):
    title: Annotated[str, forms.text(r".{1,100}", "a title of 1 to 100 characters")]
    description: Annotated[str, _TEXT] = ""
    demo: Demo
    step: Annotated[tuple[_Step, ...], ListOf(_Step)] = ()
    expect: Expect


class Step(msgspec.Struct, frozen=True):
    """One action of a scenario: `action` is one of `ACTIONS`, `what` its body. `at_ms` counts from the day's scheduled
    opening; None is before the manager starts. `path` is the place in the file.
    """

    path: str
    day: int
    at_ms: int | None
    action: str
    what: Any


class Scenario(msgspec.Struct, frozen=True):
    """A whole scenario, with its steps in the order in which they are played."""

    file: Path
    title: str
    description: str
    demo: Demo
    steps: tuple[Step, ...]
    expect: Expect


# ---- reading


def read_scenario(file: Path) -> Scenario:
    """Reads the scenario of this file. Raises SettingsError with all errors."""
    try:
        raw = read_toml(file)
    except ValueError as error:
        raise SettingsError([f"{file}: {error}"]) from None
    reading = Reading({})
    document = reading.read(_Document, raw)
    paths = [(f"step[{n}]", step) for n, step in enumerate(document.step)]
    each = [_steps(reading, path, step, document.demo) for path, step in paths if reading.sound(path)]
    steps = [step for repeated in each for step in repeated]
    if reading.sound("step"):
        _check_names(reading, steps)
    if "expect" not in raw:
        reading.fault("expect", "is missing: a scenario says what must come of it")
    for n, day in enumerate(document.expect.day):
        _check_day(reading, f"expect.day[{n}]", day.day, document.demo)
    if len(steps) > MOST_STEPS:
        reading.fault("step", f"has more than {MOST_STEPS} entries")
    if reading.faults:
        raise SettingsError([f"{file}: {fault}" for fault in reading.faults])
    steps.sort(key=lambda step: (step.at_ms is not None, step.day, step.at_ms))
    return Scenario(file, document.title, document.description, document.demo, tuple(steps), document.expect)


def _steps(reading: Reading, path: str, step: _Step, demo: Demo) -> list[Step]:
    """The step, as often as it is repeated."""
    first = _step(reading, path, step, demo)
    if (step.times > 1) != (step.every_ms is not None):
        reading.fault(path, "is repeated by `every` and `times` together")
    last_ms = (step.at_ms or 0) + (step.times - 1) * (step.every_ms or 0)
    if step.times > 1 and step.at_ms is None:
        reading.fault(f"{path}.times", "repeats a step that comes before the start")
    elif step.times > 1 and reading.sound("demo.day_seconds") and last_ms > demo.day_seconds * 1000:
        reading.fault(f"{path}.times", f"repeats it until after the day, which has {demo.day_seconds} s")
    if step.at_ms is None:
        return [first]
    return [msgspec.structs.replace(first, at_ms=step.at_ms + n * (step.every_ms or 0)) for n in range(step.times)]


def _step(reading: Reading, path: str, step: _Step, demo: Demo) -> Step:
    _check_day(reading, path, step.day, demo)
    bodies = {name: step.kill_ms if name == "kill" else getattr(step, name) for name in ACTIONS}
    given = [name for name in ACTIONS if bodies[name] not in (None, "")]
    if len(given) != 1:
        reading.fault(path, f"does one thing, one of {', '.join(ACTIONS)}; this one does {len(given)}")
        return Step(path, step.day, step.at_ms, "", None)
    action = given[0]
    if step.at_ms is None and action not in BEFORE_THE_START:
        reading.fault(f"{path}.at", "is missing: only a fault or a kill can come before the start")
    elif reading.sound("demo.day_seconds") and (step.at_ms or 0) > demo.day_seconds * 1000:
        reading.fault(f"{path}.at", f"is after the day, which has {demo.day_seconds} s")
    read = {"inject": _injection, "fault": _fault, "post": _post, "order": _order}.get(action)
    what: Any = bodies[action]
    return Step(path, step.day, step.at_ms, action, read(reading, f"{path}.{action}", what) if read else what)


def _check_day(reading: Reading, path: str, day: int, demo: Demo) -> None:
    if reading.sound("demo.days", f"{path}.day") and day > demo.days + max(demo.days, LEAST_FURTHER):
        reading.fault(f"{path}.day", f"{day} is none of the {demo.days} days, nor of those that can come behind them")


def _check_names(reading: Reading, steps: list[Step]) -> None:
    """Checks that each name belongs to one post, and that a step names only posts that are made before it."""
    made: dict[str, tuple[int, int]] = {}
    for step in sorted(steps, key=lambda step: (step.day, step.at_ms or 0)):
        wanted = step.what if step.action == "delete" else getattr(step.what, _NAMES.get(step.action, ""), "")
        if wanted and wanted not in made:
            reading.fault(step.path, f"there is no post {wanted!r} before it")
        name = step.what.name if step.action == "post" else ""
        if name in made:
            reading.fault(f"{step.path}.post.name", f"{name} is the name of another post")
        elif name:
            made[name] = (step.day, step.at_ms or 0)


def _injection(reading: Reading, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    stage = {"auction_id": "any", "post_id": "1"}
    try:
        injected(read_command(json.dumps(fields, default=str).encode()), "scenario", 1 << 41, 0, stage)
    except (Refused, UnreadableMessage) as fault:
        _place(reading, path, str(fault))
    return fields


def _fault(reading: Reading, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    try:
        msgspec.convert(fields, Fault)
    except msgspec.ValidationError as fault:
        _place(reading, path, str(fault))
    return fields


def _post(reading: Reading, path: str, raw: dict[str, Any]) -> Post:
    post, is_sound = _read(reading, path, Post, raw)
    if is_sound and (post.amount_wei is None) == (not post.refusal):
        reading.fault(path, "says what it means: an amount, or a refusal")
    return post


def _order(reading: Reading, path: str, raw: dict[str, Any]) -> Order:
    order, is_sound = _read(reading, path, Order, raw)
    if is_sound and order.name == "extend" and order.by_ms is None:
        reading.fault(f"{path}.by", "is missing: by how much is the end to move?")
    return order


def _read(reading: Reading, path: str, kind: type[S], raw: dict[str, Any]) -> tuple[S, bool]:
    """Reads a section; returns it and whether it has no error."""
    inner = Reading({})
    section = inner.read(kind, raw)
    for where, _, says in (fault.partition(": ") for fault in inner.faults):
        reading.fault(f"{path}.{where}", says)
    return section, not inner.faults


def _place(reading: Reading, path: str, message: str) -> None:
    """Notes an error of msgspec, moving its "… - at `$.a`" into the path."""
    says, _, place = message.partition(" - at `$")
    reading.fault(path + place.rstrip("`"), says)
