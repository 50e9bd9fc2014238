"""The simulated X's webhooks, through tweepy: what it challenges, what it pushes where, and what can go wrong."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import tweepy

from simulator.x import settings
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

SIGNATURE = "x-twitter-webhooks-signature"


def signed(data: bytes) -> str:
    made = hmac.new(settings.CONSUMER_SECRET.encode(), data, "sha256").digest()
    return "sha256=" + base64.b64encode(made).decode()


class Receiver(ThreadingHTTPServer):
    """An app behind a webhook: it answers challenges, unless told not to, and keeps what is pushed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pushed: list[tuple[bytes, str]] = []
        self.answers_challenges = True
        self.refusals: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(10)

    def events(self) -> list[Any]:
        return [json.loads(body) for body, _ in self.pushed]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query)["crc_token"][0]
        said = signed(token.encode()) if self.server.answers_challenges else "sha256=none"
        self._answer(200, json.dumps({"response_token": said}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refusal = self.server.refusals.pop(0) if self.server.refusals else 200
        if refusal == 200:
            self.server.pushed.append((body, self.headers[SIGNATURE]))
        self._answer(refusal, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.end()


@pytest.fixture
def app(x: SimulatedX) -> Iterator[tweepy.Client]:
    """The app's own client, which answers with what X says."""
    client = x.client()
    client.return_type = dict
    yield client
    client.session.close()


def register(app: tweepy.Client, url: str) -> str:
    return str(app.request("POST", "/2/webhooks", json={"url": url}).json()["data"]["id"])


def subscribe(app: tweepy.Client, webhook_id: str, event_type: str, user_id: int) -> None:
    wanted = {"event_type": event_type, "filter": {"user_id": str(user_id)}, "webhook_id": webhook_id, "tag": "bids"}
    app.request("POST", "/2/activity/subscriptions", json=wanted)


def house_post(x: SimulatedX) -> int:
    return int(x.tell("post", author="auction_house", text="Lot 1. Reply to bid.")["id"])


@pytest.mark.requirement("X-2")
def test_a_webhook_is_registered_shown_challenged_again_and_deleted(
    x: SimulatedX, app: tweepy.Client, receiver: Receiver
) -> None:
    webhook_id = register(app, receiver.url)
    [shown] = app.request("GET", "/2/webhooks").json()["data"]
    assert (shown["id"], shown["url"], shown["valid"]) == (webhook_id, receiver.url, True)
    assert app.request("PUT", f"/2/webhooks/{webhook_id}").json()["data"]["valid"] is True
    receiver.answers_challenges = False
    with pytest.raises(tweepy.BadRequest, match="CrcValidationFailed"):
        app.request("PUT", f"/2/webhooks/{webhook_id}")
    assert app.request("GET", "/2/webhooks").json()["data"][0]["valid"] is False
    subscribe(app, webhook_id, "post.reply.create", settings.ACCOUNT_ID)
    x.reply("ann", "not pushed", house_post(x))
    receiver.answers_challenges = True
    app.request("PUT", f"/2/webhooks/{webhook_id}")
    x.reply("ann", "pushed again", house_post(x))
    until(lambda: receiver.pushed)
    assert [event["data"]["payload"]["text"].endswith("pushed again") for event in receiver.events()] == [True]
    assert app.request("DELETE", f"/2/webhooks/{webhook_id}").json() == {"data": {"deleted": True}}
    assert app.request("GET", "/2/webhooks").json()["meta"] == {"result_count": 0}
    with pytest.raises(tweepy.NotFound):
        app.request("DELETE", f"/2/webhooks/{webhook_id}")


@pytest.mark.requirement("X-2")
def test_a_webhook_that_cannot_be_is_refused_with_x_s_words(app: tweepy.Client, receiver: Receiver) -> None:
    refused = {
        "https://example.org/hook": "UrlValidationFailed",
        "http://127.0.0.1:1/hook": "CrcValidationFailed",
        receiver.url: "DuplicateUrlFailed",
        receiver.url + "/second": "WebhookLimitExceeded",
    }
    register(app, receiver.url)
    app.request("DELETE", "/2/webhooks/" + app.request("GET", "/2/webhooks").json()["data"][0]["id"])
    for url, word in refused.items():
        if word == "DuplicateUrlFailed":
            register(app, receiver.url)
        with pytest.raises(tweepy.BadRequest, match=word):
            app.request("POST", "/2/webhooks", json={"url": url})


@pytest.mark.requirement("X-2")
def test_replies_to_the_account_and_deletions_are_pushed_with_a_signature(
    x: SimulatedX, app: tweepy.Client, receiver: Receiver
) -> None:
    webhook_id = register(app, receiver.url)
    subscribe(app, webhook_id, "post.reply.create", settings.ACCOUNT_ID)
    auction = house_post(x)
    bid = x.reply("ann", "1 ETH #AuctionDay Ξ", auction, delivery_ms=[])
    x.reply("bob", "a reply to a reply", bid)
    until(lambda: len(receiver.pushed) == 1)
    body, signature = receiver.pushed[0]
    assert signature == signed(body)
    event = receiver.events()[0]["data"]
    payload = event["payload"]
    assert (event["event_type"], event["tag"], payload["id"]) == ("post.reply.create", "bids", str(bid))
    assert payload["referenced_tweets"] == [{"type": "replied_to", "id": str(auction)}]
    assert event["includes"]["users"][0]["username"] == "ann"
    subscribe(app, webhook_id, "post.delete", int(payload["author_id"]))
    x.tell("delete", id=str(bid))
    until(lambda: len(receiver.pushed) == 2)
    gone = receiver.events()[1]["data"]
    assert (gone["event_type"], gone["payload"]) == (
        "post.delete",
        {"id": str(bid), "author_id": payload["author_id"]},
    )


@pytest.mark.requirement("X-2")
def test_what_matches_the_streams_rules_is_pushed_in_the_streams_shape(
    x: SimulatedX, app: tweepy.Client, receiver: Receiver
) -> None:
    webhook_id = register(app, receiver.url)
    auction = house_post(x)
    stream = x.streaming()
    stream.add_rules(tweepy.StreamRule(f"conversation_id:{auction}", "day"))
    stream.session.close()
    app.request("POST", f"/2/tweets/search/webhooks/{webhook_id}", params={"expansions": "author_id"})
    bid = x.reply("ann", "1 ETH #AuctionDay", auction)
    until(lambda: receiver.pushed)
    [line] = receiver.events()
    assert (line["data"]["id"], line["matching_rules"][0]["tag"]) == (str(bid), "day")
    assert line["includes"]["users"][0]["username"] == "ann"


@pytest.mark.requirement("X-2")
def test_pushes_come_twice_wrongly_signed_or_never_when_told_so_and_again_when_they_are_not_taken(
    x: SimulatedX, app: tweepy.Client, receiver: Receiver
) -> None:
    webhook_id = register(app, receiver.url)
    subscribe(app, webhook_id, "post.reply.create", settings.ACCOUNT_ID)
    auction = house_post(x)
    x.tell("faults", kind="lost", count=1, path="/webhooks")
    x.reply("ann", "lost", auction)
    x.tell("faults", kind="duplicate", count=1, path="/webhooks", ms=0)
    x.reply("ann", "twice", auction)
    until(lambda: len(receiver.pushed) == 2)
    assert receiver.pushed[0] == receiver.pushed[1]
    x.tell("faults", kind="bad_signature", count=1, path="/webhooks")
    x.reply("ann", "wrongly signed", auction)
    until(lambda: len(receiver.pushed) == 3)
    body, signature = receiver.pushed[2]
    assert signature != signed(body)
    receiver.refusals = [503, 429]
    x.reply("ann", "at the third try", auction)
    until(lambda: len(receiver.pushed) == 4)
    receiver.refusals = [403]
    x.reply("ann", "refused for good", auction)
    x.reply("ann", "the next one", auction)
    until(lambda: len(receiver.pushed) == 5)
    texts = [event["data"]["payload"]["text"].split(" ", 1)[1] for event in receiver.events()]
    assert texts[:4] == ["twice", "twice", "wrongly signed", "at the third try"]
    assert texts[4] in ("the next one", "refused for good")  # whichever came first was refused


@pytest.mark.requirement("X-2")
def test_only_the_app_may_register(x: SimulatedX) -> None:
    with requests.post(f"{x.base_url}/2/webhooks", json={"url": "http://127.0.0.1/hook"}, timeout=10) as answer:
        assert answer.status_code == 401
