"""What is said of a word that is none of those known: which there are, and which of them is nearest."""

import difflib
from collections.abc import Collection, Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a fault: the nearest known word, if one is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def there_is_no(what: str, word: str, known: Collection[str]) -> str:
    """The fault of a word that is none of those known: which there are, and the nearest, if one is near."""
    return f"there is no {what} {word[:60]!r}; there are {', '.join(known)}{did_you_mean(word[:60], known)}"
