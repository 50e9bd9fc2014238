"""The parts of a post that a verdict needs and X may leave out of an answer, each by its name in words.

`payload` finds out which part is missing; `actors/twitter/first_sights` decides what follows.
"""

import re

from messages.post_weight import POST_LIMIT, weight

AUTHOR, TEXT, REFERENCE = "its author", "its text", "what it replies to"
PARENT = "whether it replies to an edited version"  # where it does not reply to the first post of its conversation
REST = "the rest of its text"

_ELLIPSIS = "…"
_CUT_CHARACTERS = 26  # an ellipsis, and the link to the whole post that may stand after it
_LINK_AT_END = re.compile(r"\s*https?://\S*\Z")


def may_be_cut(text: str) -> bool:
    """Whether `is_cut` may be true, found out cheaply by the end of the text alone."""
    return _ELLIPSIS in text[-_CUT_CHARACTERS:]


def is_cut(text: str) -> bool:
    """Whether a text looks like one that X has cut: as long as a short post may be, with an ellipsis at its end. Its
    author may have written that too."""
    return weight(text) >= POST_LIMIT - _CUT_CHARACTERS and _LINK_AT_END.sub("", text).endswith(_ELLIPSIS)
