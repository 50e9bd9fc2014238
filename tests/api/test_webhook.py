"""The webhook over a real store: a push that was answered 200 is on disk, and every other answer says why not."""

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
import pytest

from adapters.http.server import HttpSettings
from adapters.http.views import Webhook
from adapters.http.webhook import BODIES_AT_ONCE, BODY_BYTES, PUSH_LIMITS, PushLimits
from adapters.metrics import REGISTRY
from adapters.redis.client import connect_async
from adapters.redis.queue import LIMITS, START, DeadLetter, Queue, QueueLimits
from adapters.x.payload import FoundPost
from api.webhook import Pushes
from messages.base import Phase
from messages.codec import unpack, unpack_commands
from messages.commands import PlaceBid, WithdrawBid
from messages.hints import QueueGrew
from tests.harness.shown_auction import House, now_ms, serving
from tests.harness.store import Store
from tests.harness.waiting import until
from tests.harness.webhook_fuzz import SECRET, bodies, genuine, signatures

SIGNED = b'{"data": {}}'
AUCTION_POST = 1_699_999_999_999_999_999
SIGNATURE = "x-twitter-webhooks-signature"


def reply(number: int = 1, **changed: Any) -> dict[str, Any]:
    post_id = AUCTION_POST + number
    post = {
        "id": str(post_id),
        "text": "1 ETH #m",
        "author_id": "7",
        "conversation_id": str(AUCTION_POST),
        "referenced_tweets": [{"type": "replied_to", "id": str(AUCTION_POST)}],
        "edit_history_tweet_ids": [str(post_id)],
    }
    includes = {
        "users": [
            {
                "id": "7",
                "username": "ann",
                "created_at": "2020-01-01T00:00:00Z",
                "public_metrics": {"followers_count": 10},
            }
        ]
    }
    return {"data": {"event_type": "post.reply.create", "payload": post | changed, "includes": includes}}


def awaiting_author(number: int = 1) -> dict[str, Any]:
    pushed = reply(number)
    pushed["data"]["includes"] = {}
    return pushed


def deletion(post_id: int) -> dict[str, Any]:
    return {"data": {"event_type": "post.delete", "payload": {"id": str(post_id), "author_id": "7"}}}


@dataclass
class Desk:
    """A listener with its webhook on a store; `told` is who was told that his queue grew."""

    store: Store
    house: House
    told: list[tuple[str, QueueGrew]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.house.public + "/webhooks/x"

    def push(self, pushed: Any, **options: Any) -> tuple[int, Any]:
        """Pushes it with its signature, unless the options say otherwise. Status and answer."""
        body = pushed if isinstance(pushed, bytes) else json.dumps(pushed).encode()
        headers = {"Content-Type": "application/json", SIGNATURE: genuine(body)} | options.pop("headers", {})
        return self.ask("POST", data=body, headers={name: value for name, value in headers.items() if value}, **options)

    def ask(self, method: str, path: str = "", **options: Any) -> tuple[int, Any]:
        async def run() -> tuple[int, Any]:
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, self.url + path, **options) as answer,
            ):
                if answer.status in (429, 503):
                    assert answer.headers["Retry-After"] == "1"
                return answer.status, await answer.json()

        return asyncio.run(run())

    def opens(self, day: int = 1, post_id: int = AUCTION_POST, phase: Phase = Phase.ACTIVE) -> None:
        fields: dict[Any, str] = {"auction_id": f"m-{day:02d}", "post_id": str(post_id), "phase": phase.value}
        self.store.client.hset(self.store.keys.day(day), mapping=fields)

    def queued(self, day: int = 1) -> list[Any]:
        entries = Queue(self.store.client, self.store.keys).read(f"m-{day:02d}", START, 10_000)
        return [command for _, data in entries for command in unpack_commands(data)]

    def dead(self) -> list[DeadLetter]:
        return [letter for _, letter in Queue(self.store.client, self.store.keys).dead_letters(START, 10_000)]


@contextmanager
def desk_with(store: Store, limits: QueueLimits = LIMITS, pushes: PushLimits = PUSH_LIMITS) -> Iterator[Desk]:
    client = connect_async(store.url)
    told: list[tuple[str, QueueGrew]] = []
    taking = Pushes(client, store.keys, 3, now_ms, lambda name, hint: told.append((name, hint)), limits)
    with serving(HttpSettings(pushes=pushes), webhook=Webhook(SECRET, taking.take)) as house:
        yield Desk(store, house, told)
        house.loop.submit(client.aclose()).result(5)


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    with desk_with(store) as made:
        yield made


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("auction_webhook_pushes_total", {"outcome": outcome}) or 0.0


@pytest.mark.requirement("X-2", "QUE-1")
def test_a_push_that_was_answered_200_stands_in_the_queue_of_its_auction(desk: Desk) -> None:
    desk.opens(1, post_id=5, phase=Phase.COMPLETED)
    desk.opens(2)
    assert desk.push(reply()) == (200, {})
    [bid] = desk.queued(2)
    assert isinstance(bid, PlaceBid)
    assert (bid.post_id, bid.replied_to_id, bid.source) == (AUCTION_POST + 1, AUCTION_POST, "webhook")
    assert (bid.author_id, bid.author_handle, bid.author_created_at_ms) == (7, "ann", 1_577_836_800_000)
    assert [name for name, _ in desk.told] == ["m-02"]


@pytest.mark.requirement("X-2", "QUE-1", "BID-6")
def test_a_push_without_its_author_waits_on_disk_for_him(desk: Desk) -> None:
    desk.opens()
    assert desk.push(awaiting_author())[0] == 200
    assert desk.queued() == []
    [(_, data)] = Queue(desk.store.client, desk.store.keys).read(desk.store.keys.awaiting_author, START, 9)
    assert unpack(data, FoundPost).bid.post_id == AUCTION_POST + 1


@pytest.mark.requirement("X-2")
def test_the_shape_of_the_stream_is_taken_as_well_with_who_has_posted_it(desk: Desk) -> None:
    desk.opens()
    users = [
        {"id": "7", "username": "ann", "created_at": "2020-01-01T00:00:00Z", "public_metrics": {"followers_count": 10}}
    ]
    assert desk.push({"data": reply()["data"]["payload"], "includes": {"users": users}, "matching_rules": []})[0] == 200
    [bid] = desk.queued()
    assert (bid.author_handle, bid.author_created_at_ms) == ("ann", 1_577_836_800_000)


@pytest.mark.requirement("X-2")
def test_an_edited_reply_withdraws_what_it_was_before(desk: Desk) -> None:
    desk.opens()
    versions = [str(AUCTION_POST + 1), str(AUCTION_POST + 2)]
    assert desk.push(reply(2, edit_history_tweet_ids=versions))[0] == 200
    gone, bid = desk.queued()
    assert (gone.post_id, gone.cause, bid.post_id) == (AUCTION_POST + 1, "edited", AUCTION_POST + 2)


@pytest.mark.requirement("X-2", "X-6")
def test_a_deletion_is_told_to_every_open_auction_that_is_older_than_the_post(desk: Desk) -> None:
    desk.opens(1, phase=Phase.PROCESSING)
    desk.opens(2, post_id=AUCTION_POST + 10)
    desk.opens(3, post_id=AUCTION_POST + 30)
    assert desk.push(deletion(AUCTION_POST + 20))[0] == 200
    gone = WithdrawBid(message_id=f"gone:{AUCTION_POST + 20}", post_id=AUCTION_POST + 20, cause="deleted")
    assert [desk.queued(day) for day in (1, 2, 3)] == [[gone], [gone], []]


@pytest.mark.requirement("X-2")
def test_an_auction_that_has_just_opened_is_known_at_once_and_a_finished_one_soon_no_more(desk: Desk) -> None:
    desk.opens(2, post_id=5)
    before = counted("not_ours")
    assert desk.push(reply(1))[0] == 200
    assert (desk.queued(), counted("not_ours")) == ([], before + 1)
    desk.opens(1)
    assert desk.push(reply(2))[0] == 200
    assert len(desk.queued()) == 1
    desk.opens(1, phase=Phase.COMPLETED)
    until(lambda: desk.push(reply(3)) and counted("not_ours") > before + 1)


@pytest.mark.requirement("X-2")
def test_a_push_that_does_not_say_to_what_it_replies_is_left_to_the_sweeps(desk: Desk) -> None:
    desk.opens()
    before = counted("incomplete")
    assert desk.push(reply(referenced_tweets=None))[0] == 200
    assert (desk.queued(), counted("incomplete")) == ([], before + 1)


@pytest.mark.requirement("X-2")
def test_other_kinds_of_events_are_counted_and_acknowledged(desk: Desk) -> None:
    before = counted("other_kind")
    assert desk.push({"data": {"event_type": "profile.update.bio", "payload": {"after": "x"}}}) == (200, {})
    assert desk.push({}) == (200, {})
    assert counted("other_kind") == before + 2
    assert desk.dead() == []


@pytest.mark.requirement("X-2", "QUE-2")
def test_what_x_has_signed_and_nobody_can_read_is_kept_as_a_dead_letter_and_acknowledged(desk: Desk) -> None:
    before = counted("unreadable")
    body = b'{"data": {"event_type": "post.reply.create", "payload": [7]}}'
    assert desk.push(body) == (200, {})
    [letter] = desk.dead()
    assert letter.data == body
    assert "array" in letter.error
    assert counted("unreadable") == before + 1


@pytest.mark.requirement("X-2")
def test_without_its_signature_a_push_is_refused_and_leaves_nothing_but_a_count(desk: Desk) -> None:
    desk.opens()
    body = json.dumps(reply()).encode()
    wrong = ["", "sha256=", genuine(body + b" "), genuine(body)[:-1], genuine(body)[7:], "Ξ", genuine(body).lower()]
    before = counted("unsigned")
    for signature in wrong:
        status, answer = desk.push(body, headers={SIGNATURE: signature})
        assert (status, answer["error"]) == (403, "UNSIGNED"), signature
    assert counted("unsigned") == before + len(wrong)
    assert desk.push(b"[unreadable", headers={SIGNATURE: genuine(b"{}")})[0] == 403
    # Signed by us, for whoever asks: a challenge is no push.
    token = desk.ask("GET", "?crc_token=challenge_string")[1]["response_token"]
    assert desk.push(b"challenge_string", headers={SIGNATURE: token})[0] == 403
    assert (desk.queued(), desk.dead(), desk.told) == ([], [], [])


@pytest.mark.requirement("X-2")
def test_a_challenge_is_answered_and_what_is_none_is_refused(desk: Desk) -> None:
    answer = {"response_token": "sha256=S/mG8E9n5SjoGuCqHguvP8K8uuu5ogCPF0dOpIdyZlk="}
    assert desk.ask("GET", "?crc_token=challenge_string&nonce=5") == (200, answer)
    for query in ("", "?crc_token=", "?crc_token=%7B%7D", "?crc_token=" + "x" * 257):
        status, refused = desk.ask("GET", query)
        assert (status, refused["error"]) == (400, "BAD_CHALLENGE"), query
    assert desk.ask("GET", "?crc_token=%ED%A0%80%FF")[0] == 200  # no challenge of X's, and no harm either


@pytest.mark.requirement("X-2")
def test_wrong_requests_get_a_reason_as_json(desk: Desk) -> None:
    large = b'{"x": "' + b" " * BODY_BYTES + b'"}'
    small = gzip.compress(b"{}")
    cases: list[tuple[str, tuple[int, Any], int, str]] = [
        ("a form", desk.push(b"x=1", headers={"Content-Type": "text/plain"}), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("compressed", desk.push(small, headers={"Content-Encoding": "gzip"}), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("too large", desk.push(large), 413, "TOO_LARGE"),
        ("another method", desk.ask("PUT"), 405, "METHOD_NOT_ALLOWED"),
    ]
    for what, (status, answer), expected, error in cases:
        assert (status, answer["error"]) == (expected, error), what
        assert answer["reason"], what


@pytest.mark.requirement("X-2", "QUE-4")
def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(desk: Desk) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with slow_push(desk, "Transfer-Encoding: chunked") as connection:
        connection.sendall(chunk * (BODY_BYTES // 0x10000 + 1))
        assert connection.makefile("rb").readline().split()[1] == b"413"


@pytest.mark.requirement("X-2")
def test_whoever_leaves_in_the_middle_of_a_body_is_no_error_of_ours(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    labels = {"listener": "public", "route": "/webhooks/x", "status": "400"}

    def broken() -> float:
        return REGISTRY.get_sample_value("auction_http_requests_total", labels) or 0.0

    before = broken()
    with slow_push(desk, "Content-Length: 100") as connection:
        connection.sendall(b"{")
    until(lambda: broken() == before + 1)
    assert caplog.records == []


@pytest.mark.requirement("X-2", "QUE-4")
def test_half_pushes_of_strangers_keep_out_nobody_and_the_slowest_of_them_makes_room(store: Store) -> None:
    with ExitStack() as slow:
        desk = slow.enter_context(desk_with(store, pushes=PushLimits(body_s=600.0)))
        desk.opens()
        first = slow.enter_context(slow_push(desk, "Content-Length: 100"))
        for _ in range(BODIES_AT_ONCE - 1):
            slow.enter_context(slow_push(desk, "Content-Length: 100")).sendall(b"{")
        for number in range(1, 4):
            assert desk.push(reply(number))[0] == 200
        assert first.makefile("rb").readline().split()[1] == b"408"
        assert asyncio.run(_status(desk.house.public + "/")) == 200
        assert len(desk.queued()) == 3


@pytest.mark.requirement("X-2", "QUE-4")
def test_a_body_that_does_not_come_is_waited_for_only_a_while(store: Store) -> None:
    limits = PushLimits(body_s=0.2)
    with desk_with(store, pushes=limits) as desk, slow_push(desk, "Content-Length: 100") as connection:
        answer = connection.makefile("rb").read()  # to the end: the connection is closed too
        assert answer.split()[1] == b"408"


@pytest.mark.requirement("X-2", "QUE-4")
def test_more_pushes_of_x_than_can_be_kept_at_once_are_told_to_come_again(store: Store) -> None:
    gate = asyncio.Event()
    taken: list[bytes] = []

    async def held(body: bytes) -> None:
        taken.append(body)
        await gate.wait()

    with serving(HttpSettings(pushes=PushLimits(at_once=1)), webhook=Webhook(SECRET, held)) as house:
        first = Desk(store, house)
        with slow_push(first, f"Content-Length: {len(SIGNED)}", genuine(SIGNED)) as waiting:
            waiting.sendall(SIGNED)
            until(lambda: taken)
            assert first.push(SIGNED)[0] == 429
            house.loop.call(gate.set)
            assert waiting.makefile("rb").readline().split()[1] == b"200"


@pytest.mark.requirement("QUE-4", "X-2")
@pytest.mark.parametrize("pushed", [reply(), {"data": []}], ids=["a reply", "an unreadable one"])
def test_where_too_much_waits_already_x_is_told_to_come_again(store: Store, pushed: Any) -> None:
    keys = (store.keys.queue("m-01"), store.keys.dead)
    for key in keys:
        store.client.xadd(key, {"d": bytes(100_000)})
    with desk_with(store, QueueLimits(queue=100_000)) as desk:
        desk.opens()
        status, answer = desk.push(pushed)
        assert (status, answer["error"]) == (429, "QUEUE_FULL")
        for key in keys:
            store.client.delete(key)
        assert desk.push(pushed)[0] == 200


@pytest.mark.requirement("X-2", "QUE-1")
def test_without_its_store_nothing_is_acknowledged(store: Store) -> None:
    client = connect_async("redis://127.0.0.1:1", timeout_s=1)
    pushes = Pushes(client, store.keys, 3, now_ms, lambda name, hint: None)
    with serving(webhook=Webhook(SECRET, pushes.take)) as house:
        desk = Desk(store, house)
        nothing: dict[str, Any] = {"data": []}
        for pushed in (reply(), deletion(7), nothing):
            status, answer = desk.push(pushed)
            assert (status, answer["error"]) == (503, "UNAVAILABLE")
        house.loop.submit(client.aclose()).result(5)


@pytest.mark.requirement("X-2")
def test_without_a_secret_there_is_no_webhook_and_the_secret_shows_nowhere(store: Store) -> None:
    with serving() as house:
        desk = Desk(store, house)
        for status, answer in (desk.push(reply()), desk.ask("GET", "?crc_token=x")):
            assert (status, answer["error"]) == (404, "WEBHOOKS_OFF")
            assert "no consumer secret" in answer["reason"]
    assert SECRET not in repr(Webhook(SECRET, lambda body: asyncio.sleep(0)))


@pytest.mark.requirement("X-2")
def test_impossible_pushes_over_http_are_each_answered_and_only_signed_ones_are_kept(desk: Desk) -> None:
    desk.opens()
    random = Random(11)
    kept_before = sum(map(counted, ("queued", "unreadable")))

    async def push() -> list[int]:
        statuses = []
        async with aiohttp.ClientSession() as session:
            for _, body in zip(range(150), bodies(random), strict=False):
                signature = signatures(random, body).encode(errors="replace").decode()
                headers = {"Content-Type": "application/json", SIGNATURE: signature}
                async with session.post(desk.url, data=body, headers=headers) as answer:
                    statuses.append(answer.status)
                    is_right = signature.strip() == genuine(body) and b"{" in body
                    assert answer.status in ((200, 413) if is_right else (403, 413)), (answer.status, body[:200])
        return statuses

    statuses = asyncio.run(push())
    assert {200, 403} <= set(statuses)
    kept = sum(map(counted, ("queued", "unreadable"))) - kept_before
    assert 0 < kept <= statuses.count(200)
    assert len(desk.queued()) + len(desk.dead()) >= kept


def slow_push(desk: Desk, header: str, signature: str = "sha256=x") -> "closing[socket.socket]":
    """A connection on which the head of a push was sent, and nothing of its body."""
    connection = socket.create_connection(("127.0.0.1", desk.house.server.public_port), timeout=10)
    head = f"POST /webhooks/x HTTP/1.1\r\nHost: x\r\n{SIGNATURE}: {signature}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}{header}\r\n\r\n".encode())
    return closing(connection)


async def _status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status
