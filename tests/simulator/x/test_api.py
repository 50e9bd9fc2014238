"""The unmodified tweepy asks, looks up and posts to the simulated X."""

import html
import time
from pathlib import Path

import pytest
import requests
import tweepy

from simulator.x.settings import ACCOUNT_ID
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x

X_EPOCH_MS = 1288834974657


@pytest.mark.requirement("X-5")
def test_a_signed_post_is_made_as_the_auction_account(client: tweepy.Client) -> None:
    before_ms = time.time_ns() // 1_000_000
    post_id = int(client.create_tweet(text="Lot 1 & more #AuctionDay").data["id"])
    assert before_ms <= (post_id >> 22) + X_EPOCH_MS <= time.time_ns() // 1_000_000
    own = client.get_users_tweets(ACCOUNT_ID, tweet_fields=["created_at"])
    assert [(int(post.id), html.unescape(post.text)) for post in own.data] == [(post_id, "Lot 1 & more #AuctionDay")]
    assert "&amp;" in own.data[0].text
    assert client.get_me().data.username == "auction_house"


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize("wrong", ["consumer_key", "consumer_secret", "access_token", "access_token_secret"])
def test_a_wrong_credential_is_unauthorized(x: SimulatedX, wrong: str) -> None:
    client = x.client(**{wrong: "1-wrong"})
    with pytest.raises(tweepy.Unauthorized):
        client.create_tweet(text="hello")
    client.session.close()
    assert x.ask("truth")["posts"] == []


@pytest.mark.requirement("X-5")
def test_an_app_alone_cannot_post_and_a_wrong_bearer_cannot_read(x: SimulatedX) -> None:
    client = x.client(bearer_token="wrong")
    with pytest.raises(tweepy.Unauthorized):
        client.search_recent_tweets("#AuctionDay")
    client.session.close()
    client = x.client()
    with pytest.raises(tweepy.Forbidden, match="Application-Only"):
        client.create_tweet(text="hello", user_auth=False)
    client.session.close()


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize(
    "authorization",
    ["", "OAuth", "OAuth realm", "Basic eDp5", "Bearer", 'OAuth oauth_nonce="%zz", oauth_nonce="1"', "OAuth \xff=\xff"],
)
def test_no_credentials_and_nonsense_are_unauthorized(x: SimulatedX, authorization: str) -> None:
    for method, path in (("GET", "/2/tweets?ids=1"), ("POST", "/2/tweets"), ("GET", "/2/tweets/search/stream")):
        with requests.request(
            method, x.base_url + path, headers={"Authorization": authorization.encode("latin-1")}, timeout=10
        ) as response:
            assert response.status_code == 401, (method, path, response.text)


@pytest.mark.requirement("X-5")
def test_a_signature_cannot_be_sent_twice(x: SimulatedX, client: tweepy.Client) -> None:
    sent: list[requests.PreparedRequest] = []
    client.session.hooks["response"].append(lambda response, **_: sent.append(response.request))
    client.create_tweet(text="once")
    with requests.Session() as session:
        replayed = session.send(sent[0], timeout=10)
    assert replayed.status_code == 401
    assert len(x.ask("truth")["posts"]) == 1


@pytest.mark.requirement("X-5", "X-7")
def test_the_same_text_again_and_a_text_too_long_are_forbidden(client: tweepy.Client) -> None:
    first = client.create_tweet(text="closing soon").data["id"]
    with pytest.raises(tweepy.Forbidden, match="duplicate content"):
        client.create_tweet(text="closing soon")
    client.delete_tweet(first)
    client.create_tweet(text="closing soon")
    with pytest.raises(tweepy.Forbidden, match="too long"):
        client.create_tweet(text="Ξ" * 141 + "界" * 70)
    client.create_tweet(text="界" * 140)


@pytest.mark.requirement("X-5")
def test_a_post_whose_answer_was_lost_stands_on_the_timeline(x: SimulatedX, client: tweepy.Client) -> None:
    x.tell("faults", kind="response_lost", count=1)
    with pytest.raises(requests.ConnectionError):
        client.create_tweet(text="did it arrive?")
    assert [post.text for post in client.get_users_tweets(ACCOUNT_ID).data] == ["did it arrive?"]


@pytest.mark.requirement("X-6")
def test_a_lookup_names_what_is_gone_and_why(x: SimulatedX, client: tweepy.Client) -> None:
    auction = x.create("auction #AuctionDay")
    kept, deleted, suspended = (
        x.reply(author, f"{author}: 1 ETH #AuctionDay", auction) for author in ("kept", "deleted", "suspended")
    )
    x.tell("delete", id=str(deleted))
    x.tell("suspend", handle="suspended")
    answer = client.get_tweets([auction, kept, deleted, suspended, 7])
    assert [int(post.id) for post in answer.data] == [auction, kept]
    assert {int(error["resource_id"]): error["type"].rpartition("/")[2] for error in answer.errors} == {
        deleted: "resource-not-found",
        suspended: "not-authorized-for-resource",
        7: "resource-not-found",
    }
    only_gone = client.get_tweets([deleted])
    assert only_gone.data is None
    assert len(only_gone.errors) == 1


@pytest.mark.requirement("X-3")
def test_a_search_pages_through_the_whole_conversation_newest_first(x: SimulatedX, client: tweepy.Client) -> None:
    auction = x.create("auction #AuctionDay")
    x.create("another conversation #AuctionDay")
    replies = [x.reply("ann", f"{n} ETH #AuctionDay", auction) for n in range(1, 26)]
    nested = x.reply("bob", "9 ETH #AuctionDay", replies[3])
    # The present ms is still open: the search ends before it.
    until(lambda: time.time_ns() // 1_000_000 > (nested >> 22) + X_EPOCH_MS)
    pages = list(
        tweepy.Paginator(client.search_recent_tweets, f"conversation_id:{auction}", since_id=auction, max_results=10)
    )
    assert [page.meta["result_count"] for page in pages] == [10, 10, 6]
    found = [int(post.id) for page in pages for post in page.data]
    assert found == sorted([*replies, nested], reverse=True)
    older = client.search_recent_tweets(f"conversation_id:{auction}", since_id=replies[0], until_id=replies[2])
    assert [int(post.id) for post in older.data] == [replies[1]]
    nothing = client.search_recent_tweets(f"conversation_id:{replies[0]}")
    assert (nothing.data, nothing.meta["result_count"]) == (None, 0)


@pytest.mark.requirement("X-3")
def test_only_what_was_asked_for_comes_back(x: SimulatedX, client: tweepy.Client) -> None:
    auction = x.create("auction #AuctionDay")
    reply = x.reply("ann", "1 ETH <3 #AuctionDay & #x1", auction, account_age_ms=86_400_000)
    bare = client.get_tweets([reply])
    assert set(bare.data[0].data) == {"id", "text", "edit_history_tweet_ids"}
    assert bare.includes == {}
    full = client.get_tweets(
        [reply],
        expansions=["author_id", "referenced_tweets.id"],
        tweet_fields=["created_at", "conversation_id", "entities", "display_text_range"],
        user_fields=["created_at"],
    )
    post = full.data[0]
    assert post.text == "@auction_house 1 ETH &lt;3 #AuctionDay &amp; #x1"
    assert set(post.data) == {
        *("id", "text", "edit_history_tweet_ids", "created_at", "conversation_id", "entities", "display_text_range"),
        *("author_id", "referenced_tweets"),
    }
    assert post.data["created_at"].endswith(".000Z")
    assert int(post.created_at.timestamp()) == ((reply >> 22) + X_EPOCH_MS) // 1000
    assert post.data["conversation_id"] == str(auction)
    assert post.data["referenced_tweets"] == [{"type": "replied_to", "id": str(auction)}]
    tags = post.entities["hashtags"]
    assert [tag["tag"] for tag in tags] == ["AuctionDay", "x1"]
    assert [post.text[tag["start"] : tag["end"]] for tag in tags] == ["#AuctionDay", "#x1"]
    start, end = post.data["display_text_range"]
    assert post.text[start:end] == "1 ETH &lt;3 #AuctionDay &amp; #x1"
    assert set(full.includes["users"][0].data) == {"id", "name", "username", "created_at"}
    assert [int(post.id) for post in full.includes["tweets"]] == [auction]


@pytest.mark.requirement("X-3")
def test_a_search_lags_behind_and_a_mention_does_not(tmp_path: Path) -> None:
    with simulated_x(tmp_path, index_lag_ms=800, search_end_lag_ms=0) as x:
        client = x.client()
        auction = x.create("auction #AuctionDay")
        reply = x.reply("ann", "1 ETH #AuctionDay", auction)
        assert client.search_recent_tweets(f"conversation_id:{auction}").data is None
        assert [int(post.id) for post in client.get_users_mentions(ACCOUNT_ID).data] == [reply]
        found = until(lambda: client.search_recent_tweets(f"conversation_id:{auction} is:reply").data)
        assert [int(post.id) for post in found] == [reply]
        assert time.time_ns() // 1_000_000 >= (reply >> 22) + X_EPOCH_MS + 800
        client.session.close()


@pytest.mark.requirement("X-3")
@pytest.mark.parametrize(
    "parameters",
    [
        {"since_id": 1},
        {"max_results": 101},
        {"max_results": 9},
        {"next_token": "mine"},
        {"tweet_fields": ["colour"]},
        {"start_time": "yesterday"},
        {"since_id": 1 << 60, "start_time": "2026-01-01T00:00:00Z"},
        {"end_time": "2900-01-01T00:00:00Z"},
    ],
)
def test_an_impossible_search_is_a_bad_request(client: tweepy.Client, parameters: dict[str, object]) -> None:
    with pytest.raises(tweepy.BadRequest):
        client.search_recent_tweets("conversation_id:1", **parameters)


@pytest.mark.requirement("X-4", "TST-2")
def test_a_slow_answer_comes_late_and_is_the_right_one(x: SimulatedX, client: tweepy.Client) -> None:
    x.tell("faults", kind="slow", count=1, method="GET", path="/2/users/me", ms=300)
    client.get_tweets([1])
    began_s = time.monotonic()
    assert client.get_me().data.username == "auction_house"
    assert time.monotonic() - began_s >= 0.3
    assert x.ask("faults")["faults"] == []


@pytest.mark.requirement("X-4")
def test_commanded_faults_come_once_and_only_where_they_were_sent(x: SimulatedX, client: tweepy.Client) -> None:
    x.tell("faults", kind="http_503", count=1, path="/2/tweets/search")
    x.tell("faults", kind="http_429", count=1, path="/2/users", reset_s=7)
    client.get_tweets([1])
    with pytest.raises(tweepy.TwitterServerError) as unavailable:
        client.search_recent_tweets("#AuctionDay")
    assert unavailable.value.response.headers["Content-Type"].startswith("text/html")
    with pytest.raises(tweepy.TooManyRequests) as limited:
        client.get_me()
    assert 0 <= limited.value.reset_time - time.time() <= 8
    client.search_recent_tweets("#AuctionDay")
    client.get_me()
    x.tell("faults", kind="http_503", rate=1.0)
    for _ in range(3):
        with pytest.raises(tweepy.TwitterServerError):
            client.get_me()
    x.tell("faults", kind="http_503", rate=0.0)
    client.get_me()
