"""How the values of a scenario file are written: durations, amounts, handles, tables of numbers and of states."""

from collections.abc import Callable
from typing import Any, get_args

from auction.units import format_duration, format_percentage, parse_duration, parse_percentage
from commands.report import UNCOUNTED
from config import Form, forms
from messages.base import Refusal
from messages.events import AnyEvent
from messages.money import format_eth, parse_eth
from supervision import State
from supervisor import CONDITIONS


def between(least: str, most: str) -> Form:
    read = forms.bounded(parse_duration, format_duration, least, most)
    return Form(str, 'a duration with its unit, in quotes, such as "3 s"', read, format_duration)


def _read_delays(value: list[Any]) -> list[int]:
    if len(value) > 10:
        raise ValueError("has more than 10 durations")
    return [DELAY.read(delay if isinstance(delay, str) else str(delay)) for delay in value]


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


DELAY = between("0 s", "24 h")
TEXT = Form(str, "a text", lambda text: text, forms.quoted)
TABLE = Form(dict, "a table", lambda table: table, str, shown=False)
STATES = Form(dict, "a table of states by actor", _read_states, str, shown=False)
AMOUNT = Form(str, 'an amount with its unit, in quotes, such as "0.1 ETH"', parse_eth, format_eth)
HANDLE = forms.text(r"[A-Za-z0-9_]{1,15}", "a handle of 1 to 15 letters, digits and _, without the @")
NAME = forms.text(r"[A-Za-z0-9_-]{1,40}", "a name of 1 to 40 letters, digits, - and _")
_EVENTS = {kind.__name__ for kind in get_args(AnyEvent)}
_COUNTED = {str(reason) for reason in Refusal} - {str(reason) for reason in UNCOUNTED}
RESTARTS = _least(bool, "the name of an actor")
REFUSALS = _least(_COUNTED.__contains__, "a refusal that a report counts")
KINDS = _least(_EVENTS.__contains__, "an event of the log")
RUSH = Form(str, 'a percentage, in quotes, such as "60 %"', _read_rush, str)
DELAYS = Form(list, "a list of durations", _read_delays, str, shown=False)
