"""Job queues that do the same writes on the same server: BullMQ, and of Python's taskiq.

taskiq, because it is well kept, runs many tasks at once on one pool of connections and acknowledges on a stream, as we
do; rq makes a process for each job, dramatiq and celery have a thread or a process for each job at work.

A job writes what our commit writes for a bid, in one transaction: log, history, bidder's bids, day and stage. In the
queues' favour, jobs are enqueued before the clock starts and nothing is decided.
"""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from benchmarks.measuring import BUILD, Measure
from benchmarks.running import RunningHouse, running_house
from messages.codec import pack_batch
from messages.x_ids import posted_at_ms
from tests.harness import ROOT

SCRIPTS, INSTALLED = ROOT / "benchmarks" / "peers", BUILD / "peers"
TIMEOUT_S = 120.0  # some twenty times what a run takes; now and then one does not come to its end
CONCURRENCIES = (1, 50)
TARGETS = {("BullMQ", 1): "≥ 60", ("BullMQ", 50): "≥ 10"}


def commands() -> tuple[dict[str, list[str]], list[str]]:
    """How each installed queue is run, and a word about each that is not."""
    found, left_out = {}, []
    node, python = shutil.which("node"), INSTALLED / "venv" / "bin" / "python"
    if node and (INSTALLED / "node_modules" / ".installed").exists():
        found["BullMQ"] = [node, str(SCRIPTS / "bullmq.mjs")]
    else:
        left_out.append("BullMQ was left out: node or its packages are missing (benchmarks/peers/setup installs them)")
    if (INSTALLED / "venv" / ".installed").exists():
        found["taskiq"] = [str(python), str(SCRIPTS / "taskiq_worker.py")]
    else:
        left_out.append("taskiq was left out: it is not installed (benchmarks/peers/setup does it)")
    return found, left_out


def compared(runs: int, jobs: dict[int, int], ours: float | None) -> tuple[list[Measure], list[str]]:
    """Bids a second of each queue, `jobs` for each concurrency, and how many times that `ours` is (median)."""
    found, left_out = commands()
    measures: list[Measure] = []
    if not found:
        return measures, left_out
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        plans = {concurrency: Path(folder) / f"plan-{concurrency}.json" for concurrency in jobs}
        _write_plans(plans, jobs)
        for name, command in found.items():
            for concurrency, plan in plans.items():
                title, rates = f"{name}, concurrency {concurrency}", []
                for _ in range(runs):
                    try:
                        rates.append(jobs[concurrency] / _run([*command], plan, concurrency))
                    except (RuntimeError, subprocess.TimeoutExpired) as failure:
                        left_out.append(f"{title}: a run was left out: {failure}")
                if not rates:
                    continue
                measures.append(Measure(name=f"{title}: the same writes", unit="bids/s", runs=rates))
                if ours is not None:
                    ratios = [ours / rate for rate in rates]
                    target = TARGETS.get((name, concurrency), "")
                    measures.append(Measure(name=f"{title}: ours against it", unit="×", runs=ratios, target=target))
    return measures, left_out


def _write_plans(plans: dict[int, Path], jobs: dict[int, int]) -> None:
    """What our own process wrote for these bids, as jobs."""
    with running_house() as house:
        house.fill(max(jobs.values()))
        view = {name.decode(): value.decode() for name, value in _view(house).items()}
        made = [_job(house, verdict) for verdict in house.verdicts()]
        keys = {"log": "peer:log", "history": "peer:history", "day": "peer:day", "current": "peer:current"}
        for concurrency, path in plans.items():
            plan = {**keys, "view": view, "jobs": made[: jobs[concurrency]]}
            path.write_text(json.dumps(plan), encoding="utf-8")


def _view(house: RunningHouse) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = execute(house.client, "HGETALL", house.keys.day(1))
    return found


def _job(house: RunningHouse, verdict: Any) -> dict[str, object]:
    member = f"{verdict.post_id:020d}"
    return {
        "event": base64.b64encode(pack_batch([verdict])).decode(),
        "score": posted_at_ms(verdict.post_id),
        "member": member,
        "user_key": house.keys.user_bids(verdict.bidder_id),
        "user_member": f"{house.auction_id}:{member}",
    }


def _run(command: list[str], plan: Path, concurrency: int) -> float:
    """Seconds that all jobs took, on an empty server. Raises RuntimeError when a job is not done."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = EmbeddedServer(Path(folder))
        server.ensure()
        client = connect(server.url)
        try:
            done = subprocess.run(  # noqa: S603
                [*command, str(server.socket), str(plan), str(concurrency)],
                check=False,  # what it says is part of the error
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                cwd=INSTALLED,
            )
            if done.returncode:
                raise RuntimeError(f"{command[-1]} ended with {done.returncode}: {done.stderr[-500:]}")
            jobs = len(json.loads(plan.read_bytes())["jobs"])
            written: Callable[[str, str], int] = lambda how, key: int(execute(client, how, key))  # noqa: E731
            if (entries := written("XLEN", "peer:log")) != jobs or written("ZCARD", "peer:history") != jobs:
                raise RuntimeError(f"{command[-1]} has done {entries} of {jobs} jobs")
            return float(json.loads(done.stdout.splitlines()[-1])["seconds"])
        finally:
            client.close()
            server.stop()
