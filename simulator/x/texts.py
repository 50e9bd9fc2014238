"""Entities and escaping of a text as X makes them. `messages.post_weight` has the weight of a text."""

import re
from html import escape as html_escape
from typing import Any

_URL = re.compile(r"https?://[^\s]{1,2000}")
_HASHTAG = re.compile(r"(?<![\w&])[#＃](\w{0,100}[^\W\d_]\w{0,100})")
_MENTION = re.compile(r"(?<![A-Za-z0-9_!#$%&*@＠])[@＠]([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@])")


def escape(text: str) -> str:
    """Escapes & < > and nothing else, as X does."""
    return html_escape(text, quote=False)


def hashtags(text: str) -> list[str]:
    """Returns the hashtags that X links, without #."""
    return [match[1] for match in _HASHTAG.finditer(_without_urls(text))]


def mentions(text: str) -> list[str]:
    """Returns the handles that X links, without @."""
    return [match[1] for match in _MENTION.finditer(_without_urls(text))]


def entities(text: str) -> dict[str, Any]:
    """Returns the `entities` of an unescaped text; their positions are those in the escaped text."""
    plain = _without_urls(text)
    found = {
        "hashtags": [_place(text, match) | {"tag": match[1]} for match in _HASHTAG.finditer(plain)],
        "mentions": [_place(text, match) | {"username": match[1]} for match in _MENTION.finditer(plain)],
    }
    return {kind: places for kind, places in found.items() if places}


def _without_urls(text: str) -> str:
    # Addresses are blanked, not cut out, so that positions stay.
    return _URL.sub(lambda match: " " * len(match[0]), text)


def _place(text: str, match: re.Match[str]) -> dict[str, Any]:
    return {"start": len(escape(text[: match.start()])), "end": len(escape(text[: match.end()]))}
