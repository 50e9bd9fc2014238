"""Computes a text's weight, which X limits to 280 for a post: by X's page "Counting characters" and its library
twitter-text (Apache-2.0), configuration 3.

The Python library for this, twitter-text-parser, is not used: last released in May 2023, it knows the emoji of 2019 and
imports a module that setuptools has dropped. X refuses a post that was counted too light. So an emoji sequence counts
as one only if X's library knows it; otherwise each of its parts counts.
"""

import re
import unicodedata

POST_LIMIT = 280
_ADDRESS = 23
_LABEL = 63  # the longest part of a host's name in ASCII

# Most letters outside of the Latin, Greek and Cyrillic scripts count twice.
_HEAVY = re.compile("[^\u0000-\u00a8\u00aa-\u00ad\u00af-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_address = re.compile(
    r"[Hh][Tt][Tt][Pp][Ss]?://((?:[^\W_]++(?:[_-]++[^\W_]++)*\.)+[^\W\d_]{2,})(?::[0-9]+)?"
    r"(?:[/?][A-Za-z0-9\u00c0-\u024f\u0400-\u04ff!*';:=+,.$/%#\[\]_~@|&?()-]*)?"
)

_TONE = "[\U0001f3fb-\U0001f3ff]"
_PERSON = f"[\U0001f468\U0001f469\U0001f9d1]{_TONE}?"
_GENDER = "\u200d[\u2640\u2642]\ufe0f?"
# Emoji that take a skin tone (Unicode's Emoji_Modifier_Base, 12.0).
_TONED = (
    "\u261d\u26f9\u270a-\u270d\U0001f385\U0001f3c2-\U0001f3c4\U0001f3c7\U0001f3ca-\U0001f3cc\U0001f442\U0001f443"
    "\U0001f446-\U0001f450\U0001f466-\U0001f478\U0001f47c\U0001f481-\U0001f483\U0001f485-\U0001f487\U0001f48f"
    "\U0001f491\U0001f4aa\U0001f574\U0001f575\U0001f57a\U0001f590\U0001f595\U0001f596\U0001f645-\U0001f647"
    "\U0001f64b-\U0001f64f\U0001f6a3\U0001f6b4-\U0001f6b6\U0001f6c0\U0001f6cc\U0001f90f\U0001f918-\U0001f91f\U0001f926"
    "\U0001f930-\U0001f939\U0001f93c-\U0001f93e\U0001f9b5\U0001f9b6\U0001f9b8\U0001f9b9\U0001f9bb\U0001f9cd-\U0001f9cf"
    "\U0001f9d1-\U0001f9dd"
)
# Emoji that a gender sign behind them makes a woman or a man.
_GENDERED = (
    "\u26f9\U0001f3c3\U0001f3c4\U0001f3ca-\U0001f3cc\U0001f46e\U0001f46f\U0001f471\U0001f473\U0001f477\U0001f481\U0001f482"
    "\U0001f486\U0001f487\U0001f575\U0001f645-\U0001f647\U0001f64b\U0001f64d\U0001f64e\U0001f6a3\U0001f6b4-\U0001f6b6"
    "\U0001f926\U0001f937-\U0001f939\U0001f93c-\U0001f93e\U0001f9b8\U0001f9b9\U0001f9cd-\U0001f9cf\U0001f9d6-\U0001f9df"
)
_CHILDREN = "(?:\u200d[\U0001f466\U0001f467]){1,2}"
# The flags of England, Scotland and Wales, spelled in invisible tag characters.
_REGIONS = "|".join("".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls"))
_emoji = re.compile(
    "|".join(
        (
            f"[\U0001f468\U0001f469](?:\u200d[\U0001f468\U0001f469])?{_CHILDREN}",  # families
            f"{_PERSON}\u200d\u2764\ufe0f?\u200d(?:\U0001f48b\u200d)?{_PERSON}",  # couples
            f"{_PERSON}\u200d\U0001f91d\u200d{_PERSON}",
            f"{_PERSON}\u200d(?:[\u2695\u2696\u2708]\ufe0f?|[\U0001f33e\U0001f373\U0001f393\U0001f3a4\U0001f3a8\U0001f3eb"
            "\U0001f3ed\U0001f4bb\U0001f4bc\U0001f527\U0001f52c\U0001f680\U0001f692\U0001f9af-\U0001f9b3\U0001f9bc\U0001f9bd])",
            f"[{_GENDERED}](?:{_TONE}|\ufe0f)?{_GENDER}",
            f"\U0001f3f4(?:{_REGIONS})\U000e007f",
            "\U0001f3f3\ufe0f?\u200d\U0001f308|\U0001f3f4\u200d\u2620\ufe0f?|\U0001f441\ufe0f?\u200d\U0001f5e8\ufe0f?"
            "|\U0001f415\u200d\U0001f9ba",
            f"[{_TONED}]{_TONE}",
            "[\U0001f1e6-\U0001f1ff]{2}",
            "[0-9#*]\ufe0f?\u20e3",
            "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]\ufe0f",
        )
    )
)


def weight(text: str) -> int:
    """The weight of the text in normal form C, where an accent and its letter are one character; 280 is the limit."""
    text = unicodedata.normalize("NFC", text)
    addresses = 0
    for found in _address.finditer(text):
        if all(_length(label) <= _LABEL for label in found[1].split(".")):
            addresses += _ADDRESS - _plain(found[0])
    return addresses + _plain(text)


def _plain(text: str) -> int:
    text = _emoji.sub("\u3000", text)  # this character counts twice, as an emoji does
    return len(text) + len(_HEAVY.findall(text))


def _length(label: str) -> int:
    return len(label) if label.isascii() else len("xn--") + len(label.encode("punycode"))
