"""The life of a day: one table of legal transitions and its validator (LIFE-3).

When a transition is due is decided in `day`; what became of the day is its outcome, not a phase.
"""

from messages.base import Phase

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset({Phase.ACTIVE, Phase.COMPLETED}),  # COMPLETED: void or skipped, never opened
    Phase.ACTIVE: frozenset({Phase.PROCESSING, Phase.COMPLETED}),  # COMPLETED: void
    Phase.PROCESSING: frozenset({Phase.COMPLETED}),
    Phase.COMPLETED: frozenset(),
}


class IllegalTransition(Exception):
    """The day cannot go there from where it stands."""

    def __init__(self, current: Phase, wanted: Phase) -> None:
        super().__init__(f"a day that is {current} cannot become {wanted}")
        self.current, self.wanted = current, wanted


def advance(current: Phase, wanted: Phase) -> bool:
    """True if the day moves, False if it is there already (a repetition is a no-op). Raises IllegalTransition."""
    if wanted is current:
        return False
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(current, wanted)
    return True
