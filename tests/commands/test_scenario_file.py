"""A scenario file: what can be said in it, and how it is told what is wrong."""

import re
from pathlib import Path

import pytest

from commands.scenario_file import Post, Scenario, read_scenario
from messages.base import Wei
from settings import SettingsError
from tests.harness import ROOT

HEAD = 'title = "t"\n[expect]\nright = true\n'
STEP = HEAD + '[[step]]\nat = "1 s"\n'


def scenario(folder: Path, text: str) -> Scenario:
    file = folder / "s.toml"
    file.write_text(text, encoding="utf-8")
    return read_scenario(file)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        scenario(folder, text)
    return [fault.removeprefix(f"{folder / 's.toml'}: ") for fault in error.value.faults]


@pytest.mark.requirement("TST-2")
def test_the_shipped_scenarios_are_scenarios_and_the_document_names_each() -> None:
    files = sorted((ROOT / "scenarios").glob("*.toml"))
    titles = {read_scenario(file).title for file in files}
    assert len(titles) == len(files) >= 4
    told = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\| `(\w+\.toml)` \|", told)) == {file.name for file in files}


def test_steps_are_in_the_order_of_their_times_what_has_none_first(tmp_path: Path) -> None:
    post = 'post = {{ author = "{0}", text = "x", amount = "2 ETH" }}'
    read = scenario(
        tmp_path,
        HEAD
        + f'[demo]\ndays = 2\n[[step]]\nday = 2\nat = "0 s"\n{post.format("c")}\n'
        + f'[[step]]\nat = "3 s"\n{post.format("b")}\n[[step]]\nat = "500 ms"\n{post.format("a")}\n'
        + '[[step]]\nfault = { kind = "eof", count = 1 }\n',
    )
    assert [(step.action, step.day, step.at_ms) for step in read.steps] == [
        ("fault", 1, None),
        ("post", 1, 500),
        ("post", 1, 3000),
        ("post", 2, 0),
    ]
    assert [step.what.author for step in read.steps[1:]] == ["a", "b", "c"]
    assert read.steps[1].path == "step[2]"


def test_a_repeated_step_is_one_at_each_of_its_times(tmp_path: Path) -> None:
    read = scenario(tmp_path, STEP + 'every = "1500 ms"\ntimes = 3\ncrash = "any"\n')
    at_ms = read.steps[0].at_ms or 0
    assert [(step.action, step.what, step.at_ms) for step in read.steps] == [
        ("crash", "any", at_ms),
        ("crash", "any", at_ms + 1_500),
        ("crash", "any", at_ms + 3_000),
    ]


def test_a_fault_of_a_repeated_step_is_told_once(tmp_path: Path) -> None:
    text = STEP + 'every = "1 ms"\ntimes = 300\ndelete = "ghost"\n'
    assert faults(tmp_path, text) == ["step[0]: there is no post 'ghost' before it"]


def test_a_post_says_all_that_can_be_said_of_one(tmp_path: Path) -> None:
    text = (
        'post = { author = "anna", text = "1 ETH #A", amount = "1.5 ETH", name = "n", account_age = "2 days",'
        ' delivery = ["20 ms", "3 s"] }'
    )
    assert scenario(tmp_path, STEP + text).steps[0].what == Post(
        author="anna",
        text="1 ETH #A",
        amount_wei=Wei(15 * 10**17),
        name="n",
        account_age_ms=2 * 86_400_000,
        delivery=[20, 3000],
    )


WRONG = [
    ("", "title: is missing: it must be a title of 1 to 100 characters, in quotes"),
    ('title = "t"\n', "expect: is missing: a scenario says what must come of it"),
    ("colour = 3\n" + HEAD, "colour: unknown setting"),
    (HEAD + "[demo]\nday_secnds = 5\n", "demo.day_secnds: unknown setting; did you mean day_seconds?"),
    (HEAD + "[demo]\nday_seconds = 4\n", "demo.day_seconds: 4 is below the least allowed, 5"),
    (HEAD + '[demo]\nrush = "95 %"\n', "demo.rush: 95 % is above the most allowed, 90 %"),
    (STEP, "step[0]: does one thing, one of inject, crash, fault, post, delete, order, kill; this one does 0"),
    (
        STEP + 'crash = "a"\ndelete = "b"\n',
        "step[0]: does one thing, one of inject, crash, fault, post, delete, order, kill; ",
    ),
    (STEP + 'crsh = "a"\n', "step[0].crsh: unknown setting; did you mean crash?"),
    (HEAD + '[[step]]\nat = "soon"\ncrash = "a"\n', "step[0].at: soon is not a duration such as 250 ms"),
    (HEAD + '[[step]]\ncrash = "a"\n', "step[0].at: is missing: only a fault or a kill can come before"),
    (HEAD + '[[step]]\nat = "16 s"\ncrash = "a"\n', "step[0].at: is after the day, which has 15 s"),
    (HEAD + '[[step]]\nday = 5\nat = "1 s"\ncrash = "a"\n', "step[0].day: 5 is none of the 1 days, nor of those"),
    (STEP + 'delete = "a"\n', "step[0]: there is no post 'a' before it"),
    (STEP + 'fault = { kind = "lte" }\n', "step[0].fault.kind: Invalid enum value 'lte'"),
    (STEP + 'fault = { kind = "late", rate = 2 }\n', "step[0].fault.rate: Expected `float` <= 1.0"),
    (STEP + 'fault = { kind = "late", when = 2 }\n', "step[0].fault: Object contains unknown field `when`"),
    (
        STEP + 'inject = { type = "PlaceBid", txt = "" }\n',
        "step[0].inject: PlaceBid has no field 'txt'; did ",
    ),
    (
        STEP + 'inject = { type = "WithdrawBid", post_id = 7 }\n',
        "step[0].inject: Object missing required field",
    ),
    (
        STEP + 'inject = { type = "OpenAuction" }\n',
        "step[0].inject: there is no injection 'OpenAuction'; there are PlaceBid, ",
    ),
    (STEP + 'post = { text = "x", amount = "1 ETH" }\n', "step[0].post.author: is missing: it must be a handle"),
    (STEP + 'post = { author = "a", text = "x" }\n', "step[0].post: says what it means: an amount, or a refusal"),
    (STEP + 'post = { author = "a", text = "x", refusal = "COMA" }\n', "step[0].post.refusal: COMA is not one of"),
    (
        STEP + 'post = { author = "a", text = "x", amount = "1 ETH", delivery = [1] }\n',
        "step[0].post.delivery: is not a",
    ),
    (STEP + 'order = { name = "promote" }\n', "step[0].order.name: promote is not one of pause, resume"),
    (STEP + 'order = { name = "extend" }\n', "step[0].order.by: is missing: by how much is the end to move?"),
    (STEP + 'order = { name = "hold", post = "a" }\n', "step[0]: there is no post 'a' before it"),
    (STEP + 'crash = "any"\ntimes = 2\n', "step[0]: is repeated by `every` and `times` together"),
    (STEP + 'crash = "any"\nevery = "1 s"\n', "step[0]: is repeated by `every` and `times` together"),
    (
        STEP + 'crash = "any"\nevery = "1 s"\ntimes = 40\n',
        "step[0].times: repeats it until after the day, which has 15 s",
    ),
    (
        HEAD + '[[step]]\nfault = { kind = "eof", count = 1 }\nevery = "1 s"\ntimes = 2\n',
        "step[0].times: repeats a step that comes before the start",
    ),
    (
        STEP + 'every = "1 ms"\ntimes = 2\npost = { name = "a", author = "a", text = "x", amount = "1 ETH" }\n',
        "step[0].times: repeats a post that has a name, which is given once",
    ),
    (
        STEP + 2 * ('every = "1 ms"\ntimes = 600\ncrash = "any"\n[[step]]\nat = "1 s"\n') + 'crash = "any"\n',
        "step: has more than 1000 entries, each counted as often as it is repeated",
    ),
    (STEP + 'kill = "soon"\n', "step[0].kill: soon is not a duration"),
    (HEAD + "refused = { COMA = 1 }\n", "expect.refused: 'COMA' is not a refusal that a report counts"),
    (HEAD + "refused = { AFTER_CLOSE = 1 }\n", "expect.refused: 'AFTER_CLOSE' is not a refusal that a report counts"),
    (HEAD + "log = { BidAcepted = 1 }\n", "expect.log: 'BidAcepted' is not an event of the log"),
    (HEAD + "log = { BidAccepted = -1 }\n", "expect.log: BidAccepted must be a whole number from 0 to 1000000"),
    (HEAD + 'children = { announcer = "WELL" }\n', "expect.children: announcer is one of STARTING, READY"),
    (HEAD + '[[expect.day]]\nday = 5\noutcome = "sold"\n', "expect.day[0].day: 5 is none of the 1 days"),
    (HEAD + '[[expect.day]]\nday = 1\noutcome = "lost"\n', "expect.day[0].outcome: lost is not one of sold"),
    ("title = ", "is not TOML: "),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[row[1][:50] for row in WRONG])
def test_what_is_no_scenario_is_told_in_one_line_with_its_path(tmp_path: Path, text: str, told: str) -> None:
    found = faults(tmp_path, text)
    assert any(fault.startswith(told) for fault in found), found
    assert all("\n" not in fault for fault in found)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = STEP + 'post = { author = "a b", txt = "x" }\n[[step]]\nat = "99 s"\ncrash = "x"\n[demo]\nseed = -1\n'
    assert [fault.split(":")[0] for fault in faults(tmp_path, text)] == [
        "demo.seed",
        "step[0].post.txt",
        "step[0].post.author",
        "step[0].post.text",
        "step[1].at",
    ]
