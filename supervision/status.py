"""How a child looks from outside, as plain values: `dataclasses.asdict` makes them ready for any wire."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a child stands. One that waits on a condition shows that condition's name instead."""

    STARTING = "STARTING"  # not yet ready for the first time, or set up again
    READY = "READY"
    STOPPING = "STOPPING"  # asked to end, still ending
    RESTARTING = "RESTARTING"  # dead, will be started again
    STOPPED = "STOPPED"  # ended for good
    HUNG = "HUNG"  # its thread was given up; a successor is about to start, unless the process ends
    PARKED = "PARKED"  # the process goes on without it; it is tried again, and shown so until it has proven itself


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """One child at one moment. Times in ms; counters run over all incarnations since the process started.

    `handed_on` counts messages that a successor inherited unread, `dropped` those that nobody will read any
    more: in hand at a crash, or unread when there was no successor. `busy_ms` is how long it has been at what it does
    now, `worked_ms` the sum over everything that it has finished.
    """

    name: str
    group: str
    state: str
    essential: bool
    incarnation: int
    restarts: int
    hangs: int
    mailbox_depth: int
    mailbox_high_water: int
    mailbox_refused: int
    mailbox_oldest_ms: int
    handed_on: int
    dropped: int
    last_error: str
    busy_ms: int
    worked_ms: int
    uptime_ms: int
