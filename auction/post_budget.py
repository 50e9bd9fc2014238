"""The budget counts our posts on X, per UTC day and per 15 minutes, and limits those that announce nothing.

Announcements (jobs) are counted but always made; receipts and other notices are made only while the budget has room.
"""

import msgspec

RESERVED = 10  # posts of each UTC day that are kept free for announcements: a day without settlements makes no more
LIMIT_A_WINDOW = 40  # X allows 100 posts in 15 min, and two windows of ours may overlap one window of X
_WINDOW_MS = 900_000
_DAY_MS = 86_400_000


class PostBudget(msgspec.Struct, array_like=True):
    """The number of posts attempted in the current UTC day and in the current window of 15 minutes."""

    last_ms: int = 0
    of_day: int = 0
    in_window: int = 0

    def spend(self, at_ms: int) -> None:
        """Counts one attempt to post, made at `at_ms` (UTC ms)."""
        self._turn(at_ms)
        self.last_ms, self.of_day, self.in_window = at_ms, self.of_day + 1, self.in_window + 1

    def allows(self, at_ms: int, posts_a_day: int) -> bool:
        """Whether a notice may be posted at `at_ms` (UTC ms), with `posts_a_day` as the limit of the UTC day."""
        self._turn(at_ms)
        return self.of_day < posts_a_day - RESERVED and self.in_window < LIMIT_A_WINDOW

    def _turn(self, at_ms: int) -> None:
        if at_ms // _DAY_MS != self.last_ms // _DAY_MS:
            self.of_day = 0
        if at_ms // _WINDOW_MS != self.last_ms // _WINDOW_MS:
            self.in_window = 0
