"""A taskiq worker that does for each bid what `bullmq.mjs` does: one task a bid, and in it one transaction.

Runs in an environment of its own, which knows nothing of the project. Prints {"seconds": …}.
Usage: python taskiq_worker.py SOCKET PLAN CONCURRENCY
"""

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

AT_ONCE = 50  # tasks enqueued at the same time


async def main(socket: str, plan_file: str, concurrency: int) -> None:
    plan = json.loads(Path(plan_file).read_text(encoding="utf-8"))
    broker = RedisStreamBroker(f"unix://{socket}", consumer_id="0")
    store = redis.Redis.from_url(f"unix://{socket}")
    done, all_done = 0, asyncio.Event()

    @broker.task  # type: ignore[untyped-decorator]  # taskiq stands in the peers' environment only
    async def record(bid: dict[str, Any]) -> None:
        nonlocal done
        async with store.pipeline(transaction=True) as pipe:
            pipe.xadd(plan["log"], {"events": base64.b64decode(bid["event"])})
            pipe.zadd(plan["history"], {bid["member"]: bid["score"]})
            pipe.rpush(bid["user_key"], bid["user_member"])
            pipe.hset(plan["day"], mapping=plan["view"])
            pipe.hset(plan["current"], mapping=plan["view"])
            await pipe.execute()
        done += 1
        if done == len(plan["jobs"]):
            all_done.set()

    await broker.startup()
    jobs = plan["jobs"]
    for first in range(0, len(jobs), AT_ONCE):
        await asyncio.gather(*(record.kiq(bid) for bid in jobs[first : first + AT_ONCE]))
    began_s = time.perf_counter()
    worker = asyncio.create_task(run_receiver_task(broker, max_async_tasks=concurrency, max_prefetch=concurrency))
    ended = asyncio.create_task(all_done.wait())
    await asyncio.wait([worker, ended], return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        raise RuntimeError(f"the worker ended after {done} of {len(jobs)} tasks")
    print(json.dumps({"seconds": time.perf_counter() - began_s}), flush=True)
    worker.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
