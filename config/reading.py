"""Reads a TOML document and environment variables into sections; it collects every fault and raises none.

A variable named after a key's path overrides that key (`AUCTION_MANAGER__MARATHON__DAYS=2`); its value is TOML or bare
text. A secret comes only from the environment: from a variable (`AUCTION_MANAGER_X_BEARER_TOKEN`), or from the file
that a variable names (`AUCTION_MANAGER_X_BEARER_TOKEN_FILE`).
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from config.forms import Form, ListOf, Secret, Section
from messages.known_words import did_you_mean

OVERRIDE = "AUCTION_MANAGER__"
SECRET = "AUCTION_MANAGER_"  # noqa: S105 - the beginning of the names of variables
FILE_BYTES_MAX = 1 << 20

S = TypeVar("S", bound=Section)


class _FromEnvironment(str):
    """The text of a variable. Whether it is TOML or bare text is decided once the wanted type is known."""

    __slots__ = ()


def read_toml(path: Path) -> dict[str, Any]:
    """The document in a TOML file. Raises ValueError where it cannot be read; the text follows the path ("is …")."""
    text = _text_of(path)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("is not TOML: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"is not TOML: {error}") from None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


def fields_of(kind: type[Section], path: str = "") -> Iterator[tuple[str, msgspec.structs.FieldInfo, Any]]:
    """The fields of a section: for each its path, the field, and its Form, its ListOf or its type of section."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        yield join(path, field.encode_name), field, getattr(hint, "__metadata__", (hint,))[0]


def join(path: str, key: str) -> str:
    """The path of a key in the table at `path`."""
    return f"{path}.{key}" if path else key


class Reading:
    """One reading of a configuration. `faults` are all faults found, one line each, which begins with the path; `given`
    are the paths of the settings that were set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self.given: set[str] = set()
        self._faulty: set[str] = set()
        self._environ = environ
        self._origins: dict[str, str] = {}
        self._known: dict[str, object] = {}

    def fault(self, path: str, says: str) -> None:
        """Records a fault of the setting at `path`."""
        origin = f" (from {self._origins[path]})" if path in self._origins else ""
        self.faults.append(f"{path}: {says}{origin}")
        self._faulty.add(path)

    def sound(self, *paths: str) -> bool:
        """Whether these settings, and all settings inside them, were read without a fault, so that they may be used."""
        return not any(
            path == faulty or path.startswith(f"{faulty}.") or faulty.startswith((f"{path}.", f"{path}["))
            for path in paths
            for faulty in self._faulty
        )

    def read(self, kind: type[S], document: dict[str, Any]) -> S:
        """The whole configuration. Its values have the types that it declares only if there are no `faults`."""
        self._known = dict(_leaves(kind, ""))
        self._overlay(document)
        self._look_for_near_misses()
        return self._section(kind, document, "")

    def _overlay(self, document: dict[str, Any]) -> None:
        for name in sorted(name for name in self._environ if name.startswith(OVERRIDE)):
            *tables, key = name.removeprefix(OVERRIDE).lower().split("__")
            path = ".".join([*tables, key])
            self._origins[path] = name
            table: Any = document
            for part in tables:
                table = table.setdefault(part, {}) if isinstance(table, dict) else None
            if isinstance(table, dict):
                table[key] = _FromEnvironment(self._environ[name])
            else:
                self.fault(_shown(path), "unknown setting")

    def _look_for_near_misses(self) -> None:
        """Records a fault for each variable that is nearly named like a setting, since it would be ignored silently.
        Other variables with our prefix may belong to other programs."""
        ours = {path.replace(".", "_").upper(): path for path in self._known}
        secrets = {name: path for name, path in ours.items() if _is_secret(self._known[path])}
        secrets |= {f"{name}_FILE": path for name, path in secrets.items()}
        for name in sorted(self._environ):
            bare = name.removeprefix(SECRET)
            if not name.startswith(SECRET) or name.startswith(OVERRIDE) or bare in secrets:
                continue
            near = difflib.get_close_matches(bare, secrets, n=1, cutoff=0.9)
            if bare in ours:
                override = OVERRIDE + ours[bare].replace(".", "__").upper()
                self.fault(ours[bare], f"{name} is not read; did you mean {override}?")
            elif near:
                self.fault(secrets[near[0]], f"{_shown(name)} is not read; did you mean {SECRET}{near[0]}?")

    def _section(self, kind: type[S], raw: object, path: str) -> S:
        table = _toml_value(raw, dict)
        if not isinstance(table, dict):
            self.fault(path, "must be a table of settings")
            table = {}
        fields = list(fields_of(kind, path))
        known = [field.encode_name for _, field, _ in fields]
        for key in (key for key in table if key not in known):
            elsewhere = [other for other in self._known if other.endswith(f".{key}")]
            hint = f"; did you mean {elsewhere[0]}?" if elsewhere else did_you_mean(key, known)
            self.fault(join(path, _shown(key)), f"unknown setting{hint}")
        return kind(**{field.name: self._value(where, field, form, table) for where, field, form in fields})

    def _value(self, path: str, field: msgspec.structs.FieldInfo, form: Any, table: dict[str, Any]) -> Any:
        key = field.encode_name
        if isinstance(form, type):
            return self._section(form, table.get(key, {}), path)
        if isinstance(form, Form) and _is_secret(form):
            if key in table:
                name = SECRET + path.replace(".", "_").upper()
                self.fault(path, f"is a secret, which can only be set by {name} or {name}_FILE")
            return self._secret(path, field, form)
        if key not in table:
            if field.required:
                what = form.what if isinstance(form, Form) else "a list of tables"
                self.fault(path, f"is missing: it must be {what}")
            return () if isinstance(form, ListOf) else _default(field)
        self.given.add(path)
        if isinstance(form, ListOf):
            return self._list(path, form, table[key])
        return self._scalar(path, form, table[key])

    def _list(self, path: str, form: ListOf, raw: object) -> tuple[Section, ...]:
        entries = _toml_value(raw, list)
        if not isinstance(entries, list):
            self.fault(path, "must be a list of tables")
            return ()
        return tuple(self._section(form.section, entry, f"{path}[{index}]") for index, entry in enumerate(entries))

    def _scalar(self, path: str, form: Form, raw: object) -> Any:
        value = _toml_value(raw, form.toml)
        quote = f"{_shown(value)} " if form.shown else ""
        if type(value) is not form.toml:
            self.fault(path, f"{quote}must be {form.what}")
            return None
        try:
            return form.read(value)
        except ValueError as error:
            self.fault(path, f"{quote}{error}")
            return None

    def _secret(self, path: str, field: msgspec.structs.FieldInfo, form: Form) -> Any:
        name = SECRET + path.replace(".", "_").upper()
        file_name = f"{name}_FILE"
        # Compose files pass on an unset variable as an empty one.
        value, file = self._environ.get(name), self._environ.get(file_name)
        self._origins.setdefault(path, file_name if file else name)
        if value and file:
            self.fault(path, f"is given twice, by {name} and by {file_name}")
        elif value or file:
            try:
                return form.read(_text_of(Path(file)).strip() if file else value)
            except ValueError as error:
                self.fault(path, str(error))
        return _default(field)


def _leaves(kind: type[Section], path: str) -> Iterator[tuple[str, object]]:
    for where, _, form in fields_of(kind, path):
        if isinstance(form, type):
            yield from _leaves(form, where)
        else:
            yield where, form


def _is_secret(form: object) -> bool:
    return isinstance(form, Form) and form.toml is Secret


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _toml_value(raw: object, wanted: type) -> object:
    """The value as the file gives it, or would give it where it comes from a variable; dates and times as text."""
    if isinstance(raw, _FromEnvironment):
        try:
            document = tomllib.loads(f"value = {raw}")
        except (ValueError, RecursionError):
            document = {}
        value = document.get("value") if len(document) == 1 else None
        return value if type(value) is wanted else str(raw)
    return raw.isoformat() if isinstance(raw, date | time) else raw


def _shown(value: object) -> str:
    """The value on one line, for a fault. A long value is not quoted: it may be a credential in the wrong place."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > 10**30:
        return "this number"
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    if len(shown) > 40:
        return f"this text of {len(shown)} characters"
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if not isinstance(value, str) or shown else "an empty text"
