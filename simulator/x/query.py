"""Parses queries of X's search and stream rules, as far as auctions need them.

Known are `conversation_id:`, `from:`, `#tag`, `is:reply` and words. A space means AND, and `-` negates one operator.
Anything else is refused, OR and groups too.
"""

import re
from collections.abc import Callable

from simulator.x.texts import hashtags
from simulator.x.world import Post

Matches = Callable[[Post], bool]

_TERM = re.compile(r"-?(conversation_id:[0-9]{1,19}|from:\w+|is:reply|#?\w+)")


class BadQuery(ValueError):
    """The query is not valid here; the text says where."""


def parse(query: str, max_chars: int) -> Matches:
    """Returns the predicate of a query. Raises BadQuery."""
    terms = query.split()
    if not terms or len(query) > max_chars:
        raise BadQuery(f"a query has 1 to {max_chars} characters, not {len(query)}")
    for term in terms:
        if not _TERM.fullmatch(term) or term == "OR":
            raise BadQuery(f"cannot read {term!r:.40}")
    if all(term.startswith(("-", "is:")) for term in terms):
        raise BadQuery("is:reply and negations must be joined with an operator that stands alone")
    wanted = [_operator(term) for term in terms if not term.startswith("-")]
    unwanted = [_operator(term[1:]) for term in terms if term.startswith("-")]
    return lambda post: all(has(post) for has in wanted) and not any(has(post) for has in unwanted)


def _operator(term: str) -> Matches:
    name, _, value = term.casefold().rpartition(":")
    if name == "conversation_id":
        number = int(value)
        return lambda post: post.conversation_id == number
    if name == "from":
        return lambda post: value in (post.author.handle.casefold(), str(post.author.id))
    if name == "is":
        return lambda post: post.parent is not None
    if value.startswith("#"):
        return lambda post: value[1:] in (tag.casefold() for tag in hashtags(post.text))
    return lambda post: value in post.text.casefold()
