"""How many posts a day may cost. What announces something is always posted, but counted; the rest has to fit."""

import msgspec

RESERVED = 10  # of a day's posts: what a day announces at most, whenever in the day
LIMIT_A_WINDOW = 40  # of 100 in 15 min that X allows: two windows of ours may lie in one of X's
_WINDOW_MS = 900_000
_DAY_MS = 86_400_000


class PostBudget(msgspec.Struct, array_like=True):
    """What was attempted today (UTC) and in this quarter of an hour."""

    last_ms: int = 0
    of_day: int = 0
    in_window: int = 0

    def spend(self, at_ms: int) -> None:
        """One more attempt was made."""
        self._turn(at_ms)
        self.last_ms, self.of_day, self.in_window = at_ms, self.of_day + 1, self.in_window + 1

    def allows(self, at_ms: int, posts_a_day: int) -> bool:
        """Whether a post may be made that announces nothing."""
        self._turn(at_ms)
        return self.of_day < posts_a_day - RESERVED and self.in_window < LIMIT_A_WINDOW

    def _turn(self, at_ms: int) -> None:
        if at_ms // _DAY_MS != self.last_ms // _DAY_MS:
            self.of_day = 0
        if at_ms // _WINDOW_MS != self.last_ms // _WINDOW_MS:
            self.in_window = 0
