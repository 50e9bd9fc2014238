"""The rules of the filtered stream. As at X, a change is listed at once and takes effect after a delay."""

from dataclasses import dataclass
from typing import Any

from simulator.x.clock import Snowflakes, now_ms, timestamp
from simulator.x.problems import TYPES
from simulator.x.query import BadQuery, Matches, parse
from simulator.x.world import Post

MAX_RULES = 1_000
MAX_CHARS = 1_024


@dataclass(slots=True)
class Rule:
    """A rule; it matches posts made from `from_ms` on and before `until_ms`."""

    id: str
    value: str
    tag: str
    matches: Matches
    from_ms: int
    until_ms: int | None = None

    def plain(self) -> dict[str, str]:
        """Returns the rule as the API shows it; an empty tag is left out."""
        return {"id": self.id, "value": self.value} | ({"tag": self.tag} if self.tag else {})


class Rules:
    """The rules of the only app."""

    def __init__(self, delay_ms: int) -> None:
        self._delay_ms = delay_ms
        self._ids = Snowflakes()
        self._rules: dict[str, Rule] = {}
        self._removed: list[Rule] = []

    def listing(self) -> dict[str, Any]:
        """Returns the answer to GET; without rules it has no `data`."""
        shown = [rule.plain() for rule in self._rules.values()]
        meta = {"sent": timestamp(now_ms()), "result_count": len(shown)}
        return ({"data": shown} if shown else {}) | {"meta": meta}

    def __len__(self) -> int:
        return len(self._rules)

    def add(self, wanted: list[tuple[str, str]], dry_run: bool) -> tuple[int, dict[str, Any]]:
        """Adds (value, tag) pairs. Returns X's status and answer, which has the made rules and the errors."""
        made: list[Rule] = []
        errors: list[dict[str, Any]] = []
        invalid = 0
        for value, tag in wanted:
            same = next((old for old in (*self._rules.values(), *made) if old.value == value), None)
            if same:
                errors.append(_error("DuplicateRule", "duplicate-rules", value) | {"id": same.id})
                continue
            try:
                matches = parse(value, MAX_CHARS)
            except BadQuery as fault:
                invalid += 1
                errors.append(_error("UnprocessableEntity", "invalid-rules", value) | {"details": [str(fault)]})
                continue
            if len(self._rules) + len(made) >= MAX_RULES:
                errors.append(_error("RulesCapExceeded", "rule-cap", value))
                continue
            made.append(Rule(str(self._ids.take()), value, tag, matches, now_ms() + self._delay_ms))
        if not dry_run:
            self._rules.update({rule.id: rule for rule in made})
        summary = {
            "created": len(made),
            "not_created": len(wanted) - len(made),
            "valid": len(wanted) - invalid,
            "invalid": invalid,
        }
        answer: dict[str, Any] = {"meta": {"sent": timestamp(now_ms()), "summary": summary}}
        if made:
            answer["data"] = [rule.plain() for rule in made]
        if errors:
            answer["errors"] = errors
        return (201 if made else 400 if invalid else 200), answer

    def remove(self, ids: list[str], values: list[str], dry_run: bool) -> dict[str, Any]:
        """Removes rules by id or value; the answer counts those that do not exist."""
        gone = [rule for rule in self._rules.values() if rule.id in ids or rule.value in values]
        if not dry_run:
            for rule in gone:
                rule.until_ms = now_ms() + self._delay_ms
                del self._rules[rule.id]
            self._removed = [rule for rule in self._removed if (rule.until_ms or 0) > now_ms()]
            self._removed = [*self._removed, *gone][-MAX_RULES:]
        summary = {"deleted": len(gone), "not_deleted": max(0, len(ids) + len(values) - len(gone))}
        return {"meta": {"sent": timestamp(now_ms()), "summary": summary}}

    def replace(self, value: str, tag: str) -> None:
        """Removes all rules and sets this one, as another program with the same keys might do."""
        self.remove(list(self._rules), [], dry_run=False)
        self.add([(value, tag)], dry_run=False)

    def matching(self, post: Post) -> list[dict[str, str]]:
        """Returns `matching_rules` of a post, by the rules that were in effect when it was made."""
        at_ms = post.posted_at_ms
        return [
            {"id": rule.id, "tag": rule.tag}
            for rule in (*self._rules.values(), *self._removed)
            if rule.from_ms <= at_ms and (rule.until_ms is None or at_ms < rule.until_ms) and rule.matches(post)
        ]


def _error(title: str, kind: str, value: str) -> dict[str, Any]:
    return {"value": value, "title": title, "type": TYPES + kind}
