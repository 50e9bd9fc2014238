"""A whole marathon on a server that is not ours: found by its URL, used, and left as it was found: running."""

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

import bootstrap
import supervisor
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.wall_clock import wall_clock_ms
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, x_options
from commands.follow import Follower
from commands.report import Report
from commands.simulated import CREDENTIALS
from settings import load
from tests.harness.x_process import simulated_x


@pytest.mark.requirement("RED-3")
def test_a_marathon_on_an_external_server_ends_right_and_leaves_the_server_alone(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "elsewhere")
    server.ensure()
    data_dir = tmp_path / "not" / "there yet"
    opens_at_ms = wall_clock_ms() + START_MS
    plan = DemoPlan(seed=2, days=1, day_seconds=6, bidders=4, first_opens_at_ms=opens_at_ms)
    settings = demo_settings(load(None, {}), plan, data_dir, 0)
    settings = msgspec.structs.replace(settings, redis=msgspec.structs.replace(settings.redis, url=server.url))
    follower, reports = Follower(settings, Console(quiet=True)), list[Report]()
    options = {name.replace("-", "_"): value for name, value in x_options(settings, plan).items()}
    try:
        with simulated_x(tmp_path, **options) as x:
            port = int(x.base_url.rpartition(":")[2])

            def is_over() -> bool:
                if follower.is_over():
                    reports.append(follower.report(port, plan.seed))
                return bool(reports)

            dependencies = bootstrap.Dependencies(x.base_url, CREDENTIALS, days_of(settings, plan))
            assert supervisor.run(settings, dependencies, follower.begin, is_over) == 0
        assert reports[0].right, reports
        assert sorted(file.name for file in data_dir.iterdir()) == ["process.json"]
        client = connect(server.url)
        assert execute(client, "EXISTS", "lease:demo", "log:demo") == 1, "the lease is given back, the log is there"
        client.close()
    finally:
        server.stop()
