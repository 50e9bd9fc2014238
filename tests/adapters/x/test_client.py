"""Asking X and posting: against the simulated X where it can, against servers that misbehave where it must."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
import rich.console

from adapters import alarms
from adapters.x.answers import Lookup
from adapters.x.budget import Budget
from adapters.x.client import XClient
from adapters.x.clock import XClock
from adapters.x.errors import HeldBack, PostOutcomeUnknown, PostRefused, TooMuch, XUnavailable
from adapters.x.payload import Page
from commands.simulated import CREDENTIALS
from tests.adapters.x.bad_server import BadServer, answer, chunked, free_port
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

Serve = Callable[[Callable[[socket.socket], None]], BadServer]
Clients = Callable[..., XClient]
ONE_DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
BACK_OFF_MS = 2_000  # the first wait after a 429 that says nothing


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def time_of(post_id: int) -> int:
    return (post_id >> 22) + 1288834974657


# ---- rules


@pytest.mark.requirement("X-1")
def test_rules_become_what_is_asked_for_and_those_of_others_stay(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    assert client.set_rules("of others", {"of others": "from:ann"})
    for rules in (
        {"day 1": "conversation_id:11"},
        {"day 1": "conversation_id:11"},  # again: nothing to do
        {"day 1": "conversation_id:11", "day 2": "conversation_id:22"},
        {"day 3": "conversation_id:22"},  # the same rule under another tag
        {},
    ):
        while not client.set_rules("day ", rules):
            pass
        assert simulated_x.rules() == {"from:ann": "of others"} | {value: tag for tag, value in rules.items()}


@pytest.mark.requirement("X-1")
def test_a_rule_that_x_does_not_take_is_told(simulated_x: SimulatedX, client_of: Clients) -> None:
    with pytest.raises(XUnavailable, match="rules"):
        client_of(simulated_x.base_url).set_rules("bad", {"bad": "conversation_id:"})


# ---- search


def all_pages(ask: Callable[..., Page]) -> list[Page]:
    pages = [ask()]
    while token := pages[-1].next_token:
        pages.append(ask(token=token))
    return pages


@pytest.mark.requirement("X-3")
def test_a_search_finds_the_conversation_page_by_page_the_newest_first(
    simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url)
    auction = client.create_post("The auction is open")
    made = [simulated_x.reply(f"bidder{n % 7}", f"0.{n} ETH #AuctionDay", auction) for n in range(1, 231)]
    simulated_x.post("stranger", "9 ETH #AuctionDay")
    pages = all_pages(partial(client.search, auction, now_ms() + 1000))
    assert [len(page.posts) for page in pages] == [100, 100, 30]
    found = [post for page in reversed(pages) for post in page.posts]
    assert [post.bid.post_id for post in found] == made
    assert {post.bid.replied_to_id for post in found} == {auction} == {post.conversation_id for post in found}
    assert all(post.bid.author_handle and post.bid.author_created_at_ms for post in found)
    assert found[4].bid.source == "search"
    assert "0.5 ETH #AuctionDay" in found[4].bid.text


@pytest.mark.requirement("X-3")
def test_a_slice_is_exact_to_the_millisecond(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    auction = client.create_post("The auction is open")
    made = []
    for n in range(1, 5):
        made.append(simulated_x.reply("bob", f"{n} ETH #AuctionDay", auction))
        until(lambda: now_ms() > time_of(made[-1]))
    times = [time_of(post_id) for post_id in made]

    def found(end_ms: int, start_ms: int = 0) -> list[int]:
        return [post.bid.post_id for post in client.search(auction, end_ms, start_ms).posts]

    assert found(times[3]) == made[:3]
    assert found(times[3] + 1) == made
    assert found(times[3], times[1]) == made[1:3]
    assert found(times[3], times[1] + 1) == made[2:3]


@pytest.mark.requirement("X-3")
def test_what_the_stream_lost_is_found_by_search(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    auction = client.create_post("The auction is open")
    assert client.search(auction, now_ms() + 1000).posts == []
    simulated_x.tell("faults", kind="lost", count=1)
    lost = simulated_x.reply("bob", "3 ETH #AuctionDay", auction)
    assert [post.bid.post_id for post in client.search(auction, now_ms() + 1000).posts] == [lost]


@pytest.mark.requirement("X-3")
def test_a_post_of_a_search_that_cannot_be_read_is_handed_out(bad_server: Serve, client_of: Clients) -> None:
    posts = [{"id": "7", "text": "a", "author_id": "1"}, {"id": "8", "text": 5}]
    server = bad_server(answer("200 OK", {"data": posts, "meta": {}}))
    found = client_of(server.base_url).search(5, now_ms())
    assert [post.bid.post_id for post in found.posts] == [7]
    assert [msgspec.json.decode(fault.raw) for fault in found.unreadable] == [posts[1]]


# ---- lookup


@pytest.mark.requirement("X-3")
def test_a_lookup_tells_what_is_there_and_why_the_rest_is_not(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    auction = client.create_post("The auction is open")
    kept = [simulated_x.reply("bob", f"{n} ETH", auction) for n in range(1, 98)]
    deleted = simulated_x.reply("bob", "oops", auction)
    suspended = simulated_x.reply("mallory", "1 ETH", auction)
    simulated_x.tell("delete", id=str(deleted))
    simulated_x.tell("suspend", handle="mallory")
    found = client.lookup([*kept, deleted, suspended, deleted])
    assert found.present == set(kept)
    assert found.gone == {deleted: "deleted", suspended: "unavailable"}


@pytest.mark.requirement("X-4")
@pytest.mark.parametrize(
    "body", [{}, {"data": None, "errors": None}, {"data": 5, "errors": [5, {}]}, {"data": [{"id": "x"}]}]
)
def test_a_lookup_that_says_nothing_says_nothing(body: Any, bad_server: Serve, client_of: Clients) -> None:
    found = client_of(bad_server(answer("200 OK", body)).base_url).lookup([1, 2])
    assert (found.present, found.gone) == (frozenset(), {})


@pytest.mark.requirement("X-4", "BID-8")
def test_half_a_character_hides_nothing_of_what_was_looked_up(bad_server: Serve, client_of: Clients) -> None:
    data = [{"id": "7", "text": "\ud83d", "edit_history_tweet_ids": ["7"], "username": "ann", "name": "\ud83d"}]
    client = client_of(bad_server(answer("200 OK", {"data": data})).base_url)
    assert client.lookup([7]).present == {7}
    assert client.users([7]).found[7].handle == "ann"


@pytest.mark.requirement("X-6", "BID-8")
def test_a_version_that_was_edited_is_not_there_any_more(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    auction = client.create_post("The auction is open")
    first = simulated_x.reply("bob", "1 ETH", auction)
    second = int(simulated_x.tell("edit", id=str(first), text="2 ETH")["id"])
    assert client.lookup([first, second]) == Lookup(frozenset({second}), {first: "edited"})


@pytest.mark.requirement("BID-1", "X-6")
def test_a_reply_to_a_later_version_of_a_post_is_taken_for_one_to_the_first(
    simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url)
    auction = client.create_post("The auction is open")
    second = int(simulated_x.tell("edit", id=str(auction), text="The auction is open!")["id"])
    made = simulated_x.reply("bob", "1 ETH #AuctionDay", second)
    [found] = [post for post in client.search(auction, now_ms() + 1000).posts if post.bid.post_id == made]
    assert found.bid.replied_to_id == auction


# ---- the second source, and authors


@pytest.mark.requirement("X-3")
def test_the_mentions_hold_every_reply_to_us_and_are_sliced_like_a_search(
    simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url)
    before = client.create_post("Another one")
    simulated_x.reply("ann", "1 ETH #AuctionDay", before)
    auction = client.create_post("The auction is open")
    made = [simulated_x.reply("bob", f"0.{n} ETH #AuctionDay", auction) for n in range(1, 121)]
    until(lambda: now_ms() > time_of(made[-1]))
    pages = all_pages(partial(client.mentions, auction, now_ms()))
    found = [post for page in reversed(pages) for post in page.posts]
    assert [post.bid.post_id for post in found] == made
    assert {(post.bid.replied_to_id, post.bid.source) for post in found} == {(auction, "mentions")}
    assert [post.bid.post_id for post in client.mentions(auction, time_of(made[50]), time_of(made[40])).posts] == [
        one for one in made if time_of(made[40]) <= time_of(one) < time_of(made[50])
    ]


@pytest.mark.requirement("QUE-2", "X-6")
def test_users_are_named_with_all_that_a_bid_needs_and_who_is_gone_is_told(
    simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url)
    for handle in ("ann", "bob", "mallory"):
        simulated_x.post(handle, "hello")
    simulated_x.tell("protect", handle="bob")
    simulated_x.tell("suspend", handle="mallory")
    authors = {post["author"]: int(post["author_id"]) for post in simulated_x.ask("truth")["posts"]}
    found = client.users([*authors.values(), 5])
    ann, bob = found.found[authors["ann"]], found.found[authors["bob"]]
    assert (ann.handle, ann.protected, bob.protected) == ("ann", False, True)
    assert ann.created_at_ms
    assert ann.followers is not None
    assert set(found.missing) == {authors["mallory"], 5}


# ---- clocks and access


@pytest.mark.requirement("X-4", "BID-4")
@pytest.mark.parametrize(("ahead_ms", "told"), [(0, False), (-1_900, False), (3_000, True), (-60_000, True)])
def test_a_clock_that_differs_from_x_s_is_told(
    ahead_ms: int, told: bool, simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url, clock=XClock(lambda: now_ms() + ahead_ms))
    client.create_post("What time is it?")
    assert ("clock" in alarms.sounding()) == told
    client_of(simulated_x.base_url).create_post("And now?")
    assert "clock" not in alarms.sounding()


@pytest.mark.requirement("X-4", "CFG-3")
@pytest.mark.parametrize(
    ("wrong", "named"),
    [("bearer_token", "rules: X does not accept bearer_token"), ("access_token_secret", "me: X does not accept the")],
)
def test_keys_that_x_does_not_accept_are_named_and_not_shown(
    wrong: str, named: str, simulated_x: SimulatedX, client_of: Clients
) -> None:
    credentials = msgspec.structs.replace(CREDENTIALS, **{wrong: "hunter2"})
    with pytest.raises(XUnavailable, match="HTTP 401"):
        client_of(simulated_x.base_url, credentials=credentials).check_keys()
    assert [said.startswith(named) for said in alarms.sounding().values()] == [True]
    assert "hunter2" not in str(alarms.sounding())
    client_of(simulated_x.base_url).check_keys()
    assert alarms.sounding() == {}


@pytest.mark.requirement("X-4")
def test_clients_that_share_a_budget_never_ask_beyond_a_window(simulated_x: SimulatedX, client_of: Clients) -> None:
    simulated_x.tell("rates", endpoint="GET /2/tweets", limit=7)
    budget, held = Budget(), []

    def ask_often() -> None:
        client = client_of(simulated_x.base_url, budget=budget)
        for _ in range(10):
            try:
                client.lookup([1])
            except HeldBack as fault:
                held.append(fault)

    threads = [threading.Thread(target=ask_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    [window] = [each for each in simulated_x.ask("rates")["windows"] if each["endpoint"] == "GET /2/tweets"]
    assert window["exceeded"] == 0
    assert window["used"] + len(held) == 30
    assert 5 <= window["used"] <= 7, "who asks while others do cannot be sure of the last ones"
    assert client_of(simulated_x.base_url, budget=budget).create_post("posting has a window of its own")


# ---- posting


@pytest.mark.requirement("X-5")
def test_a_post_and_a_reply_are_made_and_found_among_the_own(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    before = now_ms()
    text = "Lot <7> & more: Ξ 0.5"
    first = client.create_post(text)
    bid = simulated_x.reply("bob", "1 ETH #AuctionDay", first)
    second = client.create_post("Noted: 1 ETH", reply_to_id=bid)
    assert client.own_posts(before - 1000) == ([(second, "Noted: 1 ETH"), (first, text)], None)
    assert client.own_posts(time_of(second)) == ([(second, "Noted: 1 ETH")], None)
    assert client.own_posts(time_of(second) + 1) == ([], None)
    truth = {int(post["id"]): post for post in simulated_x.ask("truth")["posts"]}
    assert {first, bid, second} <= set(truth)


@pytest.mark.requirement("X-5")
def test_the_same_text_again_is_refused_as_a_duplicate(simulated_x: SimulatedX, client_of: Clients) -> None:
    client = client_of(simulated_x.base_url)
    client.create_post("once")
    with pytest.raises(PostRefused, match="duplicate content") as caught:
        client.create_post("once")
    assert caught.value.duplicate
    assert caught.value.status == 403
    with pytest.raises(PostRefused) as caught:
        client.create_post("to nobody", reply_to_id=5)
    assert not caught.value.duplicate


@pytest.mark.requirement("X-5")
def test_a_lost_answer_is_an_unknown_outcome_and_the_own_posts_settle_it(
    simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url)
    simulated_x.tell("faults", kind="response_lost", count=1)
    with pytest.raises(PostOutcomeUnknown):
        client.create_post("did it arrive?")
    assert [text for _, text in client.own_posts(now_ms() - 10_000)[0]] == ["did it arrive?"]


def _never_answers(connection: socket.socket) -> None:
    while connection.recv(65536):
        continue


UNKNOWN = {
    "server error in HTML": answer("503 Service Unavailable", b"<html>sorry</html>"),
    "server error": answer("500 Internal Server Error", {"title": "oops"}),
    "request time-out": answer("408 Request Timeout", b""),
    "redirect": answer("302 Found", b"", Location="https://api.twitter.com/elsewhere"),
    "silence": _never_answers,
    "end": lambda connection: None,
    "half an answer": lambda connection: connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"),
    "no JSON": answer("201 Created", b"<html>"),
    "no id": answer("201 Created", {"data": {}}),
    "no object": answer("201 Created", [1]),
    "an odd id": answer("201 Created", {"data": {"id": "x"}}),
    "nothing": answer("201 Created", b""),
    "an endless body": chunked(b"{", end=b""),
}


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize("how", list(UNKNOWN))
def test_a_post_that_was_sent_and_not_answered_is_unknown(how: str, bad_server: Serve, client_of: Clients) -> None:
    server = bad_server(UNKNOWN[how])
    started = time.monotonic()
    with pytest.raises(PostOutcomeUnknown):
        client_of(server.base_url, timeout_s=0.5).create_post("text")
    assert time.monotonic() - started < 20
    assert len(server.requests) == 1


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("400 Bad Request", {"errors": [{"message": "bad"}], "title": "Invalid Request"}),
        ("401 Unauthorized", {"title": "Unauthorized"}),
        ("402 Payment Required", {"detail": "credits"}),
        ("403 Forbidden", ["what"]),
        ("403 Forbidden", {"errors": None}),
        ("404 Not Found", b"<html>"),
    ],
)
def test_a_post_that_x_does_not_want_is_refused(status: str, body: Any, bad_server: Serve, client_of: Clients) -> None:
    with pytest.raises(PostRefused) as caught:
        client_of(bad_server(answer(status, body)).base_url).create_post("text")
    assert caught.value.status == int(status[:3])


@pytest.mark.requirement("X-5")
def test_a_post_that_never_left_may_be_sent_again(client_of: Clients) -> None:
    client = client_of(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(XUnavailable, match="refused"):
        client.create_post("text")
    with pytest.raises(XUnavailable):
        client_of("http://no-such-host.invalid").create_post("text")


NO_WAY = {
    "no port": "http://127.0.0.1:99999",
    "no address": "http://[::1",
    "no name": "http://a..b",
    "a label too long": f"http://{'a' * 64}.example",
    "a name that means nothing": "http://*.example",
    "no host": "http://",
    "another scheme": "gopher://127.0.0.1",
    "no scheme": "127.0.0.1",
}


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize("how", NO_WAY)
def test_a_post_to_an_address_that_is_none_never_left(how: str, client_of: Clients) -> None:
    with pytest.raises(XUnavailable):
        client_of(NO_WAY[how]).create_post("text")


PROXIES = {
    "nobody": f"http://127.0.0.1:{free_port()}",
    "no address": "http://[::1",
    "a port too large": "http://127.0.0.1:99999",
    "another scheme": "socks5://127.0.0.1:1",
}


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize("how", PROXIES)
def test_a_post_that_no_proxy_could_take_never_left(
    how: str, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", PROXIES[how])
    with pytest.raises(XUnavailable):
        client_of("https://far-away.invalid").create_post("text")


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize(
    "says",
    [answer("407 Proxy Authentication Required", b""), answer("200 OK", b""), lambda connection: None, chunked(b"a")],
    ids=["refuses", "hangs up behind its yes", "hangs up", "talks on"],
)
def test_a_post_that_a_proxy_does_not_carry_on_never_left(
    says: Callable[[socket.socket], None], bad_server: Serve, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = bad_server(says)
    monkeypatch.setenv("https_proxy", proxy.base_url)
    with pytest.raises(XUnavailable):
        client_of("https://far-away.invalid", timeout_s=2).create_post("text")
    assert proxy.requests[0].startswith(b"CONNECT far-away.invalid:443")


@pytest.mark.requirement("X-5")
def test_a_post_without_a_secure_connection_never_left(bad_server: Serve, client_of: Clients) -> None:
    plain = bad_server(answer("200 OK", b""))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for url in (plain.base_url, f"http://127.0.0.1:{silent.getsockname()[1]}"):
            with pytest.raises(XUnavailable):
                client_of(url.replace("http:", "https:"), timeout_s=0.5).create_post("text")


@pytest.mark.requirement("X-5")
def test_of_a_connection_that_is_kept_each_post_leaves_anew(bad_server: Serve, client_of: Clients) -> None:
    def once(connection: socket.socket) -> None:
        body = b'{"data": {"id": "1800000000000000000"}}'
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        while (piece := connection.recv(65536)) and b"second" not in piece:  # that one it keeps to itself
            continue

    client = client_of(bad_server(once).base_url, timeout_s=5)
    client.create_post("first")
    with pytest.raises(PostOutcomeUnknown):
        client.create_post("second")


@pytest.mark.requirement("X-5")
def test_a_host_that_does_not_answer_the_call_has_not_got_the_post(client_of: Clients) -> None:
    # A full backlog: the kernel answers no further call.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        with pytest.raises(XUnavailable):
            client_of(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.3).create_post("text")
        for each in waiting:
            each.close()


# ---- limits


@pytest.mark.requirement("X-4")
def test_a_used_up_budget_says_when_to_come_back_and_is_not_asked_again(bad_server: Serve, client_of: Clients) -> None:
    reset = str(now_ms() // 1000 + 100)
    limited = answer("429 Too Many Requests", b"", x_rate_limit_remaining="0", x_rate_limit_reset=reset)
    server = bad_server(limited)
    client = client_of(server.base_url)
    calls: list[Callable[[], Any]] = [
        lambda: client.create_post("text"),
        lambda: client.search(5, now_ms()),
        lambda: client.lookup([1]),
        lambda: client.own_posts(now_ms()),
        lambda: client.set_rules("a", {"a": "b"}),
    ]
    for _ in range(2):
        for call in calls:
            with pytest.raises(XUnavailable) as caught:
                call()
            assert caught.value.status == 429
            assert caught.value.retry_after_ms is not None
            assert 95_000 < caught.value.retry_after_ms <= 101_000
    assert len(server.requests) == len(calls)


@pytest.mark.requirement("X-4")
def test_the_last_request_of_a_budget_is_noticed_on_success(bad_server: Serve, client_of: Clients) -> None:
    reset = str(now_ms() // 1000 + 60)
    good = answer("200 OK", {}, x_rate_limit_remaining="0", x_rate_limit_reset=reset)
    server = bad_server(good)
    client = client_of(server.base_url)
    client.lookup([1])
    with pytest.raises(XUnavailable, match="budget"):
        client.lookup([1])
    assert len(server.requests) == 1


@pytest.mark.requirement("X-1", "X-4")
def test_too_large_an_answer_is_too_much_and_less_may_be_asked_for_at_once(
    bad_server: Serve, client_of: Clients
) -> None:
    server = bad_server(chunked(b" " * 100_001))
    client = client_of(server.base_url, body_bytes=100_000)
    for _ in range(3):
        with pytest.raises(TooMuch, match=r"search.*more than 100000 bytes") as caught:
            client.search(1, now_ms())
        assert (caught.value.status, caught.value.retry_after_ms) == (None, None)
    server = bad_server(answer("503 Service Unavailable", b" " * 100_001))
    with pytest.raises(TooMuch) as caught:
        client_of(server.base_url, body_bytes=100_000).search(1, now_ms())
    assert caught.value.retry_after_ms, "it is a failure like any other"


@pytest.mark.requirement("X-4")
@pytest.mark.parametrize(
    ("headers", "expected_ms"),
    [
        ({}, BACK_OFF_MS),
        ({"retry_after": "7"}, 7_000),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, BACK_OFF_MS),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "soon"}, 900_000),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "1"}, 1_000),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": "9" * 12}, 900_000),
        ({"x_user_limit_24hour_remaining": "0", "x_user_limit_24hour_reset": "9" * 12}, 900_000),
        ({"x_rate_limit_remaining": "5", "x_rate_limit_reset": "9" * 12}, BACK_OFF_MS),
    ],
)
def test_what_the_headers_say_about_waiting_is_bounded(
    headers: dict[str, str], expected_ms: int, bad_server: Serve, client_of: Clients
) -> None:
    server = bad_server(answer("429 Too Many Requests", b"", **headers))
    with pytest.raises(XUnavailable) as caught:
        client_of(server.base_url, budget=Budget(chance=lambda: 1.0), clock=XClock(lambda: NOW_MS, lambda: 0.0)).lookup(
            [1]
        )
    assert caught.value.retry_after_ms == expected_ms


@pytest.mark.requirement("X-4")
@pytest.mark.parametrize(("kind", "status"), [("http_503", 503), ("http_429", 429)])
def test_a_fault_of_the_simulated_x_is_told_and_passes(
    kind: str, status: int, simulated_x: SimulatedX, client_of: Clients
) -> None:
    client = client_of(simulated_x.base_url)
    post = client.create_post("here")
    simulated_x.tell("faults", kind=kind, count=1, reset_s=0, path="/2/tweets")
    seen: list[int | None] = []

    def there() -> bool:
        try:
            return client.lookup([post]).present == {post}
        except XUnavailable as fault:
            seen.append(fault.status)
            return False

    until(there)
    assert set(seen) == {status}


@pytest.mark.requirement("X-4")
@pytest.mark.parametrize(
    "behave",
    [
        answer("503 Service Unavailable", b"<html>"),
        answer("400 Bad Request", [1, 2]),
        answer("200 OK", b"<html>"),
        answer("200 OK", [1]),
        answer("200 OK", {"meta": 5, "data": 5, "includes": 5}),
        answer("302 Found", b"", Location="http://127.0.0.1:1/"),
        chunked(b"{", end=b""),
        _never_answers,
    ],
)
def test_a_question_without_a_good_answer_can_be_asked_again(
    behave: Callable[[socket.socket], None], bad_server: Serve, client_of: Clients
) -> None:
    client = client_of(bad_server(behave).base_url, timeout_s=0.5)
    with pytest.raises(XUnavailable):
        client.search(5, now_ms())
    with pytest.raises(XUnavailable):
        client.own_posts(0)


# ---- keys


@pytest.mark.requirement("X-4")
def test_keys_are_never_shown() -> None:
    console = rich.console.Console(record=True, quiet=False, width=300, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(CREDENTIALS)
    shown = [repr(CREDENTIALS), str(CREDENTIALS), f"{CREDENTIALS}", console.export_text()]
    assert not [text for text in shown if "simulated" in text]


@pytest.mark.requirement("X-4")
def test_keys_do_not_reach_the_log(bad_server: Serve, client_of: Clients, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")  # which the chain's part may have quietened in this process
    client = client_of(bad_server(answer("200 OK", {"data": {"id": "5"}})).base_url)
    client.lookup([1])
    client.create_post("text")
    assert caplog.text
    for key in msgspec.structs.astuple(CREDENTIALS):
        assert key not in caplog.text
