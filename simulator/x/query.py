"""Parses the query language of X's search and stream rules, as far as auctions need it.

Known are `conversation_id:`, `in_reply_to_tweet_id:`, `from:`, `to:`, `#tag`, `@handle`, `is:reply` and words. A space
means AND and binds tighter than OR; `-` negates one operator; `()` group. Anything else is refused.
"""

import re
from collections.abc import Callable, Iterator

from simulator.x.texts import hashtags, mentions
from simulator.x.world import Post, User

Matches = Callable[[Post], bool]

_TOKEN = re.compile(r'\s*(?:([()])|(-?)((?:[a-z_]+:)?(?:"[^"]*"|[^\s()"]+)))')
_MAX_DEPTH = 20


class BadQuery(ValueError):
    """The query is not valid here; the text says where."""


def parse(query: str, max_chars: int) -> Matches:
    """Returns the predicate of a query. Raises BadQuery."""
    if not query.strip() or len(query) > max_chars:
        raise BadQuery(f"a query has 1 to {max_chars} characters, not {len(query)}")
    parser = _Parser(list(_tokens(query)))
    matches = parser.either(0)
    if parser.rest:
        raise BadQuery(f"unexpected {parser.rest[0]!r}")
    if not parser.standalone:
        raise BadQuery("is:reply and negations must be joined with an operator that stands alone")
    return matches


def _tokens(query: str) -> Iterator[str]:
    place, query = 0, query.strip()
    while place < len(query):
        found = _TOKEN.match(query, place)
        if not found:
            raise BadQuery(f"cannot read {query[place : place + 20]!r}")
        yield found[1] or found[2] + found[3]
        place = found.end()


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens
        self.standalone = False

    def either(self, depth: int) -> Matches:
        """Parses `terms OR terms ...`."""
        parts = [self.every(depth)]
        while self.rest and self.rest[0] == "OR":
            self.rest.pop(0)
            parts.append(self.every(depth))
        return lambda post: any(part(post) for part in parts)

    def every(self, depth: int) -> Matches:
        """Parses `term term ...`."""
        parts = []
        while self.rest and self.rest[0] not in (")", "OR"):
            parts.append(self.term(depth))
        if not parts:
            raise BadQuery("an operator is missing")
        return lambda post: all(part(post) for part in parts)

    def term(self, depth: int) -> Matches:
        word = self.rest.pop(0)
        if word == "(":
            if depth >= _MAX_DEPTH:
                raise BadQuery("too deeply nested")
            inside = self.either(depth + 1)
            if not self.rest or self.rest.pop(0) != ")":
                raise BadQuery("a ) is missing")
            return inside
        negated = word.startswith("-")
        operator = word.removeprefix("-")
        self.standalone = self.standalone or not (negated or operator.startswith("is:"))
        matches = _operator(operator)
        return (lambda post: not matches(post)) if negated else matches


def _operator(word: str) -> Matches:
    name, colon, value = word.partition(":")
    if colon and name in ("conversation_id", "in_reply_to_tweet_id"):
        if not (value.isascii() and value.isdigit() and len(value) <= 19):
            raise BadQuery(f"{word!r} needs the id of a post")
        number = int(value)
        if name == "conversation_id":
            return lambda post: post.conversation_id == number
        return lambda post: post.parent is not None and post.parent.id == number
    if colon and name in ("from", "to"):
        wanted = value.removeprefix("@").casefold()
        if name == "from":
            return lambda post: _is(post.author, wanted)
        return lambda post: post.parent is not None and _is(post.parent.author, wanted)
    if word == "is:reply":
        return lambda post: post.parent is not None
    # Quotes and retweets do not exist here.
    if word in ("is:retweet", "is:quote"):
        return lambda post: False
    if colon and name.isidentifier() and not value.startswith("//"):
        raise BadQuery(f"Reference to invalid operator '{name}'")
    wanted = word.strip('"').casefold()
    if wanted.startswith("#"):
        return lambda post: wanted[1:] in (tag.casefold() for tag in hashtags(post.text))
    if wanted.startswith("@"):
        return lambda post: wanted[1:] in (handle.casefold() for handle in mentions(post.text))
    return lambda post: wanted in post.text.casefold()


def _is(user: User, wanted: str) -> bool:
    return wanted in (user.handle.casefold(), str(user.id))
