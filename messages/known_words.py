"""Error texts for an unknown word: they name the known words, and the nearest one."""

import difflib
from collections.abc import Collection, Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error text: "; did you mean …?" with the nearest known word, or empty where none is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def there_is_no(what: str, word: str, known: Collection[str]) -> str:
    """The error text for a `word` that names no known `what`: the known words, and the nearest one, if one is near."""
    return f"there is no {what} {word[:60]!r}; there are {', '.join(known)}{did_you_mean(word[:60], known)}"
