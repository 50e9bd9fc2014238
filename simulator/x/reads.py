"""What can be read from X: the recent search, look-ups, timelines, who one is. Gone posts are nowhere to be found."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from aiohttp import web

from simulator.x.auth import Authentication
from simulator.x.clock import first_id_at, now_ms, time_of
from simulator.x.parameters import Range, count, id_range, moment, page_token, post_id, refuse_unknown
from simulator.x.problems import Problem, invalid, not_found
from simulator.x.query import BadQuery, parse
from simulator.x.render import View, gone_error, page, user_object
from simulator.x.settings import ACCOUNT_ID, Settings
from simulator.x.texts import mentions
from simulator.x.world import Post, User, World

SEARCH_CHARS = 512
MAX_IDS = 100
_WEEK_MS = 7 * 86_400_000
_VIEW = "expansions tweet.fields user.fields media.fields place.fields poll.fields"
_PAGING = f"{_VIEW} since_id until_id start_time end_time max_results pagination_token"


class Reads:
    """The endpoints that answer with posts and users."""

    def __init__(self, world: World, settings: Settings, authentication: Authentication) -> None:
        self._world = world
        self._settings = settings
        self._authentication = authentication

    async def search(self, request: web.Request) -> web.Response:
        """GET /2/tweets/search/recent: the last seven days, newest first, behind the index's lag."""
        self._authentication.any(request)
        query = request.query
        refuse_unknown(query, f"{_PAGING} query next_token sort_order")
        asked = query.get("query", "")
        try:
            matches = parse(asked, SEARCH_CHARS)
        except BadQuery as fault:
            raise invalid("query", asked, f"There were errors processing your request: {fault}") from None
        now = now_ms()
        self._check_times(query, now)
        limit = count(query, "max_results", 10, 100, 10)
        token = "next_token" if "next_token" in query else "pagination_token"
        wanted = id_range(query, now - self._settings.search_end_lag_ms, token)
        # What is younger than the lag is not in the index yet; what is older than a week is not in it any more.
        wanted = Range(
            max(wanted.from_id, first_id_at(now - _WEEK_MS)),
            min(wanted.below_id, first_id_at(now - self._settings.index_lag_ms + 1)),
        )
        return self._answer(wanted, matches, limit, View.asked(query))

    def _check_times(self, query: Any, now: int) -> None:
        if "since_id" in query and ("start_time" in query or "end_time" in query):
            raise invalid("since_id", query["since_id"], "'since_id' cannot be combined with start_time or end_time")
        if "since_id" in query and time_of(post_id("since_id", query["since_id"])) < now - _WEEK_MS:
            oldest = first_id_at(now - _WEEK_MS)
            raise invalid("since_id", query["since_id"], f"'since_id' must be a tweet id created after [{oldest}]")
        end_ms = moment(query, "end_time")
        if end_ms is not None and end_ms > now - self._settings.search_end_lag_ms // 3:
            raise invalid(
                "end_time",
                query["end_time"],
                "Invalid 'end_time': must be a minimum of "
                f"{self._settings.search_end_lag_ms / 3000:g} seconds prior to the request time.",
            )

    async def lookup(self, request: web.Request) -> web.Response:
        """GET /2/tweets?ids=: what is there in `data`, what is not in `errors`."""
        self._authentication.any(request)
        refuse_unknown(request.query, f"{_VIEW} ids")
        asked = [part for part in request.query.get("ids", "").split(",") if part]
        if not 1 <= len(asked) <= MAX_IDS:
            raise invalid("ids", request.query.get("ids", ""), f"The number of values is not between 1 and {MAX_IDS}")
        found: list[Post] = []
        errors: list[dict[str, Any]] = []
        for value in dict.fromkeys(asked):
            post = self._world.posts.get(post_id("ids", value))
            if post is None:
                errors.append(not_found("tweet", value, "ids"))
            elif post.gone:
                errors.append(gone_error(post, "ids"))
            else:
                found.append(post)
        answer = page(found, View.asked(request.query)) if found else {}
        self._was_read(found)
        if errors:
            answer["errors"] = errors + answer.get("errors", [])
        return web.json_response(answer)

    async def me(self, request: web.Request) -> web.Response:
        """GET /2/users/me: the auction account."""
        self._authentication.user(request)
        refuse_unknown(request.query, _VIEW)
        user = self._world.users_by_id[ACCOUNT_ID]
        return web.json_response({"data": user_object(user, View.asked(request.query).user_fields)})

    async def own(self, request: web.Request) -> web.Response:
        """GET /2/users/:id/tweets: what the user has posted, newest first."""
        user = self._user(request)
        return self._timeline(request, lambda post: post.author is user)

    async def mentioning(self, request: web.Request) -> web.Response:
        """GET /2/users/:id/mentions: the posts that name the user, replies among them."""
        handle = self._user(request).handle.casefold()
        return self._timeline(request, lambda post: handle in (name.casefold() for name in mentions(post.text)))

    def _user(self, request: web.Request) -> User:
        self._authentication.any(request)
        value = request.match_info["id"]
        user = self._world.users_by_id.get(post_id("id", value))
        if user is None or user.suspended_at_ms is not None:
            # X answers 200 with nothing but errors.
            raise Problem(200, {"errors": [not_found("user", value, "id")]})
        return user

    def _timeline(self, request: web.Request, matches: Callable[[Post], bool]) -> web.Response:
        refuse_unknown(request.query, f"{_PAGING} exclude")
        wanted = id_range(request.query, None, "pagination_token")
        return self._answer(wanted, matches, count(request.query, "max_results", 5, 100, 10), View.asked(request.query))

    def _answer(self, wanted: Range, matches: Callable[[Post], bool], limit: int, view: View) -> web.Response:
        hits: Iterator[Post] = filter(matches, self._world.newest_first(wanted.below_id, wanted.from_id))
        found = list(islice(hits, limit))
        meta: dict[str, Any] = {"result_count": len(found)}
        if found:
            meta = {"newest_id": str(found[0].id), "oldest_id": str(found[-1].id)} | meta
        if next(hits, None) is not None:
            meta["next_token"] = page_token(found[-1].id)
        self._was_read(found)
        return web.json_response((page(found, view) if found else {}) | {"meta": meta})

    def _was_read(self, posts: list[Post]) -> None:
        for post in posts:
            post.read_at_ms = post.read_at_ms or now_ms()
