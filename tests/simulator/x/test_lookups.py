"""Looking posts, users and mentions up at the simulated X; what is edited, protected, suspended."""

import time

import pytest
import tweepy

from simulator.x.settings import ACCOUNT_ID
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

X_EPOCH_MS = 1288834974657


@pytest.fixture
def x(shared_x: SimulatedX) -> SimulatedX:
    return shared_x


@pytest.fixture
def auction(client: tweepy.Client) -> int:
    return int(client.create_tweet(text=f"auction {time.time_ns()} #AuctionDay").data["id"])


@pytest.mark.requirement("X-6")
def test_one_post_and_users_are_looked_up_alike(x: SimulatedX, client: tweepy.Client, auction: int) -> None:
    there, gone = x.reply("kept", "1 ETH #AuctionDay", auction), x.reply("banned", "2 ETH #AuctionDay", auction)
    x.tell("suspend", handle="banned")
    assert client.get_tweet(there, expansions=["author_id"]).includes["users"][0].username == "kept"
    hidden = client.get_tweet(gone)
    assert (hidden.data, hidden.errors[0]["type"].rpartition("/")[2]) == (None, "not-authorized-for-resource")
    ids = [post["author_id"] for post in x.ask(f"truth?conversation_id={auction}")["posts"]]
    found = client.get_users(ids=[*ids, 7], user_fields=["created_at"])
    assert [user.username for user in found.data] == ["auction_house", "kept"]
    assert all(user.created_at for user in found.data)
    assert [error["type"].rpartition("/")[2] for error in found.errors] == [
        "not-authorized-for-resource",
        "resource-not-found",
    ]


def test_an_account_changes_its_handle_and_keeps_its_id_and_somebody_else_takes_the_old_one(
    x: SimulatedX, client: tweepy.Client, auction: int
) -> None:
    first = x.reply("Old_Name", "1 ETH #AuctionDay", auction)
    x.tell("rename", handle="old_name", to="new_name")
    x.reply("old_name", "2 ETH #AuctionDay", auction)
    *_, before, after = x.ask(f"truth?conversation_id={auction}")["posts"]
    assert (before["id"], before["author"], after["author"]) == (str(first), "new_name", "old_name")
    found = client.get_users(ids=[before["author_id"], after["author_id"]])
    assert [user.username for user in found.data] == ["new_name", "old_name"]
    assert client.get_tweet(first, expansions=["author_id"]).includes["users"][0].username == "new_name"
    with pytest.raises(AssertionError, match="@old_name exists"):
        x.tell("rename", handle="new_name", to="old_name")


@pytest.mark.requirement("X-6")
def test_an_edited_post_is_a_new_one_that_names_the_old_and_goes_with_it(
    x: SimulatedX, client: tweepy.Client, auction: int
) -> None:
    reply = x.reply("editor", "1 ETH #AuctionDay", auction)
    edited = int(x.tell("edit", id=str(reply), text="2 ETH #AuctionDay", meaning={"amount_wei": "2"})["id"])
    # The present ms is still open: the search ends before it.
    until(lambda: time.time_ns() // 1_000_000 > (edited >> 22) + X_EPOCH_MS)
    found = client.search_recent_tweets(f"conversation_id:{auction}", since_id=auction, tweet_fields=["edit_controls"])
    assert [post.data["edit_history_tweet_ids"] for post in found.data] == [[str(reply), str(edited)]]
    assert found.data[0].data["edit_controls"]["edits_remaining"] == 4
    assert [int(post.id) for post in client.get_tweets([reply, edited]).data] == [reply, edited]
    truth = {int(post["id"]): post for post in x.ask("truth")["posts"]}
    assert (truth[reply]["edited_to"], truth[edited]["edited_to"]) == (str(edited), None)
    x.tell("delete", id=str(reply))
    assert client.get_tweets([reply, edited]).data is None


@pytest.mark.requirement("X-6")
def test_posts_of_a_protected_account_are_for_its_followers_only(
    x: SimulatedX, client: tweepy.Client, auction: int
) -> None:
    reply = x.reply("shy", "1 ETH #AuctionDay", auction)
    x.tell("protect", handle="shy")
    hidden = client.get_tweet(reply)
    assert (hidden.data, hidden.errors[0]["type"].rpartition("/")[2]) == (None, "not-authorized-for-resource")
    author = x.ask(f"truth?conversation_id={auction}")["posts"][1]["author_id"]
    assert client.get_users(ids=[author], user_fields=["protected"]).data[0].protected is True


@pytest.mark.requirement("X-3")
def test_mentions_are_paged_and_begin_behind_the_given_post(x: SimulatedX, client: tweepy.Client, auction: int) -> None:
    replies = [x.reply("ann", f"{n} ETH #AuctionDay", auction) for n in range(1, 9)]
    until(lambda: time.time_ns() // 1_000_000 > (replies[-1] >> 22) + X_EPOCH_MS)
    pages = tweepy.Paginator(client.get_users_mentions, ACCOUNT_ID, since_id=replies[0], max_results=5)
    assert [int(post.id) for page in pages for post in page.data] == replies[:0:-1]
