"""X's rate limits, and the counting of those who do not keep to them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import tweepy

from simulator.x.rates import DAILY_LIMITS, LIMITS, Window
from simulator.x.settings import ACCOUNT_ID
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x

TIMELINE = "GET /2/users/{id}/tweets"


@pytest.fixture
def x(tmp_path: Path) -> Iterator[SimulatedX]:
    """An X with short windows."""
    with simulated_x(tmp_path, rate_window_ms=700, rate_day_ms=700) as running:
        yield running


@pytest.mark.requirement("X-4")
def test_a_window_begins_with_its_first_request_and_counts_what_goes_beyond() -> None:
    window = Window("x-rate-limit", 2, 1_000)
    window.is_stated = True
    taken = [window.take(at_ms) for at_ms in (5_300, 6_200, 6_299, 6_300, 6_301, 6_302)]
    assert taken == [True, True, False, True, True, False]
    assert (window.used, window.most, window.exceeded) == (2, 2, 2)
    # Whole seconds, rounded up: whoever keeps to them is never early.
    assert window.headers() == {
        "x-rate-limit-limit": "2",
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": "8",
    }


@pytest.mark.requirement("X-4")
def test_every_endpoint_of_x_has_a_limit(x: SimulatedX) -> None:
    assert LIMITS["GET /2/tweets/search/recent"] == {"app": 450, "user": 300}
    assert LIMITS["GET /2/tweets/search/stream"] == {"app": 50}
    assert LIMITS["POST /2/tweets"] == {"user": 100}
    assert DAILY_LIMITS == {"POST /2/tweets": 10_000}
    client = x.client()
    client.create_tweet(text="hello")
    client.get_me()
    client.get_tweets([1])
    client.get_tweet(1)
    client.get_users(ids=[1])
    client.get_users_tweets(ACCOUNT_ID)
    client.get_users_mentions(ACCOUNT_ID)
    client.search_recent_tweets("#AuctionDay")
    client.delete_tweet(client.create_tweet(text="gone").data["id"])
    client.session.close()
    rules = x.streaming()
    rules.add_rules(tweepy.StreamRule("#AuctionDay"))
    rules.get_rules()
    rules.session.close()
    seen = {window["endpoint"] for window in x.ask("rates")["windows"]}
    assert seen == LIMITS.keys() - {"GET /2/tweets/search/stream"}


@pytest.mark.requirement("X-4")
def test_who_asks_beyond_a_window_is_refused_told_when_and_counted(x: SimulatedX) -> None:
    x.tell("rates", endpoint=TIMELINE, limit=2)
    client = x.client()

    def ask() -> object:
        return client.get_users_tweets(ACCOUNT_ID)

    def counted() -> dict[str, int]:
        found = [window for window in x.ask("rates")["windows"] if window["endpoint"] == TIMELINE]
        assert len(found) == 1
        return {name: found[0][name] for name in ("limit", "most", "exceeded")}

    for _ in range(2):
        ask()
    with pytest.raises(tweepy.TooManyRequests) as refused:
        ask()
    assert refused.value.response.headers["x-rate-limit-remaining"] == "0"
    reset_s = int(refused.value.response.headers["x-rate-limit-reset"])
    assert counted() == {"limit": 2, "most": 2, "exceeded": 1}
    # Others have windows of their own.
    client.get_users_mentions(ACCOUNT_ID)
    until(lambda: time.time() >= reset_s)
    ask()
    assert counted() == {"limit": 2, "most": 2, "exceeded": 1}
    client.session.close()


@pytest.mark.requirement("X-4")
def test_who_asks_beyond_a_limit_that_no_answer_has_stated_is_refused_and_not_counted(x: SimulatedX) -> None:
    x.tell("rates", endpoint=TIMELINE, limit=1)
    x.tell("faults", kind="response_lost", count=1)
    client = x.client()
    with pytest.raises(requests.ConnectionError):
        client.get_users_tweets(ACCOUNT_ID)
    for beyond in (0, 1):
        with pytest.raises(tweepy.TooManyRequests):  # whose headers are the first that state the limit
            client.get_users_tweets(ACCOUNT_ID)
        [window] = [window for window in x.ask("rates")["windows"] if window["endpoint"] == TIMELINE]
        assert (window["total"], window["exceeded"]) == (1, beyond)
    client.session.close()


@pytest.mark.requirement("X-4", "X-5")
def test_a_post_tells_of_the_day_as_well_and_every_answer_of_its_window(x: SimulatedX) -> None:
    client = x.client()
    seen: list[dict[str, str]] = []
    client.session.hooks["response"].append(lambda answer, **_: seen.append(dict(answer.headers)))
    client.create_tweet(text="hello")
    with pytest.raises(tweepy.Forbidden):
        client.create_tweet(text="hello")
    client.session.close()
    made, refused = seen
    assert (made["x-rate-limit-limit"], made["x-rate-limit-remaining"]) == ("100", "99")
    assert (made["x-app-limit-24hour-limit"], made["x-app-limit-24hour-remaining"]) == ("10000", "9999")
    assert refused["x-rate-limit-remaining"] == "98"
