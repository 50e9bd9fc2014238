"""X's error bodies, word for word where they are known, and the exception that carries one to the client."""

from collections.abc import Mapping
from typing import Any

TYPES = "https://api.twitter.com/2/problems/"
Body = dict[str, Any]


class Problem(Exception):
    """What ends a request: the status and the JSON body that X would answer."""

    def __init__(self, status: int, body: Body, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body.get("detail", body.get("title", "")))
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def invalid(parameter: str, value: str, message: str) -> Problem:
    """400: one parameter is impossible, `message` says why."""
    return Problem(
        400,
        {
            "errors": [{"parameters": {parameter: [value]}, "message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": TYPES + "invalid-request",
        },
    )


def unauthorized() -> Problem:
    """401: no credentials, or none that hold."""
    return _plain(401, "Unauthorized", "Unauthorized")


def forbidden(detail: str) -> Problem:
    """403, with X's reason."""
    return _plain(403, "Forbidden", detail)


def wrong_authentication(is_forbidden: str, allowed: str) -> Problem:
    """403: good credentials of a kind that the endpoint does not take."""
    return Problem(
        403,
        {
            "title": "Unsupported Authentication",
            "detail": f"Authenticating with {is_forbidden} is forbidden for this endpoint.  "
            f"Supported authentication types are [{allowed}].",
            "type": TYPES + "unsupported-authentication",
            "status": 403,
        },
    )


def stream_refused(status: int, issue: str, detail: str) -> Problem:
    """The stream is not opened: 429 TooManyConnections, 409 RuleConfigurationIssue."""
    return Problem(
        status,
        {
            "title": "ConnectionException",
            "detail": detail,
            "connection_issue": issue,
            "type": TYPES + "streaming-connection",
        },
    )


def too_many_requests(reset_s: int) -> Problem:
    """429 with the headers that say when the window ends (`reset_s`: Unix seconds)."""
    headers = {"x-rate-limit-limit": "1", "x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset_s)}
    body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    return Problem(429, body, headers)


def not_found(what: str, value: str, parameter: str) -> Body:
    """An entry of `errors[]` beside good data, or alone: the thing does not exist (any more)."""
    return {
        "value": value,
        "detail": f"Could not find {what} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": what,
        "parameter": parameter,
        "resource_id": value,
        "type": TYPES + "resource-not-found",
    }


def not_visible(what: str, value: str, parameter: str) -> Body:
    """An entry of `errors[]`: the thing is there, but its author is suspended."""
    return {
        "value": value,
        "detail": f"Sorry, you are not authorized to see the {what.capitalize()} with {parameter}: [{value}].",
        "title": "Authorization Error",
        "resource_type": what,
        "parameter": parameter,
        "resource_id": value,
        "section": "data",
        "type": TYPES + "not-authorized-for-resource",
    }


def _plain(status: int, title: str, detail: str) -> Problem:
    return Problem(status, {"title": title, "type": "about:blank", "status": status, "detail": detail})
