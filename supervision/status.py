"""The status of a child for readers outside of supervision, as plain values that any wire can carry."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The states of a child. A child that waits on a condition shows that condition's name instead."""

    STARTING = "STARTING"  # being set up, for the first time or again
    READY = "READY"
    STOPPING = "STOPPING"  # asked to stop, not stopped yet
    RESTARTING = "RESTARTING"  # ended, will be started again
    STOPPED = "STOPPED"  # ended for good
    HUNG = "HUNG"  # its thread was given up; a successor is about to start, unless the process ends
    PARKED = "PARKED"  # left alone after failures and tried again later; shown until it has been ready for long enough


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """One child at one moment. Times in ms; counters run over all incarnations since the process started.

    `handed_on` counts messages that a successor inherited unread, `dropped` those that no incarnation will handle: in
    hand at a crash, or unread when there was no successor. `busy_ms` is how long the current handler has been running,
    `worked_ms` the sum of all finished handlers.
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
