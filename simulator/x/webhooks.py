"""X's webhooks: registration, challenge, subscriptions, the link to the stream's rules, and signed pushes.

Pushes go to loopback only, over plain HTTP and to any port; the real X requires https without a port. The faults
`lost`, `late`, `duplicate` and `bad_signature` with the path `/webhooks` change pushes.
"""

import asyncio
import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Meta

from simulator.x.auth import Authentication, behind
from simulator.x.clock import Snowflakes, now_ms, timestamp
from simulator.x.faults import Faults, Kind
from simulator.x.problems import Problem, invalid, not_found
from simulator.x.render import View, one
from simulator.x.rules import Rules
from simulator.x.settings import CONSUMER_SECRET, Settings
from simulator.x.world import Post, World
from simulator.x.writes import read_body

SIGNATURE = "x-twitter-webhooks-signature"
FAULTS_PATH = "/webhooks"
# X's limits of webhooks (pay-per-use) and subscriptions (self-serve), and our limit of waiting pushes.
MAX_WEBHOOKS, MAX_SUBSCRIPTIONS, MAX_WAITING = 1, 1_500, 10_000
ANSWER_S = 10.0
TRIES, FIRST_WAIT_S = 5, 0.2
_EVERYTHING = View.asked(
    {
        "tweet.fields": "author_id,conversation_id,created_at,entities,note_tweet,referenced_tweets",
        "user.fields": "created_at,public_metrics,username",
        "expansions": "author_id",
    }
)


class _NewWebhook(msgspec.Struct, forbid_unknown_fields=True):
    url: Annotated[str, Meta(min_length=1, max_length=200)]


class _Filter(msgspec.Struct, forbid_unknown_fields=True):
    user_id: Annotated[str, Meta(pattern=r"\A[0-9]{1,19}\Z")]


class _Subscription(msgspec.Struct, forbid_unknown_fields=True):
    event_type: Literal["post.reply.create", "post.delete"]
    filter: _Filter
    webhook_id: str
    tag: Annotated[str, Meta(max_length=200)] = ""


@dataclass(slots=True)
class _Webhook:
    id: str
    url: str
    created_at_ms: int
    valid: bool = False
    stream_view: View | None = None  # set if the webhook gets the posts of the filtered stream

    def plain(self) -> dict[str, Any]:
        return {"id": self.id, "url": self.url, "valid": self.valid, "created_at": timestamp(self.created_at_ms)}


class Webhooks:
    """The endpoints of webhooks and their pushes. `close` cancels waiting pushes."""

    def __init__(self, world: World, settings: Settings, faults: Faults, rules: Rules) -> None:
        self._settings = settings
        self._faults, self._rules = faults, rules
        self._ids = Snowflakes()
        self._webhooks: dict[str, _Webhook] = {}
        self._subscriptions: list[_Subscription] = []
        self._pushing: set[asyncio.Task[None]] = set()
        world.on_post.append(self._posted)
        world.on_delete.append(self._deleted)

    def routes(self, known: Authentication) -> list[web.RouteDef]:
        """Returns the routes of webhooks and subscriptions."""
        return [
            web.post("/2/webhooks", behind(known.app, self.create)),
            web.get("/2/webhooks", behind(known.app, self.show)),
            web.put("/2/webhooks/{id}", behind(known.app, self.check)),
            web.delete("/2/webhooks/{id}", behind(known.app, self.delete)),
            web.post("/2/tweets/search/webhooks/{id}", behind(known.app, self.link)),
            web.post("/2/activity/subscriptions", behind(known.any, self.subscribe)),
        ]

    async def close(self) -> None:
        """Cancels all waiting pushes."""
        for task in self._pushing:
            task.cancel()
        await asyncio.gather(*self._pushing, return_exceptions=True)

    # ---- the endpoints

    async def create(self, request: web.Request) -> web.Response:
        """POST /2/webhooks: registers a webhook if it answers the challenge."""
        url = read_body(await request.read(), _NewWebhook).url
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname != "127.0.0.1":
            raise invalid("url", url, "UrlValidationFailed: the simulated X pushes to http://127.0.0.1 only")
        if any(webhook.url == url for webhook in self._webhooks.values()):
            raise invalid("url", url, "DuplicateUrlFailed: Webhook URL already exists.")
        if len(self._webhooks) >= MAX_WEBHOOKS:
            raise invalid("url", url, "WebhookLimitExceeded: You have reached the maximum number of webhooks.")
        webhook = _Webhook(str(self._ids.take()), url, now_ms())
        await self._challenge(webhook)
        self._webhooks[webhook.id] = webhook
        return web.json_response({"data": webhook.plain()})

    async def show(self, _request: web.Request) -> web.Response:
        """GET /2/webhooks."""
        shown = [webhook.plain() for webhook in self._webhooks.values()]
        return web.json_response({"data": shown, "meta": {"result_count": len(shown)}})

    async def check(self, request: web.Request) -> web.Response:
        """PUT /2/webhooks/:id: challenges a webhook again; one that fails gets no pushes until it passes."""
        webhook = self._find(request.match_info["id"])
        await self._challenge(webhook)
        return web.json_response({"data": {"valid": webhook.valid, "attempted": True}})

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /2/webhooks/:id: deletes a webhook and its subscriptions."""
        webhook = self._find(request.match_info["id"])
        del self._webhooks[webhook.id]
        self._subscriptions = [each for each in self._subscriptions if each.webhook_id != webhook.id]
        return web.json_response({"data": {"deleted": True}})

    async def link(self, request: web.Request) -> web.Response:
        """POST /2/tweets/search/webhooks/:id: pushes the posts that match the stream's rules to the webhook too."""
        self._find(request.match_info["id"]).stream_view = View.asked(request.query)
        return web.json_response({"data": {"provisioned": True}})

    async def subscribe(self, request: web.Request) -> web.Response:
        """POST /2/activity/subscriptions. The real X requires a user's OAuth 2.0 token for some events; here any key is
        accepted."""
        wanted = read_body(await request.read(), _Subscription)
        self._find(wanted.webhook_id)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise invalid("event_type", wanted.event_type, "SubscriptionLimitExceeded")
        self._subscriptions.append(wanted)
        shown = msgspec.to_builtins(wanted) | {"subscription_id": str(self._ids.take())}
        total = {"total_subscriptions": len(self._subscriptions)}
        return web.json_response({"data": {"subscription": shown}, "meta": total})

    def _find(self, webhook_id: str) -> _Webhook:
        if webhook_id not in self._webhooks:
            raise Problem(404, not_found("webhook", webhook_id, "webhook_id") | {"status": 404})
        return self._webhooks[webhook_id]

    async def _challenge(self, webhook: _Webhook) -> None:
        """Challenges the webhook. Raises Problem (400) if its answer is wrong."""
        token = secrets.token_urlsafe(24)
        webhook.valid = False
        try:
            async with _session() as session, session.get(webhook.url, params={"crc_token": token}) as answer:
                given = await answer.json()
            webhook.valid = answer.status == 200 and given["response_token"] == signature(token.encode())
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as fault:
            raise invalid("url", webhook.url, f"CrcValidationFailed: {fault!r}") from None
        if not webhook.valid:
            raise invalid("url", webhook.url, "CrcValidationFailed: Invalid response_token")

    # ---- pushes

    def _posted(self, post: Post) -> None:
        if post.parent:
            self._tell("post.reply.create", post.parent.author.id, lambda: one(post, _EVERYTHING))
        for webhook in self._webhooks.values():
            if webhook.stream_view and (matching := self._rules.matching(post)):
                body = one(post, webhook.stream_view) | {"matching_rules": matching}
                self._push(webhook, body)

    def _deleted(self, post: Post) -> None:
        gone = {"id": str(post.id), "author_id": str(post.author.id)}
        self._tell("post.delete", post.author.id, lambda: {"data": gone})

    def _tell(self, event_type: str, user_id: int, content: Callable[[], dict[str, Any]]) -> None:
        for subscription in self._subscriptions:
            if (subscription.event_type, subscription.filter.user_id) == (event_type, str(user_id)):
                shown = content()
                event = {
                    "event_uuid": str(self._ids.take()),
                    "filter": {"user_id": subscription.filter.user_id},
                    "event_type": event_type,
                    "tag": subscription.tag,
                    "payload": shown["data"],
                    "includes": shown.get("includes", {}),
                }
                self._push(self._webhooks[subscription.webhook_id], {"data": event})

    def _push(self, webhook: _Webhook, body: dict[str, Any]) -> None:
        if not webhook.valid or len(self._pushing) >= MAX_WAITING:
            return
        delays = self._faults.delays((self._settings.stream_latency_ms,), FAULTS_PATH)
        raw = msgspec.json.encode(body)
        signed = signature(raw)
        if delays and self._faults.strikes(Kind.BAD_SIGNATURE, path=FAULTS_PATH):
            signed = signature(raw + b" ")
        for delay_ms in delays:
            task = asyncio.create_task(_deliver(webhook.url, raw, signed, delay_ms))
            self._pushing.add(task)
            task.add_done_callback(self._pushing.discard)


def signature(data: bytes) -> str:
    """Returns X's signature of a body or of a challenge."""
    return "sha256=" + base64.b64encode(hmac.digest(CONSUMER_SECRET.encode(), data, "sha256")).decode()


async def _deliver(url: str, raw: bytes, signed: str, delay_ms: int) -> None:
    """Pushes up to TRIES times, until the push is accepted or refused with a status other than 429 and 5xx."""
    await asyncio.sleep(delay_ms / 1000)
    headers = {"Content-Type": "application/json", SIGNATURE: signed}
    async with _session() as session:
        for tries in range(TRIES):
            try:
                async with session.post(url, data=raw, headers=headers) as answer:
                    if answer.status != 429 and answer.status < 500:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass  # retried like a 500
            await asyncio.sleep(FIRST_WAIT_S * 2**tries)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
