"""Reads and checks a scenario file (docs/scenarios.md). Every error is one line with its path in the file."""

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from adapters.http.private import read_command
from adapters.http.views import Refused
from api.injection import injected
from auction.orders import ORDERS
from commands.compressed import LEAST_FURTHER
from commands.scenario_forms import (
    AMOUNT,
    DELAY,
    DELAYS,
    HANDLE,
    KINDS,
    NAME,
    REFUSALS,
    RESTARTS,
    RUSH,
    STATES,
    TABLE,
    TEXT,
    between,
)
from config import ListOf, Reading, Section, forms, read_toml
from messages.base import Outcome, Refusal, Wei
from messages.codec import UnreadableMessage
from settings import SettingsError
from simulator.x.faults import Fault

ACTIONS = ("inject", "crash", "fault", "post", "delete", "order", "kill")
BEFORE_THE_START = ("fault", "kill")
MOST_STEPS = 1_000
ANY = "any"
"""In place of an actor's name: a random actor, by the seed of the demo."""
_NAMES = {"post": "reply_to", "order": "post"}  # the field in which a step names an earlier post
S = TypeVar("S", bound=Section)


# ---- the parts of a file


class Demo(Section, frozen=True, kw_only=True):
    """The marathon to play; `bids` is the number of posts that the crowd makes in a day."""

    days: Annotated[int, forms.whole(1, 9)] = 1
    day_seconds: Annotated[int, forms.whole(5, 3600)] = 15
    seed: Annotated[int, forms.whole(0, 2**31)] = 1
    bidders: Annotated[int, forms.whole(2, 10_000)] = 12
    bids: Annotated[int, forms.whole(0, 200_000)] = 60
    rush: Annotated[float, RUSH] = 0.22


class Post(Section, frozen=True, kw_only=True):
    """A post by a named user, a reply to the day's auction post or to another post of the scenario (`reply_to`)."""

    author: Annotated[str, HANDLE]
    text: Annotated[str, TEXT]
    amount_wei: Annotated[Wei | None, AMOUNT] = None
    refusal: Annotated[str, forms.choice(*(str(reason) for reason in Refusal))] = ""
    name: Annotated[str, NAME] = ""
    reply_to: Annotated[str, NAME] = ""
    account_age_ms: Annotated[int | None, between("0 s", "3650 days")] = None
    delivery: Annotated[list[int] | None, DELAYS] = None


class Order(Section, frozen=True, kw_only=True):
    """An operator's order about a day. `refused` is a part of the reason with which it must be refused, `note` a part
    of the message about an order that changes nothing."""

    name: Annotated[str, forms.choice(*ORDERS)]
    why: Annotated[str, TEXT] = "the scenario wants it"
    post: Annotated[str, NAME] = ""
    of: Annotated[int | None, forms.whole(1, 9)] = None  # the day; None is the step's day
    bidder_id: Annotated[int | None, forms.whole(1, 2**63 - 1)] = None
    by_ms: Annotated[int | None, DELAY] = None
    refused: Annotated[str, TEXT] = ""
    note: Annotated[str, TEXT] = ""


class _Step(Section, frozen=True, kw_only=True):
    day: Annotated[int, forms.whole(1, 9)] = 1
    at_ms: Annotated[int | None, DELAY] = None
    inject: Annotated[dict[str, Any] | None, TABLE] = None
    crash: Annotated[str, NAME] = ""
    fault: Annotated[dict[str, Any] | None, TABLE] = None
    post: Annotated[dict[str, Any] | None, TABLE] = None
    delete: Annotated[str, NAME] = ""
    order: Annotated[dict[str, Any] | None, TABLE] = None
    kill_ms: Annotated[int | None, DELAY] = None
    every_ms: Annotated[int | None, between("1 ms", "24 h")] = None
    times: Annotated[int, forms.whole(1, MOST_STEPS)] = 1


class ExpectedDay(Section, frozen=True, kw_only=True):
    """The expected result of a day; fields that are left out are not checked."""

    day: Annotated[int, forms.whole(1, 9)]
    outcome: Annotated[str, forms.choice(*(str(outcome) for outcome in Outcome))] = ""
    winner: Annotated[str, HANDLE] = ""
    amount_wei: Annotated[Wei | None, AMOUNT] = None
    moved_ms: Annotated[int | None, DELAY] = None


class Expect(Section, frozen=True, kw_only=True):
    """What must be found at the end. Numbers are the least that must be seen; 0 means none."""

    right: Annotated[bool | None, forms.FLAG] = None
    exit_code: Annotated[int, forms.whole(0, 255)] = 0
    restarts: Annotated[dict[str, int], RESTARTS] = msgspec.field(default_factory=dict)
    refused: Annotated[dict[str, int], REFUSALS] = msgspec.field(default_factory=dict)
    log: Annotated[dict[str, int], KINDS] = msgspec.field(default_factory=dict)
    children: Annotated[dict[str, str], STATES] = msgspec.field(default_factory=dict)
    day: Annotated[tuple[ExpectedDay, ...], ListOf(ExpectedDay)] = ()


class _Document(Section, frozen=True, kw_only=True):
    title: Annotated[str, forms.text(r".{1,100}", "a title of 1 to 100 characters")]
    description: Annotated[str, TEXT] = ""
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
    steps = [_step(reading, path, step, document.demo) for path, step in paths if reading.sound(path)]
    if reading.sound("step"):
        _check_names(reading, steps)
    if "expect" not in raw:
        reading.fault("expect", "is missing: a scenario says what must come of it")
    for n, day in enumerate(document.expect.day):
        _check_day(reading, f"expect.day[{n}]", day.day, document.demo)
    if sum(step.times for step in document.step) > MOST_STEPS:
        reading.fault("step", f"has more than {MOST_STEPS} entries, each counted as often as it is repeated")
    if reading.faults:
        raise SettingsError([f"{file}: {fault}" for fault in reading.faults])
    steps = [again for first, step in zip(steps, document.step, strict=True) for again in _repeated(first, step)]
    steps.sort(key=lambda step: (step.at_ms is not None, step.day, step.at_ms))
    return Scenario(file, document.title, document.demo, tuple(steps), document.expect)


def _repeated(first: Step, step: _Step) -> list[Step]:
    """The step, as often as its entry says."""
    if first.at_ms is None:
        return [first]
    return [msgspec.structs.replace(first, at_ms=first.at_ms + n * (step.every_ms or 0)) for n in range(step.times)]


def _check_repetition(reading: Reading, path: str, step: _Step, demo: Demo) -> None:
    if (step.times > 1) != (step.every_ms is not None):
        reading.fault(path, "is repeated by `every` and `times` together")
    if step.times == 1:
        return
    day_ms, last_ms = demo.day_seconds * 1000, (step.at_ms or 0) + (step.times - 1) * (step.every_ms or 0)
    if step.at_ms is None:
        reading.fault(f"{path}.times", "repeats a step that comes before the start")
    elif reading.sound("demo.day_seconds") and step.at_ms <= day_ms < last_ms:
        reading.fault(f"{path}.times", f"repeats it until after the day, which has {demo.day_seconds} s")
    if step.post and "name" in step.post:
        reading.fault(f"{path}.times", "repeats a post that has a name, which is given once")


def _step(reading: Reading, path: str, step: _Step, demo: Demo) -> Step:
    _check_day(reading, path, step.day, demo)
    _check_repetition(reading, path, step, demo)
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
