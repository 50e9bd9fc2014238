"""What X makes of a text: entities and escaping. Its weight is `messages.post_weight`. It reads no bids."""

import re
from html import escape as html_escape
from typing import Any

_URL = re.compile(r"https?://[^\s]{1,2000}")
_HASHTAG = re.compile(r"(?<![\w&])[#＃](\w{0,100}[^\W\d_]\w{0,100})")
_MENTION = re.compile(r"(?<![A-Za-z0-9_!#$%&*@＠])[@＠]([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@])")


def escape(text: str) -> str:
    """As X delivers it: & < > escaped, nothing else."""
    return html_escape(text, quote=False)


def hashtags(text: str) -> list[str]:
    """The hashtags that X links, without #."""
    return [match[1] for match in _HASHTAG.finditer(_without_urls(text))]


def mentions(text: str) -> list[str]:
    """The handles that X links, without @."""
    return [match[1] for match in _MENTION.finditer(_without_urls(text))]


def entities(text: str) -> dict[str, Any]:
    """The `entities` of an unescaped text; places count in the text as it is delivered."""
    plain = _without_urls(text)
    found = {
        "hashtags": [_place(text, match) | {"tag": match[1]} for match in _HASHTAG.finditer(plain)],
        "mentions": [_place(text, match) | {"username": match[1]} for match in _MENTION.finditer(plain)],
    }
    return {kind: places for kind, places in found.items() if places}


def _without_urls(text: str) -> str:
    # Blanked rather than cut out, so that places stay where they are.
    return _URL.sub(lambda match: " " * len(match[0]), text)


def _place(text: str, match: re.Match[str]) -> dict[str, Any]:
    return {"start": len(escape(text[: match.start()])), "end": len(escape(text[: match.end()]))}
