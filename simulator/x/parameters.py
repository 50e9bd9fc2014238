"""Reads the parameters of a request as strictly as X; an invalid parameter is answered with a 400 that names it."""

from collections.abc import Mapping
from datetime import datetime

from messages.x_ids import first_id_at
from simulator.x.problems import invalid


def refuse_unknown(query: Mapping[str, str], known: str) -> None:
    """Raises Problem (400) for a parameter that is not among the names in `known`."""
    for name, value in query.items():
        if name not in known.split():
            raise invalid(name, value, f"The query parameter [{name}] is not one of [{','.join(known.split())}]")


def post_id(parameter: str, value: str) -> int:
    """Reads an id. Raises Problem (400)."""
    if not (value.isascii() and value.isdigit() and 0 < len(value) <= 19):
        raise invalid(parameter, value, f"The `{parameter}` value [{value}] is not valid")
    return int(value)


def moment(query: Mapping[str, str], parameter: str) -> int | None:
    """Reads a time (ISO 8601) as UTC ms; None if it is not given. Raises Problem (400)."""
    value = query.get(parameter)
    if value is None:
        return None
    try:
        given = datetime.fromisoformat(value)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None or not 2006 <= given.year <= 9000:
        raise invalid(parameter, value, f"Invalid '{parameter}': '{value}' is not a valid ISO 8601 timestamp")
    return round(given.timestamp() * 1000)


def count(query: Mapping[str, str], parameter: str, low: int, high: int, default: int) -> int:
    """Reads a number within bounds. Raises Problem (400)."""
    value = query.get(parameter, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 6 and low <= int(value) <= high):
        raise invalid(parameter, value, f"The `{parameter}` value [{value}] is not between {low} and {high}")
    return int(value)


def id_range(query: Mapping[str, str], default_end_ms: int, token_parameter: str) -> range:
    """Reads the range of ids that since_id and until_id (both exclusive), start_time (inclusive), end_time (exclusive)
    and a page token leave. Raises Problem (400)."""
    start_ms, end_ms = moment(query, "start_time"), moment(query, "end_time")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise invalid("end_time", query["end_time"], "'end_time' must be after 'start_time'")
    from_id = first_id_at(start_ms) if start_ms is not None else 0
    if "since_id" in query:
        from_id = max(from_id, post_id("since_id", query["since_id"]) + 1)
    below_id = first_id_at(default_end_ms if end_ms is None else end_ms)
    if "until_id" in query:
        below_id = min(below_id, post_id("until_id", query["until_id"]))
    if token_parameter in query:
        below_id = min(below_id, _opened(token_parameter, query[token_parameter]))
    return range(from_id, below_id)


def page_token(below_id: int) -> str:
    """Makes the token for the next page; clients must not interpret it."""
    return f"b26v89c{below_id:x}z"


def _opened(parameter: str, token: str) -> int:
    try:
        if not (token.startswith("b26v89c") and token.endswith("z") and len(token) <= 30):
            raise ValueError(token)
        return int(token[7:-1], 16)
    except ValueError:
        raise invalid(parameter, token, f"Invalid '{parameter}' value") from None
