"""Does each remedy of supervision have a test that would notice its loss? `make mutations`.

One remedy at a time is taken out of a copy of the tree, and the tests that should notice are run there. What turned
red goes into the table in docs/supervision.md. Exit code 1 when a loss went unnoticed, or a patch does not fit.
"""

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from tests.harness import ROOT

DOCUMENT = ROOT / "docs" / "supervision.md"
BEGIN, END = "<!-- mutations: begin -->\n", "<!-- mutations: end -->\n"
HERE = "tests/supervision"
WORKERS = 3
# A test that waits for what cannot happen any more gives up after PATIENCE_S; TIMEOUT_S is for those that hang.
PATIENCE_S, TIMEOUT_S = 4, 15
DEADLINE_S = 120
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "node_modules")


class Mutation(NamedTuple):
    """`old`, which stands once in `file`, becomes `new`: then one of `tests` must turn red."""

    remedy: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "every exception ends the actor, BaseException too",
        "supervision/actor.py",
        "        except BaseException as error:  # also SystemExit",
        "        except Exception as error:  # also SystemExit",
        ("test_actor.py::test_a_tell_that_fails_ends_the_actor_and_names_the_error_and_the_message",),
    ),
    Mutation(
        "a failing ask ends the actor",
        "supervision/actor.py",
        "        reply = self.handle(first.message)\n",
        "        try:\n            reply = self.handle(first.message)\n        except Exception as error:\n"
        "            answer_error(first.reply_to, error)\n            return\n",
        ("test_actor.py::test_an_ask_that_fails_ends_the_actor_too_instead_of_leaving_it_half_changed",),
    ),
    Mutation(
        "a failing setup is reported",
        "supervision/actor.py",
        "        try:\n            self.__busy()\n            self.setup()\n",
        "        self.__busy()\n        self.setup()\n        try:\n",
        ("test_actor.py::test_a_setup_that_fails_is_told_instead_of_leaving_a_zombie",),
    ),
    Mutation(
        "who asked the dying is answered",
        "supervision/actor.py",
        "        for envelope in self.__in_hand:\n",
        "        for envelope in ():\n",
        ("test_actor.py::test_an_actor_blocked_in_an_ask_on_a_dying_one_gets_an_answer",),
    ),
    Mutation(
        "a future that its asker has filled is left alone",
        "supervision/mailbox.py",
        "    with contextlib.suppress(queue.Full):\n        if reply_to is not None:\n"
        "            reply_to.set(value)\n",
        "    if reply_to is not None:\n        reply_to.set(value)\n",
        ("test_actor.py::test_a_caller_who_fills_his_own_future_does_not_kill_the_actor",),
    ),
    Mutation(
        "a failing teardown is caught",
        "supervision/actor.py",
        "        except BaseException as error:\n            teardown_error = error\n",
        "        except ArithmeticError as error:\n            teardown_error = error\n",
        (
            "test_actor.py::test_a_teardown_that_fails_is_recorded_and_runs_once",
            "test_actor.py::test_who_asked_is_answered_although_the_teardown_fails",
        ),
    ),
    Mutation(
        "the successor inherits what was unread",
        "supervision/child.py",
        "Mailbox(self.spec.mailbox_size, inherited)",
        "Mailbox(self.spec.mailbox_size)",
        ("test_supervisor.py::test_what_waited_behind_a_crash_is_handed_to_the_successor_first_and_counted",),
    ),
    Mutation(
        "who waits for an answer is told at the close",
        "supervision/mailbox.py",
        "        for envelope in asked:\n",
        "        for envelope in ():\n",
        ("test_mailbox.py::test_who_asked_is_told_at_the_close_instead_of_waiting_for_ever",),
    ),
    Mutation(
        "a mailbox checks and puts in one step",
        "supervision/mailbox.py",
        "        with self._changed:\n            if self.closed or len(lane) >= size:\n"
        "                self.refused += 1\n"
        "                return Delivery.RESTARTING if self.closed else Delivery.FULL\n",
        "        if self.closed or len(lane) >= size:\n            self.refused += 1\n"
        "            return Delivery.RESTARTING if self.closed else Delivery.FULL\n"
        "        with self._changed:\n",
        ("test_mailbox.py::test_a_close_cannot_come_between_the_check_and_the_put",),
    ),
    Mutation(
        "control has a lane of its own",
        "supervision/mailbox.py",
        "self._put(self._control, CONTROL_SIZE, message, reply_to)",
        "self._put(self._data, self.size, message, reply_to)",
        ("test_actor.py::test_control_pre_empts_a_backlog",),
    ),
    Mutation(
        "the end is told after the teardown",
        "supervision/actor.py",
        "        teardown_error: BaseException | None = None\n",
        "        teardown_error: BaseException | None = None\n"
        "        self.context.report(Exit(self.context.name, self.context.incarnation, reason, None, ()))\n",
        ("test_actor.py::test_the_end_is_told_only_after_the_teardown_is_through",),
    ),
    Mutation(
        "a stop has a deadline",
        "supervision/table.py",
        "            elif now_s >= child.stop_by_s:\n",
        "            elif False:\n",
        ("test_hangs.py::test_a_child_that_does_not_stop_in_time_holds_nobody_up_but_shows_in_the_exit_code",),
    ),
    Mutation(
        "actors never ask",
        "actors/listener.py",
        '        """Take in one event that',
        '        self.actor_ref.ask(event)\n        """Take in one event that',
        ("test_house_rules.py::test_no_actor_asks_another_so_no_answer_can_come_too_late_or_never",),
    ),
    Mutation(
        "a full mailbox refuses at once",
        "supervision/mailbox.py",
        "            if self.closed or len(lane) >= size:\n",
        "            if self.closed:\n",
        (
            "test_mailbox.py::test_tell_and_ask_through_pykka_raise_instead_of_blocking_when_full",
            "test_supervisor.py::test_a_sender_is_told_full_and_is_never_blocked",
        ),
    ),
    Mutation(
        "nothing awaits where a pykka future can be held",
        "supervision/mailbox.py",
        "def answer_dead(",
        "async def until(future: Any) -> Any:\n    return await future\n\n\ndef answer_dead(",
        ("test_house_rules.py::test_where_a_pykka_future_can_be_held_nothing_awaits",),
    ),
    Mutation(
        "a send to the dead is an answer, not an error",
        "supervision/table.py",
        "        delivery = child.mailbox.urge(message) if",
        "        if child.mailbox.closed:\n            raise RuntimeError(name)\n"
        "        delivery = child.mailbox.urge(message) if",
        ("test_supervisor.py::test_a_name_answers_restarting_between_two_incarnations_and_never_raises",),
    ),
    Mutation(
        "a name leads to whoever bears it now",
        "supervision/child.py",
        "        self.mailbox = mailbox\n        return mailbox\n",
        "        if self.incarnation == 1:\n            self.mailbox = mailbox\n        return mailbox\n",
        ("test_supervisor.py::test_a_name_answers_restarting_between_two_incarnations_and_never_raises",),
    ),
    Mutation(
        "proxy calls are refused",
        "supervision/mailbox.py",
        "        if isinstance(message, ProxyCall | ProxyGetAttr | ProxySetAttr):\n",
        "        if False:\n",
        (
            "test_mailbox.py::test_proxy_calls_are_refused_because_they_reach_private_attributes",
            "test_pykka_seams.py::test_proxies_send_messages_that_the_mailbox_knows_and_refuses",
        ),
    ),
    Mutation(
        "an unknown message is an error to who asked",
        "supervision/actor.py",
        "        if reply is NotImplemented:\n",
        "        if False:\n",
        ("test_actor.py::test_an_unknown_message_is_logged_and_an_asker_learns_it",),
    ),
    Mutation(
        "actors run in daemon threads",
        "supervision/actor.py",
        "    use_daemon_thread: ClassVar[bool] = True\n",
        "    use_daemon_thread: ClassVar[bool] = False\n",
        ("test_actor.py::test_actors_run_in_daemon_threads_so_that_a_hung_one_cannot_keep_the_process",),
    ),
    Mutation(
        "hooks of pykka that would never run are refused",
        "supervision/actor.py",
        "            if hook in vars(cls):\n",
        "            if False:\n",
        ("test_actor.py::test_hooks_of_pykka_that_would_never_run_are_refused_when_the_class_is_made",),
    ),
    Mutation(
        "a hang is noticed",
        "supervision/table.py",
        "            if child.state is not State.STOPPING and busy_s > child.spec.hang_s:\n",
        "            if False:\n",
        ("test_hangs.py::test_a_hung_child_is_left_behind_and_its_successor_takes_over",),
    ),
    Mutation(
        "who was left behind cannot send",
        "supervision/context.py",
        "        if self.abandoned:\n",
        "        if False:\n",
        ("test_hangs.py::test_the_old_thread_can_neither_send_nor_read_when_it_comes_back",),
    ),
    Mutation(
        "the last word of one left behind is not its successor's",
        "supervision/table.py",
        "    return child.context is not None and child.incarnation == said.incarnation\n",
        "    return child.context is not None\n",
        ("test_hangs.py::test_a_hung_child_is_left_behind_and_its_successor_takes_over",),
    ),
    Mutation(
        "a second hang ends the process",
        "supervision/table.py",
        "        elif child.hangs > MOST_HANGS and child.spec.essential:\n",
        "        elif False:\n",
        ("test_hangs.py::test_a_second_hang_of_the_same_child_ends_the_process",),
    ),
    Mutation(
        "a second hang parks what the process can do without",
        "supervision/table.py",
        "        elif child.hangs > MOST_HANGS:\n",
        "        elif False:\n",
        ("test_parking.py::test_a_second_hang_parks_it_and_it_is_tried_again_later",),
    ),
    Mutation(
        "no more than three threads of one child are left behind",
        "supervision/table.py",
        "        if len(child.left_behind) >= MOST_LEFT_BEHIND:\n",
        "        if False:\n",
        ("test_parking.py::test_no_more_threads_are_left_behind_than_it_may_until_one_of_them_ends",),
    ),
    Mutation(
        "too many restarts park what the process can do without",
        "supervision/table.py",
        "            if not child.spec.essential:\n",
        "            if False:\n",
        ("test_parking.py::test_too_many_restarts_park_it_alone_and_do_not_count_against_the_others",),
    ),
    Mutation(
        "time in which the process stood still does not count as a hang",
        "supervision/table.py",
        "            busy_s = min(child.busy_s(now_s), now_s - self._awake_since_s)\n",
        "            busy_s = child.busy_s(now_s)\n",
        ("test_table.py::test_time_in_which_the_whole_process_stood_still_is_not_held_against_a_child",),
    ),
    Mutation(
        "the last resort is armed",
        "supervision/watchdog.py",
        "            signal.setitimer(signal.ITIMER_PROF, self.after_s)\n",
        "            pass\n",
        ("test_watchdog.py::test_a_handler_that_never_gives_up_the_interpreter_ends_the_process_with_all_stacks",),
    ),
    Mutation(
        "too many restarts end the process",
        "supervision/table.py",
        "        if group.intensity.exceeded(now_s):\n",
        "        if False:\n",
        ("test_supervisor.py::test_too_many_restarts_of_a_group_end_everything_with_70_and_the_last_line_says_why",),
    ),
    Mutation(
        "a restart waits its back-off",
        "supervision/table.py",
        "        child.plan(now_s + wait_s, state)\n",
        "        child.plan(now_s, state)\n",
        ("test_table.py::test_the_back_off_starts_afresh_once_a_child_was_stable",),
    ),
    Mutation(
        "the back-off starts afresh after good health",
        "supervision/table.py",
        "            child.crashes = child.waits = 0\n",
        "            pass\n",
        ("test_table.py::test_the_back_off_starts_afresh_once_a_child_was_stable",),
    ),
    Mutation(
        "a condition is outside the budget",
        "supervision/table.py",
        "        elif condition:\n",
        "        elif False:\n",
        ("test_supervisor.py::test_a_condition_met_while_working_is_outside_the_budget_too",),
    ),
    Mutation(
        "a fatal error ends at once",
        "supervision/table.py",
        "        if isinstance(reason, self._fatal):\n",
        "        if False:\n",
        ("test_supervisor.py::test_a_fatal_error_ends_at_once_with_70",),
    ),
    Mutation(
        "each starts when those before it are ready",
        "supervision/table.py",
        "            return all(c.is_settled(now_s) for c in order[: order.index(child)] if not c.dynamic)\n",
        "            return True\n",
        ("test_supervisor.py::test_children_start_in_order_each_when_the_one_before_is_ready_and_stop_in_reverse",),
    ),
    Mutation(
        "they stop in reverse order",
        "supervision/table.py",
        "        for child in reversed(children):\n",
        "        for child in children:\n",
        ("test_supervisor.py::test_children_start_in_order_each_when_the_one_before_is_ready_and_stop_in_reverse",),
    ),
    Mutation(
        "a poison is found by deciding one command at a time",
        "actors/auction/actor.py",
        "        isolated = self._suspects.isolated\n",
        "        isolated = False\n",
        ("test_poison.py::test_a_bid_that_kills_three_times_becomes_a_dead_letter_and_the_rest_is_decided",),
    ),
    Mutation(
        "what has killed three times is not tried again",
        "actors/auction/poison.py",
        "            if self._deaths[message_id] >= DEATHS:\n",
        "            if False:\n",
        ("test_poison.py::test_a_bid_that_kills_three_times_becomes_a_dead_letter_and_the_rest_is_decided",),
    ),
    Mutation(
        "deaths of isolated commands are outside the budget",
        "supervisor.py",
        '    DiedIsolated: "FINDING_POISON",\n',
        "",
        ("test_poison.py::test_several_poisons_in_one_batch_cost_one_restart_of_the_budget",),
    ),
    Mutation(
        "injected crashes are outside the budget",
        "supervisor.py",
        '    InjectedCrash: "RESTARTING",',
        "    #",
        ("test_injected_crashes.py::test_injected_crashes_do_not_use_up_the_budget_of_the_process",),
    ),
    Mutation(
        "the event loop's thread is watched",
        "supervisor.py",
        "                fault = process.fault()\n",
        "",
        ("test_event_loop_watched.py::test_a_lost_event_loop_ends_the_process_with_70_and_the_last_line_says_why",),
    ),
)


class Outcome(NamedTuple):
    """What a run of tests came to: the names of the red ones, and the output when it did not come to a verdict."""

    red: list[str]
    broken: str


def patched(text: str, mutation: Mutation) -> str:
    """The text without the remedy. Raises ValueError when the patch does not fit (any more)."""
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.remedy}: the patch fits {text.count(mutation.old)} times in {mutation.file}")
    return text.replace(mutation.old, mutation.new)


@contextmanager
def without(tree: Path, mutation: Mutation) -> Iterator[None]:
    """The tree lacks the remedy meanwhile."""
    file = tree / mutation.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(patched(whole, mutation), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(whole, encoding="utf-8")


def run_tests(tree: Path, tests: tuple[str, ...]) -> Outcome:
    """Runs these tests in the tree."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_timeout", "-q", "--tb=no", "-rfE"]
    command += ["--timeout", str(TIMEOUT_S)]
    try:
        done = subprocess.run(
            [*command, *(f"{HERE}/{test}" for test in tests)],
            cwd=tree,
            # No bytecode: a patch within the same second and of the same length would not be noticed.
            # No plugins but the one named: finding and importing them takes half the time of a run.
            env={
                **os.environ,
                "TEST_PATIENCE_S": str(PATIENCE_S),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "NO_COLOR": "1",
            },
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome([], f"the tests did not end within {DEADLINE_S} s")
    found = re.findall(r"^(?:FAILED|ERROR) \S+?::(\w+)", done.stdout, re.MULTILINE)
    red = list(dict.fromkeys(found))
    broken = "" if done.returncode in (0, 1) and bool(red) == bool(done.returncode) else done.stdout + done.stderr
    return Outcome(red, broken)


def run_all(trees: list[Path], progress: Progress) -> list[Outcome]:
    """Every mutation, each alone in one of the trees."""
    free: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)
    task = progress.add_task("remedies taken out", total=len(MUTATIONS))

    def run_one(mutation: Mutation) -> Outcome:
        tree = free.get()
        try:
            with without(tree, mutation):
                return run_tests(tree, mutation.tests)
        finally:
            free.put(tree)
            progress.advance(task)

    with ThreadPoolExecutor(len(trees)) as pool:
        return list(pool.map(run_one, MUTATIONS))


def table(outcomes: list[Outcome]) -> str:
    """The table for the document."""
    rows = [
        f"| {mutation.remedy} | `{mutation.file}` | {'<br>'.join(f'`{name}`' for name in outcome.red)} |\n"
        for mutation, outcome in zip(MUTATIONS, outcomes, strict=True)
    ]
    return "| remedy taken out | of | turned red |\n|---|---|---|\n" + "".join(rows)


def write(text: str) -> None:
    """Puts the table between the markers."""
    document = DOCUMENT.read_text(encoding="utf-8")
    head, rest = document.split(BEGIN)
    _, tail = rest.split(END)
    DOCUMENT.write_text(f"{head}{BEGIN}{text}{END}{tail}", encoding="utf-8")


def main() -> int:
    console = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder, Progress(console=console) as progress:
        trees = [Path(folder) / str(number) for number in range(WORKERS)]
        for tree in trees:
            shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
        everything = tuple(dict.fromkeys(test for mutation in MUTATIONS for test in mutation.tests))
        untouched = run_tests(trees[0], everything)
        if untouched.red or untouched.broken:
            console.print("the tests are not green to begin with:", *untouched.red, untouched.broken, sep="\n")
            return 1
        outcomes = run_all(trees, progress)
    unnoticed = [
        f"{mutation.remedy}: {outcome.broken or 'no test has noticed'}"
        for mutation, outcome in zip(MUTATIONS, outcomes, strict=True)
        if outcome.broken or not outcome.red
    ]
    for line in unnoticed:
        console.print(line, markup=False)
    if not unnoticed:
        write(table(outcomes))
        console.print(f"{len(MUTATIONS)} remedies taken out, each loss was noticed: {DOCUMENT.relative_to(ROOT)}")
    return int(bool(unnoticed))


if __name__ == "__main__":
    sys.exit(main())
