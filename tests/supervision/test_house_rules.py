"""What no actor may do, because pykka has no good way of doing it: held by reading the code."""

import ast
from collections.abc import Iterator

import pytest

from tests.harness import ROOT

pytestmark = pytest.mark.requirement("SUP-2")

ACTORS = ("supervision", "actors")
PROCESS = ("api", "bootstrap.py", "process.py", "supervisor.py")
OURS = (*ACTORS, *PROCESS, "adapters", "auction", "ledger", "messages", "commands", "benchmarks", "cli.py")

# An ask that times out is not cancelled; a proxy looks into the living actor and reaches its private parts; a
# broadcast ends at the first dead ref, and so does a stop of all.
FORBIDDEN_CALLS = {"ask", "proxy", "broadcast", "stop_all"}
# What waits for a result of the event loop, or hands the loop's thread something to wait for.
WAITING_CALLS = {"result", "run_coroutine_threadsafe", "run_until_complete"}


def trees(*places: str) -> Iterator[tuple[str, ast.AST]]:
    """Every module below these places, by its path."""
    for place in places:
        paths = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        assert paths, f"{place} is empty"
        for path in paths:
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST, names: set[str]) -> list[str]:
    """The calls of methods with one of these names, as written."""
    return [
        f"{node.lineno}: {ast.unparse(node.func)}(…)"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
    ]


def asynchronous(tree: ast.AST) -> list[str]:
    """Whatever awaits, or could."""
    kinds = ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith
    return [f"{node.lineno}: {type(node).__name__}" for node in ast.walk(tree) if isinstance(node, kinds)]


def imported(tree: ast.AST) -> set[str]:
    """The packages that a module imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def test_no_actor_asks_another_so_no_answer_can_come_too_late_or_never() -> None:
    """An ask that times out is not cancelled: the message is handled all the same, and a retry would double it."""
    places = (*ACTORS, *PROCESS, "commands", "benchmarks")
    assert {path: found for path, tree in trees(*places) if (found := calls(tree, FORBIDDEN_CALLS))} == {}


def test_only_supervision_knows_pykka_so_nobody_else_can_hold_a_ref_or_a_future_of_it() -> None:
    assert {path.split("/")[0] for path, tree in trees(*OURS) if "pykka" in imported(tree)} == {"supervision"}


ON_THE_LOOP = {"actors/twitter/following.py"}


def test_where_a_pykka_future_can_be_held_nothing_awaits() -> None:
    """Awaiting one blocks the whole event loop, without a limit."""
    found = {path: found for path, tree in trees(*ACTORS) if (found := asynchronous(tree))}
    assert found.keys() == ON_THE_LOOP, "it has no actor of its own"


def test_no_actor_waits_for_the_event_loop() -> None:
    assert {path: found for path, tree in trees("actors") if (found := calls(tree, WAITING_CALLS))} == {}


@pytest.mark.parametrize("code", ["other.ask(1)", "self.actor_ref.proxy().x()", "pykka.ActorRegistry.broadcast(1)"])
def test_the_rule_finds_what_it_forbids(code: str) -> None:
    assert calls(ast.parse(code), FORBIDDEN_CALLS)
    assert asynchronous(ast.parse("async def f():\n    await future"))
    assert imported(ast.parse("import pykka.messages\nfrom pykka import ActorRef")) == {"pykka"}
