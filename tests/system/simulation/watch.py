"""What must be true at every moment, and in the end. It looks at the store, at X and at what viewers were shown.

After each event it takes in what the log has gained, so that a whole run is read once. The first thing found wrong is
kept (`violation`); nothing is raised, because an exception would only kill the actor in whose step it was found.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from adapters.redis import functions
from adapters.redis.checkpoint import unseal
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.redis.view import sealed
from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.day_view import day_view
from auction.fold import Lead
from auction.wording.posts import auction_post, result_post
from ledger.entry import LogEntry
from ledger.hash_chain import Head, first_hash, next_hash
from messages.base import Refusal
from messages.codec import unpack, unpack_commands
from messages.commands import PlaceBid
from messages.events import (
    AnyEvent,
    AuctionEvent,
    AuctionOpened,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    CharacterSpoke,
    DayStarted,
    DayVoided,
    EndExtended,
    EndFrozen,
    MarathonEnded,
    PostMade,
    ResultNamed,
    StrikeGiven,
    WatermarkMoved,
)
from messages.x_ids import posted_at_ms
from simulator.oracle import is_taken_back, judge
from tests.system.simulation.model import ModelStore
from tests.system.simulation.world import START_MS, World
from tests.system.simulation.x import Post, X

UNCOUNTED = {Refusal.AFTER_CLOSE, Refusal.WITHDRAWN}


class DayWatch:
    """What is known of one auction: its log decided again, and what was published."""

    def __init__(self, auction_id: str) -> None:
        self.auditor = Auditor(auction_id)
        self.events: list[AuctionEvent] = []
        self.decided: dict[int, BidAccepted | BidRefused] = {}
        self.bound: set[int] = set()  # what was deleted too late to be taken back
        self.published_end_ms = self.opened_end_ms = 0
        self.made_up_ends: set[int] = set()
        self.taken_back_ms = 0  # when a lead was taken back last
        self.frozen_ms = 0.0
        self.named: dict[str, str] | None = None

    @property
    def day(self) -> AuctionDay:
        return self.auditor.day


class Watch:
    """Watches one run. `now` and all times of its own in ms since START_MS."""

    def __init__(self, world: World, store: ModelStore, x: X, keys: Keys, time_zone: str) -> None:
        self._world, self._store, self._x, self._keys, self._time_zone = world, store, x, keys, time_zone
        self._log = LogReader(store, keys)  # type: ignore[arg-type]
        self._log_key = keys.log.encode()
        self.violation = ""
        self.events: list[AnyEvent] = []
        self.days: dict[str, DayWatch] = {}
        self.over = False
        self.voided: set[str] = set()
        self._heads: dict[str, Head] = {}
        self._entries = self._own_posts = 0
        self._texts: Counter[str] = Counter()
        self.made: set[str] = set()
        self._spoken: set[int] = set()
        self._received: dict[tuple[str, int], float] = {}
        self.shown_count = 0

    def wrong(self, what: str) -> None:
        """Something must not be: the first such thing is what the run is about."""
        if not self.violation:
            self.violation = what
            self._world.note("watch", f"WRONG: {what}")

    # ---- what actors and viewers were told

    def answered(self, command: tuple[Any, ...], answer: Any) -> None:
        """A call that writes was answered."""
        if command[0] == "FCALL" and command[1] == functions.name("commit"):
            self.look()
            if answer > len(self.events):
                self.wrong(f"a commit was answered with seq {answer}, but the log ends at {len(self.events)}")
            writer, count = command[3 + command[2] + 2], command[3 + command[2] + 7]
            if count:
                self._world.note(writer, f"commits {count} up to {answer}")
        elif command[0] == "XADD" and command[1].startswith("queue:"):
            auction_id = command[1].removeprefix("queue:")
            commands = unpack_commands(command[4])
            self._world.note("queue", f"{auction_id} + {', '.join(each.message_id for each in commands)}")
            for each in commands:
                if isinstance(each, PlaceBid):
                    self._received.setdefault((auction_id, each.post_id), self._world.now_ms)

    def shown(self, events: Iterable[tuple[int, AnyEvent]]) -> None:
        """Viewers are shown these events, each with its seq."""
        self.look()
        for seq, event in events:
            self.shown_count += 1
            if not 1 <= seq <= len(self.events) or self.events[seq - 1] != event:
                self.wrong(f"viewers were shown {type(event).__name__} as seq {seq}, which is not what the log holds")

    # ---- after every event

    def look(self) -> None:
        """Takes in what is new in the log and on X."""
        while self._own_posts < len(self._x.own):
            post = self._x.own[self._own_posts]
            self._own_posts += 1
            said = f"{post.parent.id}: {post.text}" if post.parent else post.text
            self._texts[said] += 1
            if self._texts[said] > 1:
                self.wrong(f"{post.text.splitlines()[0]!r} stands on X twice")
        if len(self._x.streams) > 1:
            self._check_streams()
        stream = self._store.keys.get(self._log_key)
        count = len(stream.ids) if stream else 0
        if count == self._entries:
            return
        if count < self._entries:
            self.wrong("the log has lost entries")
            return
        new = self._log.read(len(self.events), count - self._entries)
        self._entries = count
        for entry in new:
            self._take(entry)
        for writer in {entry.writer for entry in new if entry.writer in self.days}:
            self._compare_state(self.days[writer])

    def _check_streams(self) -> None:
        """X allows one stream: a second one of the same process is one that it has forgotten. That of an actor that
        was given up ends with the next line that it gets."""
        running = Counter(id(each.host) for each in self._x.streams if not (each.stopped or each.given_up))
        if max(running.values(), default=0) > 1:
            self.wrong("a process runs two streams")

    def _take(self, entry: LogEntry) -> None:
        head = self._heads.get(entry.writer) or Head(0, first_hash(entry.writer))
        if entry.first_seq != len(self.events) + 1:
            self.wrong(f"seq {len(self.events) + 1} is missing in the log")
        if entry.first_writer_sequence != head.sequence + 1 or entry.chain_hash != next_hash(
            head.chain_hash, entry.data
        ):
            self.wrong(f"the chain of {entry.writer} is broken at seq {entry.first_seq}")
        self._heads[entry.writer] = Head(head.sequence + entry.count, entry.chain_hash)
        events = entry.events()
        if len(events) != entry.count:
            self.wrong(f"the entry at seq {entry.first_seq} holds {len(events)} events and says {entry.count}")
        self.events += events
        for event in events:
            self._hear(event)
        if entry.writer in self.days:
            self._follow(self.days[entry.writer], [event for event in events if isinstance(event, AuctionEvent)])

    def _hear(self, event: AnyEvent) -> None:
        match event:
            case DayStarted():
                if event.auction_id in self.days:
                    self.wrong(f"day {event.day} was started twice")
                self.days[event.auction_id] = DayWatch(event.auction_id)
            case DayVoided():
                self.voided.add(event.auction_id)
            case MarathonEnded():
                if self.over:
                    self.wrong("the marathon ended twice")
                self.over = True
            case PostMade():
                if event.job in self.made:
                    self.wrong(f"{event.job} was made twice, says the log")
                self.made.add(event.job)
            case CharacterSpoke():
                if event.about_seq in self._spoken:
                    self.wrong(f"the host spoke of seq {event.about_seq} twice")
                self._spoken.add(event.about_seq)

    def _follow(self, its: DayWatch, events: list[AuctionEvent]) -> None:
        difference = its.auditor.check(events)
        if difference:
            self.wrong(f"audit of {its.day.auction_id}: {difference:.400}")
        named_before = its.named is not None
        for event in events:
            its.events.append(event)
            match event:
                case BidAccepted() | BidRefused():
                    if event.post_id in its.decided:
                        self.wrong(f"post {event.post_id} was decided twice")
                    its.decided[event.post_id] = event
                case BidWithdrawn() if its.named is None:
                    self._check_withdrawal(its, event)
                case StrikeGiven() if its.day.controls and not its.day.controls.paused:
                    its.taken_back_ms = max(its.taken_back_ms, event.at_ms)
                case AuctionOpened():
                    its.opened_end_ms = its.published_end_ms = event.ends_at_ms
                case EndExtended():
                    if event.outage or event.lead_lost:
                        its.made_up_ends.add(event.ends_at_ms)
                    self._check_end(its, event.ends_at_ms)
                case EndFrozen() if event.ends_at_ms != max(its.published_end_ms, self._closes_at_ms(its)):
                    self.wrong(f"the end was published as {its.published_end_ms} and frozen at {event.ends_at_ms}")
                case WatermarkMoved():
                    self._check_watermark(its, event.watermark_ms)
                case EndFrozen():
                    its.frozen_ms = self._world.now_ms
                case ResultNamed():
                    its.named = self._final(its)
                    self._check_handle(its, event)
            if named_before and not _may_come_late(event):
                self.wrong(f"{type(event).__name__} of {its.day.auction_id} after its result was named")
        self._check_answers(its)

    def _check_handle(self, its: DayWatch, result: ResultNamed) -> None:
        """The winner is named as his account was called at some time between the end and the result."""
        if winner := result.winner:
            later = [handle for since_ms, handle in self._x.handles[winner.bidder_id] if since_ms > its.frozen_ms]
            if winner.bidder_handle not in (self._x.called(winner.bidder_id, its.frozen_ms), *later):
                self.wrong(f"{its.day.auction_id} names @{winner.bidder_handle}, who is not called so by then")

    def _check_answers(self, its: DayWatch) -> None:
        """Everybody had a whole soft close, up to the cap, since a lead was taken back."""
        prepared = its.day.prepared
        if prepared and its.taken_back_ms:
            cap_ms = prepared.closes_at_ms + prepared.rules.soft_close_cap_ms
            if its.published_end_ms < min(its.taken_back_ms + prepared.rules.soft_close_ms, cap_ms):
                self.wrong(f"a lead was taken back at {its.taken_back_ms}, and the end stays at {its.published_end_ms}")

    def _check_withdrawal(self, its: DayWatch, gone: BidWithdrawn) -> None:
        """Nobody is taken for gone who was not, and nothing that was deleted after the end is taken out."""
        deleted_ms, controls = self._x.posts[gone.post_id].deleted_ms, its.day.controls
        is_running = its.published_end_ms and controls and not controls.paused
        if deleted_ms is None:
            self.wrong(f"post {gone.post_id} was withdrawn and is not gone")
        elif gone.binds:
            its.bound.add(gone.post_id)
        elif is_running and START_MS + deleted_ms >= its.published_end_ms:
            self.wrong(f"post {gone.post_id} was deleted after the end, and withdrawn")

    def _check_end(self, its: DayWatch, ends_at_ms: int) -> None:
        prepared = its.day.prepared
        if prepared and ends_at_ms > prepared.closes_at_ms + prepared.rules.soft_close_cap_ms:
            self.wrong(f"the end of {its.day.auction_id} passed its cap")
        if ends_at_ms <= its.published_end_ms:
            self.wrong(f"the end of {its.day.auction_id} was published as {its.published_end_ms}, now as {ends_at_ms}")
        its.published_end_ms = ends_at_ms

    def _closes_at_ms(self, its: DayWatch) -> int:
        return its.day.prepared.closes_at_ms if its.day.prepared else 0

    def _check_watermark(self, its: DayWatch, watermark_ms: int) -> None:
        """Everything posted before it must have been decided, if it can still be found at all."""
        for post in self._conversation(its):
            if posted_at_ms(post.id) >= watermark_ms or post.id in its.decided or post.deleted_ms is not None:
                continue
            if not _is_left_out(post):
                self.wrong(f"the watermark of {its.day.auction_id} has passed post {post.id}, which was not decided")

    def _compare_state(self, its: DayWatch) -> None:
        """The state in the store is the one that the log makes."""
        if its.day.prepared is None:
            return
        follows = {name.encode(): value.encode() for name, value in sealed(day_view(its.day)).items()}
        stage = self._store.keys.get(self._keys.current.encode(), {})
        places = {self._keys.day(its.day.prepared.day): None, self._keys.current: its.day.auction_id.encode()}
        for key, on_stage in places.items():
            stored = self._store.keys.get(key.encode(), {})
            if on_stage in (None, stage.get(b"auction_id")) and stored != follows:
                name = next(name for name in follows if stored.get(name) != follows[name])
                self.wrong(f"{key}: {name.decode()} is {stored.get(name)!r}, but the log makes it {follows[name]!r}")
        if its.named is not None and self._final(its) != its.named:
            self.wrong(f"the standing of {its.day.auction_id} has changed after its result was named")

    def _final(self, its: DayWatch) -> dict[str, str]:
        view = day_view(its.day)
        return {name: view[name] for name in ("leader_post_id", "amount_wei", "ends_at_ms", "outcome", "accepted")}

    def _conversation(self, its: DayWatch) -> list[Post]:
        return self._x.conversations.get(its.day.post_id or 0, [])

    # ---- in the end

    def finish(self) -> None:
        """Checks what can be said only when everything is over."""
        self.look()
        for writer, head in self._log.heads().items():
            if self._heads.get(writer, Head(0, first_hash(writer))) != head:
                self.wrong(f"the head of {writer} is not where its chain ends in the log")
        for its in self.days.values():
            self._check_recovery(its)
            self._check_history(its)
            self._check_received(its)
            self._check_posts(its)
            self._check_standing(its)
        self._check_checkpoints()

    def _check_recovery(self, its: DayWatch) -> None:
        whole = AuctionDay(its.day.auction_id)
        whole.replay(its.events)
        if not _same(whole, its.day):
            self.wrong(f"a full replay of {its.day.auction_id} makes another state than the decisions did")

    def _check_checkpoints(self) -> None:
        for its in self.days.values():
            for key in (self._keys.checkpoint(its.day.auction_id), self._keys.previous_checkpoint(its.day.auction_id)):
                data = self._store.keys.get(key.encode())
                if data is not None:
                    checkpoint = unseal(data)
                    day = AuctionDay(its.day.auction_id, unpack(checkpoint.payload, DayState))
                    day.replay(its.events[checkpoint.sequence :])
                    if not _same(day, its.day):
                        self.wrong(f"{key} and the tail of the log make another state than the decisions did")

    def _check_history(self, its: DayWatch) -> None:
        bids = self._store.keys.get(self._keys.bids(its.day.auction_id).encode())
        stored = {int(member): score for member, score in bids.scores.items()} if bids else {}
        if stored != {post_id: posted_at_ms(post_id) for post_id in its.decided}:
            self.wrong(f"the bid history of {its.day.auction_id} is not what was decided")
        for event in its.decided.values():
            user = self._store.keys.get(self._keys.user_bids(event.bidder_id).encode())
            if user is None or b"%s:%020d" % (its.day.auction_id.encode(), event.post_id) not in user:
                self.wrong(f"post {event.post_id} is missing in the history of its bidder")

    def _check_received(self, its: DayWatch) -> None:
        """What stood in the queue was decided, unless it came too late to matter to anybody."""
        standings = its.day.standings
        for auction_id, post_id in self._received:
            post = self._x.posts[post_id]
            known = auction_id != its.day.auction_id or post_id in its.decided or _is_left_out(post)
            if post.deleted_ms is not None:
                continue  # no sweep could vouch for it
            if not known and (standings is None or posted_at_ms(post_id) < standings.ends_at_ms):
                self.wrong(f"post {post_id} was received and never decided")

    def _check_posts(self, its: DayWatch) -> None:
        prepared, result = its.day.prepared, its.day.result
        if prepared is None or result is None:
            self.wrong(f"{its.day.auction_id} has no result")
            return
        for text in (auction_post(prepared, self._time_zone), result_post(prepared, result)):
            if self._texts[text] != 1:
                self.wrong(f"{text.splitlines()[0]!r} stands on X {self._texts[text]} times")

    def _check_standing(self, its: DayWatch) -> None:
        """The oracle, which knows what really was posted, comes to the same result."""
        day = its.day
        if day.standings is None or day.prepared is None or day.post_id is None or day.result is None:
            return
        ends_at_ms, rules = day.standings.ends_at_ms, day.prepared.rules
        cap_ms = day.prepared.closes_at_ms + rules.soft_close_cap_ms
        moved = {min(posted_at_ms(post.id) + rules.soft_close_ms, cap_ms) for post in self._conversation(its)}
        by_itself = {its.opened_end_ms, *its.made_up_ends, *moved}
        if ends_at_ms not in by_itself:
            self.wrong(f"no post explains the end of {day.auction_id}")
        # The watermark vouches for what was posted before the end; what was posted later may have been found or not.
        posts = [post for post in self._conversation(its) if posted_at_ms(post.id) < ends_at_ms]
        truth = [self._truth(its, post) for post in posts]
        opened_at_ms, winner = day.standings.controls.opened_at_ms, day.result.winner
        expected = judge(truth, rules, {day.post_id}, opened_at_ms, ends_at_ms, its.bound & its.decided.keys())
        expected["refused"] = {reason: n for reason, n in expected["refused"].items() if reason not in UNCOUNTED}
        # A post that never led and is gone changes nothing: whether it was withdrawn is not asked.
        gone = {each["id"] for each in truth if is_taken_back(each, ends_at_ms, its.bound)}
        verdicts = [each for each in day.standings.verdicts() if posted_at_ms(each.bid.post_id) < ends_at_ms]
        reasons = Counter(each.refusal for each in verdicts if each.refusal is None or each.bid.post_id not in gone)
        found = {
            "outcome": str(day.result.outcome),
            "winner": self._x.handles[winner.bidder_id][0][1] if winner else None,  # as the oracle knows him
            "amount_wei": str(int(winner.amount_wei)) if winner else None,
            "accepted": reasons.pop(None, 0),
            "refused": {str(reason): n for reason, n in sorted(reasons.items()) if reason and reason not in UNCOUNTED},
        }
        if found != expected:
            ours, true = (
                {name: each[name] for name in found if found[name] != expected[name]} for each in (found, expected)
            )
            self.wrong(f"{day.auction_id} came to {ours}, but what was posted makes it {true}")

    def _truth(self, its: DayWatch, post: Post) -> dict[str, Any]:
        """The post as the oracle is told of it. One that is gone before it was ever found cannot count."""
        deleted_at_ms = None
        if post.deleted_ms is not None:
            deleted_at_ms = START_MS + post.deleted_ms if post.id in its.decided else posted_at_ms(post.id)
        meaning = post.meaning
        banned = its.day.controls.banned(post.author_id, posted_at_ms(post.id)) if its.day.controls else None
        if banned and meaning and "amount_wei" in meaning:
            meaning = {"refusal": banned}  # the oracle knows nothing of strikes
        return {
            "id": post.id,
            "meaning": meaning,
            "deleted_at_ms": deleted_at_ms,
            "shown": post.shown,
            "replied_to": post.parent.id if post.parent else None,
            "author": post.author,
            "author_created_at_ms": post.author_created_at_ms,
        }


def _same(one: AuctionDay, other: AuctionDay) -> bool:
    # Where the end stood after each leader depends on what was published by then; below what is published now it says
    # nothing any more.
    return _without_ends(one.state()) == _without_ends(other.state())


def _without_ends(state: DayState) -> DayState:
    chain = [Lead(lead.bid, 0, lead.minimum_wei) for lead in state.lead_history]
    assert all(lead.ends_at_ms <= state.controls.ends_at_ms for lead in state.lead_history if state.controls)
    return msgspec.structs.replace(state, lead_history=chain)


def _may_come_late(event: AuctionEvent) -> bool:
    """What may still be logged of an auction that has its result: it changes nothing."""
    if isinstance(event, BidRefused):
        return event.reason is Refusal.FOUND_TOO_LATE
    return isinstance(event, BidWithdrawn | WatermarkMoved)


def _is_left_out(post: Post) -> bool:
    return (post.meaning or {}).get("refusal") == Refusal.NO_HASHTAG
