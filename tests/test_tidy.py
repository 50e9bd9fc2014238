"""The form of the code and its documents: imports run one way, the core stays pure, documents name real files."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT
from tests.requirements_table import requirements

# Who may import whom, of our own: the house of ARCHITECTURE.md as a table.
MAY_IMPORT = {
    "messages": {"messages"},
    "ledger": {"ledger", "messages"},
    "auction": {"auction", "messages"},
    "supervision": {"supervision"},
    "contracts": {"contracts"},
    "adapters": {"adapters", "contracts", "ledger", "loopback", "messages", "own_files"},
    "simulator": {"simulator", "loopback", "messages", "own_files"},
    "actors": {"actors", "adapters", "auction", "ledger", "messages", "supervision"},
    "api": {"actors", "adapters", "api", "auction", "config", "ledger", "messages", "supervision"},
    "config": {"config", "messages"},
}
OURS = {
    *MAY_IMPORT,
    "bootstrap",
    "commands",
    "process",
    "setting_sections",
    "settings",
    "supervisor",
    "cli",
    "end_signals",
    "ingest_process",
    "loopback",
    "own_files",
}

# What a pure core has no use for: clocks, chance, threads and anything that reaches outside.
IMPURE = {
    "aiohttp", "asyncio", "datetime.now", "io", "logging", "os", "pathlib", "pykka", "random", "redis", "requests",
    "secrets", "socket", "subprocess", "sys", "tempfile", "threading", "time", "tweepy", "urllib", "uuid", "web3",
}  # fmt: skip


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """What a file imports: modules, and names with their module before them; and in which line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides where it leads"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_run_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, line in imports(path)
        if name.split(".")[0] in OURS - MAY_IMPORT[folder]
    ]
    assert wrong == []


def test_the_core_knows_no_clock_no_chance_and_no_outside() -> None:
    wrong = []
    for path in sorted([*(ROOT / "auction").rglob("*.py"), *(ROOT / "ledger").rglob("*.py")]):
        wrong += [f"{path.name}:{line} imports {name}" for name, line in imports(path) if name.split(".")[0] in IMPURE]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {
                "now",
                "utcnow",
                "today",
                "monotonic",
                "time_ns",
            }:
                wrong.append(f"{path.name}:{node.lineno} reads a clock: .{node.attr}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"open", "print", "input"}
            ):
                wrong.append(f"{path.name}:{node.lineno} does I/O: {node.func.id}()")
    assert wrong == []


# Not part of a day's state: replies without the hashtag are counted while the process lives.
NO_STATE = {"untagged"}
CHANGES_A_COLLECTION = {"add", "append", "clear", "discard", "extend", "pop", "remove", "setdefault", "update"}


@pytest.mark.parametrize("module", ["day.py", "bidding.py"])
def test_deciding_changes_a_day_through_apply_alone(module: str) -> None:
    wrong = []
    for node in ast.walk(ast.parse((ROOT / "auction" / module).read_text(encoding="utf-8"))):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            targets = [node.func.value] if node.func.attr in CHANGES_A_COLLECTION else []
        changed = [(target.lineno, ast.unparse(target)) for target in targets]
        wrong += [f"{module}:{line} changes {one}" for line, one in changed if one.startswith("self.")]
    assert [one for one in wrong if one.rpartition(".")[2] not in NO_STATE] == []


# What several actors share, and what is handed to them.
OF_ALL_ACTORS = {"__init__.py", "listener.py", "ports.py"}


def test_every_file_of_the_actors_is_an_actor_or_lies_in_the_folder_of_one() -> None:
    def holds_actor(path: Path) -> bool:
        classes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
        return any(ast.unparse(base) in ("Actor", "LogListener") for node in classes for base in node.bases)

    homeless = [path.name for path in (ROOT / "actors").glob("*.py") if path.name not in OF_ALL_ACTORS]
    homeless = [name for name in homeless if not holds_actor(ROOT / "actors" / name)]
    folders = [path for path in (ROOT / "actors").iterdir() if path.is_dir() and path.name != "__pycache__"]
    homeless += [path.name for path in folders if not any(map(holds_actor, path.glob("*.py")))]
    assert homeless == []


def test_every_module_says_at_its_head_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for folder in [*MAY_IMPORT, "commands"]
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_test_is_imported_so_what_tests_share_lies_in_a_module_of_its_own() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for folder in ("tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, line in imports(path)
        if name.startswith("tests.") and ".test_" in name
    ]
    assert wrong == []


def test_no_private_member_is_reached_by_its_name_as_text_where_ruff_does_not_see_it() -> None:
    reached = [
        f"{path.relative_to(ROOT)}:{node.lineno} {argument.value!r}"
        for folder in ("tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "getattr", "delattr"))
        for argument in node.args
        if isinstance(argument, ast.Constant) and re.search(r"(^|\.)_[a-zA-Z]", str(argument.value))
    ]
    assert reached == []


def test_nothing_imports_tests_or_benchmarks_but_tests_and_benchmarks_themselves() -> None:
    product = [path for name in OURS for path in (ROOT / f"{name}.py", *(ROOT / name).rglob("*.py")) if path.exists()]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted(product)
        for name, line in imports(path)
        if name.split(".")[0] in ("tests", "benchmarks")
    ]
    assert len(product) > 100
    assert wrong == []


def test_benchmarks_take_from_the_tests_only_what_is_in_the_harness() -> None:
    taken = [
        f"{path.name}:{line} imports {name}"
        for path in sorted((ROOT / "benchmarks").rglob("*.py"))
        for name, line in imports(path)
        if name.startswith("tests.") and not name.startswith("tests.harness")
    ]
    assert taken == []


def test_no_module_is_longer_than_a_reader_keeps_in_mind() -> None:
    """A list apart: messages/events.py has one class an event."""
    lists = {ROOT / "messages" / "events.py"}
    modules = [path for name in OURS for path in (ROOT / name).rglob("*.py")] + [ROOT / f"{name}.py" for name in OURS]
    long = {path: lines for path in modules if path.exists() and (lines := len(path.read_text().splitlines())) > 300}
    assert long.keys() == lists


def test_marks_name_only_requirements_that_exist() -> None:
    known = requirements()
    named = {
        (path.relative_to(ROOT), number)
        for path in (ROOT / "tests").rglob("test_*.py")
        for marks in re.findall(r"mark\.requirement\(([^)]*)\)", path.read_text(encoding="utf-8"))
        for number in re.findall(r'"([^"]+)"', marks)
    }
    assert named
    assert [entry for entry in sorted(named) if entry[1] not in known] == []


DOCUMENTS = [path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")) if path.name != "CHANGELOG.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_paths_and_links_of_a_document_lead_to_files(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    linked = [document.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
    named = [ROOT / name for name in re.findall(r"`((?:[a-z_]+/)+[\w.-]*)`", text) if not name.startswith("build/")]
    named += [ROOT / name for name in re.findall(r"`([a-z_]+\.py)`", text)]
    assert [str(path) for path in (*linked, *named) if not path.exists()] == []


def tree_of_the_readme() -> list[Path]:
    """The files and folders that the tree in the README names: an indented line is about the folder above it."""
    [tree] = re.findall(r"```\n(supervisor\.py .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    found, room = [], ROOT
    for line in tree.splitlines():
        is_inside = line.startswith(" ")
        names = re.split(r",? ", re.split(r" {2,}", line.strip())[0])
        found += [(room if is_inside else ROOT) / name for name in names if name != "…"]
        room = room if is_inside else ROOT / names[0]
    return found


def test_the_tree_of_the_readme_is_the_real_one() -> None:
    found = tree_of_the_readme()
    assert [str(path) for path in found if not path.exists()] == []
    for room in (ROOT, ROOT / "actors", ROOT / "auction"):
        real = {path for path in room.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
        assert real - {*found, room / "__init__.py"} == set()


def test_the_glossary_has_at_most_forty_terms_each_of_one_line() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    [rows] = re.findall(r"\| term \| meaning \|\n\|[-|]+\|\n(.*?)\n\n", text, re.DOTALL)
    terms = [term for row in rows.splitlines() for term in row.split("|")[1].split(",")]
    assert len(terms) == len(set(terms)) <= 40
    assert [row for row in rows.splitlines() if len(row) > 160] == []
