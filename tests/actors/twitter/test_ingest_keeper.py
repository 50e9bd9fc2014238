"""The ingest in a process of its own: it is kept, its hints are passed on, and its end is told from its exit code."""

import sys
from collections.abc import Callable

import msgspec
import pytest

import ingest_process
from actors.twitter.ingest_keeper import TRY_AGAIN, IngestEnded, IngestKeeper
from adapters.redis.errors import StoreUnavailable
from adapters.redis.queue import START, Queue
from adapters.worker_process import OwnProcess
from benchmarks.running import running_house
from benchmarks.throughput import check
from commands.simulated import CREDENTIALS
from ingest_process import IngestPlan
from messages.codec import unpack_commands
from messages.commands import PlaceBid
from messages.hints import QueueGrew, SweepNow
from supervision import GAVE_UP
from tests.harness.stage import Stage
from tests.harness.store import Store
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

pytestmark = pytest.mark.requirement("SUP-1", "QUE-1")

COMMAND = [sys.executable, ingest_process.__file__]
# Each says what it was told, and then what it is here for.
SAYS = """
import sys
print(sys.stdin.readline(), end="")
print("QueueGrew m-01", "SweepNow reconciler", "Nonsense m-01", sep="\\n", flush=True)
"""


def keeper(stage: Stage, code: str) -> tuple[IngestKeeper, OwnProcess, list[str]]:
    """A keeper of a process that runs this code, the process, and all that the process says."""
    heard: list[str] = []
    started: list[OwnProcess] = []

    def start(on_line: Callable[[str], None]) -> OwnProcess:
        def hear(line: str) -> None:
            on_line(line)
            heard.append(line)

        started.append(OwnProcess([sys.executable, "-c", SAYS + code], b"the order", hear))
        return started[-1]

    actor = stage.enter("twitter_ingest", lambda context: IngestKeeper(context, start))
    [process] = started
    return actor, process, heard


def test_its_hints_reach_the_actors_that_they_are_for(stage: Stage) -> None:
    actor, process, heard = keeper(stage, "sys.stdin.read()")
    until(lambda: len(heard) == 4)
    assert heard[0] == "the order"
    assert stage.sent == [("m-01", QueueGrew()), ("reconciler", SweepNow())]
    actor.tick()
    stage.leave("twitter_ingest")
    assert process.exit_code() == 0, "it ends with its input"


@pytest.mark.parametrize(("code", "error"), [(TRY_AGAIN, StoreUnavailable), (GAVE_UP, IngestEnded), (0, IngestEnded)])
def test_its_end_is_the_keepers_end(code: int, error: type[Exception], stage: Stage) -> None:
    actor, process, _ = keeper(stage, f"sys.exit({code})")
    until(lambda: process.exit_code() is not None)
    with pytest.raises(error):
        actor.tick()


def test_one_that_dies_before_it_was_told_anything_is_cleared_away() -> None:
    process = OwnProcess([sys.executable, "-c", "raise SystemExit(3)"], b"x" * 10_000_000, print)
    process.stop()
    assert process.exit_code() == 3


def plan(x: SimulatedX, url: str) -> bytes:
    return msgspec.json.encode(
        IngestPlan(
            store_url=url,
            store_password=None,
            store_timeout_s=2.0,
            marathon_id="m",
            days=1,
            x_base_url=x.base_url,
            x_is_live=False,
            credentials=CREDENTIALS,
            request_timeout_s=2.0,
            reconciler="reconciler",
            hang_s=10.0,
        )
    )


def test_the_process_says_so_when_it_waits_for_the_store(x: SimulatedX) -> None:
    lost = OwnProcess(COMMAND, plan(x, "unix:///nowhere.sock"), print)
    until(lambda: lost.exit_code() is not None)
    assert lost.exit_code() == TRY_AGAIN
    lost.stop()


@pytest.mark.requirement("X-1")
def test_the_process_follows_x_until_its_input_ends(x: SimulatedX, store: Store) -> None:
    said: list[str] = []
    process = OwnProcess(COMMAND, plan(x, store.url), said.append)
    post = int(x.tell("post", author="auction_house", text="Day 1 is open")["id"])
    store.client.hset(store.keys.day(1), mapping={"auction_id": "m-01", "post_id": post, "phase": "ACTIVE"})
    until(lambda: "SweepNow reconciler" in said)  # the stream stands
    made = x.reply("ann", "0.5 ETH #AuctionDay", post)
    until(lambda: "QueueGrew m-01" in said)
    [(_, batch)] = Queue(store.client, store.keys).read("m-01", START, 9)
    [bid] = unpack_commands(batch)
    assert isinstance(bid, PlaceBid)
    assert (bid.post_id, bid.source) == (made, "stream")
    assert process.exit_code() is None
    process.stop()
    assert process.exit_code() == 0


@pytest.mark.requirement("SUP-2", "BID-9")
def test_bids_reach_their_auction_from_there_also_after_it_was_killed() -> None:
    with running_house(ingest_process=True) as house:
        lines = house.data_dir / "lines"
        for first in (0, 300):
            house.war.write(lines, first, 300)
            house.feed(lines)
            house.until_decided(first + 300)
            house.kill_ingest()
        check(house, 600)
