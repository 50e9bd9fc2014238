"""The writing endpoints of X: own posts, rules of the stream, open connections."""

from itertools import cycle
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from messages.post_weight import POST_LIMIT, weight
from simulator.x.faults import Faults, Kind
from simulator.x.parameters import post_id
from simulator.x.problems import DUPLICATE_CONTENT, REPLY_NOT_ALLOWED, Problem, forbidden, invalid, not_found
from simulator.x.render import View, post_object
from simulator.x.rules import MAX_RULES, Rules
from simulator.x.settings import ACCOUNT_ID, Settings
from simulator.x.stream import Stream
from simulator.x.world import Post, World

_NO_FIELDS = View(frozenset(), frozenset(), frozenset())
_Bounded = Annotated[str, Meta(max_length=2_000)]
T = TypeVar("T")


class _Reply(msgspec.Struct):
    in_reply_to_tweet_id: _Bounded


class _NewPost(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=25_000)] = ""
    reply: _Reply | None = None


class _NewRule(msgspec.Struct):
    value: Annotated[str, Meta(max_length=10_000)]
    tag: _Bounded = ""


class _Which(msgspec.Struct):
    ids: Annotated[list[_Bounded], Meta(max_length=MAX_RULES)] = []
    values: Annotated[list[_Bounded], Meta(max_length=MAX_RULES)] = []


class _RulesChange(msgspec.Struct, forbid_unknown_fields=True):
    add: Annotated[list[_NewRule], Meta(max_length=MAX_RULES)] = []
    delete: _Which | None = None


class Writes:
    """The endpoints that change posts, rules or connections."""

    def __init__(self, world: World, settings: Settings, faults: Faults, rules: Rules, stream: Stream) -> None:
        self._world = world
        self._settings = settings
        self._faults = faults
        self._rules = rules
        self._stream = stream
        self._not_allowed = cycle(REPLY_NOT_ALLOWED)

    async def create(self, request: web.Request) -> web.Response:
        """POST /2/tweets: makes a post of the auction account."""
        wanted = read_body(await request.read(), _NewPost)
        if not wanted.text.strip():
            raise invalid("text", wanted.text, "The text of a post must not be empty")
        if weight(wanted.text) > POST_LIMIT:
            raise forbidden("Your Tweet text is too long. For more information, see X's page on counting characters.")
        author = self._world.users_by_id[ACCOUNT_ID]
        parent = self._parent(wanted.reply.in_reply_to_tweet_id) if wanted.reply else None
        is_duplicate = self._faults.strikes(Kind.DUPLICATE_CONTENT, "POST", request.path)
        if is_duplicate or self._world.says_again(author, wanted.text):
            raise forbidden(DUPLICATE_CONTENT)
        latency = (self._settings.stream_latency_ms,)
        post = self._world.post(author, wanted.text, parent=parent, delivery_ms=latency)
        return web.json_response({"data": post_object(post, _NO_FIELDS)}, status=201)

    def _parent(self, value: str) -> Post:
        parent = self._world.posts.get(post_id("in_reply_to_tweet_id", value))
        if parent is None or parent.gone:
            raise forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
        if self._faults.strikes(Kind.REPLY_NOT_ALLOWED, "POST", "/2/tweets"):
            raise forbidden(next(self._not_allowed))
        return parent

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /2/tweets/:id: deletes a post of the auction account."""
        value = request.match_info["id"]
        post = self._world.posts.get(post_id("id", value))
        if post is None or post.gone:
            raise Problem(404, not_found("tweet", value, "id") | {"status": 404})
        if post.author.id != ACCOUNT_ID:
            raise forbidden("You are not authorized to delete this Tweet.")
        self._world.delete(post)
        return web.json_response({"data": {"deleted": True}})

    async def rules(self, _request: web.Request) -> web.Response:
        """GET /2/tweets/search/stream/rules."""
        return web.json_response(self._rules.listing())

    async def change_rules(self, request: web.Request) -> web.Response:
        """POST /2/tweets/search/stream/rules: adds or deletes rules; with dry_run it only checks them."""
        change = read_body(await request.read(), _RulesChange)
        dry_run = request.query.get("dry_run", "").lower() == "true"
        if bool(change.add) == (change.delete is not None):
            raise invalid("add", "", "Exactly one of `add` and `delete` must be given")
        if change.delete is not None:
            return web.json_response(self._rules.remove(change.delete.ids, change.delete.values, dry_run))
        status, answer = self._rules.add([(rule.value, rule.tag) for rule in change.add], dry_run)
        return web.json_response(answer, status=status)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """GET /2/tweets/search/stream."""
        if "backfill_minutes" in request.query:
            raise invalid("backfill_minutes", request.query["backfill_minutes"], "not available to this app")
        return await self._stream.serve(request)

    async def close_connections(self, _request: web.Request) -> web.Response:
        """DELETE /2/connections/all."""
        return web.json_response({"data": {"successful_kills": self._stream.close_all(), "failed_kills": 0}})


def read_body(body: bytes, kind: type[T]) -> T:
    """Decodes the typed JSON body of a request. Raises Problem (400)."""
    try:
        return msgspec.json.decode(body, type=kind, dec_hook=wei_from_text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise invalid("body", body[:100].decode(errors="replace"), str(fault)) from None


def wei_from_text(kind: type, value: object) -> object:
    """Reads an amount of wei from a decimal string, for msgspec."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        return kind(value)
    raise ValueError(f"wei is a string of decimal digits, not {value!r:.40}")
