"""The crowd: its plan is a function of seed and day, its texts mean what the ground truth says."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from messages.base import Wei
from messages.post_weight import POST_LIMIT, weight
from simulator.oracle import judge
from simulator.x import wording
from simulator.x.plan import Act, plan_day
from simulator.x.settings import CrowdOptions
from simulator.x.texts import hashtags
from tests.harness.bid_texts import ROWS
from tests.harness.builders import RULES
from tests.harness.waiting import until
from tests.harness.x_process import simulated_x

OPTIONS = CrowdOptions(window_ms=60_000, after_close_ms=5_000, bids=200)


@pytest.mark.requirement("TST-3")
def test_a_plan_follows_from_seed_and_day_alone() -> None:
    assert plan_day(1, 1, OPTIONS, 50) == plan_day(1, 1, OPTIONS, 50)
    others = [plan_day(2, 1, OPTIONS, 50), plan_day(1, 2, OPTIONS, 50)]
    assert plan_day(1, 1, OPTIONS, 50) not in others


@pytest.mark.requirement("TST-2")
@pytest.mark.parametrize("seed", range(10))
def test_a_day_has_everything_that_can_happen_within_its_bounds(seed: int) -> None:
    steps = plan_day(seed, 3, OPTIONS, 50)
    assert len(steps) == 200
    assert [step.at_ms for step in steps] == sorted(step.at_ms for step in steps)
    assert {step.act for step in steps} == set(Act)
    assert max(step.at_ms for step in steps) <= 65_000
    assert any(step.at_ms >= 60_000 for step in steps)
    assert max(Counter(step.at_ms for step in steps).values()) >= 4
    assert {min(len(step.delivery_ms), 2) for step in steps} == {0, 1, 2}
    taken_back = [step for step in steps if step.gone_after_ms is not None]
    assert taken_back
    assert all(step.at_ms + (step.gone_after_ms or 0) < 60_000 and step.delivery_ms for step in taken_back)
    assert plan_day(seed, 3, CrowdOptions(bids=0), 50) == []


@pytest.mark.requirement("TST-2")
@pytest.mark.parametrize(("rush", "least", "most"), [(0.0, 0, 60), (0.7, 600, 800), (0.9, 800, 960)])
def test_a_rush_brings_its_share_of_the_posts_to_the_end_of_the_window(rush: float, least: int, most: int) -> None:
    options = CrowdOptions(window_ms=60_000, after_close_ms=5_000, bids=1000, rush=rush)
    in_time = sum(57_000 <= step.at_ms < 60_000 for step in plan_day(1, 1, options, 50))
    assert least <= in_time <= most


@pytest.mark.requirement("BID-2")
def test_wordings_carry_the_hashtag_and_fit_a_post() -> None:
    for choice in range(500):
        text = wording.bid(Wei(123456789012345678901234), "AuctionDay", choice)
        assert [tag.casefold() for tag in hashtags(text)] == ["auctionday"]
        assert weight(f"@auction_house {text}") <= POST_LIMIT
        _, text = wording.no_bid("AuctionDay", choice)
        assert "AuctionDay" in hashtags(text)
        assert "AuctionDay" not in hashtags(wording.untagged(Wei(5 * 10**17), "AuctionDay", choice))


@pytest.mark.requirement("BID-2")
def test_what_the_crowd_means_is_what_the_agreed_examples_say() -> None:
    agreed = dict(ROWS)
    compared = 0
    for choice in range(300):
        reason, text = wording.no_bid("AuctionDay", choice)
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        compared += escaped in agreed
        assert agreed.get(escaped, f"REJECT:{reason}") == f"REJECT:{reason}", text
    assert compared > 100


@pytest.mark.parametrize(("wei", "eth"), [(1, "0.000000000000000001"), (5 * 10**17, "0.5"), (12 * 10**18, "12")])
def test_an_amount_is_written_exactly(wei: int, eth: str) -> None:
    assert wording.in_eth(Wei(wei)) == eth


@pytest.mark.requirement("TST-1", "TST-2")
def test_the_crowd_comes_for_an_auction_post_and_bids_by_the_ground_truth(tmp_path: Path) -> None:
    rules = replace(RULES, soft_close_ms=0, soft_close_cap_ms=0)
    with simulated_x(tmp_path, bids=80, window_ms=2_000, after_close_ms=400, late_ms=100) as x:
        x.create("good morning")
        assert not x.ask("health")["crowd_busy"]
        auction = x.create("Lot 1 #AUCTIONDAY")
        assert x.ask("health")["day"] == 1
        until(lambda: not x.ask("health")["crowd_busy"])
        posts = x.ask(f"truth?conversation_id={auction}")["posts"]
        changed = x.ask("crowd") | {"bids": 3, "window_ms": 200, "after_close_ms": 2_000}
        x.tell("crowd", **changed)
        second = x.create("Lot 2 #AuctionDay")
        until(lambda: not x.ask("health")["crowd_busy"])
        assert len(x.ask(f"truth?conversation_id={second}")["posts"]) == 4
    opened_ms = posts[0]["posted_at_ms"]
    assert len(posts) == 81
    assert all(post["posted_at_ms"] <= opened_ms + 2_400 + 300 for post in posts)
    gone_at_ms = [post["deleted_at_ms"] or post["suspended_at_ms"] for post in posts]
    gone_at_ms = [at_ms for at_ms in gone_at_ms if at_ms is not None]
    assert gone_at_ms
    assert max(gone_at_ms) < opened_ms + 2_000
    posts = [post | {"shown": True} for post in posts]
    result = judge(posts, rules, {auction}, opened_ms, opened_ms + 2_000)
    assert result["outcome"] == "sold"
    assert result["accepted"] >= 20
    assert result["refused"].keys() >= {
        *("WITHDRAWN", "NOT_A_REPLY", "AFTER_CLOSE", "ACCOUNT_TOO_YOUNG", "ALREADY_LEADING"),
        *("BELOW_RESERVE", "BELOW_MINIMUM"),
    }


@pytest.mark.requirement("TST-1", "TST-2")
def test_the_leading_bidder_edits_his_post_and_bids_more(tmp_path: Path) -> None:
    with simulated_x(tmp_path, bids=20, window_ms=2_000, after_close_ms=0) as x:
        auction = x.create("Lot 1 #AuctionDay")

        def edited() -> list[tuple[dict[str, Any], dict[str, Any]]]:
            x.tell("faults", kind="edited", count=1)
            posts = x.ask(f"truth?conversation_id={auction}")["posts"]
            by_id = {post["id"]: post for post in posts}
            return [(post, by_id[post["edited_to"]]) for post in posts if post["edited_to"]]

        old, new = until(edited)[0]
    assert int(new["id"]) > int(old["id"])
    assert (new["author"], new["replied_to"]) == (old["author"], old["replied_to"])
    assert int(new["meaning"]["amount_wei"]) > int(old["meaning"]["amount_wei"])
