"""Makes a text readable, by tables of the characters that people cannot see, or see as spaces, emoji or digits.

The tables are explicit where a newer Unicode version could change a verdict. NFKC is never used: it turns 0.5² into
0.52. `reading` and `amounts` interpret the readable text.
"""

import re
import unicodedata

# Stand-ins that the modules of `bid_text` put into a text. They are control characters, which count as hidden: those
# that a bidder wrote are removed.
EMOJI = "\x01"
LINK = "\x02"
FOREIGN_DIGIT = "\x03"

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Control characters other than white space, Unicode's Default_Ignorable_Code_Point and the blank braille cell. LINK is
# left out, since it is put in before hidden characters are looked for.
HIDDEN = (
    "\x00\x01\x03-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d"
    "\u2060-\u2065\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
SPACES = " \u00a0\u2000-\u200a\u202f\u205f\u3000"
BREAKS = "\t-\r\u0085\u1680\u2028\u2029"
# Pictures only: keycap ten, circled digits and the emoji signs of arithmetic are left out, since they alter amounts.
_EMOJI = (
    "\u203c\u2049\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab"
    "\u25b6\u25c0\u25fb-\u25fe\u2600-\u2715\u2717-\u2775\u2798-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1e6-\U0001f1ff\U0001f201\U0001f202\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f250\U0001f251\U0001f300-\U0001f51e\U0001f520-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb"
    "\U0001f7f0\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
_KEYCAP_TEN = "\U0001f51f"

_bidi = re.compile(f"[{_BIDI}]")
_hidden = re.compile(f"[{HIDDEN}]")
_keycap = re.compile("[0-9]\ufe0f?\u20e3")
_emoji_style = re.compile(f"(?<=[{_EMOJI}])[\ufe0e\ufe0f]")


def _members(ranges: str) -> list[int]:
    spans = re.findall("(.)(?:-(.))?", ranges, re.DOTALL)
    return [code for first, last in spans for code in range(ord(first), ord(last or first) + 1)]


_PLAIN_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PLAIN: dict[int, int | str | None] = {
    **_PLAIN_WIDTH,
    **dict.fromkeys(_members(SPACES), " "),
    **dict.fromkeys(_members(BREAKS), "\n"),
    **dict.fromkeys(_members(_EMOJI), EMOJI),
}
_HIDDEN_REMOVED = _PLAIN | dict.fromkeys(_members(HIDDEN))
_HIDDEN_SPACED = _PLAIN | dict.fromkeys(_members(HIDDEN), " ")


def reorders(text: str) -> bool:
    """Whether the text carries a control that can show its characters in another order than they are written."""
    return _bidi.search(text) is not None


def readings(text: str) -> tuple[str, ...]:
    """The text in plain characters. A text with hidden characters gives two: without them, and with spaces for them.

    LINK is kept. Full-width forms become ASCII, emoji become EMOJI, spaces " ", line breaks and tabs "\\n".
    """
    if text.isascii() and text.replace(LINK, "").isprintable():
        return (text,)
    # People see a keycap or a styled emoji as one character, so its variation selector does not count as hidden.
    text = _emoji_style.sub("", _keycap.sub("①", text))
    removed = text.translate(_HIDDEN_REMOVED)
    return (removed, text.translate(_HIDDEN_SPACED)) if _hidden.search(text) else (removed,)


def with_plain_width(text: str) -> str:
    """The text with ASCII characters in place of their full-width forms."""
    return text.translate(_PLAIN_WIDTH)


def with_foreign_digits(text: str) -> str:
    """The text with a stand-in for every digit that is not ASCII (½ ² ٥ 𝟓 ⑤)."""
    if text.isascii():
        return text
    return text.translate({ord(c): FOREIGN_DIGIT for c in set(text) if c == _KEYCAP_TEN or _is_foreign_digit(c)})


def _is_foreign_digit(character: str) -> bool:
    return character > "\x7f" and unicodedata.category(character).startswith("N")
