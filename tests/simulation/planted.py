"""Would the simulation notice? One bug after the other is planted, and seeds are run until one of them goes wrong.

A plant that does not fit the code any more fails, instead of being noticed for a reason of its own: the method that it
replaces has to exist, and what the plant itself gets wrong (a name that is gone) ends the search as `BadPlant`.
`python -m tests.simulation.planted` writes how many it took, and what noticed it, into docs/simulation.md.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.progress import track

from actors.announcer.actor import Announcer
from actors.auction.actor import Auction
from actors.twitter.completeness import Ask, Sweep
from actors.twitter.recheck import Looked, Recheck
from adapters.redis.writes import Trim
from adapters.x.errors import PostOutcomeUnknown, PostRefused, XUnavailable
from auction import bidding
from auction.day import AuctionDay
from auction.fold import Verdict, judge, lead_after
from auction.record import DayRecord
from auction.standings import Standings
from messages.codec import pack_batch
from messages.commands import ConfirmAuctionPost, PlaceBid
from messages.events import EndExtended, PostMade
from tests.simulation.model import ModelStore
from tests.simulation.run import simulate

MOST_SEEDS = 500
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulation.md"
BEGIN, END = "<!-- planted bugs: begin -->", "<!-- planted bugs: end -->"

Plant = Callable[[], AbstractContextManager[None]]


class BadPlant(Exception):
    """The plant does not fit the code in which it stands."""


@contextmanager
def instead(owner: type | ModuleType, method: str, plant: Callable[..., Any]) -> Iterator[None]:
    """The plant in the place of the method. Raises BadPlant at the end when it failed by itself."""
    unfit: list[Exception] = []

    def watched(*args: Any, **options: Any) -> Any:
        try:
            return plant(*args, **options)
        except (AttributeError, NameError, TypeError) as error:
            unfit.append(error)
            raise

    with patch.object(owner, method, watched):
        yield
    if unfit:
        raise BadPlant(f"in the place of {owner.__name__}.{method}: {unfit[0]!r}") from unfit[0]


def no_deduplication() -> AbstractContextManager[None]:
    return instead(DayRecord, "knows", lambda self, post_id: False)


def nothing_binds() -> AbstractContextManager[None]:
    return instead(bidding, "binds", lambda *args: False)


def acknowledged_before_the_commit() -> AbstractContextManager[None]:
    """What was read is taken out of the queue first, and decided and committed then."""
    read = Auction._next

    def plant(self: Any) -> Any:
        commands, dead, last_id = read(self)
        if last_id:
            self._journal.commit([], [Trim(self._store.keys.queue(self.auction_id), last_id)])
        return commands, dead, last_id

    return instead(Auction, "_next", plant)


def place_saved_before_the_effect() -> AbstractContextManager[None]:
    """The job leaves the outbox before its post is made."""

    def plant(self: Any, job: Any) -> None:
        self._state.outbox.remove(job)
        self._commit()
        try:
            post_id = self._x.create_post(job.text)
        except (XUnavailable, PostOutcomeUnknown):
            self._state.outbox.insert(0, job)
            self._commit()
        else:
            self._state.outbox.insert(0, job)
            self._made(job, post_id)

    return instead(Announcer, "_attempt", plant)


def effect_apart_from_its_event() -> AbstractContextManager[None]:
    """That the post was made is logged first; the auction is told of it in a second commit."""

    def plant(self: Any, job: Any, post_id: int) -> None:
        self._state.outbox.remove(job)
        self._commit(PostMade(message_id=f"made:{job.name}", at_ms=self._clock(), job=job.name, post_id=post_id))
        if job.opens:
            confirm = ConfirmAuctionPost(message_id=f"tweet:{post_id}", post_id=post_id)
            self._client.execute_command("XADD", self.keys.queue(job.opens), "*", "batch", pack_batch([confirm]))

    return instead(Announcer, "_made", plant)


def attempt_not_logged() -> AbstractContextManager[None]:
    """The post is sent before the log knows of the attempt."""

    def plant(self: Any, job: Any) -> None:
        try:
            post_id = self._x.create_post(job.text)
        except (XUnavailable, PostOutcomeUnknown, PostRefused):
            job.attempted(self._clock())
        else:
            self._made(job, post_id)

    return instead(Announcer, "_attempt", plant)


def unknown_taken_for_failed() -> AbstractContextManager[None]:
    attempt = Announcer._attempt

    def plant(self: Any, job: Any) -> None:
        attempt(self, job)
        if job.unknown:
            self._later(job, 0)

    return instead(Announcer, "_attempt", plant)


def no_fence() -> AbstractContextManager[None]:
    """The store takes a commit from whoever sends one."""
    return instead(ModelStore, "_refuse_strangers", lambda self, lease, heads, args: None)


def folded_by_arrival() -> AbstractContextManager[None]:
    def plant(self: Any, found: Any, withdrawn: Any = (), changed: Any = ()) -> Any:
        self._add(found)
        for post_id in withdrawn:
            self.bids[post_id].withdrawn = True
        self.lead_history = [lead for lead in self.lead_history if not lead.bid.withdrawn]
        verdicts: list[Verdict] = []
        for bid in found:
            verdict = judge(self.rules, self.controls, self.leader, bid, self._own_posts[bid.bidder_id])
            if verdict.refusal is None:
                self.lead_history.append(lead_after(self.rules, self.controls, self.leader, bid))
            verdicts.append(verdict)
        return sorted(verdicts, key=lambda verdict: verdict.bid.post_id), None

    return instead(Standings, "update", plant)


def published_end_taken_back() -> AbstractContextManager[None]:
    def plant(self: Any, now_ms: int) -> Any:
        standings = self.standings
        if standings is None or standings.leader is None:
            return []
        told_ms = getattr(self, "told_ms", standings.controls.ends_at_ms)
        self.told_ms = standings.ends_at_ms
        if self.told_ms == told_ms:
            return []
        message_id = self._id(f"extended:{self.told_ms}")
        by_post_id = standings.leader.bid.post_id
        return [EndExtended(message_id=message_id, at_ms=now_ms, ends_at_ms=self.told_ms, by_post_id=by_post_id)]

    return instead(AuctionDay, "_decide_extension", plant)


def mark_overtakes_the_posts() -> AbstractContextManager[None]:
    """As if marks had a lane of their own: what was posted is decided a turn later than what came with it."""
    decide = Auction._decide
    waiting: dict[Any, list[Any]] = {}

    def plant(self: Any, commands: Any) -> Any:
        earlier = waiting.get(self, [])
        waiting[self] = [command for command in commands if isinstance(command, PlaceBid)]
        return decide(self, [*(command for command in commands if not isinstance(command, PlaceBid)), *earlier])

    return instead(Auction, "_decide", plant)


def one_pass_is_proof() -> AbstractContextManager[None]:
    def plant(self: Any, asked: Ask, now_ms: int) -> None:
        self.proven_ms = self.reached_ms = max(asked.to_ms, self.reached_ms)

    return instead(Sweep, "_end_look", plant)


def deletions_not_looked_up() -> AbstractContextManager[None]:
    look = Recheck._look

    def plant(self: Any, post_ids: Any, now_ms: int) -> Looked:
        self._there.update(post_ids)
        return Looked([], look(self, post_ids, now_ms).auction_post)

    return instead(Recheck, "_look", plant)


def result_named_without_watermark() -> AbstractContextManager[None]:
    decide = AuctionDay._decide_result

    def plant(self: Any, *args: Any, **options: Any) -> Any:
        known = self.watermark_ms, self.looked_again_ms
        self.watermark_ms = self.looked_again_ms = 2**62
        try:
            return decide(self, *args, **options)
        finally:
            self.watermark_ms, self.looked_again_ms = known

    return instead(AuctionDay, "_decide_result", plant)


def handle_of_the_bid() -> AbstractContextManager[None]:
    return instead(DayRecord, "handle_of", lambda self, bid: bid.bidder_handle)


BUGS: dict[str, Plant] = {
    "a bid that is found again is decided again": no_deduplication,
    "what is deleted after the end is taken back": nothing_binds,
    "queue entries are acknowledged before the commit that decides them": acknowledged_before_the_commit,
    "the announcer's place is saved before its effect": place_saved_before_the_effect,
    "an effect is not in the commit that records it": effect_apart_from_its_event,
    "a post is sent before the attempt is logged": attempt_not_logged,
    "an unknown outcome is taken for a failure": unknown_taken_for_failed,
    "no fence: the store takes a commit from anybody": no_fence,
    "bids are folded in the order of their arrival": folded_by_arrival,
    "a published end is taken back": published_end_taken_back,
    "a sweep's mark overtakes the posts that it vouches for": mark_overtakes_the_posts,
    "one pass of a sweep counts as proof": one_pass_is_proof,
    "what the search does not show any more is not looked up": deletions_not_looked_up,
    "the result is named without waiting for the watermark": result_named_without_watermark,
    "the result names the handle that the winner's account had when it bid": handle_of_the_bid,
}


def find(plant: Plant, most: int = MOST_SEEDS) -> tuple[int, str] | None:
    """How many seeds it took until a run went wrong, and what was wrong; None when none did."""
    with plant():
        for seed in range(most):
            if wrong := simulate(seed).wrong:
                return seed + 1, wrong
    return None


def row(bug: str, found: tuple[int, str] | None) -> str:
    if found is None:
        return f"| {bug} | not in {MOST_SEEDS} | |"
    seeds, wrong = found
    # Ids and amounts of one run say nothing about the invariant.
    invariant = re.sub(r"\d{5,}", "…", re.sub(r"\{.*?\}+", "…", wrong))
    return f"| {bug} | {seeds} | {invariant.strip(' :').replace('|', '/')} |"


def main() -> int:
    found = {bug: find(plant) for bug, plant in track(BUGS.items(), "planting", console=Console(stderr=True))}
    table = "\n".join(["| bug | seeds | noticed as |", "|---|---|---|", *(row(bug, found[bug]) for bug in BUGS)])
    print(table)
    if DOCUMENT.exists():
        text = DOCUMENT.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return int(None in found.values())


if __name__ == "__main__":
    sys.exit(main())
