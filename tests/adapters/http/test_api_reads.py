"""The API over a real store: auctions as they write themselves, and histories page by page."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import pytest

from adapters.event_loop import LoopThread
from adapters.http.reads import StoreReads
from adapters.http.views import Reads
from adapters.redis.client import connect_async
from tests.harness.builders import OPENS_MS, post_id
from tests.harness.shown_auction import serving
from tests.harness.store import Store

FIELDS: dict[Any, str] = {
    "auction_id": "m-02",
    "day": "2",
    "phase": "ACTIVE",
    "outcome": "",
    "lot_title": "Hafen 🌊",
    "lot_token_id": str(2**80),
    "lot_image": "",
    "leader_handle": "ada",
    "leader_id": str(2**62),
    "amount_wei": "20000000000000000001",
    "minimum_wei": "21000000000000000002",
    "opens_at_ms": str(OPENS_MS),
    "ends_at_ms": str(OPENS_MS + 1),
    "watermark_ms": "0",
    "accepted": "3",
    "provisional": "1",
    "winner_handle": "",
}


async def receipts(auction_id: str, post_ids: Sequence[int]) -> list[Any]:
    """What is true of posts, as far as these tests care: the auction's 13th has no verdict."""
    return [
        None if one == post_id(13_000) else {"auction_id": auction_id, "post_id": str(one), "posted_at_ms": at_ms(one)}
        for one in post_ids
    ]


def at_ms(post_id: int) -> int:
    return (post_id >> 22) + 1_288_834_974_657


def answers(store: Store, *paths: str, between: Callable[[], object] = lambda: None) -> list[tuple[int, Any]]:
    """What the API says about each path; `between` runs between two of them."""
    client = connect_async(store.url)

    def reads(loop: LoopThread) -> Reads:
        return StoreReads(client, store.keys, 3, receipts).reads()

    async def ask(base: str) -> list[tuple[int, Any]]:
        found = []
        async with aiohttp.ClientSession() as session:
            for path in paths:
                async with session.get(base + path) as response:
                    found.append((response.status, await response.json()))
                between()
        return found

    with serving(reads=reads) as house:
        try:
            return asyncio.run(ask(house.public))
        finally:
            house.loop.submit(client.aclose()).result(5)


@pytest.fixture
def staged(store: Store) -> Store:
    store.client.hset(store.keys.day(2), mapping=FIELDS)
    store.client.hset(store.keys.current, mapping=FIELDS)
    return store


@pytest.mark.requirement("BID-11", "ELZ-2")
def test_the_auction_on_stage_is_shown_with_exact_amounts_and_the_servers_time(staged: Store) -> None:
    [(status, auction)] = answers(staged, "/api/auctions/current")
    assert status == 200
    assert auction["amount_wei"] == "20000000000000000001"
    assert auction["amount"] == "20.000000000000000001 ETH"
    assert (auction["leader_id"], auction["lot_token_id"]) == (str(2**62), str(2**80))
    assert (auction["day"], auction["ends_at_ms"], auction["accepted"]) == (2, OPENS_MS + 1, 3)
    assert (auction["outcome"], auction["winner_handle"], auction["provisional"]) == (None, None, True)
    assert auction["server_time_ms"] > OPENS_MS - 10**12


@pytest.mark.requirement("BID-11")
def test_auctions_are_listed_and_found_by_id_and_what_does_not_exist_is_not_found(staged: Store) -> None:
    listed, found, other, unknown, foreign = answers(
        staged,
        "/api/auctions",
        "/api/auctions/m-02",
        "/api/auctions/m-01",
        "/api/auctions/m-99",
        "/api/auctions/x-02/bids",
    )
    assert [auction["auction_id"] for auction in listed[1]["auctions"]] == ["m-02"]
    assert found[1]["lot_title"] == "Hafen 🌊"
    assert [other[0], unknown[0], foreign[0]] == [404, 404, 404]


def test_before_the_first_auction_there_is_none_on_stage(store: Store) -> None:
    [(status, body), (_, listed)] = answers(store, "/api/auctions/current", "/api/auctions")
    assert (status, body["error"]) == (404, "NOT_FOUND")
    assert listed == {"auctions": []}


@pytest.mark.requirement("BID-11")
def test_a_history_is_read_page_by_page_without_a_gap_while_late_bids_come_in(staged: Store) -> None:
    def add(*numbers: int) -> None:
        members = {b"%020d" % post_id(n): OPENS_MS + n for n in numbers}
        staged.client.zadd(staged.keys.bids("m-02"), members)

    add(*range(10, 20))
    late = iter(range(10))
    after = f"{post_id(13)}"
    first, second = answers(
        staged,
        "/api/auctions/m-02/bids?limit=4",
        f"/api/auctions/m-02/bids?limit=20&after={after}",
        between=lambda: add(next(late)),
    )
    assert [bid["posted_at_ms"] - OPENS_MS for bid in first[1]["bids"]] == [10, 11, 12, 13]
    assert first[1]["next"] == after
    assert [bid["posted_at_ms"] - OPENS_MS for bid in second[1]["bids"]] == [14, 15, 16, 17, 18, 19]
    assert second[1]["next"] is None


@pytest.mark.requirement("BID-11")
def test_a_bid_that_comes_in_while_a_page_is_read_shifts_nothing(staged: Store) -> None:
    key = staged.keys.bids("m-02")
    staged.client.zadd(key, {b"%020d" % post_id(n): OPENS_MS + n for n in range(10, 20)})

    async def read() -> Any:
        client = connect_async(staged.url)
        rank_of = client.zrank

        async def rank_before_a_late_bid(*arguments: Any) -> Any:
            rank = await rank_of(*arguments)
            await client.zadd(key, {b"%020d" % post_id(5): OPENS_MS + 5})
            return rank

        client.zrank = rank_before_a_late_bid  # type: ignore[assignment, method-assign]
        try:
            return await StoreReads(client, staged.keys, 3, receipts).bids("m-02", str(post_id(13)), 3)
        finally:
            await client.aclose()

    assert [bid["posted_at_ms"] - OPENS_MS for bid in asyncio.run(read())["bids"]] == [14, 15, 16]


@pytest.mark.requirement("BID-11")
def test_a_users_bids_are_read_over_all_auctions(staged: Store) -> None:
    staged.client.rpush(staged.keys.user_bids(7), *(f"m-{day:02d}:{post_id(day):020d}" for day in (1, 2, 3)))
    [(_, first)] = answers(staged, "/api/users/7/bids?limit=2")
    assert [bid["auction_id"] for bid in first["bids"]] == ["m-01", "m-02"]
    [(_, rest), (_, whole), (_, nobody), (status, wrong)] = answers(
        staged,
        f"/api/users/7/bids?after={first['next']}",
        "/api/users/7/bids?limit=3",
        "/api/users/8/bids",
        "/api/users/7/bids?after=x",
    )
    assert (len(whole["bids"]), whole["next"]) == (3, None)
    assert [bid["post_id"] for bid in rest["bids"]] == [str(post_id(3))]
    assert (rest["next"], nobody["bids"]) == (None, [])
    assert (status, wrong["error"]) == (400, "BAD_POSITION")


@pytest.mark.requirement("BID-11")
def test_what_other_marathons_and_strangers_have_put_into_a_users_list_is_not_shown(staged: Store) -> None:
    own = [f"m-02:{post_id(number):020d}" for number in (1, 2)]
    foreign = f"m-x-02:{post_id(3):020d}", "\u00fc", "m-02", "m-02:x", ""
    staged.client.rpush(staged.keys.user_bids(7), own[0], *foreign, own[1])
    (_, first), (_, second) = answers(staged, "/api/users/7/bids?limit=4", "/api/users/7/bids?limit=4&after=4")
    assert [bid["post_id"] for bid in first["bids"] + second["bids"]] == [str(post_id(1)), str(post_id(2))]
    assert (first["next"], second["next"]) == ("4", None)


@pytest.mark.requirement("BID-10")
def test_a_bidder_finds_the_verdict_on_his_post(staged: Store) -> None:
    receipt = "/api/auctions/m-02/receipt"
    found, *others = answers(
        staged,
        f"{receipt}?post={post_id(5)}",
        f"{receipt}?post={post_id(13_000)}",
        f"/api/auctions/m-03/receipt?post={post_id(5)}",
        receipt,
        f"{receipt}?post=x",
        f"{receipt}?post={post_id(5)}&more=1",
    )
    assert found == (200, {"auction_id": "m-02", "post_id": str(post_id(5)), "posted_at_ms": OPENS_MS + 5})
    assert [status for status, _ in others] == [404, 404, 400, 400, 400]
    assert others[0][1]["error"] == "NOT_FOUND"
    assert others[2][1]["error"] == others[3][1]["error"] == "BAD_POST"
