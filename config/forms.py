"""The forms in which values are written in a configuration file and read from it: one `Form` for each kind of value.

A section's field carries its form as `Annotated[type, form]`; `reading` and `writing` walk the fields.
"""

import difflib
import hmac
import json
import re
import unicodedata
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from messages.known_words import did_you_mean

N = TypeVar("N", bound=int)

_KEYS_OF_SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # the order of its group


class Section(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename=lambda attribute: re.sub(r"_(ms|wei|basis_points)$", "", attribute),
):
    """A table of the file. An attribute's name ends with its unit (`soft_close_ms`); its key in the file does not,
    since the value there has the unit (`soft_close = "5 min"`)."""


class Secret:
    """A credential. Only `reveal()` returns its text; in a log, a report or a traceback it shows as ***."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text of the credential, which the caller should pass on and not keep."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


class Form(NamedTuple):
    """One way to write a value.

    `read` converts a value of the TOML type `toml`; the text of its ValueError follows the name of the setting ("is not
    …"). `write` converts back to TOML. `what` completes "must be …". A fault quotes the value only if `shown`.
    """

    toml: type
    what: str
    read: Callable[[Any], Any]
    write: Callable[[Any], str]
    shown: bool = True


class ListOf(NamedTuple):
    """The form of a list of tables, each of which is read as `section`."""

    section: type[Section]


def quoted(value: object) -> str:
    """The value as a TOML string."""
    return json.dumps(str(value), ensure_ascii=False)


def bounded(read: Callable[[Any], N], write: Callable[[N], str], least: object, most: object) -> Callable[[Any], N]:
    """A function like `read` that refuses values outside `least` and `most`; these are written as in the file."""
    lowest, highest = read(least), read(most)

    def read_bounded(value: Any) -> N:
        number = read(value)
        if number < lowest:
            raise ValueError(f"is below the least allowed, {write(lowest)}")
        if number > highest:
            raise ValueError(f"is above the most allowed, {write(highest)}")
        return number

    return read_bounded


def whole(least: int, most: int) -> Form:
    """A whole number within bounds."""
    return Form(int, "a whole number, without quotes", bounded(int, str, least, most), str)


def text(pattern: str, what: str) -> Form:
    """A printable text that matches the whole pattern; `what` describes the text in faults."""

    def read(value: str) -> str:
        if not re.fullmatch(pattern, value) or not value.isprintable():
            raise ValueError(f"is not {what}")
        return value

    return Form(str, f"{what}, in quotes", read, quoted)


def choice(*words: str) -> Form:
    """One of a few words."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"is not one of {', '.join(words)}{did_you_mean(value, words)}")
        return value

    return Form(str, f"one of {', '.join(words)}, in quotes", read, quoted)


def url(*schemes: str) -> Form:
    """A URL with one of the schemes, or an empty text for none. A password or a key in it is refused, never quoted."""
    what = f"empty or an address beginning with {' or '.join(f'{scheme}://' for scheme in schemes)}"

    def read(value: str) -> str:
        if not value:
            return value
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and parts.port != 0 and (parts.hostname or parts.scheme == "unix")
        except ValueError:
            usable = False
        if not usable or not re.fullmatch(r"[!-~]{1,500}", value):
            raise ValueError(f"is not {what}")
        # Hosted services put keys into addresses: a long run of letters and digits is taken for a key, not a folder.
        where = "" if parts.scheme == "unix" else parts.path + parts.query
        if (
            re.search(r"(?=[A-Za-z_-]*[0-9])[\w-]{24,}", where)
            or parts.password
            or (parts.username and parts.scheme.startswith("http"))
        ):
            raise ValueError("holds a password or a key; those come from the environment")
        return value

    return Form(str, f"{what}, in quotes", read, quoted, shown=False)


def urls(*schemes: str) -> Form:
    """A list of different URLs with one of the schemes; each is read as by `url`."""
    one = url(*schemes)

    def read(values: list[Any]) -> tuple[str, ...]:
        for at, value in enumerate(values):
            if not isinstance(value, str) or not value:
                raise ValueError(f"has an entry {at + 1} that is no address in quotes")
            try:
                one.read(value)
            except ValueError as error:
                raise ValueError(f"has an entry {at + 1} that {error}") from None
        if len(set(values)) < len(values):
            raise ValueError("names an address twice")
        return tuple(values)

    what = f"a list of addresses beginning with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    return Form(list, f'{what}, such as ["https://…"]', read, _write_list, shown=False)


def _write_list(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(quoted, values))}]"


def _read_date(value: str) -> date:
    try:
        read = date.fromisoformat(value if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) else "")
    except ValueError:
        raise ValueError("is not a date of the calendar, such as 2027-03-01") from None
    if not 2020 <= read.year <= 2099:
        raise ValueError("is not between 2020-01-01 and 2099-12-31")
    return read


def _read_time(value: str) -> time:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9](:00)?", value):
        raise ValueError("is not a local time from 00:00 to 23:59, such as 15:00")
    return time.fromisoformat(value)


def _read_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        # People may write the city alone, or the zone in lower case.
        zones = sorted(available_timezones())
        known = {zone.rpartition("/")[2].lower(): zone for zone in zones} | {zone.lower(): zone for zone in zones}
        near = difflib.get_close_matches(value.lower().replace(" ", "_"), known, n=1)
        hint = f"; did you mean {known[near[0]]}?" if near else ""
        raise ValueError(f"is not a known time zone{hint}") from None
    return value


def _read_hashtag(value: str) -> str:
    if value.startswith("#"):
        raise ValueError("is to be written without the #")
    letter = any(character.isalpha() for character in value)
    if not re.fullmatch(r"\w{1,100}", value) or not letter or not unicodedata.is_normalized("NFC", value):
        raise ValueError("is not a hashtag: 1 to 100 letters, digits and _, at least one of them a letter")
    return value


def _read_folder(value: str) -> Path:
    if not value or not value.isprintable():
        raise ValueError("is not the path of a folder")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("names a home folder that does not exist") from None


def _read_credential(value: str) -> Secret:
    if not re.fullmatch(r"[!-~]{1,4096}", value):
        raise ValueError("must be one line of printable ASCII without spaces")
    return Secret(value)


def _read_private_key(value: str) -> Secret:
    digits = value.removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits, re.ASCII) or not 0 < int(digits, 16) < _KEYS_OF_SECP256K1:
        raise ValueError("is not a private key: 64 hex digits, with or without 0x")
    return Secret(f"0x{digits}")


def _read_tokens(value: str) -> dict[str, Secret]:
    tokens: dict[str, Secret] = {}
    for number, entry in enumerate(re.split(r"[,\s]+", value.strip(", \r\n\t")), start=1):
        name, _, token = entry.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) or not re.fullmatch(r"[!-~]{16,4096}", token):
            raise ValueError(f"entry {number} must be name=token: a lower-case name, a token of 16 characters or more")
        if name in tokens:
            raise ValueError(f"entry {number} repeats a name")
        tokens[name] = Secret(token)
    return tokens


FLAG = Form(bool, "true or false, without quotes", lambda value: value, lambda value: str(value).lower())
DATE = Form(str, 'a date, in quotes, such as "2027-03-01"', _read_date, quoted)
TIME = Form(str, 'a local time, in quotes, such as "15:00"', _read_time, lambda value: quoted(f"{value:%H:%M}"))
ZONE = Form(str, 'a time zone, in quotes, such as "America/New_York"', _read_zone, quoted)
HASHTAG = Form(str, "a hashtag, in quotes, without the #", _read_hashtag, quoted)
FOLDER = Form(str, "the path of a folder, in quotes", _read_folder, quoted)
HOST = text(r"[A-Za-z0-9.:_-]{1,253}", "a host name or an address")
PORT = whole(0, 65535)
CREDENTIAL = Form(Secret, "a secret", _read_credential, repr, shown=False)
# The key of an account of an EVM chain.
PRIVATE_KEY = Form(Secret, "a secret", _read_private_key, repr, shown=False)
# Named tokens such as `alice=…`, separated by line breaks, spaces or commas.
TOKENS = Form(Secret, "named secrets", _read_tokens, lambda tokens: ", ".join(f"{name}=***" for name in tokens), False)
