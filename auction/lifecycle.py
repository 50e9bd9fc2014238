"""The phases of a day: a table of legal transitions and its validator (LIFE-3).

`day` decides when a transition is due. Sold, unsold and void are outcomes of a completed day, not phases.
"""

from messages.base import Phase

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset({Phase.ACTIVE, Phase.COMPLETED}),  # COMPLETED: void or skipped, never opened
    Phase.ACTIVE: frozenset({Phase.PROCESSING, Phase.COMPLETED}),  # COMPLETED: void
    Phase.PROCESSING: frozenset({Phase.COMPLETED}),
    Phase.COMPLETED: frozenset(),
}


class IllegalTransition(Exception):
    """Raised where no transition leads from the day's phase to the wanted one."""


def advance(current: Phase, wanted: Phase) -> bool:
    """Whether the day changes its phase: False if it is in the wanted phase already. Raises IllegalTransition."""
    if wanted is current:
        return False
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(f"a day that is {current} cannot become {wanted}")
    return True
