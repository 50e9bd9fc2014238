"""A job of the announcer: one post that announces something, and the attempts to make it."""

import msgspec

# Bidders and buyers may take these posts for the one to reply to.
_ANSWERED = ("delayed", "closing", "moved", "result", "asked", "offered", "reminder")


class Job(msgspec.Struct, array_like=True):
    """One post to make; `opens` names the auction that it opens. The times (UTC ms) are 0 before the first attempt.

    `unknown` is true while the outcome of the last attempt is unknown; `looked_up` counts the searches of the timeline
    since that attempt.
    """

    name: str
    text: str
    opens: str = ""
    first_attempt_ms: int = 0
    last_attempt_ms: int = 0
    unknown: bool = False
    looked_up: int = 0
    duplicates: int = 0
    useless_from_ms: int = 0  # when (UTC ms) the job is given up; 0: never

    @property
    def tells_of(self) -> str:
        """The auction that decides replies to this post; empty for a post about no auction that was opened, and for one
        that asks for nothing."""
        kind, auction_id = f"{self.name}:".split(":")[:2]
        return auction_id if kind in _ANSWERED else ""

    def attempted(self, at_ms: int) -> None:
        """Note another attempt (UTC ms)."""
        self.first_attempt_ms = self.first_attempt_ms or at_ms
        self.last_attempt_ms, self.unknown, self.looked_up = at_ms, True, 0
