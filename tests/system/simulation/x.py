"""A model of X: its own ground truth, behind the interfaces of `XClient` and `PostStream`.

Posts become findable late, the stream delivers late, twice, in another order or never, a request may get lost or be
refused, and a post whose answer was lost may have been made, or be made later. All within what X is known to do: the
bounds stand below, and the settings of the simulated marathon are made for them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from adapters.x.answers import Author, Lookup, Users
from adapters.x.clock import XClock
from adapters.x.errors import PostOutcomeUnknown, PostRefused, XUnavailable
from adapters.x.payload import Page, read_payload
from adapters.x.stream import EndCause, StreamEnd
from messages.base import Refusal
from messages.x_ids import X_EPOCH_MS, posted_at_ms
from simulator.x.texts import entities, escape
from tests.system.simulation.faults import Faults
from tests.system.simulation.wire import Host, Link, Refusals, Wire
from tests.system.simulation.world import World

LONGEST_INDEX_LAG_MS = 2_400  # until a search finds a post
LONGEST_TIMELINE_LAG_MS = 600  # until the own timeline shows one
OWN_POSTS_A_PAGE = 2
ACCOUNT = "the_house"

T = TypeVar("T")
Meaning = dict[str, str] | None


@dataclass(slots=True, eq=False)
class Post:
    """A post and its fate. `author` is what the account was called first, `meaning` what the oracle is told: an amount,
    a refusal, or nothing."""

    id: int
    author: str
    author_id: int
    author_created_at_ms: int
    text: str
    parent: "Post | None"
    meaning: Meaning
    posted_ms: float
    findable_ms: float
    edited_from: "Post | None" = None
    deleted_ms: float | None = None
    shown: bool = False
    conversation_id: int = field(init=False)

    def __post_init__(self) -> None:
        self.conversation_id = self.parent.conversation_id if self.parent else self.id


class X:
    """What exists on X. `on_auction_post(post)` is called for every post of the account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random("x")
        self.posts: dict[int, Post] = {}
        self.conversations: dict[int, list[Post]] = {}
        self.own: list[Post] = []
        self.rules: frozenset[int] = frozenset()
        self._authors: dict[str, int] = {}
        self.handles: dict[int, list[tuple[float, str]]] = {}  # of each account, since when (in ms) it is called so
        self.streams: list[Stream] = []
        self.on_own_post: Callable[[Post], None] = lambda post: None
        self.link = Link(world)
        self.refuses_duplicates = self.random.random() < 0.3
        self.deliveries = self.random.choice(("good", "usual", "usual", "bad"))
        self._last_id = 0
        self._rules_serial = 0

    # ---- what happens there

    def make(
        self,
        author: str,
        text: str,
        parent: Post | None,
        meaning: Meaning,
        age_ms: int,
        edited_from: Post | None = None,
    ) -> Post:
        """A new post, made now; the stream will deliver it, or not."""
        now_ms = self.world.utc_ms()
        self._last_id = max(self._last_id + 1, now_ms - X_EPOCH_MS << 22)
        lag_ms = self.random.choice((50, 300, LONGEST_INDEX_LAG_MS)) * self.random.random()
        author_id = self._authors.setdefault(author, 1000 + len(self._authors))
        self.handles.setdefault(author_id, [(self.world.now_ms, author)])
        post = Post(self._last_id, author, author_id, now_ms - age_ms, text, parent, meaning, self.world.now_ms,
                    self.world.now_ms + lag_ms, edited_from)  # fmt: skip
        self.posts[post.id] = post
        if parent is None:
            self.conversations[post.id] = []
        else:
            self.conversations[post.conversation_id].append(post)
            for delay_ms in self._delays_ms():
                self.world.after(delay_ms, self._deliver, post)
        return post

    def delete(self, post: Post) -> None:
        if post.deleted_ms is None:
            post.deleted_ms = self.world.now_ms
            self.world.note("x", f"@{post.author} deletes {post.text!r}")

    def rename(self, author_id: int) -> None:
        """The account is called otherwise from now on."""
        handles = self.handles[author_id]
        handles.append((self.world.now_ms, f"{handles[0][1]}_{len(handles)}"))
        self.world.note("x", f"@{handles[-2][1]} is called @{handles[-1][1]}")

    def called(self, author_id: int, at_ms: float | None = None) -> str:
        """What the account was called then, or is called now."""
        return [handle for since_ms, handle in self.handles[author_id] if at_ms is None or since_ms <= at_ms][-1]

    def _delays_ms(self) -> list[float]:
        draw, usual = self.random.random(), self.random.uniform(5, 80)
        rare = {"good": 0.02, "usual": 0.1, "bad": 0.4}[self.deliveries]
        if draw < rare / 3:
            return []
        if draw < rare * 2 / 3:
            return [usual, usual + self.random.uniform(0, 8_000)]
        if draw < rare:
            return [usual + self.random.uniform(0, 8_000)]
        if draw < rare * 2:
            return [usual + self.random.uniform(0, 400)]  # enough for a neighbour to overtake it
        return [usual]

    def _deliver(self, post: Post) -> None:
        for stream in list(self.streams):
            if stream.connected and post.conversation_id in stream.follows:
                post.shown = True
                stream.on_raw(payload(post, self.called(post.author_id)))

    # ---- how it looks from outside

    def search(self, conversation_id: int, start_ms: int, end_ms: int) -> list[Post]:
        first_id, last_id = (max(0, at_ms - X_EPOCH_MS) << 22 for at_ms in (start_ms, end_ms))
        now_ms = self.world.now_ms
        found = [
            post
            for post in self.conversations.get(conversation_id, ())
            if first_id <= post.id < last_id and post.findable_ms <= now_ms and post.deleted_ms is None
        ]
        for post in found:
            post.shown = True
        return found

    def create(self, text: str, reply_to_id: int | None = None) -> int:
        parent = self.posts.get(reply_to_id) if reply_to_id is not None else None
        if reply_to_id is not None and (parent is None or parent.deleted_ms is not None):
            raise PostRefused("You attempted to reply to a Tweet that is deleted or not visible to you.", 403)
        if self.refuses_duplicates and any(post.text == text for post in self.own[-50:]):
            raise PostRefused("You are not allowed to create a Tweet with duplicate content.", 403)
        meaning = {"refusal": str(Refusal.NO_HASHTAG)} if parent else None
        post = self.make(ACCOUNT, text, parent, meaning, 10**12)
        post.findable_ms = self.world.now_ms + self.random.random() * LONGEST_TIMELINE_LAG_MS
        self.own.append(post)
        self.world.note("x", f"the house posts {text.splitlines()[0]!r}")
        if parent is None:
            self.on_own_post(post)
        return post.id

    def set_rules(self, conversations: frozenset[int]) -> None:
        self._rules_serial += 1
        self.world.after(self.random.choice((0, 1_000)), self._rules_hold, conversations, self._rules_serial)

    def _rules_hold(self, conversations: frozenset[int], serial: int) -> None:
        if serial == self._rules_serial:
            self.rules = conversations


def payload(post: Post, handle: str) -> bytes:
    """The post as a line of the stream, by an account of this handle."""
    data: dict[str, Any] = {
        "id": str(post.id),
        "text": escape(post.text),
        "author_id": str(post.author_id),
        "conversation_id": str(post.conversation_id),
        "entities": entities(post.text),
        "edit_history_tweet_ids": [str(version.id) for version in (post.edited_from, post) if version],
    }
    if post.parent:
        data["referenced_tweets"] = [{"type": "replied_to", "id": str(post.parent.id)}]
    # Times with ms, unlike X's own: the age of an account is then the same here and for the oracle.
    user = {
        "id": str(post.author_id),
        "username": handle,
        "created_at": _iso(post.author_created_at_ms),
        "public_metrics": {"followers_count": 10},
    }
    return json.dumps({"data": data, "includes": {"users": [user]}}).encode()


def _iso(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")


class Client:
    """What the actors use of `XClient`. `clock` is read from answers, as the process has it."""

    def __init__(self, x: X, wire: Wire, clock: XClock) -> None:
        self._x, self._wire, self.clock = x, wire, clock

    def close(self) -> None:
        """Nothing to give back."""

    def check_keys(self) -> None:
        """They are right."""
        self._ask("check_keys", lambda: None)

    def set_rules(self, mark: str, rules: Mapping[str, str]) -> bool:
        followed = frozenset(int(value.removeprefix("conversation_id:")) for value in rules.values())
        self._ask("set_rules", lambda: self._x.set_rules(followed))
        return True

    def search(self, conversation_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
        return self._ask("search", lambda: self._found(conversation_id, end_ms, start_ms))

    def mentions(self, since_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
        return self._ask("mentions", lambda: self._found(since_id, end_ms, start_ms))

    def users(self, user_ids: Iterable[int]) -> Users:
        found = {one: Author(self._x.called(one), None, None) for one in user_ids}
        return self._ask("users", lambda: Users(found, {}))

    def _found(self, conversation_id: int, end_ms: int, start_ms: int) -> Page:
        posts = self._x.search(conversation_id, start_ms, end_ms)
        found = [
            read_payload(payload(post, self._x.called(post.author_id)), "search", self.clock.now_ms()) for post in posts
        ]
        return Page([post for post in found if post is not None], [])

    def lookup(self, ids: Iterable[int]) -> Lookup:
        asked = set(ids)

        def do() -> Lookup:
            gone = {one for one in asked if one not in self._x.posts or self._x.posts[one].deleted_ms is not None}
            return Lookup(frozenset(asked - gone), dict.fromkeys(sorted(gone), "deleted"))

        return self._ask("lookup", do)

    def own_posts(self, since_ms: int, token: str | None = None) -> tuple[list[tuple[int, str]], str | None]:
        def do() -> tuple[list[tuple[int, str]], str | None]:
            first_id, now_ms = since_ms - X_EPOCH_MS << 22, self._x.world.now_ms
            shown = [post for post in self._x.own if post.id >= first_id and post.findable_ms <= now_ms]
            shown = [post for post in reversed(shown) if token is None or post.id < int(token)]
            page = shown[:OWN_POSTS_A_PAGE]
            return [(post.id, post.text) for post in page], str(page[-1].id) if page != shown else None

        return self._ask("own_posts", do)

    def create_post(self, text: str, reply_to_id: int | None = None) -> int:
        def unavailable() -> Exception:
            return XUnavailable("post: no connection")

        def unknown() -> Exception:
            return PostOutcomeUnknown("no answer")

        def do() -> int:
            if self._x.link.closed:
                raise unavailable()
            return self._x.create(text, reply_to_id)

        asked_s = self.clock.steady_s()
        post_id = self._wire.call("create_post", do, Refusals(unavailable, unavailable, unknown), on_its_way=True)
        self.clock.read(posted_at_ms(post_id), posted_at_ms(post_id), asked_s)
        return post_id

    def _ask(self, what: str, do: Callable[[], T]) -> T:
        def unavailable() -> Exception:
            return XUnavailable(f"{what}: HTTP 503", None, 503)

        def limited() -> Exception:
            return XUnavailable(f"{what}: HTTP 429", 1_000, 429)

        def tried() -> tuple[T, int]:
            if self._x.link.closed:
                raise unavailable()
            return do(), self._x.world.utc_ms() // 1000 * 1000

        asked_s = self.clock.steady_s()
        answer, date_ms = self._wire.call(what, tried, Refusals(unavailable, limited, unavailable))
        self.clock.read(date_ms, date_ms + 999, asked_s)
        return answer


class Stream:
    """What `TwitterIngest` uses of `PostStream`. Its callbacks come as events of the world, as from another thread."""

    def __init__(
        self,
        world: World,
        x: X,
        faults: Faults,
        host: Host,
        on_raw: Callable[[bytes], None],
        on_connected: Callable[[], None],
        on_ended: Callable[[StreamEnd], None],
    ) -> None:
        self._world, self._x, self._faults, self.host = world, x, faults, host
        self._random = x.random
        self._on_raw, self._on_connected, self._on_ended = on_raw, on_connected, on_ended
        self.connected = self.stopped = self.over = False

    @property
    def given_up(self) -> bool:
        """Whether the actor that made it was left behind as hung."""
        owner: Any = getattr(self._on_raw, "__self__", None)
        return bool(owner.context.abandoned)

    @property
    def follows(self) -> frozenset[int]:
        return self._x.rules

    def start(self) -> None:
        self._x.streams.append(self)
        self._world.after(self._random.uniform(5, 200), self._connect)

    def stop(self, deadline_s: float = 2.0) -> bool:
        """Its thread ends soon; it is not waited for, as when it hangs in a connect."""
        self.stopped, self.connected = True, False
        self._world.after(self._random.choice((0, 0, 300)), self.end, StreamEnd(cause=EndCause.STOPPED))
        return True

    def lose(self) -> None:
        """The connection breaks."""
        if self.connected:
            self.end(StreamEnd(cause=EndCause.LOST))

    def vanish(self) -> None:
        """The process that held it is gone."""
        self.over, self.connected = True, False
        if self in self._x.streams:
            self._x.streams.remove(self)

    def _connect(self) -> None:
        if self.stopped or self.over:
            return
        faulty = self._world.now_ms < self._faults.quiet_ms
        if self._x.link.closed or (faulty and self._random.random() < 0.05):
            self.end(StreamEnd(cause=EndCause.REFUSED, detail="HTTP 503", http_status=503))
            return
        if any(other.connected for other in self._x.streams):
            self.end(StreamEnd(cause=EndCause.REFUSED, detail="HTTP 429", http_status=429))
            return
        self.connected = True
        self._world.note("x", "the stream is connected")
        self._tell(self._on_connected)
        if faulty and self._random.random() < 0.6:
            cause = self._random.choice((EndCause.LOST, EndCause.CLOSED))
            self._world.after(self._random.uniform(500, 20_000), self.end, StreamEnd(cause=cause))

    def on_raw(self, raw: bytes) -> None:
        if self._world.now_ms < self._faults.quiet_ms and self._random.random() < 0.005:
            self._tell(self._on_raw, raw[: len(raw) // 2])
        self._tell(self._on_raw, raw)

    def end(self, end: StreamEnd) -> None:
        if self.over:
            return
        self.vanish()
        self._world.note("x", f"a stream has ended: {end}")
        self._tell(self._on_ended, end)

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        if self.host.dead:
            return
        if self.host.stands_still_until_ms > self._world.now_ms:
            self._world.at(self.host.stands_still_until_ms + 1, self._tell, callback, *args)
            return
        try:
            callback(*args)
        except Exception as fault:  # the thread of a stream whose actor was given up ends so
            self._world.note("x", f"the stream's thread ends: {fault}")
            self.vanish()
