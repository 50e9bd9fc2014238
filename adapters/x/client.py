"""The client of X's REST API: rules, searches, look-ups, own posts, posting; on real tweepy clients.

Each request is one try with a deadline, within the budget. Waiting and repeating are up to the caller.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec
import requests
import tweepy

from adapters.x.answers import Lookup, Users, ids, items, read_lookup, read_users
from adapters.x.budget import Budget
from adapters.x.budgeted_requests import BudgetedRequests, Refusal, json_object, next_token, refuse
from adapters.x.clock import XClock
from adapters.x.credentials import Credentials
from adapters.x.endpoint import BODY_BYTES, Endpoint
from adapters.x.errors import PostOutcomeUnknown, PostRefused, UnreadablePost, XUnavailable, root_of
from adapters.x.fields import EDIT_HISTORY, POST_PARAMETERS, USER_FIELDS
from adapters.x.own_text import written_text
from adapters.x.payload import Page, read_id, read_page
from adapters.x.versions import direct_reply, first_versions
from messages.x_ids import first_id_at, posted_at_ms

BATCH = 100  # ids of a lookup, posts of a page: X's maximum

# At DEBUG these write whole requests into the log, and with them the bearer token and the names of the other keys.
for _talkative in ("tweepy", "requests_oauthlib", "oauthlib"):
    logging.getLogger(_talkative).setLevel(logging.INFO)


class XClient:
    """A client of X's REST API. For one thread at a time. A request blocks for `timeout_s`, or while it connects.

    The clients of a process share one `budget`, and one `clock`, which takes X's time from each answer.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        timeout_s: float,
        budget: Budget | None = None,
        *,
        clock: XClock | None = None,
        body_bytes: int = BODY_BYTES,
    ) -> None:
        self.clock = clock or XClock()
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
        self._endpoint = Endpoint(base_url, timeout_s, body_bytes)
        of_rules = Endpoint(base_url, timeout_s, body_bytes)
        for client, endpoint in ((self._client, self._endpoint), (self._rules, of_rules)):
            client.session = endpoint.session()
            client.session.hooks["response"].append(refuse)
        self._requests = BudgetedRequests(budget or Budget(), self.clock)
        self._own_id: int | None = None

    def close(self) -> None:
        """Close the connections. The client can be used again."""
        self._client.session.close()
        self._rules.session.close()

    def check_keys(self) -> None:
        """Make a request with each kind of keys: finds wrong ones, and reads X's clock. Raises XUnavailable."""
        try:
            self._requests.ask("rules", self._rules.get_rules)
        finally:  # where that endpoint alone fails, the other one's answer still shows X's time
            self._account_id()

    def set_rules(self, mark: str, rules: Mapping[str, str]) -> bool:
        """Make these (tag to value) the stream's rules whose tags begin with `mark`; other rules are left alone.

        Makes one change a call, so that nobody waits for long. Returns whether none is left to be made. X takes some 20
        s to follow. Raises XUnavailable, also for a rule that X does not accept.
        """
        wanted = set(rules.items())
        answer = self._requests.ask_object("rules", self._rules.get_rules)
        present = {str(rule.get("id")): (str(rule.get("tag")), rule.get("value")) for rule in items(answer, "data")}
        surplus = [one for one, rule in present.items() if rule[0].startswith(mark) and rule not in wanted]
        missing = [tweepy.StreamRule(value, tag) for tag, value in sorted(wanted - set(present.values()))]
        # Removing comes first: X refuses a value that another rule has, under whatever tag.
        if surplus:
            self._change_rules(partial(self._rules.delete_rules, surplus))
        elif missing:
            self._change_rules(partial(self._rules.add_rules, missing))
        return not (surplus and missing)

    def search(self, conversation_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
        """A page of the conversation's posts made at or after `start_ms` and before `end_ms`; the newest come first.

        X finds nothing of the last 30 s for sure, nothing older than 7 days, and its index may lag: search again.
        Raises XUnavailable; with status 400 where X does not take the token any more.
        """
        return self._page(
            "search",
            partial(
                self._client.search_recent_tweets,
                f"conversation_id:{conversation_id}",
                **_slice(max(conversation_id, first_id_at(start_ms) - 1), end_ms),
                next_token=token,
            ),
            conversation_id,
        )

    def mentions(self, since_id: int, end_ms: int, start_ms: int = 0, token: str | None = None) -> Page:
        """A page of the posts after `since_id` that name the account, as each reply to it does; else like `search`.

        A second source: X has been seen not to find a reply by its conversation. It goes back 800 posts at most.
        """
        return self._page(
            "mentions",
            partial(
                self._client.get_users_mentions,
                self._account_id(),
                **_slice(max(since_id, first_id_at(start_ms) - 1), end_ms),
                pagination_token=token,
            ),
        )

    def lookup(self, asked_ids: Iterable[int]) -> Lookup:
        """Which of these posts exist, of BATCH of them at most. Raises XUnavailable."""
        asked = sorted(set(asked_ids))
        ask = partial(self._client.get_tweets, asked, tweet_fields=[EDIT_HISTORY])
        present, gone = read_lookup(self._requests.ask_object("lookup", ask))
        present &= set(asked)
        return Lookup(frozenset(present), {one: gone[one] for one in asked if one in gone and one not in present})

    def posts(self, post_ids: Iterable[int]) -> Page:
        """Those of these posts that exist, of BATCH of them at most: a third source. Raises XUnavailable."""
        return self._page("lookup", lambda: self._client.get_tweets(sorted(set(post_ids)), **POST_PARAMETERS))

    def users(self, user_ids: Iterable[int]) -> Users:
        """These accounts, BATCH of them at most. Raises XUnavailable."""
        ask = partial(self._client.get_users, ids=sorted(set(user_ids)), user_fields=USER_FIELDS)
        return read_users(self._requests.ask_object("users", ask))

    def create_post(self, text: str, reply_to_id: int | None = None) -> int:
        """Post in one try. Returns the post's id. Raises PostOutcomeUnknown, PostRefused, XUnavailable (never sent)."""
        post = partial(self._client.create_tweet, text=text, in_reply_to_tweet_id=reply_to_id, user_auth=True)
        sent_s, begun = self.clock.steady_s(), self._endpoint.begun
        try:
            answer = self._requests.send("post", post)
        except Refusal as fault:
            if fault.status == 429:
                raise self._requests.unavailable("post", fault) from fault
            if 400 <= fault.status < 500 and fault.status != 408:
                raise PostRefused(str(fault), fault.status) from fault
            raise PostOutcomeUnknown(str(fault)) from fault
        except requests.RequestException as fault:
            if self._endpoint.begun == begun:
                raise self._requests.unavailable("post", fault) from fault
            raise PostOutcomeUnknown(root_of(fault)) from fault
        try:
            post_id = read_id(msgspec.json.decode(answer)["data"]["id"])
        except (ValueError, LookupError, TypeError, RecursionError) as fault:
            raise PostOutcomeUnknown(f"the answer cannot be read: {fault}") from fault
        self.clock.read(posted_at_ms(post_id), posted_at_ms(post_id), sent_s)
        return post_id

    def own_posts(self, since_ms: int, token: str | None = None) -> tuple[list[tuple[int, str]], str | None]:
        """A page of the account's posts made since `since_ms` (UTC ms), newest first (id, and text as written, see
        own_text), and the token of the next page.

        A post may take a moment to appear here. Raises XUnavailable.
        """
        ask = partial(
            self._client.get_users_tweets,
            self._account_id(),
            max_results=BATCH,
            since_id=first_id_at(since_ms) - 1,
            pagination_token=token,
            tweet_fields=["entities", "note_tweet", "display_text_range"],
            user_auth=True,
        )
        raw = self._requests.ask("own posts", ask)
        posts = items(json_object("own posts", raw), "data")
        found = {post_id: written_text(post) for post in posts for post_id in ids([post], "id")}
        return sorted(found.items(), reverse=True), next_token("own posts", raw)

    def _page(self, kind: str, ask: Callable[[], requests.Response], conversation_id: int | None = None) -> Page:
        """Read one page, in the order of ids; posts that do not name their conversation get this one."""
        raw = self._requests.ask(kind, ask)
        try:
            page = read_page(raw, kind, self._requests.now_ms(), conversation_id)
        except UnreadablePost as fault:
            raise XUnavailable(f"{kind}: the page cannot be read: {fault}") from fault
        firsts = first_versions(raw)
        posts = {post.bid.post_id: direct_reply(post, firsts) for post in page.posts}
        return msgspec.structs.replace(page, posts=[posts[post_id] for post_id in sorted(posts)])

    def _account_id(self) -> int:
        if self._own_id is None:
            answer = self._requests.ask_object("me", partial(self._client.get_me, user_auth=True))
            me = answer.get("data")
            own = next(ids([me], "id"), None) if isinstance(me, dict) else None
            if own is None:
                raise XUnavailable("me: the answer holds no id")
            self._own_id = own
        return self._own_id

    def _change_rules(self, call: Callable[[], requests.Response]) -> None:
        answer = self._requests.ask_object("change rules", call)
        # A duplicate is no fault: a predecessor whose answer was lost has made the same rule.
        faults = [error for error in items(answer, "errors") if error.get("title") != "DuplicateRule"]
        if faults:
            raise XUnavailable(f"rules: {msgspec.json.encode(faults[0]).decode()[:500]}")


def _slice(since_id: int, end_ms: int) -> dict[str, Any]:
    """The parameters that ask for the posts after an id, made before a time."""
    # X refuses ids together with start_time and end_time. As ids both bounds are exact to the ms.
    return {**POST_PARAMETERS, "since_id": since_id, "until_id": first_id_at(end_ms), "max_results": BATCH}
