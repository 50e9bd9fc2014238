"""What we ask of X and tell it: rules, searches, lookups, own posts, posting; on real tweepy clients.

Each request is one try with a deadline. Nothing waits for a rate limit and nothing is repeated: that is the caller's.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
import requests
import tweepy
from urllib3.exceptions import MaxRetryError, NewConnectionError

from adapters.x.asking import Asking, Refusal, json_object, refuse, wall_clock_ms
from adapters.x.credentials import Credentials
from adapters.x.endpoint import Endpoint
from adapters.x.errors import PostOutcomeUnknown, PostRefused, UnreadablePost, XUnavailable, root_of
from adapters.x.fields import POST_PARAMETERS
from adapters.x.own_text import written_text
from adapters.x.payload import FoundPost, read_id, read_page

_BATCH = 100  # ids of a lookup, posts of a page: X's maximum
_X_EPOCH_MS = 1288834974657

_log = logging.getLogger(__name__)
# At DEBUG these write whole requests into the log, and with them the bearer token and the names of the other keys.
for _talkative in ("tweepy", "requests_oauthlib", "oauthlib"):
    logging.getLogger(_talkative).setLevel(logging.INFO)


class Lookup(msgspec.Struct, frozen=True):
    """Which posts are there, and which are not, with the cause: "deleted" or "unavailable" (protected, suspended).

    An id that X says nothing about is in neither.
    """

    present: frozenset[int]
    gone: dict[int, str]


class XClient:
    """X's REST side. For one thread at a time; every request blocks for `timeout_s` at most (more, while it connects).

    A search hands posts that cannot be read to `on_unreadable`, each time that it finds them, and goes on.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        timeout_s: float,
        *,
        on_unreadable: Callable[[UnreadablePost], None] | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._client = tweepy.Client(
            credentials.bearer_token,
            credentials.consumer_key,
            credentials.consumer_secret,
            credentials.access_token,
            credentials.access_token_secret,
            return_type=requests.Response,
        )
        # tweepy has the rules on the stream's client only; this one never streams.
        self._rules = tweepy.StreamingClient(credentials.bearer_token, return_type=requests.Response)
        for client in (self._client, self._rules):
            Endpoint(base_url, timeout_s).mount(client.session)
            client.session.hooks["response"].append(refuse)
        self._on_unreadable = on_unreadable or (lambda fault: _log.warning("a post cannot be read: %s", fault))
        self._asking = Asking(now_ms)
        self._own_id: int | None = None

    def close(self) -> None:
        """Close the connections. The client can be used again."""
        self._client.session.close()
        self._rules.session.close()

    def set_rules(self, rules: Mapping[str, str]) -> None:
        """Make these (tag to value) the rules of the stream: adds what is missing, removes what is too much.

        X takes some 20 s to follow. Raises XUnavailable, also for a rule that X does not accept.
        """
        wanted = set(rules.items())
        answer = self._asking.ask_object("rules", self._rules.get_rules)
        present = {str(rule.get("id")): (rule.get("tag"), rule.get("value")) for rule in _items(answer, "data")}
        surplus = [rule_id for rule_id, rule in present.items() if rule not in wanted]
        missing = [tweepy.StreamRule(value, tag) for tag, value in sorted(wanted - set(present.values()))]
        # Removing comes first: X refuses a value that is there already, under whatever tag.
        if surplus:
            self._change_rules(partial(self._rules.delete_rules, surplus))
        if missing:
            self._change_rules(partial(self._rules.add_rules, missing))

    def search(self, conversation_id: int, end_ms: int, start_ms: int = 0) -> list[FoundPost]:
        """The posts of the conversation made at or after `start_ms` and before `end_ms`, in the order of their ids.

        X finds nothing of the last 30 s for sure, nothing older than 7 days, and its index may lag: search again.
        Raises XUnavailable; TooManyPages where the slice is too long for one call.
        """
        parameters = {
            **POST_PARAMETERS,
            # X refuses ids together with start_time and end_time. As ids both bounds are exact to the ms.
            "since_id": max(conversation_id, _first_id(start_ms) - 1),
            "until_id": _first_id(end_ms),
            "max_results": _BATCH,
        }
        ask = partial(self._client.search_recent_tweets, f"conversation_id:{conversation_id}", **parameters)
        posts: dict[int, FoundPost] = {}
        for raw in self._asking.pages("search", lambda token: ask(next_token=token)):
            try:
                page = read_page(raw, "search", self._asking.now_ms())
            except UnreadablePost as fault:
                raise XUnavailable(f"search: the page cannot be read: {fault}") from fault
            for unreadable in page.unreadable:
                self._on_unreadable(unreadable)
            posts.update((post.bid.post_id, post) for post in page.posts)
        return [posts[post_id] for post_id in sorted(posts)]

    def lookup(self, ids: Iterable[int]) -> Lookup:
        """Which of these posts are still there. Raises XUnavailable."""
        asked = sorted(set(ids))
        present: set[int] = set()
        gone: dict[int, str] = {}
        for first in range(0, len(asked), _BATCH):
            batch = asked[first : first + _BATCH]
            answer = self._asking.ask_object("lookup", partial(self._client.get_tweets, batch))
            present.update(_ids(_items(answer, "data"), "id"))
            for error in _items(answer, "errors"):
                not_found = str(error.get("type")).endswith("resource-not-found")
                for post_id in _ids([error], "resource_id"):
                    gone[post_id] = "deleted" if not_found else "unavailable"
        present.intersection_update(asked)
        return Lookup(frozenset(present), {one: gone[one] for one in asked if one in gone and one not in present})

    def create_post(self, text: str, reply_to_id: int | None = None) -> int:
        """Post once; the post's id. Raises PostOutcomeUnknown, PostRefused, XUnavailable (the post never left)."""
        post = partial(self._client.create_tweet, text=text, in_reply_to_tweet_id=reply_to_id, user_auth=True)
        try:
            answer = self._asking.send("post", post)
        except Refusal as fault:
            if fault.status == 429:
                raise self._asking.unavailable("post", fault) from fault
            if 400 <= fault.status < 500 and fault.status != 408:
                raise PostRefused(str(fault), fault.status) from fault
            raise PostOutcomeUnknown(str(fault)) from fault
        except requests.RequestException as fault:
            if _never_left(fault):
                raise XUnavailable(f"post: {root_of(fault)}") from fault
            raise PostOutcomeUnknown(root_of(fault)) from fault
        try:
            return read_id(msgspec.json.decode(answer)["data"]["id"])
        except (ValueError, LookupError, TypeError, RecursionError) as fault:
            raise PostOutcomeUnknown(f"the answer cannot be read: {fault}") from fault

    def own_posts(self, since_ms: int) -> list[tuple[int, str]]:
        """The account's posts made since then, newest first: id, and text as it was written (see own_text).

        A post may take a moment to appear here. Raises XUnavailable.
        """
        ask = partial(
            self._client.get_users_tweets,
            self._who_am_i(),
            max_results=_BATCH,
            since_id=_first_id(since_ms) - 1,
            tweet_fields=["entities", "note_tweet", "display_text_range"],
            user_auth=True,
        )
        found: dict[int, str] = {}
        for raw in self._asking.pages("own posts", lambda token: ask(pagination_token=token)):
            for post in _items(json_object("own posts", raw), "data"):
                found.update((post_id, written_text(post)) for post_id in _ids([post], "id"))
        return sorted(found.items(), reverse=True)

    def _who_am_i(self) -> int:
        if self._own_id is None:
            answer = self._asking.ask_object("me", partial(self._client.get_me, user_auth=True))
            me = answer.get("data")
            own = next(_ids([me], "id"), None) if isinstance(me, dict) else None
            if own is None:
                raise XUnavailable("me: the answer holds no id")
            self._own_id = own
        return self._own_id

    def _change_rules(self, call: Callable[[], requests.Response]) -> None:
        answer = self._asking.ask_object("change rules", call)
        # The same change made twice, by a predecessor whose answer was lost, is what we want.
        faults = [error for error in _items(answer, "errors") if error.get("title") != "DuplicateRule"]
        if faults:
            raise XUnavailable(f"rules: {msgspec.json.encode(faults[0]).decode()[:500]}")


def _items(answer: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list that may be missing."""
    found = answer.get(name) if isinstance(answer, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _ids(items: Iterable[dict[str, Any]], name: str) -> Iterator[int]:
    for item in items:
        try:
            yield read_id(item.get(name))
        except ValueError as fault:
            _log.warning("an answer of X: %s", fault)


def _first_id(at_ms: int) -> int:
    """The least id that a post made at this time, or later, can have."""
    return max(at_ms - _X_EPOCH_MS, 1) << 22


def _never_left(fault: requests.RequestException) -> bool:
    """Whether no byte of the request can have reached X: there was no connection to send it on."""
    if isinstance(fault, requests.ConnectTimeout):
        return True
    cause = fault.args[0] if fault.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
