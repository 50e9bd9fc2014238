"""The limit of open files: how many this process may have open, and how many connections of strangers that allows."""

import contextlib
import logging
import resource
from dataclasses import dataclass

log = logging.getLogger(__name__)

# Files and connections of the house itself: the store's clients, the server's files, X, the chain, the open days.
OWN_FILES = 256
# Of four connections three may be viewers', who stay; the fourth is for pages, the API and X's pushes.
CONNECTIONS, SEATS = 4, 3
USUAL_CONNECTIONS = 512
LEAST_CONNECTIONS = 128


@dataclass(frozen=True, slots=True)
class Room:
    """Connections for strangers, and how many of them may be viewers, who stay."""

    connections: int
    seats: int


def room_for(seats: int) -> Room:
    """Raise the limit of open files as far as this process may; returns the room for so many viewers (`seats`).

    Fewer seats than wished are a warning. Raises OSError where the limit is too low for the house itself.
    """
    limit = _raised_limit()
    room = room_within(limit, seats)
    if room.seats < seats:
        needed = OWN_FILES + _connections_for(seats)
        log.warning("only %s files may be open: %s viewers, not %s; `ulimit -n %s`", limit, room.seats, seats, needed)
    return room


def room_within(limit: int, seats: int) -> Room:
    """The room within a limit of so many open files. Raises OSError for fewer connections than LEAST_CONNECTIONS."""
    connections = min(_connections_for(seats), limit - OWN_FILES)
    if connections < LEAST_CONNECTIONS:
        least = OWN_FILES + LEAST_CONNECTIONS
        raise OSError(f"only {limit} files may be open, and the house needs {least}; raise it with `ulimit -n {least}`")
    return Room(connections, min(seats, connections * SEATS // CONNECTIONS))


def _connections_for(seats: int) -> int:
    return max(-(-seats * CONNECTIONS // SEATS), USUAL_CONNECTIONS)


def _raised_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # some systems state a hard limit that they do not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 2**31 - 1 if soft == resource.RLIM_INFINITY else soft
