"""X's error bodies, in X's words where these are known, and the exception that carries one to the client."""

from typing import Any

TYPES = "https://api.twitter.com/2/problems/"
Body = dict[str, Any]


class Problem(Exception):
    """Ends a request with the status and JSON body that X would answer."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(body.get("detail", body.get("title", "")))
        self.status = status
        self.body = body


def invalid(parameter: str, value: str, message: str) -> Problem:
    """400: a parameter is invalid; `message` says why."""
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
    """401: credentials are missing or wrong."""
    return _plain(401, "Unauthorized", "Unauthorized")


def forbidden(detail: str) -> Problem:
    """403, with X's reason."""
    return _plain(403, "Forbidden", detail)


def wrong_authentication(is_forbidden: str, allowed: str) -> Problem:
    """403: valid credentials of a kind that the endpoint does not accept."""
    detail = f"Authenticating with {is_forbidden} is forbidden for this endpoint.  "
    detail += f"Supported authentication types are [{allowed}]."
    return _plain(403, "Unsupported Authentication", detail, TYPES + "unsupported-authentication")


def stream_refused(status: int, issue: str, detail: str) -> Problem:
    """429 TooManyConnections or 409 RuleConfigurationIssue: the stream is not opened."""
    return Problem(
        status,
        {
            "title": "ConnectionException",
            "detail": detail,
            "connection_issue": issue,
            "type": TYPES + "streaming-connection",
        },
    )


def too_many_requests(*, legacy: bool) -> Problem:
    """429, with one of X's two bodies; the headers of the rate window are added later."""
    if legacy:
        return Problem(429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]})
    return _plain(429, "Too Many Requests", "Too Many Requests")


def credits_depleted() -> Problem:
    """402: the account's credits are used up."""
    return Problem(
        402,
        {
            "title": "CreditsDepleted",
            "detail": "Your enrolled account does not have any credits to fulfill this request.",
            "type": TYPES + "credits",
        },
    )


# X's two observed messages for a reply that it does not allow; both mean the same.
REPLY_NOT_ALLOWED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author "
    "of the post you are replying to.",
    "You can only reply to or quote posts where you are mentioned or are the author.",
)
DUPLICATE_CONTENT = "You are not allowed to create a Tweet with duplicate content."

# The last line of a stream that X ends for operational reasons.
OPERATIONAL_DISCONNECT: Body = {
    "errors": [
        {
            "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected upstream for operational reasons.",
            "type": TYPES + "operational-disconnect",
        }
    ]
}


def not_found(what: str, value: str, parameter: str) -> Body:
    """An entry of `errors[]`, beside good data or alone: a post or user does not exist (any more)."""
    return _of_resource(what, value, parameter) | {
        "detail": f"Could not find {what} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "type": TYPES + "resource-not-found",
    }


def not_visible(what: str, value: str, parameter: str) -> Body:
    """An entry of `errors[]`: a post or user exists, but the account is suspended or protected."""
    return _of_resource(what, value, parameter) | {
        "detail": f"Sorry, you are not authorized to see the {what.capitalize()} with {parameter}: [{value}].",
        "title": "Authorization Error",
        "section": "data",
        "type": TYPES + "not-authorized-for-resource",
    }


def _of_resource(what: str, value: str, parameter: str) -> Body:
    return {"value": value, "resource_type": what, "parameter": parameter, "resource_id": value}


def _plain(status: int, title: str, detail: str, kind: str = "about:blank") -> Problem:
    return Problem(status, {"title": title, "type": kind, "status": status, "detail": detail})
