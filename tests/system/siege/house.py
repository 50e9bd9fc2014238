"""The house under siege: a demo day in a process that may open 1,024 files, with neighbours as they are given.

`python -m tests.system.siege.house PLAN`, the plan as JSON. Standard error is its log; the report is written at
the end.
"""

import ipaddress
import logging
import os
import resource
import sys
from pathlib import Path

import msgspec
from rich.console import Console

import bootstrap
import supervisor
from adapters import process_log
from commands.compressed import DemoPlan, days_of, demo_settings, further_of
from commands.follow import Follower
from commands.simulated import CREDENTIALS, base_url
from settings import Settings, load
from tests.harness.anvil import CHAIN_ID, CONTRACT

OPEN_FILES = 1_024
BROADCAST = "127.0.0.1"  # the only address for which places are kept


class SiegePlan(msgspec.Struct, frozen=True):
    """The day, and where the neighbours are: X directly and as the house reaches it."""

    demo: DemoPlan
    data_dir: Path
    x_port: int
    x_port_of_house: int
    store_url: str
    chain_url: str

    @property
    def report_file(self) -> Path:
        return self.data_dir / "report.json"

    def settings(self) -> Settings:
        settings = demo_settings(load(None, {}), self.demo, self.data_dir, 0)
        replace = msgspec.structs.replace
        return replace(
            settings,
            redis=replace(settings.redis, url=self.store_url),
            http=replace(settings.http, kept_for=(ipaddress.ip_network(BROADCAST),)),
            chain=replace(settings.chain, rpc_urls=(self.chain_url,), chain_id=CHAIN_ID, contract=CONTRACT),
        )


def main() -> int:
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    process_log.begin(logging.WARNING)
    plan = msgspec.json.decode(sys.argv[1], type=SiegePlan, dec_hook=lambda kind, value: kind(value))
    settings = plan.settings()
    days = days_of(settings, plan.demo), further_of(settings, plan.demo)
    dependencies = bootstrap.Dependencies(base_url(plan.x_port_of_house), CREDENTIALS, *days)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        follower = Follower(settings, Console(file=nowhere))

        def is_over() -> bool:
            if not follower.is_over():
                return False
            report = follower.report(plan.x_port, plan.demo.seed)
            plan.report_file.write_bytes(msgspec.json.encode(report))
            return True

        return supervisor.run(settings, dependencies, follower.begin, is_over)


if __name__ == "__main__":
    sys.exit(main())
