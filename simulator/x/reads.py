"""The reading endpoints of X: recent search, look-ups, timelines, users. Posts that are gone are never returned."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiohttp import web

from messages.x_ids import first_id_at, posted_at_ms
from simulator.x.clock import now_ms
from simulator.x.faults import Faults, Kind
from simulator.x.parameters import count, id_range, moment, page_token, post_id, refuse_unknown
from simulator.x.problems import Problem, invalid, not_found, not_visible
from simulator.x.query import BadQuery, Matches, parse
from simulator.x.render import View, gone_error, page, user_object
from simulator.x.settings import ACCOUNT_ID, Settings
from simulator.x.shapes import reshape
from simulator.x.texts import mentions
from simulator.x.world import Post, User, World

SEARCH_CHARS = 512
MAX_IDS = 100
_WEEK_MS = 7 * 86_400_000
_VIEW = "expansions tweet.fields user.fields media.fields place.fields poll.fields"
_PAGING = f"{_VIEW} since_id until_id start_time end_time max_results pagination_token"


class Reads:
    """The endpoints that return posts and users."""

    def __init__(self, world: World, settings: Settings, faults: Faults) -> None:
        self._world = world
        self._settings = settings
        self._faults = faults
        self._missed: set[int] = set()  # posts that a fault has hidden once; later look-ups find them

    async def search(self, request: web.Request) -> web.Response:
        """GET /2/tweets/search/recent: the last seven days, newest first, behind the index's lag."""
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
        # The index lacks posts younger than its lag and posts older than a week.
        slow = self._faults.strikes(Kind.INDEX_LAG, request.method, request.path)
        lag_ms = self._settings.index_lag_ms + (slow.ms if slow else 0)
        wanted = range(max(wanted.start, first_id_at(now - _WEEK_MS)), min(wanted.stop, first_id_at(now - lag_ms + 1)))
        return self._answer(request, wanted, matches, limit)

    def _check_times(self, query: Any, now: int) -> None:
        if "since_id" in query and ("start_time" in query or "end_time" in query):
            raise invalid("since_id", query["since_id"], "'since_id' cannot be combined with start_time or end_time")
        if "since_id" in query and posted_at_ms(post_id("since_id", query["since_id"])) < now - _WEEK_MS:
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
        """GET /2/tweets?ids=: `data` has the found posts, `errors` the others."""
        refuse_unknown(request.query, f"{_VIEW} ids")
        return web.json_response(self._found(request, _ids(request), "ids"))

    async def one(self, request: web.Request) -> web.Response:
        """GET /2/tweets/:id: `data` has the post, or `errors` the reason why it is not shown."""
        refuse_unknown(request.query, _VIEW)
        answer = self._found(request, [request.match_info["id"]], "id")
        if "data" in answer:
            answer["data"] = answer["data"][0]
        return web.json_response(answer)

    def _found(self, request: web.Request, values: list[str], parameter: str) -> dict[str, Any]:
        found: list[Post] = []
        errors: list[dict[str, Any]] = []
        for value in values:
            post = self._world.posts.get(post_id(parameter, value))
            if post is None:
                errors.append(not_found("tweet", value, parameter))
            elif post.gone:
                errors.append(gone_error(post, parameter))
            elif post.id not in self._missed and self._faults.strikes(Kind.NOT_FOUND, request.method, request.path):
                self._missed.add(post.id)
                errors.append(not_found("tweet", value, parameter))
            else:
                found.append(post)
        answer = self._page(request, found)
        if errors:
            answer["errors"] = errors + answer.get("errors", [])
        return answer

    async def users(self, request: web.Request) -> web.Response:
        """GET /2/users?ids=: `data` has the found users, `errors` the others."""
        refuse_unknown(request.query, f"{_VIEW} ids")
        fields = View.asked(request.query).user_fields
        answer: dict[str, list[Any]] = {"data": [], "errors": []}
        for value in _ids(request):
            user = self._world.users_by_id.get(post_id("ids", value))
            if user is None:
                answer["errors"].append(not_found("user", value, "ids"))
            elif user.suspended_at_ms is not None:
                answer["errors"].append(not_visible("user", value, "ids"))
            else:
                answer["data"].append(user_object(user, fields))
        return web.json_response({name: part for name, part in answer.items() if part})

    async def me(self, request: web.Request) -> web.Response:
        """GET /2/users/me: the auction account."""
        refuse_unknown(request.query, _VIEW)
        user = self._world.users_by_id[ACCOUNT_ID]
        return web.json_response({"data": user_object(user, View.asked(request.query).user_fields)})

    async def own(self, request: web.Request) -> web.Response:
        """GET /2/users/:id/tweets: the posts of the user, newest first."""
        user = self._user(request)
        slow = self._faults.strikes(Kind.TIMELINE_LAG, request.method, request.path)
        lag_ms = self._settings.timeline_lag_ms + (slow.ms if slow else 0)
        return self._timeline(request, lambda post: post.author is user, lag_ms)

    async def mentioning(self, request: web.Request) -> web.Response:
        """GET /2/users/:id/mentions: the posts that mention the user, including replies."""
        handle = self._user(request).handle.casefold()
        return self._timeline(request, lambda post: handle in (name.casefold() for name in mentions(post.text)))

    def _user(self, request: web.Request) -> User:
        value = request.match_info["id"]
        user = self._world.users_by_id.get(post_id("id", value))
        if user is None or user.suspended_at_ms is not None:
            # X answers 200 with nothing but errors.
            raise Problem(200, {"errors": [not_found("user", value, "id")]})
        return user

    def _timeline(self, request: web.Request, matches: Matches, lag_ms: int = 0) -> web.Response:
        refuse_unknown(request.query, f"{_PAGING} exclude")
        wanted = id_range(request.query, now_ms() - lag_ms + 1, "pagination_token")
        return self._answer(request, wanted, matches, count(request.query, "max_results", 5, 100, 10))

    def _answer(self, request: web.Request, ids: range, matches: Matches, limit: int) -> web.Response:
        hits: Iterator[Post] = filter(matches, self._world.newest_first(ids))
        found = list(islice(hits, limit))
        meta: dict[str, Any] = {"result_count": len(found)}
        if found:
            meta = {"newest_id": str(found[0].id), "oldest_id": str(found[-1].id)} | meta
        if next(hits, None) is not None:
            meta["next_token"] = page_token(found[-1].id)
        return web.json_response(self._page(request, found) | {"meta": meta})

    def _page(self, request: web.Request, posts: list[Post]) -> dict[str, Any]:
        """Returns `data`, `includes` and `errors` of an answer, without empty parts."""
        view = View.asked(request.query)
        for post in posts:
            post.read_at_ms = post.read_at_ms or now_ms()
        answer = page(posts, view)
        reshape(answer, self._faults, request.method, request.path)
        return answer


def _ids(request: web.Request) -> list[str]:
    asked = [part for part in request.query.get("ids", "").split(",") if part]
    if not 1 <= len(asked) <= MAX_IDS:
        raise invalid("ids", request.query.get("ids", ""), f"The number of values is not between 1 and {MAX_IDS}")
    return list(dict.fromkeys(asked))
