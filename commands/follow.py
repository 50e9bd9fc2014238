"""Follows a marathon that this process plays: prints its log in words and notices when the marathon is over.

It reads the log as listeners do and changes nothing.
"""

import redis
from rich.console import Console

from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.wording.lines import log_line
from commands.report import Report, report_of
from ledger.entry import LogDamaged
from messages.events import (
    AnyEvent,
    BidRefused,
    CharacterSpoke,
    MarathonEnded,
    PostAttempted,
    PostMade,
    PostRefused,
    ResultNamed,
    WatermarkMoved,
)
from process import Process
from settings import Settings
from simulator.launch import ask_x

ENTRIES_A_LOOK = 256
NO_BLOCKS = 2**31  # the truth of the chain lists the blocks after this one
# Events that are too frequent or too technical for the output of a demo.
QUIET = (BidRefused, CharacterSpoke, PostAttempted, WatermarkMoved)


class Follower:
    """Prints events of the log, and knows when the marathon is over and all results are posted."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings, self._console = settings, console
        self._after = 0
        self._unposted: set[str] = set()
        self._days_ended = False

    def begin(self, process: Process) -> None:
        """Starts to follow a process that is ready, and prints the address of its stage page."""
        self.follow(process.client, process.keys)
        self.tell(f"stage page http://127.0.0.1:{process.public_port}/")
        self.tell(f"status     auction-manager status --data-dir {self._settings.data_dir}")

    def follow(self, client: redis.Redis, keys: Keys) -> None:
        """Sets the log to follow."""
        self._log = LogReader(client, keys)
        self._client, self._keys = client, keys

    @property
    def ended(self) -> bool:
        """Whether every day has its outcome and every result is on X (or refused by X)."""
        return self._days_ended and not self._unposted

    def look(self) -> bool:
        """Prints new events. Returns False: the process is not to end."""
        try:
            entries = self._log.read(self._after, ENTRIES_A_LOOK)
        except (StoreError, LogDamaged):
            return False  # the supervisor deals with a missing store; the next look prints what was missed
        for entry in entries:
            for _, event in entry.events_after(self._after):
                self.on_event(event)
            self._after = entry.last_seq
        return False

    def is_over(self) -> bool:
        """Prints new events; returns whether the marathon is over."""
        self.look()
        return self.ended

    def report(self, x_port: int, seed: int, chain_port: int | None = None) -> Report:
        """Compares the marathon with the simulators' ground truth; without a chain nothing was to be paid."""
        truth = ask_x(x_port, "GET", "/_sim/truth")
        if chain_port is not None:
            tokens = "".join(f"&token={token}" for token in range(1, self._settings.marathon.days + 1))
            asked = f"contract={self._settings.chain.contract}{tokens}&after={NO_BLOCKS}"
            truth["chain"] = ask_x(chain_port, "GET", f"/_sim/truth?{asked}")
        return report_of(self._client, self._keys, seed, truth)

    def on_event(self, event: AnyEvent) -> None:
        """Takes the next event of the log."""
        match event:
            case ResultNamed() if not event.is_of_a_test:
                self._unposted.add(f"result:{event.auction_id}")
            case PostMade() | PostRefused():
                self._unposted.discard(event.job)
            case MarathonEnded():
                self._days_ended = True
        if not isinstance(event, QUIET):
            self.tell(log_line(event))

    def tell(self, line: str) -> None:
        """Prints a line without wrapping it."""
        self._console.print(line, markup=False, soft_wrap=True)
