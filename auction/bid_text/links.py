"""Finds the web addresses and hashtags in a post: X shows both as links, and neither holds an amount.

Hashtags begin and end where X's own library finds them (twitter-text 3.1, Apache-2.0, validHashtag), in the text as it
was written: full-width letters and joiners are part of a tag. `reading` finds mentions and ENS names.
"""

import re
import unicodedata

from auction.bid_text.characters import BREAKS, HIDDEN, LINK, SPACES

# Characters other than letters, digits and marks that X allows in a tag.
_IN_TAGS = frozenset(
    "_\u00b7\u05be\u05f3\u05f4\u0f0b\u0f0c\u200c\u200d\u3003\u301c\u309b\u309c\u30a0\u30fb\ua67e\uff5e",
)
_STYLES = "\ufe0e\ufe0f"  # the variation selectors of emoji: a tag may begin after one
_END = f"{SPACES}{BREAKS}{HIDDEN}"

_LINK = rf"(?P<url>[Hh][Tt][Tt][Pp][Ss]?://[^{_END}]++)|(?P<sign>[#＃](?![\ufe0f\u20e3]))"
_link = re.compile(_LINK)
# X finds no tag inside an address without https:// either. The list of domain endings changes, so text that may be such
# an address stays text.
_link_or_address = re.compile(rf"{_LINK}|(?<![\w.@-])(?>(?:[\w-]++\.)+)[A-Za-z]{{2,}}+(?::[0-9]++)?[/?][^{_END}]*+")
_path = re.compile("[A-Za-z0-9][/?]")
_plain_tag = re.compile("[A-Za-z0-9_]*+")
_isolated = re.compile("[\u2066-\u2068]([@＠#＃][^\u2066-\u2069 \n]++)\u2069")


def without_links(text: str) -> tuple[str, list[str]]:
    """The text with LINK for each address that begins with http and each hashtag; and the hashtags, without #."""
    text = text.replace(LINK, "\0")  # a LINK that the bidder wrote becomes another hidden character
    link = _link_or_address if _path.search(text) else _link
    pieces: list[str] = []
    tags: list[str] = []
    end = 0
    while found := link.search(text, end):
        start, link_end = found.span()
        pieces.append(text[end:start])
        end = _tag_end(text, link_end) if found["sign"] else link_end
        tag = text[link_end:end]
        if found["sign"] and _is_linked(text, start, tag, end):
            tags.append(tag)
        elif not found["url"]:
            pieces.append(text[start:end])
            continue
        pieces.append(LINK)
    return "".join([*pieces, text[end:]]), tags


def without_isolates(text: str) -> str:
    """The text without the isolate controls that X's applications put around a mention or a tag. Around a name with
    digits they stay, since they can change the order in which digits are shown."""
    return _isolated.sub(lambda found: found[1] if _is_plain_name(found[1]) else found[0], text)


def _is_linked(text: str, start: int, tag: str, end: int) -> bool:
    before = text[start - 1 : start]
    if before and before not in _STYLES and (before == "&" or _is_in_tags(before)):
        return False
    # X links no tag without a letter, none that another tag follows directly, and none that is an address's scheme.
    return any(c.isalpha() or _is_mark(c) for c in tag) and not text.startswith(("#", "＃", "://"), end)


def _tag_end(text: str, start: int) -> int:
    plain = _plain_tag.match(text, start)
    end = plain.end() if plain else start
    while end < len(text) and _is_in_tags(text[end]):
        end += 1
    return end


def _is_in_tags(character: str) -> bool:
    return character.isalpha() or character.isdecimal() or character in _IN_TAGS or _is_mark(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_plain_name(name: str) -> bool:
    return all(_is_in_tags(c) and not c.isdecimal() for c in name[1:])
