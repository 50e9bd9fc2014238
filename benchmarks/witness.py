"""One who watches a house from a process of his own: a viewer at the WebSocket, and a reader who waits at the log.

`python -m benchmarks.witness --feed URL --store URL --marathon M --out FILE` notes when each frame and each entry of
the log came (`time.monotonic`) until its standard input ends, and writes what it saw (`Seen`). Nothing is decoded while
it watches. An entry of the log is seen as soon as it is synced to disk: the server answers nobody earlier.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from adapters.redis.client import connect_async
from adapters.redis.keys import Keys
from messages.codec import unpack_events
from messages.events import BidAccepted, BidRefused

BLOCK_MS = 1_000
TIMEOUT_S = 5.0
QUIET_S = 1.0  # in the end, for the last frames


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """A bid's verdict stood in the log, on disk, at `at_s`."""

    post_id: int
    seq: int
    at_s: float


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What came: the verdicts, and (seq, at_s) of each frame that has a seq."""

    decided: list[Decided]
    frames: list[tuple[int, float]]


class _Frame(msgspec.Struct):
    seq: int | None = None


async def _watch(feed: str, frames: list[tuple[float, str]]) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(feed, max_msg_size=0) as socket:
        async for message in socket:
            frames.append((time.monotonic(), message.data))


async def _read(store: str, log: str, entries: list[tuple[float, bytes, bytes]]) -> None:
    client: Any = connect_async(store, TIMEOUT_S)  # redis-py's types know neither RESP's shape nor ours
    after: bytes | str = "$"
    while True:
        answer = await client.xread({log: after}, block=BLOCK_MS, count=64)
        at_s = time.monotonic()
        for _, found in answer or ():
            entries += [(at_s, entry_id, fields[b"events"]) for entry_id, fields in found]
            after = found[-1][0]


async def _see(args: argparse.Namespace) -> Seen:
    frames: list[tuple[float, str]] = []
    entries: list[tuple[float, bytes, bytes]] = []
    watching = [
        asyncio.create_task(_watch(args.feed, frames)),
        asyncio.create_task(_read(args.store, Keys(args.marathon).log, entries)),
    ]
    end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not frames:  # the hello: from now on nothing is missed
        await asyncio.sleep(0.01)
        if any(task.done() for task in watching):
            await asyncio.gather(*watching)
    print("watching", flush=True)
    await asyncio.wait([end, *watching], return_when=asyncio.FIRST_COMPLETED)
    if not end.done():
        await asyncio.gather(*watching)  # raises what has ended it
        raise ConnectionError("the house has closed the feed")
    await asyncio.sleep(QUIET_S)
    for task in watching:
        task.cancel()
    decoded = [(msgspec.json.decode(data, type=_Frame).seq, at_s) for at_s, data in frames]
    decided = []
    for at_s, entry_id, data in entries:
        last, count = (int(part) for part in entry_id.split(b"-"))
        for seq, event in enumerate(unpack_events(data), last - count + 1):
            if isinstance(event, BidAccepted | BidRefused):
                decided.append(Decided(event.post_id, seq, at_s))
    return Seen(decided, [(seq, at_s) for seq, at_s in decoded if seq is not None])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("feed", "store", "marathon"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.write_bytes(msgspec.msgpack.encode(asyncio.run(_see(args))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
