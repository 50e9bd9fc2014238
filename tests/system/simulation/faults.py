"""What goes wrong, drawn from the seed: which kinds of faults a run has, how often, and which one strikes a call.

A call is an effect of an actor: one command to the store or one request to X. Between any two of them the actor or
the whole process may die. Each run has its own selection of kinds, so that rare combinations are met without every
run being one long outage. After `quiet_ms` nothing goes wrong any more.
"""

from dataclasses import dataclass
from enum import StrEnum

from tests.system.simulation.world import World

SHORT_MS = 900  # shorter than any request may live
LARGEST_SKEW_MS = 3_600_000  # how far the process's clock may be off, and jump


class Fault(StrEnum):
    """What may strike one call."""

    CRASH_BEFORE = "the actor dies before the call"
    CRASH_AFTER = "the actor dies after the call"
    KILL_BEFORE = "the process dies before the call"
    KILL_AFTER = "the process dies after the call"
    REFUSED = "no connection"
    FULL = "refused to write"
    LOST_BEFORE = "no answer, nothing done"
    LOST_AFTER = "no answer, but done"
    LOST_LATE = "no answer, done later"
    SLOW_BEFORE = "slow on the way there"
    SLOW_AFTER = "slow on the way back"
    HANG_BEFORE = "hangs before the call"
    HANG_AFTER = "hangs after the call"
    STILL_BEFORE = "the process stands still before the call"
    STILL_AFTER = "the process stands still after the call"


class Disaster(StrEnum):
    """What strikes everything at a time."""

    STORE_AWAY = "the store is away"
    X_AWAY = "X is away"
    PAUSE = "the process stands still"
    KILL = "the process is killed"
    CRASH = "an actor is made to crash"
    CLOCK = "the clock jumps"


# How often each strikes: of 10,000 writing calls, and of 10,000 reading ones (idle actors read all the time).
_RATES = {
    Fault.CRASH_BEFORE: (80, 3),
    Fault.CRASH_AFTER: (80, 3),
    Fault.KILL_BEFORE: (25, 1),
    Fault.KILL_AFTER: (25, 1),
    Fault.REFUSED: (150, 8),
    Fault.FULL: (150, 0),
    Fault.LOST_BEFORE: (100, 5),
    Fault.LOST_AFTER: (150, 0),
    Fault.LOST_LATE: (80, 0),
    Fault.SLOW_BEFORE: (300, 20),
    Fault.SLOW_AFTER: (300, 20),
    Fault.HANG_BEFORE: (8, 0.3),
    Fault.HANG_AFTER: (8, 0.3),
    Fault.STILL_BEFORE: (25, 0.5),
    Fault.STILL_AFTER: (25, 0.5),
}


@dataclass(frozen=True, slots=True)
class Strike:
    """A disaster: when, and for how long (ms; for a clock: by how much)."""

    at_ms: float
    what: Disaster
    value: float


class Faults:
    """The faults of one run, until `quiet_ms`."""

    def __init__(self, world: World, quiet_ms: float, calm: bool = False) -> None:
        self._world, self.quiet_ms = world, quiet_ms
        self._random = world.random("faults")
        self.kinds = [] if calm else [kind for kind in Fault if self._random.random() < 0.5]
        intensity = self._random.choice((0.3, 1.0, 1.0, 2.5))
        self._writing = [intensity * _RATES[kind][0] / 10_000 for kind in self.kinds]
        self._reading = [intensity * _RATES[kind][1] / 10_000 for kind in self.kinds]
        self._any_writing, self._any_reading = sum(self._writing), sum(self._reading)
        skew = world.random("skew")
        self.skew_ms = 0.0 if calm or skew.random() < 0.5 else skew.uniform(-LARGEST_SKEW_MS, LARGEST_SKEW_MS)
        self.strikes = [] if calm else self._draw_strikes()

    def draw(self, writes: bool) -> Fault | None:
        """What strikes this call, if anything does."""
        any_, each = (self._any_writing, self._writing) if writes else (self._any_reading, self._reading)
        if self._world.now_ms >= self.quiet_ms or self._random.random() >= any_:
            return None
        return self._random.choices(self.kinds, each)[0]

    def short_ms(self) -> float:
        return self._random.uniform(1, SHORT_MS)

    def hang_ms(self, hang_s: float) -> float:
        """Long enough to be noticed, or just not."""
        return hang_s * 1000 * self._random.uniform(0.7, 1.6)

    def still_ms(self) -> float:
        """Long enough for a lease to end, mostly."""
        return self._random.choice((500, 3_000, 7_000)) * self._random.uniform(0.6, 1.0)

    def choose(self, count: int) -> int:
        return self._random.randrange(count)

    def _draw_strikes(self) -> list[Strike]:
        strikes = []
        for what in Disaster:
            if self._random.random() < 0.6:
                continue
            for _ in range(self._random.randint(1, 4 if what in (Disaster.CRASH, Disaster.CLOCK) else 2)):
                # The close is where most can go wrong, and it comes late.
                at_ms = self.quiet_ms * max(self._random.random(), self._random.random())
                strikes.append(Strike(at_ms, what, self._value(what)))
        return sorted(strikes, key=lambda strike: strike.at_ms)

    def _value(self, what: Disaster) -> float:
        if what is Disaster.CLOCK:
            return self._random.uniform(-LARGEST_SKEW_MS, LARGEST_SKEW_MS)
        return self._random.choice((200, 1_000, 3_000, 7_000)) * self._random.uniform(0.5, 1.0)
