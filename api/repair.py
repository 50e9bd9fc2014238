"""The repair: checks, before anybody works with the store, what it holds beside the log, and makes damaged parts anew.

Views of days and bid histories are made from the log. What cannot be made again, such as the entries of a lost queue,
is reported. A key of another type than it should have is renamed, with `aside:` before its name. Checkpoints, segments
and queue entries are checked by their readers, users' bids, maybe millions of lists, only by a thorough repair.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis

from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.layout import make_empty
from adapters.redis.log import LogReader, head_of
from adapters.redis.translation import translated
from adapters.redis.view import is_whole, sealed
from auction.day import AuctionDay
from auction.day_view import day_view
from auction.downtime_policy import HOUSE
from ledger.entry import LogDamaged, LogEntry
from ledger.hash_chain import Head, first_hash, verify_chain
from messages.events import AuctionEvent, Observed
from messages.x_ids import posted_at_ms

BIDS_A_WRITE = 2_000


class Mending:
    """The repair of one marathon, whose lease the caller holds. With `is_trial` it only reports what is wrong.

    All methods answer with a line for each thing found and done, and raise LogDamaged where the log itself cannot be
    trusted, StoreUnavailable, OutcomeUnknown.
    """

    def __init__(self, client: redis.Redis, keys: Keys, is_trial: bool = False) -> None:
        self._client, self._keys, self._is_trial = client, keys, is_trial
        self._log = LogReader(client, keys)
        self._aside: set[str] = set()  # keys that count as gone, although a trial has not renamed or deleted them

    def mend(self, days: Mapping[str, int], thorough: bool = False) -> list[str]:
        """Check and repair everything that belongs to these auctions, each with the number of its day. With
        `thorough`, also check all users' bids, and compare each view and history with what the log makes of it."""
        said = list(self._put_aside_other_types(days))
        if thorough:
            said += self._put_aside_users_lists()
        begun = {name: days[name] for name in self._log.heads() if name in days}
        said += self._queues(begun)
        said += self._signs_of_life()
        said += self._progress_of_searches(days)
        damaged = {name for name, day in begun.items() if thorough or not self._is_whole(name, day)}
        on_stage = self._hash(self._keys.current)
        needs_stage = bool(begun) and not is_whole(on_stage)
        if damaged or needs_stage:
            newest = max(begun, key=lambda name: begun[name])
            said += self._make_anew(damaged | ({newest} if needs_stage else set()), newest if needs_stage else "")
        return said

    def count_log_again(self) -> list[str]:
        """Count the log's events and find the ends of its chains, and store both where they differ from what is
        stored. Refused (LogDamaged) where the log is damaged or lacks events that a stored head knows."""
        for key, needed in ((self._keys.log, b"stream"), (self._keys.heads, b"hash"), (self._keys.seq, b"string")):
            if (kind := execute(self._client, "TYPE", key)) not in (needed, b"none"):
                if key == self._keys.log:
                    raise LogDamaged(f"{key} holds a {kind.decode()}")
                self._put_aside(key, "")
        ends, last = self._ends()
        stored: dict[bytes, bytes] = self._hash(self._keys.heads)
        known = {writer.decode(errors="replace"): head_of(head) for writer, head in stored.items()}
        for writer, head in known.items():
            end = ends.get(writer, Head(0, first_hash(writer)))
            if head and head.sequence > end.sequence:
                raise LogDamaged(f"{writer} had {head.sequence} events, of which {end.sequence} are left")
        counted = self._ask("GET", self._keys.seq)
        if {writer: head for writer, head in known.items() if head and head.sequence} == ends and counted == last:
            return []
        self._do("DEL", self._keys.heads)
        for writer, head in ends.items():
            self._do("HSET", self._keys.heads, writer, f"mended {head.sequence} {head.chain_hash}")
        self._do("SET", self._keys.seq, last)
        return [f"{self._keys.heads} and {self._keys.seq} did not fit the log, and were made anew from it"]

    def _ends(self) -> tuple[dict[str, Head], bytes]:
        """The end of each chain of the log, and the log's last seq. Raises LogDamaged where a hash does not fit."""
        ends, last = dict[str, Head](), 0
        for entry in self._sound_log():
            ends[entry.writer] = Head(entry.first_writer_sequence + entry.count - 1, entry.chain_hash)
            last = entry.last_seq
        return ends, b"%d" % last

    # ---- what has another type, or is gone

    def _put_aside_other_types(self, days: Mapping[str, int]) -> Iterator[str]:
        kinds = self._keys.kinds(days, self._log.heads())
        with translated(), self._client.pipeline(transaction=False) as pipeline:
            for key in kinds:
                pipeline.type(key)
            found = pipeline.execute()
        for (key, needed), kind in zip(kinds.items(), found, strict=True):
            if kind.decode() not in (needed, "none"):
                yield self._put_aside(key, f"held a {kind.decode()} instead of a {needed}")

    def _put_aside_users_lists(self) -> Iterator[str]:
        for kind in ("string", "hash", "set", "zset", "stream"):
            why = f"held a {kind} instead of a list; other bids of the user are there"
            for key in list(self._client.scan_iter("users:*:bids", count=1_000, _type=kind)):
                yield self._put_aside(key.decode(), why)

    def _put_aside(self, key: str, why: str) -> str:
        self._do("RENAME", key, f"aside:{key}")
        self._aside.add(key)
        return f"{key} {why}, and is put aside as aside:{key}"

    def _queues(self, auctions: Iterable[str]) -> Iterator[str]:
        """Make lost queues anew. An empty queue keeps its key: without a key, entries are lost."""
        for reader in sorted({*auctions, HOUSE, self._keys.awaiting_author}):
            key = self._keys.queue(reader)
            if not self._ask("EXISTS", key):
                # First forget how far the auction was searched: a search finds the lost posts again, and no end is
                # frozen before that.
                for said in (self._keys.looked(reader), self._keys.searched(reader)):
                    self._do("DEL", said)
                    self._aside.add(said)
                if not self._is_trial:
                    make_empty(self._client, key)
                yield f"{key} was gone: posts that waited in it are found again, orders have to be given again"

    def _signs_of_life(self) -> Iterator[str]:
        """Replace a damaged sign of life by the time of the log's last event: an outage counts, maybe as too long."""
        alive, away = self._ask("GET", self._keys.alive), self._ask("GET", self._keys.x_away)
        if (seq := self._log.last_seq()) and not (alive or b"").isdigit():
            alive = str(self._log.read(seq - 1, 1)[-1].events()[-1].at_ms)
            self._do("SET", self._keys.alive, alive)
            yield f"{self._keys.alive} was no time; the house counts as alive until {alive}, where the log ends"
        if away is not None and not away.isdigit():
            self._do("SET", self._keys.x_away, alive or "0")
            yield f"{self._keys.x_away} was {away!r:.40}; X counts as away since the house was last alive"

    def _progress_of_searches(self, auctions: Iterable[str]) -> Iterator[str]:
        """Delete damaged notes of how far an auction was searched, and of posts whose replies are read."""
        for key in map(self._keys.searched, auctions):
            searched = self._ask("GET", key)
            if searched is not None and not searched.isdigit():
                self._do("DEL", key)
                yield f"{key} was {searched!r:.40}: no end is frozen before a search has reached it again"
        for post_id, auction_id in self._hash(self._keys.own_posts).items():
            if not (post_id.isdigit() and auction_id.isascii()):
                self._do("HDEL", self._keys.own_posts, post_id)
                yield f"{self._keys.own_posts} held {post_id!r:.40} of {auction_id!r:.40}: no post of an auction"

    # ---- what follows from the log

    def _is_whole(self, auction_id: str, day: int) -> bool:
        view = self._hash(self._keys.day(day))
        if not is_whole(view):
            return False
        has_bids = view.get(b"accepted", b"0") != b"0" or view.get(b"refused", b"0") != b"0"
        return not has_bids or bool(self._ask("EXISTS", self._keys.bids(auction_id)))

    def _make_anew(self, auction_ids: set[str], on_stage: str) -> Iterator[str]:
        days = {name: AuctionDay(name) for name in auction_ids}
        histories: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for entry in self._sound_log(self._log.heads()):
            if day := days.get(entry.writer):
                events = [event for event in entry.events() if isinstance(event, AuctionEvent)]
                day.replay(events)
                observed = (event for event in events if isinstance(event, Observed))
                histories[entry.writer] |= {f"{bid.post_id:020d}": posted_at_ms(bid.post_id) for bid in observed}
        for name, day in sorted(days.items()):
            if day.prepared and self._differs(name, day, histories[name]):
                self._write_view(self._keys.day(day.prepared.day), day)
                self._write_history(name, histories[name])
                yield f"the state and the bid history of {name} were made anew from the log"
        if on_stage and days[on_stage].prepared:
            self._write_view(self._keys.current, days[on_stage])
            yield f"{self._keys.current} was made anew: {on_stage} is on stage"

    def _sound_log(self, heads: Mapping[str, Head] | None = None) -> Iterator[LogEntry]:
        """The whole log. Raises LogDamaged where a hash, or one of these heads, does not fit."""
        if damage := verify_chain(self._log.entries(), heads):
            raise LogDamaged(f"seq {damage.seq} ({damage.writer}): {damage.what}")
        return self._log.entries()

    def _differs(self, auction_id: str, day: AuctionDay, history: Mapping[str, int]) -> bool:
        view, key = sealed(day_view(day)), self._keys.bids(auction_id)
        assert day.prepared
        if self._hash(self._keys.day(day.prepared.day)) != {name.encode(): view[name].encode() for name in view}:
            return True
        with translated():
            stored: Any = [] if key in self._aside else self._client.zrange(key, 0, -1, withscores=True)
        return {member.decode(errors="replace"): at_ms for member, at_ms in stored} != history

    def _write_view(self, key: str, day: AuctionDay) -> None:
        self._do("DEL", key)
        self._do("HSET", key, *(part for pair in sealed(day_view(day)).items() for part in pair))

    def _write_history(self, auction_id: str, members: Mapping[str, int]) -> None:
        key, scored = self._keys.bids(auction_id), [(at_ms, member) for member, at_ms in members.items()]
        self._do("DEL", key)
        for first in range(0, len(scored), BIDS_A_WRITE):
            some = scored[first : first + BIDS_A_WRITE]
            self._do("ZADD", key, *(part for pair in some for part in pair))

    def _hash(self, key: str) -> dict[bytes, bytes]:
        return self._ask("HGETALL", key) or {}

    def _ask(self, command: str, key: str) -> Any:
        return None if key in self._aside else execute(self._client, command, key)

    def _do(self, *command: Any) -> None:
        if not self._is_trial:
            execute(self._client, *command)
