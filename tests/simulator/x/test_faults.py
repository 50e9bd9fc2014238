"""What goes wrong with the simulated X, kind by kind, as a client sees it on the wire."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import tweepy

from simulator.x.settings import ACCOUNT_ID, BEARER_TOKEN
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

STREAM = "/2/tweets/search/stream"
BEARER = {"Authorization": f"Bearer {BEARER_TOKEN}"}
ALL_FIELDS = {
    "expansions": "author_id",
    "tweet.fields": "author_id,conversation_id,created_at,entities,note_tweet,referenced_tweets,in_reply_to_user_id",
    "user.fields": "created_at",
}


@pytest.fixture
def x(shared_x: SimulatedX) -> SimulatedX:
    return shared_x


@pytest.fixture
def auction(x: SimulatedX) -> int:
    """An auction post of its own, whose conversation the stream follows."""
    post_id = x.create(f"auction {time.time_ns()} #AuctionDay")
    rules = x.streaming()
    rules.add_rules(tweepy.StreamRule(f"conversation_id:{post_id}", tag="auction"))
    rules.session.close()
    return post_id


@pytest.fixture
def stream(x: SimulatedX, auction: int) -> Iterator[http.client.HTTPResponse]:
    """The stream's answer as it comes over the wire."""
    connection = http.client.HTTPConnection(x.base_url.removeprefix("http://"), timeout=10)
    fields = "&".join(f"{name}={value}" for name, value in ALL_FIELDS.items())
    connection.request("GET", f"{STREAM}?{fields}", headers=BEARER)
    answer = connection.getresponse()
    assert answer.status == 200
    yield answer
    answer.close()
    connection.close()


def ask(x: SimulatedX, path: str, **parameters: Any) -> requests.Response:
    with requests.get(x.base_url + path, parameters, headers=BEARER, timeout=10) as answer:
        return answer


def next_line(stream: http.client.HTTPResponse) -> dict[str, Any]:
    """The next line that is no keep-alive."""
    line: dict[str, Any] = json.loads(next(filter(bytes.strip, iter(stream.readline, b""))))
    return line


# ---- the stream's connection


@pytest.mark.requirement("X-1", "TST-2")
@pytest.mark.parametrize(
    ("kind", "last"),
    [
        ("eof", b"\r\n"),
        ("disconnect", b'operational-disconnect"}]}\r\n'),
        ("truncated", b'{"data":{"id":"1'),
        ("cut", http.client.IncompleteRead),
        ("rst", ConnectionResetError),
    ],
)
def test_x_hangs_up_in_each_of_its_ways(
    x: SimulatedX, stream: http.client.HTTPResponse, kind: str, last: bytes | type[Exception]
) -> None:
    assert stream.readline() == b"\r\n"
    x.tell("faults", kind=kind, count=1)
    if isinstance(last, bytes):
        assert (b"\r\n" + stream.read()).endswith(last)
    else:
        with pytest.raises(last):
            stream.read()
    assert x.ask("faults")["faults"] == []


@pytest.mark.requirement("X-1", "TST-2")
@pytest.mark.parametrize(("kind", "least"), [("unknown_message", 10), ("giant_line", 2**20)])
def test_the_stream_says_what_nobody_has_asked_for(
    x: SimulatedX, stream: http.client.HTTPResponse, kind: str, least: int
) -> None:
    x.tell("faults", kind=kind, count=1)
    line = next_line(stream)
    assert "data" not in line
    assert len(json.dumps(line)) > least


@pytest.mark.requirement("X-1", "TST-2")
def test_a_slow_keep_alive_is_late_and_a_post_is_not(
    x: SimulatedX, stream: http.client.HTTPResponse, auction: int
) -> None:
    assert stream.readline() == b"\r\n"
    x.tell("faults", kind="slow_keepalive", count=2, ms=400)
    began_s = time.monotonic()
    assert stream.readline() == b"\r\n"  # the one that was under way when it was commanded
    assert stream.readline() == b"\r\n"
    assert time.monotonic() - began_s > 0.4
    x.tell("faults", kind="slow_keepalive", count=9, ms=60_000)
    reply = x.reply("ann", "1 ETH #AuctionDay", auction)
    assert next_line(stream)["data"]["id"] == str(reply)
    assert time.monotonic() - began_s < 60


@pytest.mark.requirement("X-1", "TST-2")
def test_a_connection_is_one_too_many_or_refused_outright(x: SimulatedX, auction: int) -> None:
    x.tell("faults", kind="too_many_connections", count=1)
    refused = ask(x, STREAM)
    assert (refused.status_code, refused.json()["connection_issue"]) == (429, "TooManyConnections")
    x.tell("faults", kind="refused", count=1, ms=300)

    def is_shut() -> bool:
        try:
            x.ask("health")
        except requests.ConnectionError:
            return True
        return False

    until(is_shut)
    until(lambda: not is_shut())


# ---- the form of posts


FORMS: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ("no_includes", lambda line: "includes" in line),
    ("no_conversation", lambda line: "conversation_id" in line["data"]),
    ("no_tag", lambda line: "tag" in line["matching_rules"][0]),
    ("no_milliseconds", lambda line: json.dumps(line).count(".000Z") == 2),
    ("number_ids", lambda line: isinstance(line["data"]["id"], str) and isinstance(line["data"]["author_id"], str)),
    ("new_names", lambda line: "referenced_tweets" in line["data"] and "edit_history_tweet_ids" in line["data"]),
    ("no_references", lambda line: "referenced_tweets" in line["data"]),
    ("no_author", lambda line: "author_id" in line["data"]),
    ("no_entities", lambda line: "entities" in line["data"]),
    ("no_note", lambda line: "note_tweet" in line["data"]),
    ("no_history", lambda line: "edit_history_tweet_ids" in line["data"]),
    ("no_user_details", lambda line: "created_at" in line["includes"]["users"][0]),
]


@pytest.mark.requirement("X-1", "TST-2")
@pytest.mark.parametrize(("kind", "is_usual"), FORMS, ids=[kind for kind, _ in FORMS])
def test_posts_come_in_another_form_once_and_only_where_commanded(
    x: SimulatedX,
    stream: http.client.HTTPResponse,
    auction: int,
    kind: str,
    is_usual: Callable[[dict[str, Any]], bool],
) -> None:
    x.tell("faults", kind=kind, count=1, path=STREAM)
    replies = [x.reply("ann", f"{amount} ETH #AuctionDay {'and on ' * 50}", auction) for amount in (1, 2)]
    lines = [next_line(stream) for _ in range(2)]
    assert [is_usual(line) for line in lines] == [False, True]
    assert [str(line["data"]["id"]) for line in lines] == [str(reply) for reply in replies]


# ---- answers


@pytest.mark.requirement("X-4", "TST-2")
def test_a_503_is_a_page_or_a_line_of_text_and_a_402_says_that_credits_are_gone(x: SimulatedX) -> None:
    x.tell("faults", kind="http_503", count=2)
    kinds = {ask(x, "/2/tweets", ids=1).headers["Content-Type"].partition(";")[0] for _ in range(2)}
    assert kinds == {"text/html", "text/plain"}
    x.tell("faults", kind="http_402", count=1)
    broke = ask(x, "/2/tweets", ids=1)
    assert (broke.status_code, broke.json()["title"]) == (402, "CreditsDepleted")
    assert ask(x, "/2/tweets", ids=1).status_code == 200


@pytest.mark.requirement("X-4", "TST-2")
def test_a_fault_of_one_endpoint_leaves_those_below_it_alone(x: SimulatedX) -> None:
    x.tell("faults", kind="http_403", rate=1, path="/2/users$")
    refused = ask(x, "/2/users", ids=1)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert ask(x, f"/2/users/{ACCOUNT_ID}/mentions").status_code == 200
    x.tell("faults", kind="http_403", rate=0, path="/2/users$")
    assert ask(x, "/2/users", ids=1).status_code == 200


@pytest.mark.requirement("BID-9", "TST-2")
def test_a_post_that_is_there_is_not_found_once(x: SimulatedX, auction: int) -> None:
    x.tell("faults", kind="not_found", rate=1)
    seen = [ask(x, "/2/tweets", ids=auction).json() for _ in range(2)]
    x.tell("faults", kind="not_found", rate=0)
    assert [(answer.get("data", []) != [], "errors" in answer) for answer in seen] == [(False, True), (True, False)]
    assert seen[0]["errors"][0]["type"].endswith("resource-not-found")


@pytest.mark.requirement("X-1", "TST-2")
def test_somebody_else_replaces_the_rules_of_the_stream(x: SimulatedX, auction: int) -> None:
    x.tell("faults", kind="foreign_rules", count=1)
    rules = ask(x, f"{STREAM}/rules").json()["data"]
    assert [(rule["value"], rule["tag"]) for rule in rules] == [("cats", "someone-else")]


@pytest.mark.requirement("X-4", "TST-2")
def test_a_429_tells_when_to_come_again_or_not_and_has_two_bodies(x: SimulatedX) -> None:
    x.tell("faults", kind="http_429", count=1, reset_s=None)
    silent = ask(x, "/2/tweets", ids=1)
    assert silent.status_code == 429
    assert not [name for name in silent.headers if "rate-limit" in name.lower()]
    x.tell("faults", kind="http_429", count=1, reset_s=30)
    told = ask(x, "/2/tweets", ids=1)
    assert (told.status_code, told.headers["x-rate-limit-remaining"]) == (429, "0")
    assert 0 < int(told.headers["x-rate-limit-reset"]) - time.time() <= 31
    assert {frozenset(answer.json()) for answer in (silent, told)} == {
        frozenset({"errors"}),
        frozenset({"title", "detail", "type", "status"}),
    }
    # Whoever comes before that is answered, and found out.
    assert ask(x, "/2/tweets", ids=1).status_code == 200
    windows = {(window["endpoint"], window["by"]): window for window in x.ask("rates")["windows"]}
    assert windows["GET /2/tweets", "app"]["early"] == 1


@pytest.mark.requirement("X-5", "TST-2")
def test_a_reply_is_not_allowed_in_either_wording_and_a_post_of_its_own_is(
    x: SimulatedX, client: tweepy.Client, auction: int
) -> None:
    x.tell("faults", kind="reply_not_allowed", count=2)
    client.create_tweet(text=f"not a reply {auction}")
    said = set()
    for number in range(2):
        with pytest.raises(tweepy.Forbidden) as refused:
            client.create_tweet(text=f"receipt {number} {auction}", in_reply_to_tweet_id=auction)
        said.add(refused.value.response.json()["detail"])
    assert len(said) == 2
    assert all("mentioned" in text for text in said)
    client.create_tweet(text=f"receipt {auction}", in_reply_to_tweet_id=auction)


@pytest.mark.requirement("X-5", "TST-2")
def test_a_post_is_called_a_duplicate_that_is_none_and_its_answer_never_comes(
    x: SimulatedX, client: tweepy.Client, auction: int
) -> None:
    def stands(text: str) -> bool:
        return any(post["text"] == text for post in x.ask("truth")["posts"])

    x.tell("faults", kind="duplicate_content", count=1)
    with pytest.raises(tweepy.Forbidden, match="duplicate content"):
        client.create_tweet(text=f"first {auction}")
    assert not stands(f"first {auction}")
    x.tell("faults", kind="no_answer", count=1, method="POST", ms=300)
    began_s = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        client.create_tweet(text=f"second {auction}")
    assert time.monotonic() - began_s >= 0.3
    assert stands(f"second {auction}")


@pytest.mark.requirement("X-3", "X-5", "TST-2")
def test_the_index_and_the_timeline_lag_more_than_usual(x: SimulatedX, client: tweepy.Client, auction: int) -> None:
    reply = x.reply("ann", "1 ETH #AuctionDay", auction)
    query = f"conversation_id:{auction}"
    until(lambda: client.search_recent_tweets(query, since_id=auction).data)
    for kind in ("index_lag", "timeline_lag"):
        x.tell("faults", kind=kind, count=1, ms=60_000)
    assert client.search_recent_tweets(query, since_id=auction).data is None
    assert client.get_users_tweets(ACCOUNT_ID, since_id=auction - 1).data is None
    assert [int(post.id) for post in client.search_recent_tweets(query, since_id=auction).data] == [reply]
    assert [int(post.id) for post in client.get_users_tweets(ACCOUNT_ID, since_id=auction - 1).data] == [auction]
