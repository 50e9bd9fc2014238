"""The control plane, /_sim/*: tests and demos make posts, faults and crowds with it and read the ground truth.

No client of X ever sees it; it asks for no credentials, because the process listens on loopback only.
"""

from collections.abc import Callable
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
from simulator.x.settings import CrowdOptions, Settings
from simulator.x.stream import Stream
from simulator.x.world import Meaning, Post, World
from simulator.x.writes import read_body

_YEAR_MS = 365 * 86_400_000
_Delay = Annotated[int, Meta(ge=0, le=10**9)]


class _Meaning(msgspec.Struct, forbid_unknown_fields=True):
    amount_wei: Wei | None = None
    refusal: Refusal | None = None


class _NewPost(msgspec.Struct, forbid_unknown_fields=True):
    author: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_]{1,15}\Z")]
    text: Annotated[str, Meta(min_length=1, max_length=25_000)]
    reply_to: str | None = None
    meaning: _Meaning | None = None
    account_age_ms: Annotated[int, Meta(ge=0, le=10 * _YEAR_MS)] = _YEAR_MS
    delivery_ms: Annotated[list[_Delay], Meta(max_length=10)] | None = None


class _Which(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class _Who(msgspec.Struct, forbid_unknown_fields=True):
    handle: str


class Control:
    """The endpoints below /_sim."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        crowd: Crowd,
        faults: Faults,
        stream: Stream,
        stop: Callable[[], None],
    ) -> None:
        self._world = world
        self._settings = settings
        self._crowd = crowd
        self._faults = faults
        self._stream = stream
        self._stop = stop

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/_sim/post", self.post),
            web.post("/_sim/delete", self.delete),
            web.post("/_sim/suspend", self.suspend),
            web.get("/_sim/faults", self.show_faults),
            web.post("/_sim/faults", self.add_fault),
            web.delete("/_sim/faults", self.clear_faults),
            web.get("/_sim/crowd", self.show_crowd),
            web.post("/_sim/crowd", self.replace_crowd),
            web.get("/_sim/truth", self.truth),
            web.get("/_sim/health", self.health),
            web.post("/_sim/stop", self.stop),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """A post by any user, who is made if he is not there (`account_age_ms` old)."""
        wanted = read_body(await request.read(), _NewPost)
        meaning: Meaning = None
        if wanted.meaning:
            meaning = wanted.meaning.amount_wei or wanted.meaning.refusal
        parent = self._find(wanted.reply_to) if wanted.reply_to is not None else None
        author = self._world.user(wanted.author)
        if author is None:
            author = self._world.add_user(wanted.author, now_ms() - wanted.account_age_ms)
        delivery = wanted.delivery_ms
        post = self._world.post(
            author,
            wanted.text,
            parent=parent,
            meaning=meaning,
            delivery_ms=(self._settings.stream_latency_ms,) if delivery is None else tuple(delivery),
        )
        return web.json_response({"id": str(post.id), "posted_at_ms": post.posted_at_ms})

    async def delete(self, request: web.Request) -> web.Response:
        """A post, of whoever it is, is deleted by its author."""
        self._world.delete(self._find(read_body(await request.read(), _Which).id))
        return web.json_response({})

    async def suspend(self, request: web.Request) -> web.Response:
        """An account is suspended: all its posts are gone."""
        handle = read_body(await request.read(), _Who).handle
        user = self._world.user(handle)
        if user is None:
            raise Problem(404, not_found("user", handle, "handle"))
        self._world.suspend(user)
        return web.json_response({})

    async def show_faults(self, _request: web.Request) -> web.Response:
        """What still goes wrong."""
        return _json({"faults": self._faults.all()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """One more thing goes wrong."""
        self._faults.add(read_body(await request.read(), Fault))
        self._stream.disturb()
        return _json({"faults": self._faults.all()})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Nothing goes wrong any more."""
        self._faults.clear()
        return web.json_response({})

    async def show_crowd(self, _request: web.Request) -> web.Response:
        """The crowd's options."""
        return _json(self._crowd.options)

    async def replace_crowd(self, request: web.Request) -> web.Response:
        """New options, whole, for the auction posts to come."""
        self._crowd.options = read_body(await request.read(), CrowdOptions)
        return _json(self._crowd.options)

    async def truth(self, request: web.Request) -> web.Response:
        """Every post there ever was, or those of `?conversation_id=`."""
        asked = request.query.get("conversation_id")
        posts = self._world.truth(post_id("conversation_id", asked) if asked is not None else None)
        return _json({"now_ms": now_ms(), "account": self._settings.account, "posts": posts})

    async def health(self, _request: web.Request) -> web.Response:
        """That it lives, and what goes on."""
        return _json(
            {
                "ok": True,
                "seed": self._settings.seed,
                "now_ms": now_ms(),
                "day": self._crowd.day,
                "crowd_busy": self._crowd.busy,
                "posts": len(self._world.posts),
                "stream_connected": self._stream.connection is not None,
            }
        )

    async def stop(self, _request: web.Request) -> web.Response:
        """Ends the process."""
        self._stop()
        return web.json_response({})

    def _find(self, value: str) -> Post:
        post = self._world.posts.get(post_id("id", value))
        if post is None:
            raise invalid("id", value, "there is no such post")
        return post


def _json(value: Any) -> web.Response:
    body = msgspec.json.encode(value, enc_hook=_wei_to_text)
    return web.Response(body=body, content_type="application/json")


def _wei_to_text(value: object) -> str:
    if isinstance(value, Wei):
        return str(int(value))
    raise NotImplementedError(f"{type(value).__name__} has no place on a wire")
