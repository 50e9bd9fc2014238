"""X's JSON as PlaceBid: every spelling that X uses, and nothing that it sends makes us fall."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.x.errors import UnreadablePost
from adapters.x.lacks import AUTHOR as NO_AUTHOR
from adapters.x.lacks import PARENT, REFERENCE, REST, TEXT
from adapters.x.payload import FoundPost, read_page, read_payload
from adapters.x.versions import direct_reply, first_versions

AUTHOR = {"id": "2244994945", "username": "alice", "created_at": "2013-12-14T04:35:55.000Z"}


def post(**changed: Any) -> dict[str, Any]:
    whole = {
        "id": "1700000000000000001",
        "text": "@house 0.5 ETH &amp; more #AuctionDay",
        "author_id": "2244994945",
        "conversation_id": "1699999999999999999",
        "referenced_tweets": [{"type": "replied_to", "id": "1699999999999999999"}],
        "edit_history_tweet_ids": ["1700000000000000001"],
        "entities": {"hashtags": [{"start": 20, "end": 31, "tag": "AuctionDay"}]},
    }
    return {name: value for name, value in (whole | changed).items() if value is not None}


def line(data: Any, users: Any = (AUTHOR,), **more: Any) -> bytes:
    return json.dumps({"data": data, "includes": {"users": list(users)}, **more}).encode()


def read(raw: bytes) -> FoundPost:
    found = read_payload(raw, "stream", 1_700_000_000_000)
    assert found is not None
    return found


@pytest.mark.requirement("X-1")
def test_a_line_of_the_stream_becomes_a_bid_with_all_that_was_seen() -> None:
    found = read(line(post(), matching_rules=[{"id": "1"}]))  # a rule without its tag, which ends tweepy's own reader
    assert found.conversation_id == 1699999999999999999
    assert found.earlier_versions == ()
    bid = found.bid
    assert bid.message_id == "tweet:1700000000000000001"
    assert (bid.post_id, bid.author_id, bid.author_handle) == (1700000000000000001, 2244994945, "alice")
    assert bid.author_created_at_ms == 1386995755000
    assert bid.replied_to_id == 1699999999999999999
    assert bid.text == "@house 0.5 ETH &amp; more #AuctionDay"  # escaped, as X delivers it
    assert (bid.hashtags, bid.source, bid.found_at_ms) == (("AuctionDay",), "stream", 1_700_000_000_000)


@pytest.mark.requirement("X-1")
def test_the_new_spellings_and_ids_as_numbers_give_the_same_bid() -> None:
    old = read(line(post()))
    new = post(
        id=1700000000000000001,
        author_id=2244994945,
        conversation_id=1699999999999999999,
        referenced_tweets=None,
        referenced_posts=[{"type": "quoted", "id": 7}, {"type": "replied_to", "id": 1699999999999999999}],
        edit_history_tweet_ids=None,
        edit_history_post_ids=[1700000000000000001],
    )
    assert read(line(new, [AUTHOR | {"id": 2244994945}])) == old


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("spelling", ["note_tweet", "note_post"])
def test_a_long_post_is_read_to_its_end(spelling: str) -> None:
    note = {"text": "x" * 400 + " 2 ETH #AuctionDay", "entities": {"hashtags": [{"tag": "AuctionDay"}]}}
    bid = read(line(post(text="x" * 279 + "…", entities=None, **{spelling: note}))).bid
    assert bid.text.endswith(" 2 ETH #AuctionDay")
    assert bid.hashtags == ("AuctionDay",)


@pytest.mark.requirement("X-1")
def test_hashtags_that_x_did_not_find_differ_from_those_it_said_nothing_about() -> None:
    assert read(line(post(entities={"urls": []}))).bid.hashtags == ()
    assert read(line(post(entities=None))).bid.hashtags is None
    assert read(line(post(note_tweet={"text": "long"}))).bid.hashtags is None


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize(
    ("created_at", "milliseconds"),
    [
        ("2013-12-14T04:35:55Z", 1386995755000),
        ("2013-12-14T04:35:55.123Z", 1386995755123),
        ("2013-12-14T05:35:55+01:00", 1386995755000),
        ("2013-12-14T04:35:55", 1386995755000),
        ("yesterday", None),
        (None, None),
    ],
)
def test_an_account_s_birth_is_read_with_and_without_milliseconds(
    created_at: str | None, milliseconds: int | None
) -> None:
    assert read(line(post(), [AUTHOR | {"created_at": created_at}])).bid.author_created_at_ms == milliseconds


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("users", [(), [{"id": "1", "username": "other"}], [AUTHOR | {"id": "?"}]])
def test_an_author_who_was_not_delivered_is_unknown(users: Any) -> None:
    bid = read(line(post(), users)).bid
    assert (bid.author_handle, bid.author_created_at_ms) == ("", None)
    bare = read(json.dumps({"data": post()}).encode()).bid
    assert (bare.author_handle, bare.author_created_at_ms) == ("", None)


@pytest.mark.requirement("X-1")
def test_a_post_that_is_no_reply_and_has_no_conversation_is_read_all_the_same() -> None:
    found = read(line(post(referenced_tweets=[{"type": "quoted", "id": "5"}], conversation_id=None)))
    assert found.bid.replied_to_id is None
    assert found.conversation_id is None


CUT = "@house " + "0.3 ETH #AuctionDay " + "x" * 254 + "…"
CONVERSATION = "1699999999999999999"


@pytest.mark.requirement("X-1", "BID-2")
@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({}, ""),
        ({"author_id": None}, NO_AUTHOR),
        ({"text": None}, TEXT),
        ({"referenced_tweets": None}, REFERENCE),
        ({"referenced_tweets": []}, REFERENCE),
        ({"referenced_tweets": None, "conversation_id": None}, REFERENCE),
        ({"referenced_tweets": [{"type": "quoted", "id": "7"}]}, ""),  # a post, but no reply
        # The auction post itself, as it was edited: the only one of its conversation that replies to nothing.
        ({"referenced_tweets": None, "edit_history_tweet_ids": [CONVERSATION, "1700000000000000001"]}, ""),
        ({"text": CUT}, REST),
        ({"text": CUT + " https://t.co/AbC123"}, REST),
        ({"text": CUT, "note_tweet": {"text": CUT[:-1] + " or 0.5 ETH"}}, ""),
        ({"text": "0.5 ETH #AuctionDay, let us see …"}, ""),  # too short to have been cut
        ({"text": CUT.replace("…", ".")}, ""),
        ({"text": "一" * 139 + "…"}, REST),
    ],
)
def test_what_a_verdict_needs_and_x_has_left_out_is_named(changed: dict[str, Any], lacks: str) -> None:
    whole = post()
    for name, value in changed.items():
        whole.pop(name, None)
        if value is not None:
            whole[name] = value
    assert read(line(whole)).lacks == lacks
    [found] = read_page(line([whole]), "search", 5).posts
    assert found.lacks == lacks


@pytest.mark.requirement("X-1", "BID-1")
@pytest.mark.parametrize(
    ("includes", "errors", "replied_to", "lacks"),
    [
        ({}, [], 55, PARENT),
        ({"tweets": [{"id": "55"}]}, [], 55, PARENT),  # without its versions
        ({"tweets": [{"id": "55", "edit_history_tweet_ids": ["55"]}]}, [], 55, ""),
        ({"tweets": [{"id": "55", "edit_history_tweet_ids": ["44", "55"]}]}, [], 44, ""),
        ({}, [{"resource_id": "55", "resource_type": "tweet"}], 55, ""),  # it is gone
        ({}, [{"resource_id": "nobody"}, {}], 55, PARENT),
    ],
)
def test_a_reply_further_down_needs_the_versions_of_what_it_replies_to(
    includes: Any, errors: Any, replied_to: int, lacks: str
) -> None:
    data = post(referenced_tweets=[{"type": "replied_to", "id": "55"}])
    raw = json.dumps({"data": data, "includes": includes, "errors": errors}).encode()
    found = direct_reply(read(raw), first_versions(raw))
    assert (found.bid.replied_to_id, found.lacks) == (replied_to, lacks)
    first = json.dumps({"data": post(), "includes": includes}).encode()
    assert direct_reply(read(first), first_versions(first)) == read(first), "the first post has no earlier version"


@pytest.mark.requirement("X-3")
def test_what_a_search_finds_is_of_its_conversation_whether_it_says_so_or_not() -> None:
    bare = post()
    del bare["conversation_id"]
    [found] = read_page(line([bare]), "search", 5, 99).posts
    assert found.conversation_id == 99
    [found] = read_page(line([post()]), "search", 5, 99).posts
    assert found.conversation_id == int(CONVERSATION)


@pytest.mark.requirement("X-1")
def test_an_edited_post_names_its_earlier_versions() -> None:
    history = ["1700000000000000001", "1699999999999999998", "1699999999999999997"]
    assert read(line(post(edit_history_tweet_ids=history))).earlier_versions == (
        1699999999999999997,
        1699999999999999998,
    )


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b'{"errors":[{"title":"operational-disconnect","disconnect_type":"UpstreamOperationalDisconnect"}]}',
        b'{"title":"ConnectionException","connection_issue":"TooManyConnections"}',
        b'{"data":null}',
        b'{"data":{"event_type":"profile.update.bio","payload":{"before":"a"}}}',
        b'{"something":"new"}',
    ],
)
def test_what_is_no_post_is_passed_over(raw: bytes) -> None:
    assert read_payload(raw, "stream", 0) is None


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize(
    "raw",
    [
        line(post())[:-30],
        b"<html>503</html>",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"data":{"id":"1","text":"\xff","author_id":"2"}}',
        b'{"data":' + b"[" * 100_000,
        line(post(text=5)),
        line(post(text="x" * 125_001)),
        line(post(author_id="٥٥")),
        line(post(id="-1")),
        line(post(id="1_0")),
        line(post(id=0)),
        line(post(id="9" * 19)),
        line(post(id=True)),
        line(post(id=1.7e18)),
        line(post(conversation_id="x")),
        line(post(referenced_tweets=[{"type": "replied_to"}])),
        line(post(referenced_tweets=[{"type": "replied_to", "id": ""}])),
        line(post(entities={"hashtags": [{"tag": None}]})),
    ],
)
def test_what_cannot_be_read_says_so_and_keeps_its_bytes(raw: bytes) -> None:
    with pytest.raises(UnreadablePost) as caught:
        read_payload(raw, "stream", 0)
    assert str(caught.value)
    assert caught.value.raw == raw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*post(), "users", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
CHANGED_POSTS = st.tuples(st.sampled_from(sorted(post())), JSON).map(lambda change: line(post() | dict([change])))


@pytest.mark.requirement("X-1")
@given(st.binary(max_size=200) | JSON.map(line) | CHANGED_POSTS)
def test_nothing_that_x_could_send_makes_the_reader_fall(raw: bytes) -> None:
    for reader in (read_payload, read_page):
        try:
            reader(raw, "stream", 0)
        except UnreadablePost:
            continue


@pytest.mark.requirement("X-3")
def test_one_unreadable_post_of_a_page_does_not_spoil_the_others() -> None:
    raw = line([post(), post(id="x"), post(id="1700000000000000002", author_id="9")], meta={"result_count": 3})
    page = read_page(raw, "search", 5)
    assert [(found.bid.post_id, found.bid.author_handle) for found in page.posts] == [
        (1700000000000000001, "alice"),
        (1700000000000000002, ""),
    ]
    assert {found.bid.source for found in page.posts} == {"search"}
    assert [json.loads(fault.raw)["id"] for fault in page.unreadable] == ["x"]


@pytest.mark.requirement("X-1", "X-3")
@pytest.mark.parametrize(
    "half", [rb"\ud83d", rb"\uDD25", rb"\ud83d\ud83d", rb"\\\ud83d\n", b"\xed\xa0\xbd", b"\xed\xb4\xa5"]
)
def test_half_a_character_hides_neither_its_post_nor_the_others_of_the_page(half: bytes) -> None:
    spoilt = line([post(text="0.5 ETH HERE"), post(id="1700000000000000002")], meta={}).replace(b"HERE", half)
    page = read_page(spoilt, "search", 5)
    assert [found.bid.post_id for found in page.posts] == [1700000000000000001, 1700000000000000002]
    assert page.posts[0].bid.text.rstrip("\n").endswith("\N{REPLACEMENT CHARACTER}")
    parent = {"id": "1699999999999999999", "text": "HERE", "edit_history_tweet_ids": ["1699999999999999999"]}
    spoilt = line(post(), [AUTHOR | {"name": "HERE"}]).replace(b"HERE", half)
    assert read(spoilt).bid.author_handle == "alice"
    spoilt = json.dumps({"includes": {"tweets": [parent]}}).encode().replace(b"HERE", half)
    assert first_versions(spoilt) == {1699999999999999999: 1699999999999999999}


@pytest.mark.requirement("X-1")
def test_beside_half_a_character_whole_ones_and_what_only_looks_like_one_stay_as_they_are() -> None:
    raw = line(post(text="HERE")).replace(b"HERE", rb"\ud83d\udd25 \\ud83d \u00e9 \udd25")
    assert read(raw).bid.text == "\N{FIRE} \\ud83d é \N{REPLACEMENT CHARACTER}"


@pytest.mark.requirement("X-1", "X-3")
@pytest.mark.parametrize(
    "account", [None, {}, {"username": None}, {"created_at": 5}, {"public_metrics": {"followers_count": -1}}]
)
def test_an_account_that_cannot_be_read_is_as_good_as_missing_and_hides_no_post(account: Any) -> None:
    users = [AUTHOR | account if account else account]
    assert read(line(post(), users)).bid.author_handle == ""
    page = read_page(line([post(), post(id="x")], users, meta={"next_token": "t"}), "search", 5)
    assert [found.bid.post_id for found in page.posts] == [1700000000000000001]
    assert (len(page.unreadable), page.next_token) == (1, "t")


@pytest.mark.requirement("X-3")
def test_a_search_without_hits_is_an_empty_page() -> None:
    page = read_page(b'{"meta":{"result_count":0}}', "search", 0)
    assert (page.posts, page.unreadable) == ([], [])
