"""The control plane, /_sim/*: tests and demos make posts, set faults and the crowd, and read the ground truth.

It needs no credentials, because the process listens on loopback only. Clients of X never use it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from messages.base import Refusal, Wei
from simulator.x.clock import now_ms
from simulator.x.crowd import Crowd
from simulator.x.faults import Fault, Faults
from simulator.x.parameters import post_id
from simulator.x.problems import Problem, invalid, not_found
from simulator.x.rates import Rates
from simulator.x.schedule import Order, Schedule
from simulator.x.settings import CrowdOptions, Settings
from simulator.x.stream import Stream
from simulator.x.world import Meaning, Post, User, World
from simulator.x.writes import read_body

_YEAR_MS = 365 * 86_400_000
TRUTH_PAGE = 10_000
_Handle = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_]{1,15}\Z")]
_Delay = Annotated[int, Meta(ge=0, le=10**9)]


class _Meaning(msgspec.Struct, forbid_unknown_fields=True):
    amount_wei: Wei | None = None
    refusal: Refusal | None = None


class _NewPost(msgspec.Struct, forbid_unknown_fields=True):
    author: _Handle
    text: Annotated[str, Meta(min_length=1, max_length=25_000)]
    reply_to: str | None = None
    meaning: _Meaning | None = None
    account_age_ms: Annotated[int, Meta(ge=0, le=10 * _YEAR_MS)] = _YEAR_MS
    delivery_ms: Annotated[list[_Delay], Meta(max_length=10)] | None = None


class _Which(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class _Who(msgspec.Struct, forbid_unknown_fields=True):
    handle: str


class _Renaming(_Who, forbid_unknown_fields=True):
    to: _Handle


class _Edit(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    text: Annotated[str, Meta(min_length=1, max_length=25_000)]
    meaning: _Meaning | None = None


class _Limit(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: str
    limit: Annotated[int, Meta(ge=0, le=10**9)]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the simulated X that the control plane changes or shows."""

    world: World
    settings: Settings
    crowd: Crowd
    faults: Faults
    schedule: Schedule
    rates: Rates
    stream: Stream


class Control:
    """The endpoints below /_sim."""

    def __init__(self, parts: Parts, stop: Callable[[], None]) -> None:
        self._parts, self._world, self._faults = parts, parts.world, parts.faults
        self._stop = stop

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes of the control plane."""
        return [
            web.post("/_sim/post", self.post),
            web.post("/_sim/edit", self.edit),
            web.post("/_sim/delete", self.delete),
            web.post("/_sim/suspend", self.suspend),
            web.post("/_sim/protect", self.protect),
            web.post("/_sim/rename", self.rename),
            web.get("/_sim/faults", self.show_faults),
            web.post("/_sim/faults", self.add_fault),
            web.delete("/_sim/faults", self.clear_faults),
            web.post("/_sim/schedule", self.begin_schedule),
            web.get("/_sim/rates", self.show_rates),
            web.post("/_sim/rates", self.change_limit),
            web.get("/_sim/crowd", self.show_crowd),
            web.post("/_sim/crowd", self.replace_crowd),
            web.get("/_sim/truth", self.truth),
            web.get("/_sim/health", self.health),
            web.post("/_sim/stop", self.stop),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """Makes a post by any user; an unknown user is created, with an account of `account_age_ms`."""
        wanted = read_body(await request.read(), _NewPost)
        parent = self._find(wanted.reply_to) if wanted.reply_to is not None else None
        author = self._world.user(wanted.author)
        if author is None:
            author = self._world.add_user(wanted.author, now_ms() - wanted.account_age_ms)
        delivery = wanted.delivery_ms
        post = self._world.post(
            author,
            wanted.text,
            parent=parent,
            meaning=_meant(wanted.meaning),
            delivery_ms=self._usual_delivery if delivery is None else tuple(delivery),
        )
        return web.json_response({"id": str(post.id), "posted_at_ms": post.posted_at_ms})

    async def edit(self, request: web.Request) -> web.Response:
        """Edits a post: makes a new version with an id of its own, even if X would not let the author edit."""
        wanted = read_body(await request.read(), _Edit)
        old = self._find(wanted.id)
        post = self._world.post(
            old.author,
            wanted.text,
            parent=old.parent,
            meaning=_meant(wanted.meaning),
            delivery_ms=self._usual_delivery,
            edits=old,
        )
        return web.json_response({"id": str(post.id), "posted_at_ms": post.posted_at_ms})

    async def delete(self, request: web.Request) -> web.Response:
        self._world.delete(self._find(read_body(await request.read(), _Which).id))
        return web.json_response({})

    async def suspend(self, request: web.Request) -> web.Response:
        """Suspends an account, which hides all its posts."""
        self._world.suspend(self._user(read_body(await request.read(), _Who)))
        return web.json_response({})

    async def protect(self, request: web.Request) -> web.Response:
        """Protects an account: only its followers see its posts."""
        self._world.protect(self._user(read_body(await request.read(), _Who)))
        return web.json_response({})

    async def rename(self, request: web.Request) -> web.Response:
        """Gives an account another handle."""
        wanted = read_body(await request.read(), _Renaming)
        try:
            self._world.rename(self._user(wanted), wanted.to)
        except ValueError as taken:
            raise invalid("to", wanted.to, str(taken)) from taken
        return web.json_response({})

    async def show_faults(self, _request: web.Request) -> web.Response:
        return _json({"faults": self._faults.all()})

    async def add_fault(self, request: web.Request) -> web.Response:
        self._faults.add(read_body(await request.read(), Fault))
        return _json({"faults": self._faults.all()})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Ends all faults and the schedule."""
        self._parts.schedule.stop()
        self._faults.clear()
        return web.json_response({})

    async def begin_schedule(self, request: web.Request) -> web.Response:
        """Starts a seeded schedule of faults; the answer is its plan."""
        return _json({"steps": self._parts.schedule.begin(read_body(await request.read(), Order))})

    async def show_rates(self, _request: web.Request) -> web.Response:
        """Shows the rate windows: how many requests each had, and how many beyond its limit."""
        return _json({"windows": self._parts.rates.listing()})

    async def change_limit(self, request: web.Request) -> web.Response:
        """Sets the limit of an endpoint, which is named as in the listing of the windows."""
        wanted = read_body(await request.read(), _Limit)
        try:
            self._parts.rates.limit(wanted.endpoint, wanted.limit)
        except KeyError:
            raise invalid("endpoint", wanted.endpoint, "there is no such endpoint, or it has no limit") from None
        return _json({"windows": self._parts.rates.listing()})

    async def show_crowd(self, _request: web.Request) -> web.Response:
        return _json(self._parts.crowd.options)

    async def replace_crowd(self, request: web.Request) -> web.Response:
        """Replaces all options of the crowd; they hold for later auction posts."""
        self._parts.crowd.options = read_body(await request.read(), CrowdOptions)
        return _json(self._parts.crowd.options)

    async def truth(self, request: web.Request) -> web.Response:
        """Lists all posts ever made, or those of `?conversation_id=`; with `?after=` a page of posts after this id;
        and the bidders who were asked for a wallet."""
        asked, after = request.query.get("conversation_id"), request.query.get("after")
        conversation_id = post_id("conversation_id", asked) if asked is not None else None
        page = () if after is None else (post_id("after", after), TRUTH_PAGE)
        posts = self._world.truth(conversation_id, *page)
        asked_bidders = self._parts.crowd.asked.truth()
        account = self._parts.settings.account
        return _json({"now_ms": now_ms(), "account": account, "posts": posts, "asked": asked_bidders})

    async def health(self, _request: web.Request) -> web.Response:
        """Shows that the process runs, with its seed, day and numbers."""
        return _json(
            {
                "ok": True,
                "seed": self._parts.settings.seed,
                "now_ms": now_ms(),
                "day": self._parts.crowd.day,
                "crowd_busy": self._parts.crowd.busy,
                "posts": len(self._world.posts),
                "stream_connected": self._parts.stream.connection is not None,
            }
        )

    async def stop(self, _request: web.Request) -> web.Response:
        self._stop()
        return web.json_response({})

    @property
    def _usual_delivery(self) -> tuple[int, ...]:
        return (self._parts.settings.stream_latency_ms,)

    def _user(self, who: _Who) -> User:
        user = self._world.user(who.handle)
        if user is None:
            raise Problem(404, not_found("user", who.handle, "handle"))
        return user

    def _find(self, value: str) -> Post:
        post = self._world.posts.get(post_id("id", value))
        if post is None:
            raise invalid("id", value, "there is no such post")
        return post


def _meant(meaning: _Meaning | None) -> Meaning:
    return (meaning.amount_wei or meaning.refusal) if meaning else None


def _json(value: Any) -> web.Response:
    body = msgspec.json.encode(value, enc_hook=_wei_to_text)
    return web.Response(body=body, content_type="application/json")


def _wei_to_text(value: object) -> str:
    if isinstance(value, Wei):
        return str(int(value))
    raise NotImplementedError(f"{type(value).__name__} has no place on a wire")
