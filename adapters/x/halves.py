"""The decoder of X's JSON, also with half a character: X has been seen to cut texts in the middle of an emoji.

A strict decoder refuses such JSON as a whole: one post, or the name of one account, would hide all others of a page,
and hold up the close for ever. The half becomes U+FFFD, as in browsers.
"""

import re
from typing import TypeVar

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors that `decode` raises."""

# A half of a surrogate pair: as an escape, whose backslash is not escaped itself, or as bytes that UTF-8 does not have.
_HALF = re.compile(
    rb"(?<!\\)((?:\\\\)*)"
    rb"(?:\\u[dD][89abAB]\w\w(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]\w\w)\\u[dD][c-fC-F]\w\w)"
    rb"|\xed[\xa0-\xbf][\x80-\xbf]"
)
_REPLACED = b"\\1" + "\N{REPLACEMENT CHARACTER}".encode()
T = TypeVar("T")


def decode(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    """Decode these bytes. Raises UNREADABLE."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return decoder.decode(_HALF.sub(_REPLACED, raw))
