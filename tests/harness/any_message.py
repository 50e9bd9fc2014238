"""Messages of every kind with whatever their fields can hold, for hypothesis."""

from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from messages.base import Wei
from messages.commands import AuctionCommand
from messages.events import AnyEvent

INTEGERS = st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
AMOUNTS = st.integers(0, 10**78 - 1).map(Wei)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if get_origin(kind) is UnionType:
        return st.one_of(*map(values, get_args(kind)))
    if get_origin(kind) is tuple:
        return st.lists(values(get_args(kind)[0]), max_size=3).map(tuple)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})
    plain = {Wei: AMOUNTS, int: INTEGERS, str: TEXTS, bool: st.booleans(), NoneType: st.none()}
    plain[msgspec.UnsetType] = st.just(msgspec.UNSET)
    return plain[kind]


COMMANDS = st.one_of(*map(values, get_args(AuctionCommand)))
EVENTS = st.one_of(*map(values, get_args(AnyEvent)))
