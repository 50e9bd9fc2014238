"""`demo`: plays a compressed marathon on a simulated X and a simulated chain, with simulated bidders who pay for what
they have won, and checks its results.

The simulators are processes of their own and outlive a killed supervisor, as the real X and chain would. The same
command with the same data directory continues the demo. After a demo that has ended, or with other options, a new demo
begins.
"""

import argparse
import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec
from rich.console import Console

import bootstrap
import own_files
import supervisor
from adapters import process_file, process_log
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreError
from adapters.wall_clock import wall_clock_ms
from commands.common import CommandError, bounded
from commands.compressed import (
    START_MS,
    DemoPlan,
    chain_options,
    days_of,
    demo_settings,
    further_of,
    on_chain,
    x_options,
)
from commands.demo_contract import deployed
from commands.follow import Follower
from commands.report import Report, table_of
from commands.simulated import CREDENTIALS, base_url, end_simulated_chain, end_simulated_x, simulated_chain, simulated_x
from commands.tables import console
from ledger.entry import LogDamaged
from settings import load
from simulator.launch import CHAIN, SimulatorFailed, port_of, ports_of

EXAMPLE = "auction-manager demo --once --days 2 --day-seconds 20 --seed 7"
PLAN_FILE = "demo.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=bounded(int, 1, 99), default=2, metavar="N", help="number of auctions (default 2)"
    )
    parser.add_argument(
        "--day-seconds", type=bounded(float, 5, 86_400), default=40.0, metavar="S", help="length of a day (default 40)"
    )
    parser.add_argument(
        "--bidders", type=bounded(int, 2, 10_000), default=12, metavar="N", help="number of bidders (default 12)"
    )
    parser.add_argument(
        "--seed", type=bounded(int, 0, 2**31), default=1, metavar="K", help="seed of the bidders (default 1)"
    )
    parser.add_argument("--once", action="store_true", help="exit after the last auction; print and audit the results")
    parser.add_argument("--report", type=Path, metavar="FILE", help="with --once: write the results as JSON")
    parser.add_argument("--port", type=bounded(int, 0, 65_535), default=0, metavar="P", help="port of the stage page")
    parser.add_argument(
        "--data-dir", type=Path, default=Path("build/demo"), metavar="D", help="data directory (default build/demo)"
    )


def run(args: argparse.Namespace) -> int:
    if args.report and not args.once:
        raise CommandError("--report needs --once: the report is written when the marathon has ended")
    if args.report:
        args.report.parent.mkdir(parents=True, exist_ok=True)  # an impossible path is refused before playing
    process_log.begin(logging.WARNING)
    plan = _plan(args)
    settings = demo_settings(load(None, os.environ), plan, args.data_dir, args.port)
    with ExitStack() as begun:
        port, abandon_x = simulated_x(args.data_dir, x_options(settings, plan))
        begun.callback(abandon_x)
        chain_port = None
        if plan.sells:
            chain_port, abandon_chain = simulated_chain(args.data_dir, chain_options(settings, plan))
            begun.callback(abandon_chain)
            plan = _ready(args.data_dir, plan, chain_port)
            settings = on_chain(settings, plan, ports_of(args.data_dir, CHAIN))
        abandon = begun.pop_all().close
    days = days_of(settings, plan), further_of(settings, plan)
    dependencies = bootstrap.Dependencies(base_url(port), CREDENTIALS, *days, abandon=abandon)
    follower = Follower(settings, Console(stderr=True, highlight=False))
    reports: list[Report] = []

    def is_over() -> bool:
        nonlocal plan
        if not follower.is_over():
            return False
        if args.once:
            try:
                reports.append(follower.report(port, plan.seed, chain_port))
            except (StoreError, LogDamaged, SimulatorFailed):
                return False  # the store or the simulator does not answer: the next look tries again
        elif not plan.ended:
            plan = _end(args.data_dir, plan)
        return bool(args.once)

    code = supervisor.run(settings, dependencies, follower.begin, is_over)
    if not reports:
        if plan.ended:
            _end_simulators(args.data_dir)
        elif args.once:
            print(f"the demo is not finished; the same command continues it ({args.data_dir})", file=sys.stderr)
        return code or int(args.once)
    report = reports[0]
    console().print(table_of(report))
    if args.report:
        own_files.write_whole(args.report, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    _end(args.data_dir, plan)
    _end_simulators(args.data_dir)
    return code or (0 if report.right else 1)


# ---- the plan of the days


def _plan(args: argparse.Namespace) -> DemoPlan:
    """Returns the plan of the demo in the directory, or a new plan if that demo has ended or had other options."""
    asked = {name: getattr(args, name) for name in ("seed", "days", "day_seconds", "bidders")}
    file = args.data_dir / PLAN_FILE
    if file.exists():
        try:
            plan = msgspec.json.decode(file.read_bytes(), type=DemoPlan)
        except msgspec.MsgspecError as fault:
            raise CommandError(f"{file} is no plan of a demo ({fault}); choose another --data-dir") from None
        begun = {name: getattr(plan, name) for name in asked}
        if begun == asked and not plan.ended:
            return plan
        _forget(args.data_dir)
        if not plan.ended:
            words = " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in begun.items())
            print(f"a new demo begins; the one before, which was not finished, had {words}", file=sys.stderr)
    elif args.data_dir.exists() and own_files.holds_something(args.data_dir):
        raise CommandError(f"{args.data_dir} is not empty and holds no demo; choose another --data-dir")
    own_files.private_folder(args.data_dir)
    plan = DemoPlan(**asked, first_opens_at_ms=0)
    _write_plan(args.data_dir, plan)
    return plan


def _ready(data_dir: Path, plan: DemoPlan, chain_port: int) -> DemoPlan:
    """Completes the plan of a new demo, once: deploys its sale contract, and sets when the first day opens."""
    if plan.contract:
        return plan
    contract = deployed(base_url(chain_port), plan.seed)
    opens_at_ms = plan.first_opens_at_ms or wall_clock_ms() + START_MS
    plan = msgspec.structs.replace(plan, contract=contract, first_opens_at_ms=opens_at_ms)
    _write_plan(data_dir, plan)
    return plan


def _end(data_dir: Path, plan: DemoPlan) -> DemoPlan:
    """Marks the plan of the demo as ended."""
    plan = msgspec.structs.replace(plan, ended=True)
    _write_plan(data_dir, plan)
    return plan


def _write_plan(data_dir: Path, plan: DemoPlan) -> None:
    own_files.write_whole(data_dir / PLAN_FILE, msgspec.json.encode(plan))


def _forget(data_dir: Path) -> None:
    """Deletes the data of the demo before, and nothing else in the directory. Raises DirectoryInUse.

    The caller replaces the plan afterwards, so that after a kill in between the next start deletes the data again."""
    EmbeddedServer(data_dir).erase()
    process_file.remove(data_dir)
    _end_simulators(data_dir)


def _end_simulators(data_dir: Path) -> None:
    if (port := port_of(data_dir)) is not None:
        end_simulated_x(data_dir, port)
    if (port := port_of(data_dir, CHAIN)) is not None:
        end_simulated_chain(data_dir, port)
