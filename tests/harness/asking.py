"""Asking a server over HTTP as a client of its own, and who takes what is asked of it."""

import asyncio
import json
from typing import Any

import aiohttp

from adapters.http.views import Refused
from messages.codec import UnreadableMessage

TOKENS = {"ops": "correct horse", "ci": "battery staple"}
PLACE_BID = {"type": "PlaceBid", "auction_id": "m-01", "post_id": 2**62, "text": "1 ETH #m"}


def ask(url: str, method: str = "GET", **options: Any) -> tuple[int, Any, Any]:
    """Status, headers and body (as JSON where it is)."""

    async def run() -> tuple[int, Any, Any]:
        async with aiohttp.ClientSession() as session, session.request(method, url, **options) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, response.headers, json.loads(body) if is_json else body

    return asyncio.run(run())


class Injected:
    """Takes commands as the supervisor would, and remembers who sent them."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, Any], str]] = []

    async def __call__(self, fields: dict[str, Any], by: str) -> Any:
        if fields["type"] == "Nonsense":
            raise UnreadableMessage("there is no such command")
        if fields["type"] == "OpenAuction":
            raise Refused("the day has been held")
        self.taken.append((fields, by))
        return {"accepted": True}
