"""What an older version has written is converted before anybody reads it, and what a newer one has is left alone."""

import pytest

from adapters.redis.errors import WrongLayout
from adapters.redis.keys import Keys
from adapters.redis.layout import VERSION, bring_up_to_date, refuse_newer
from adapters.redis.queue import START, Queue
from tests.harness.store import Store


@pytest.fixture
def first_layout(store: Store) -> Store:
    """A store of layout 1: a log, two orders that wait, and the bids of two users, one of them in a sorted set."""
    store.client.xadd(store.keys.log, {"writer": "house"}, id="1-1")
    for order in (b"one", b"two"):
        store.client.xadd("queue:house", {"batch": order})
    store.client.zadd("users:7:bids", {f"m-01:{number:020d}": 1_000 - number for number in range(9)})
    store.client.rpush("users:8:bids", "m-01:1")
    return store


def test_a_new_store_is_of_todays_layout(store: Store) -> None:
    bring_up_to_date(store.client, store.keys)
    assert refuse_newer(store.client, store.keys) == VERSION


def test_what_waited_in_the_queue_that_all_marathons_shared_is_read_by_its_own(first_layout: Store) -> None:
    store = first_layout
    for _ in range(2):  # twice changes nothing more
        bring_up_to_date(store.client, store.keys)
        found = Queue(store.client, store.keys).read("house", START, 10)
        assert [data for _, data in found] == [b"one", b"two"]
    assert refuse_newer(store.client, store.keys) == VERSION
    assert not store.client.exists("queue:house")


def test_a_users_bids_become_a_list_in_the_order_of_their_scores(first_layout: Store) -> None:
    bring_up_to_date(first_layout.client, first_layout.keys)
    assert first_layout.client.lrange("users:7:bids", 0, -1) == [b"m-01:%020d" % number for number in range(8, -1, -1)]
    assert first_layout.client.lrange("users:8:bids", 0, -1) == [b"m-01:1"]


def test_a_conversion_that_was_broken_off_is_taken_up_again(
    first_layout: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    store = first_layout
    with monkeypatch.context() as killed:
        killed.setattr("adapters.redis.layout.translated", die)
        with pytest.raises(SystemExit):
            bring_up_to_date(store.client, store.keys)
    assert refuse_newer(store.client, store.keys) == 1
    bring_up_to_date(store.client, store.keys)
    assert store.client.xlen(store.keys.queue("house")) == 2
    assert store.client.type("users:7:bids") == b"list"


def test_orders_that_may_be_for_another_marathon_are_not_taken_from_it(first_layout: Store) -> None:
    store = first_layout
    store.client.xadd(Keys("other").log, {"writer": "house"}, id="1-1")
    with pytest.raises(WrongLayout, match="may be for other too"):
        bring_up_to_date(store.client, store.keys)
    assert store.client.xlen("queue:house") == 2
    store.client.set(Keys("other").version, VERSION)  # it reads a queue of its own
    bring_up_to_date(store.client, store.keys)
    assert store.client.xlen(store.keys.queue("house")) == 2


@pytest.mark.parametrize("stored", [str(VERSION + 1), "2.0", "new", "", b"\xff"])
def test_a_version_that_we_do_not_know_is_refused_in_one_line_and_changes_nothing(
    first_layout: Store, stored: str
) -> None:
    store = first_layout
    store.client.set(store.keys.version, stored)
    with pytest.raises(WrongLayout, match="version:m is") as refused:
        bring_up_to_date(store.client, store.keys)
    assert "\n" not in str(refused.value)
    assert store.client.xlen("queue:house") == 2
