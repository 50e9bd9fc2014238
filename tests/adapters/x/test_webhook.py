"""What X pushes, without a network: challenges, signatures, both shapes of a body, and thousands of impossible ones."""

import json
from random import Random
from typing import Any

import pytest

from adapters.x.errors import UnreadablePost
from adapters.x.payload import FoundPost, read_payload
from adapters.x.webhook import challenge_answer, is_signed, read_push
from messages.commands import WithdrawBid
from tests.harness.webhook_fuzz import SECRET, bodies, genuine, judge, signatures

POST = {
    "id": "1700000000000000001",
    "text": "@house 0.5 ETH #AuctionDay",
    "author_id": "2244994945",
    "conversation_id": "1699999999999999999",
    "referenced_tweets": [{"type": "replied_to", "id": "1699999999999999999"}],
    "edit_history_tweet_ids": ["1700000000000000001"],
}
AUTHOR = {"id": "2244994945", "username": "ann", "created_at": "2013-12-14T04:35:55.000Z"}


def event(kind: str, payload: Any, **more: Any) -> bytes:
    data = {"event_uuid": "2080761390344937796", "filter": {"user_id": "7"}, "event_type": kind, "payload": payload}
    return json.dumps({"data": {**data, **more}}).encode()


@pytest.mark.requirement("X-2")
def test_a_challenge_is_answered_as_in_the_vector_of_x() -> None:
    answer = challenge_answer("consumer-secret", "challenge_string")
    assert answer == "sha256=S/mG8E9n5SjoGuCqHguvP8K8uuu5ogCPF0dOpIdyZlk="


@pytest.mark.requirement("X-2")
def test_a_signature_holds_for_the_bytes_and_not_for_what_they_mean() -> None:
    signature = "sha256=xPzEhKMaKtqMSHdDa46WZDjekP+kb0aegIgIdTSNciI="
    assert is_signed("consumer-secret", '{"a":"Ξ"}'.encode(), signature)
    assert not is_signed("consumer-secret", b'{"a":"\\u039e"}', signature)
    assert not is_signed("consumer-secret", '{"a": "Ξ"}'.encode(), signature)
    assert not is_signed("consumer-secret.", '{"a":"Ξ"}'.encode(), signature)


@pytest.mark.requirement("X-2")
def test_nobody_gets_a_body_signed_by_sending_it_as_a_challenge() -> None:
    with pytest.raises(ValueError, match="without a brace"):
        challenge_answer(SECRET, event("post.delete", {"id": "1"}).decode()[:256])
    for word in ("challenge_string", "[1]", '"text"', "null"):
        assert not is_signed(SECRET, word.encode(), challenge_answer(SECRET, word))


@pytest.mark.requirement("X-2")
@pytest.mark.parametrize("token", ["", "{", "x{", "a" * 257], ids=["none", "a brace", "a brace inside", "too long"])
def test_what_is_no_challenge_is_not_signed(token: str) -> None:
    with pytest.raises(ValueError, match="crc_token"):
        challenge_answer(SECRET, token)


@pytest.mark.requirement("X-2")
def test_both_shapes_of_a_reply_say_the_same() -> None:
    line = json.dumps({"data": POST, "includes": {"users": [AUTHOR]}, "matching_rules": [{"id": "1"}]}).encode()
    by_stream = read_push(line, "webhook", 5)
    by_event = read_push(event("post.reply.create", POST, includes={"users": [AUTHOR]}, tag="x"), "webhook", 5)
    assert by_stream == by_event == read_payload(line, "webhook", 5)
    assert isinstance(by_event, FoundPost)
    assert (by_event.bid.author_handle, by_event.bid.replied_to_id) == ("ann", 1699999999999999999)


@pytest.mark.requirement("X-2")
@pytest.mark.parametrize("more", [{}, {"includes": {}}, {"includes": None}], ids=["left out", "empty", "null"])
def test_an_event_without_its_author_is_a_reply_of_somebody_not_known_yet(more: dict[str, Any]) -> None:
    found = read_push(event("post.reply.create", POST, **more), "webhook", 5)
    assert isinstance(found, FoundPost)
    assert (found.bid.author_id, found.bid.author_handle, found.bid.author_created_at_ms) == (2244994945, "", None)


@pytest.mark.requirement("X-2")
def test_a_reply_to_an_edited_auction_post_is_a_reply_to_the_first_version_of_it() -> None:
    first, edited = "1699999999999999999", "1700000000000000000"
    parent = {"id": edited, "edit_history_tweet_ids": [first, edited]}
    post = POST | {"referenced_tweets": [{"type": "replied_to", "id": edited}]}
    found = read_push(event("post.reply.create", post, includes={"tweets": [parent]}), "webhook", 5)
    assert isinstance(found, FoundPost)
    assert found.bid.replied_to_id == int(first)


@pytest.mark.requirement("X-2")
def test_half_a_character_hides_no_reply() -> None:
    found = read_push(event("post.reply.create", POST | {"text": "0.5 ETH \ud83d"}), "webhook", 5)
    assert isinstance(found, FoundPost)
    assert found.bid.text == "0.5 ETH \N{REPLACEMENT CHARACTER}"


@pytest.mark.requirement("X-2")
@pytest.mark.parametrize("metrics", [5, {"followers_count": 10**30}])
def test_an_account_that_cannot_be_read_hides_no_reply(metrics: Any) -> None:
    users = {"users": [{"id": "2244994945", "public_metrics": metrics}]}
    found = read_push(event("post.reply.create", POST, includes=users), "webhook", 5)
    assert isinstance(found, FoundPost)
    assert found.bid.author_handle == ""  # the author is looked up


@pytest.mark.requirement("X-2", "X-6")
def test_a_deletion_is_a_withdrawal() -> None:
    gone = read_push(event("post.delete", {"id": "17", "author_id": "7"}), "webhook", 5)
    assert gone == WithdrawBid(message_id="gone:17", post_id=17, cause="deleted")


@pytest.mark.requirement("X-2")
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"data": null}',
        b'{"errors": [{"title": "operational-disconnect"}]}',
        event("like.create", {"id": "17"}),
        event("post.create", POST),
        event("", POST),
        b'{"for_user_id": "7", "tweet_create_events": []}',
    ],
)
def test_other_kinds_of_events_are_nobodys_fault(body: bytes) -> None:
    assert read_push(body, "webhook", 5) is None


@pytest.mark.requirement("X-2")
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"data": []}',
        b'{"data": {"event_type": 5}}',
        event("post.reply.create", {}),
        event("post.reply.create", None),
        event("post.reply.create", {**POST, "id": "-1"}),
        event("post.delete", {}),
        event("post.delete", {"id": "٣"}),
        event("post.delete", {"id": 2**63}),
        b'{"data": {"event_type": "post.delete", "payload": {"id": "\\ud800"}}}',
        b'{"data": {"payload": ' + b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_handed_back_whole(body: bytes) -> None:
    with pytest.raises(UnreadablePost) as caught:
        read_push(body, "webhook", 5)
    assert caught.value.raw == body
    assert str(caught.value)


@pytest.mark.requirement("X-2")
def test_thousands_of_impossible_pushes_break_nothing_and_get_in_only_with_their_signature() -> None:
    random = Random(7)
    outcomes = set()
    for _, body in zip(range(2_000), bodies(random), strict=False):
        outcomes.add(judge(body, signatures(random, body)))
    assert outcomes == {"unsigned", "unreadable", "of another kind", "FoundPost", "WithdrawBid"}


@pytest.mark.requirement("X-2")
def test_a_signature_of_our_own_is_the_one_that_is_asked_for() -> None:
    assert is_signed(SECRET, b"{}", genuine(b"{}"))
