"""`scenario`: plays scenarios on a fresh compressed demo and checks their expectations; of several it prints a table.

A scenario file says what happens when (posts, orders, crashes, faults of the simulated X) and what the result must be,
as docs/scenarios.md explains. Without --data-dir a temporary directory is used, and kept if an expectation was not met.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

import bootstrap
import own_files
from adapters.redis.log import LogReader
from adapters.wall_clock import wall_clock_ms
from commands.common import CommandError
from commands.compressed import LEAST_FURTHER, START_MS, DemoPlan, days_of, demo_settings, further_of, x_options
from commands.report import report_of
from commands.scenario_expect import ScenarioReport, Seen, judged
from commands.scenario_file import Scenario, read_scenario
from commands.scenario_play import END_PATIENCE_MS, Player, set_up
from commands.scenario_process import MarathonProcess
from commands.simulated import CREDENTIALS, base_url, end_simulated_x, simulated_x
from commands.store import store_of
from commands.tables import console, table_on
from settings import Settings, SettingsError, load
from simulator.launch import SimulatorFailed, ask_x

EXAMPLE = "auction-manager scenario scenarios/normal_day.toml --report report.json"
PROCESS_S = 60  # time that the process of a scenario may take besides playing: start, audit, stop
LOOK_S = 0.1
TERMINATED = 128 + signal.SIGTERM
AT_A_TIME = 2
COMMAND_LINE = Path(__file__).resolve().parent.parent / "cli.py"
END_S = 30


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="scenario files (TOML)")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report; of several files a folder (build/scenarios)"
    )
    parser.add_argument("--data-dir", type=Path, metavar="D", help="an empty or new directory, which is kept")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    scenarios = _read(args.files)
    if len(scenarios) > 1:
        if args.data_dir:
            raise CommandError("--data-dir takes one scenario: of several, each has a directory of its own")
        return _several(scenarios, args.report or Path("build/scenarios"), args.json)
    if args.report:
        args.report.parent.mkdir(parents=True, exist_ok=True)  # an impossible path is refused before playing
    report = _one(scenarios[0], args.data_dir)
    if args.report:
        own_files.write_whole(args.report, _as_json(report))
    if args.json:
        print(_as_json(report).decode(), end="")
    else:
        _print_report(report)
    return 0 if report.passed else 1


def _read(files: Sequence[Path]) -> list[Scenario]:
    """Reads all files. Raises SettingsError with the errors of all files."""
    scenarios, faults = [], []
    for file in files:
        try:
            scenarios.append(read_scenario(file))
        except SettingsError as error:
            faults += error.faults
    stems = Counter(file.stem for file in files)
    faults += [f"{name}: the name of {count} scenarios" for name, count in stems.items() if count > 1]
    if faults:
        raise SettingsError(faults)
    return scenarios


# ---- one scenario, in this process


def _one(scenario: Scenario, data_dir: Path | None) -> ScenarioReport:
    if data_dir is None:
        data_dir = Path(tempfile.mkdtemp(prefix="scenario-"))
        worth_keeping = True
        try:
            report = _play(scenario, data_dir)
            worth_keeping = not report.passed
            return report
        except SettingsError:
            worth_keeping = False
            raise
        finally:
            if worth_keeping:
                print(f"what happened stands in {data_dir}; auction-manager log --data-dir {data_dir}", file=sys.stderr)
            else:
                shutil.rmtree(data_dir)
    if data_dir.exists() and own_files.holds_something(data_dir):
        raise CommandError(f"{data_dir} is not empty: a scenario is played on a fresh marathon")
    own_files.private_folder(data_dir)
    return _play(scenario, data_dir)


def _play(scenario: Scenario, data_dir: Path) -> ScenarioReport:
    began_s = time.monotonic()
    # SIGTERM must also end the marathon's process and the simulated X, so it runs the `finally` blocks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    demo = scenario.demo
    plan = DemoPlan(
        seed=demo.seed, days=demo.days, day_seconds=demo.day_seconds, bidders=demo.bidders, first_opens_at_ms=0
    )
    settings = demo_settings(load(None, os.environ), plan, data_dir, 0)
    x_port, _ = simulated_x(data_dir, x_options(settings, plan) | {"bids": demo.bids, "rush": demo.rush})
    try:
        seen = _play_on(scenario, settings, plan, x_port)
    except SimulatorFailed as failure:
        raise CommandError(str(failure)) from None
    finally:
        end_simulated_x(data_dir, x_port)
    return judged(scenario, seen, round(time.monotonic() - began_s, 1))


def _play_on(scenario: Scenario, settings: Settings, plan: DemoPlan, x_port: int) -> Seen:
    """Plays the scenario on this simulated X. Raises SettingsError for unknown actors, and SimulatorFailed."""
    before = set_up(scenario, x_port)
    plan = msgspec.structs.replace(plan, first_opens_at_ms=wall_clock_ms() + START_MS)
    plans = days_of(settings, plan), further_of(settings, plan)
    process = MarathonProcess(settings, bootstrap.Dependencies(base_url(x_port), CREDENTIALS, *plans))
    out = Console(stderr=True, highlight=False)
    out.print(f"scenario   {scenario.title}", markup=False)
    player = Player(scenario, settings, [*plans[0], *plans[1]], x_port, process, out)
    try:
        while not player.is_over():
            time.sleep(LOOK_S)
    finally:
        player.close()
        code = process.end()
    if player.faults:
        raise SettingsError(player.faults)
    truth = ask_x(x_port, "GET", "/_sim/truth")
    kinds: Counter[str] = Counter()
    with store_of(settings) as (client, keys):
        report = report_of(client, keys, plan.seed, truth)
        kinds.update(type(event).__name__ for entry in LogReader(client, keys).entries() for event in entry.events())
    return Seen(
        exit_code=code,
        ended=player.ended,
        steps=[*before, *player.played, *player.unplayed()],
        kinds=kinds,
        restarts=player.restarts + Counter({name: child["restarts"] for name, child in player.children.items()}),
        states={name: child["state"] for name, child in player.children.items()},
        demo=report,
    )


# ---- several, each in a process of its own


def _several(scenarios: Sequence[Scenario], folder: Path, as_json: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    reports: dict[Path, ScenarioReport | None] = {}
    err = Console(stderr=True)
    with (
        ThreadPoolExecutor(AT_A_TIME) as pool,
        Progress(console=err, transient=True, disable=not err.is_terminal) as progress,
    ):
        played = pool.map(lambda scenario: (scenario, _in_own_process(scenario, folder)), scenarios)
        for scenario, report in progress.track(played, len(scenarios), description="scenarios"):
            reports[scenario.file] = report
            if not err.is_terminal:
                print(f"{scenario.file.stem} has been played", file=sys.stderr)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(list(reports.values()))).decode())
    else:
        _print_table(reports, folder)
    return 0 if all(report and report.passed for report in reports.values()) else 1


def _in_own_process(scenario: Scenario, folder: Path) -> ScenarioReport | None:
    """Plays the scenario in a process of its own. Returns its report, or None if there is none; then the log in
    `folder` says why."""
    report_file, log_file = folder / f"{scenario.file.stem}.json", folder / f"{scenario.file.stem}.log"
    report_file.unlink(missing_ok=True)
    command = [sys.executable, str(COMMAND_LINE), "scenario", str(scenario.file), "--report", str(report_file)]
    days = scenario.demo.days + max(scenario.demo.days, LEAST_FURTHER)
    limit_s = days * scenario.demo.day_seconds + END_PATIENCE_MS / 1000 + PROCESS_S
    with log_file.open("wb") as words:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)  # noqa: S603
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            words.write(f"not done within {limit_s:g} s\n".encode())
        finally:
            _end(process)
    if not report_file.exists():
        return None
    return msgspec.json.decode(report_file.read_bytes(), type=ScenarioReport)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks the process to end, so that it can stop its server and simulator; kills it if it does not end."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---- output


def _as_json(report: ScenarioReport) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def _print_report(report: ScenarioReport) -> None:
    out = console()
    table = table_on(out, "expected", "wanted", "seen", "met")
    for one in report.expectations:
        table.add_row(Text(one.expects), Text(one.wanted), Text(one.seen), _met(one.met))
    out.print(table)
    out.print(f"{report.scenario}: {'passed' if report.passed else 'FAILED'} in {report.seconds} s", markup=False)


def _print_table(reports: dict[Path, ScenarioReport | None], folder: Path) -> None:
    out = console()
    table = table_on(out, "scenario", "passed", "seconds", "met", "what was wrong", right=("seconds", "met"))
    for file, report in reports.items():
        if report is None:
            table.add_row(Text(file.stem), _met(False), "", "", Text(f"left no report: {folder / file.stem}.log"))
            continue
        wrong = [expectation for expectation in report.expectations if not expectation.met]
        words = "; ".join(f"{one.expects}: {one.seen}, not {one.wanted}" for one in wrong)
        met = f"{len(report.expectations) - len(wrong)} of {len(report.expectations)}"
        table.add_row(Text(file.stem), _met(report.passed), str(report.seconds), met, Text(words))
    out.print(table)


def _met(met: bool) -> Text:
    return Text("yes", style="green") if met else Text("NO", style="bold red")
