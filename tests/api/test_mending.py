"""What is damaged beside the log is made from it again, or said and put aside; a second look finds nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from actors.auction.actor import Auction
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.layout import bring_up_to_date
from adapters.redis.view import is_whole
from api import repair
from api.repair import Mending
from ledger.entry import LogDamaged
from messages.commands import ConfirmAuctionPost
from tests.harness.builders import reply
from tests.harness.stage import Stage

DAYS = {"m-01": 1, "m-02": 2}
BIDS = [reply(1000, 7, "0.2"), reply(2000, 8, "0.3"), reply(3000, 9, "0.1")]
Damage = Callable[[redis.Redis, Keys], Any]


def other_type(key: str) -> Damage:
    def damage(client: redis.Redis, keys: Keys) -> None:
        name = _named(keys)[key]
        if client.type(name) == b"list":
            client.delete(name)
            client.set(name, "x")
        else:
            client.delete(name)
            client.rpush(name, "x")

    return damage


def gone(key: str) -> Damage:
    return lambda client, keys: client.delete(_named(keys)[key])


def _named(keys: Keys) -> dict[str, str]:
    return {
        "day": keys.day(1),
        "current": keys.current,
        "bids": keys.bids("m-01"),
        "queue": keys.queue("m-01"),
        "orders": keys.queue("house"),
        "nameless": keys.queue(keys.awaiting_author),
        "dead": keys.dead,
        "config": keys.config,
        "alive": keys.alive,
        "x_away": keys.x_away,
        "searched": keys.searched("m-01"),
        "looked": keys.looked("m-01"),
        "own_posts": keys.own_posts,
        "checkpoint": keys.checkpoint("m-01"),
        "previous": keys.previous_checkpoint("m-01"),
        "day to come": keys.day(2),
    }


DAMAGES: dict[str, Damage] = {
    **{f"{name} of another type": other_type(name) for name in _named(Keys("m"))},
    **{f"{name} gone": gone(name) for name in ("day", "current", "bids", "queue", "orders", "nameless", "alive")},
    "a field of the day changed": lambda client, keys: client.hset(keys.day(1), "leader_handle", "mallory"),
    "a field of the day lost": lambda client, keys: client.hdel(keys.day(1), "phase"),
    "a field of the day too many": lambda client, keys: client.hset(keys.day(1), b"\xff", b"\xfe"),
    "no text in the stage": lambda client, keys: client.hset(keys.current, "lot_title", b"\xff\xfe"),
    "no time in alive": lambda client, keys: client.set(keys.alive, "soon"),
    "no time in x_away": lambda client, keys: client.set(keys.x_away, b"\xff"),
    "no time in searched": lambda client, keys: client.set(keys.searched("m-01"), "soon"),
    "no id of a post": lambda client, keys: client.hset(keys.own_posts, b"\xff", "m-01"),
    "no auction of a post": lambda client, keys: client.hset(keys.own_posts, "2000", b"\xff"),
}


@pytest.fixture
def day(stage: Stage, opened: Auction) -> dict[str, str]:
    """A day with three bids, as readers see it."""
    bring_up_to_date(stage.client, stage.keys)
    stage.client.set(stage.keys.alive, stage.clock())
    stage.tell(opened, *BIDS)
    assert Mending(stage.client, stage.keys).mend(DAYS) == []
    return stage.current()


@pytest.mark.requirement("RED-4", "RED-5")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_made_again_or_said(stage: Stage, day: dict[str, str], damage: Damage) -> None:
    before = everything(stage)
    damage(stage.client, stage.keys)
    damaged = everything(stage)
    told = Mending(stage.client, stage.keys, is_trial=True).mend(DAYS)
    assert everything(stage) == damaged, "a trial changes nothing"
    said = Mending(stage.client, stage.keys).mend(DAYS)
    assert said
    assert told == said
    assert Mending(stage.client, stage.keys).mend(DAYS) == []
    after = everything(stage)
    kept = {stage.keys.day(1), stage.keys.current, stage.keys.bids("m-01"), stage.keys.log, stage.keys.heads}
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert is_whole(execute(stage.client, "HGETALL", stage.keys.day(1)))
    for key in stage.client.scan_iter("aside:*"):
        assert any(key.decode() in line for line in said)
    auction = stage.auction()
    stage.tell(auction, reply(4000, 9, "0.5"))
    assert (stage.current()["leader_handle"], stage.current()["accepted"]) == ("user9", "3")


def everything(stage: Stage) -> dict[str, Any]:
    """What each key holds, in a form that can be compared."""
    read: dict[bytes, Callable[[str], Any]] = {
        b"string": stage.client.get,
        b"hash": stage.client.hgetall,
        b"list": lambda key: stage.client.lrange(key, 0, -1),
        b"zset": lambda key: stage.client.zrange(key, 0, -1, withscores=True),
        b"stream": stage.client.xrange,
    }
    keys = [key.decode() for key in stage.client.scan_iter(count=1_000)]
    return {key: read[execute(stage.client, "TYPE", key)](key) for key in keys if not key.startswith("lease:")}


def test_a_thorough_mending_of_what_is_whole_says_nothing(stage: Stage, day: dict[str, str]) -> None:
    before = everything(stage)
    assert Mending(stage.client, stage.keys).mend(DAYS, thorough=True) == []
    assert everything(stage) == before
    stage.client.zadd(stage.keys.bids("m-01"), {"rubbish": 1})  # which no start looks for
    assert len(Mending(stage.client, stage.keys).mend(DAYS, thorough=True)) == 1
    assert everything(stage) == before


@pytest.mark.requirement("RED-4")
def test_a_users_list_of_another_type_is_put_aside_by_a_thorough_mending(stage: Stage, day: dict[str, str]) -> None:
    key = stage.keys.user_bids(7)
    stage.client.delete(key)
    stage.client.set(key, "x")
    assert Mending(stage.client, stage.keys).mend(DAYS) == []
    assert any(f"aside:{key}" in line for line in Mending(stage.client, stage.keys).mend(DAYS, thorough=True))
    assert stage.client.get(f"aside:{key}") == b"x"


@pytest.mark.requirement("RED-5")
def test_nothing_is_made_from_a_log_that_is_not_what_was_written(stage: Stage, day: dict[str, str]) -> None:
    entries: Any = stage.client.xrange(stage.keys.log)
    stage.client.xdel(stage.keys.log, entries[0][0])
    stage.client.delete(stage.keys.day(1))
    with pytest.raises(LogDamaged, match="seq"):
        Mending(stage.client, stage.keys).mend(DAYS)
    assert not stage.client.exists(stage.keys.day(1))


def test_a_day_that_was_never_prepared_has_no_view_to_be_made(stage: Stage) -> None:
    bring_up_to_date(stage.client, stage.keys)
    auction = stage.auction()
    stage.queues.append("m-01", [ConfirmAuctionPost(message_id="early", post_id=1)])
    stage.step(auction)
    Mending(stage.client, stage.keys).mend(DAYS)
    assert not stage.client.exists(stage.keys.day(1), stage.keys.current)


@pytest.mark.requirement("RED-4", "SUP-3")
def test_what_waited_in_a_queue_that_is_gone_is_looked_for_again(stage: Stage, day: dict[str, str]) -> None:
    for auction_id in DAYS:
        stage.client.set(stage.keys.looked(auction_id), "{}")
    stage.client.delete(stage.keys.queue("m-01"))
    assert Mending(stage.client, stage.keys).mend(DAYS)
    assert [stage.client.exists(stage.keys.looked(auction_id)) for auction_id in DAYS] == [0, 1]


@pytest.mark.requirement("QUE-1", "RED-4", "X-3")
def test_a_queue_that_is_lost_takes_along_how_far_a_search_has_come(
    stage: Stage, day: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = (stage.keys.searched("m-01"), stage.keys.looked("m-01"))
    stage.client.mset({reading[0]: stage.clock() + 1_000, reading[1]: b"{}"})
    stage.client.delete(stage.keys.queue("m-01"))

    def dies(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(repair, "make_empty", dies)
        with pytest.raises(ConnectionError):
            Mending(stage.client, stage.keys).mend(DAYS)
    assert not stage.client.exists(*reading), "what waited is looked for again, whenever the mending ends"
    stage.client.mset({reading[0]: stage.clock() + 1_000, reading[1]: b"{}"})
    assert len(Mending(stage.client, stage.keys).mend(DAYS)) == 1
    assert not stage.client.exists(*reading)
