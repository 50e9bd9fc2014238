"""Crashes of the transaction sender at each point of an offer, many times: `python -m tests.actors.settlement.crashes`.

Every crash is an offer of its own on one node and one store. Prints how often each point was tried, and ends with 1 at
the first offer that was mined twice, forgotten, or left a gap between the nonces.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.redis.embedded import EmbeddedServer
from tests.actors.settlement.sending import POINTS, Clock, Driven, crash_and_recover, offers, transactions
from tests.harness.anvil import Anvil
from tests.harness.store import empty_store


def main(arguments: list[str]) -> int:
    """Tries each point; returns the exit code."""
    parser = argparse.ArgumentParser(description="crashes the transaction sender at each point of an offer")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--cut", type=int, default=50, help="sends in a row that never arrive")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="crashes-") as folder:
        server = EmbeddedServer(Path(folder))
        anvil = Anvil(Path(folder))
        try:
            server.ensure()
            _try_all(server.url, anvil, options.times, options.cut)
        except AssertionError as fault:
            print(f"failed: {fault}")
            return 1
        finally:
            anvil.kill()
            server.stop()
    return 0


def _try_all(url: str, anvil: Anvil, times: int, cut: int) -> None:
    begun_s, clock = time.monotonic(), Clock()
    for point in POINTS:
        for n in range(times):
            with empty_store(url) as store:  # a log of its own, so that the nonces go on from what the chain has
                crash_and_recover(store, anvil, clock, f"{point.replace(' ', '-')}-{n:02}", point)
        print(f"{point}: {times} crashes, {times} offers mined, none twice, none forgotten, no nonce left out")
    with empty_store(url) as store:
        before = transactions(anvil)
        sender = Driven(store, [anvil], clock)
        sender.is_cut = True
        sender.order("never-arrived")
        for _ in range(cut):
            sender.poll(3)
            clock.now_ms += 30_000
        sender.is_cut = False
        sender.poll(3)
        assert (offers(anvil, "never-arrived"), transactions(anvil)) == (1, before + 1)
        sender.stop()
    print(f"{cut} sends that never arrived: the next one was mined with the same nonce")
    print(f"{len(POINTS) * times} crashes in {time.monotonic() - begun_s:.0f} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
