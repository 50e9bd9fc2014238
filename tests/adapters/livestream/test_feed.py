"""The feed over real sockets: joining, resuming, falling behind, and not being in anybody's way."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from adapters.http.server import SHUTDOWN_S
from adapters.livestream.hub import FeedLimits
from adapters.livestream.viewers import MESSAGE_BYTES, MESSAGES_FORGIVEN
from tests.harness.shown_auction import House, accepted, frozen, named, opened, prepared, refused, serving
from tests.harness.waiting import until

WAIT_S = 30.0
BRISK = FeedLimits(timer_ms=50, heartbeat_ms=100)


class Watcher:
    """A viewer as the page is one."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self, *kinds: str) -> dict[str, Any]:
        """The next frame of one of these kinds; timers and heartbeats are passed over unless asked for."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame: dict[str, Any] = await self.socket.receive_json()
                if frame["type"] in kinds or (not kinds and frame["type"] not in ("timer", "heartbeat")):
                    return frame


def watching(house: House, scenario: Callable[..., Any], **query: str) -> Any:
    """Run a scenario with one viewer of the feed."""

    async def run() -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{house.public}/livestream", params=query) as connection,
        ):
            return await scenario(Watcher(connection))

    return asyncio.run(run())


@pytest.mark.requirement("LIV-1")
def test_a_viewer_gets_a_hello_and_a_snapshot_and_then_every_bid() -> None:
    with serving() as house:
        house.publish(prepared(), opened(), accepted(1))

        async def scenario(viewer: Watcher) -> None:
            hello, snapshot = await viewer.next(), await viewer.next()
            assert hello["type"] == "hello"
            assert hello["body"]["generation"] == "g1"
            assert abs(hello["body"]["server_time_ms"] - time.time() * 1000) < WAIT_S * 1000
            assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 3)
            assert snapshot["body"]["stage"]["leader"]["handle"] == "bidder_1"
            house.publish(accepted(2), accepted(3))
            assert [(await viewer.next())["seq"] for _ in range(2)] == [4, 5]

        watching(house, scenario)


@pytest.mark.requirement("LIV-1")
def test_a_viewer_who_comes_back_gets_exactly_what_it_missed() -> None:
    with serving() as house:
        house.publish(prepared(), opened(), accepted(1), accepted(2), accepted(3))

        async def scenario(viewer: Watcher) -> None:
            assert (await viewer.next())["type"] == "hello"
            assert [(await viewer.next())["seq"] for _ in range(2)] == [4, 5]
            house.publish(accepted(4))
            assert (await viewer.next())["seq"] == 6

        watching(house, scenario, after="g1.3")


@pytest.mark.requirement("LIV-1")
@pytest.mark.parametrize(
    ("after", "why"),
    [("g0.3", "another generation"), ("g1.2", "no longer kept"), ("g1.999", "from the future")],
)
def test_a_viewer_whose_place_is_unknown_gets_a_snapshot(after: str, why: str) -> None:
    with serving(limits=FeedLimits(frames_kept=4)) as house:
        house.publish(prepared(), opened(), *(accepted(n) for n in range(1, 9)))

        async def scenario(viewer: Watcher) -> None:
            assert (await viewer.next())["type"] == "hello"
            frame = await viewer.next()
            assert (frame["type"], frame["seq"]) == ("snapshot", 10), why

        watching(house, scenario, after=after)


@pytest.mark.requirement("LIV-1", "RED-5")
def test_when_the_log_has_lost_its_end_viewers_are_let_go_and_find_another_generation_with_what_is_left() -> None:
    with serving() as house:
        house.publish(prepared(), opened(), accepted(1), accepted(2))

        async def loses(viewer: Watcher) -> None:
            assert (await viewer.next())["body"]["generation"] == "g1"
            house.loop.loop.call_soon_threadsafe(house.hub.begin_anew, "g2")
            async with asyncio.timeout(WAIT_S):
                while (await viewer.socket.receive()).type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE):
                    pass

        async def comes_again(viewer: Watcher) -> None:
            hello, snapshot = await viewer.next(), await viewer.next()
            assert hello["body"]["generation"] == "g2"
            assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 3)
            assert snapshot["body"]["stage"]["leader"]["handle"] == "bidder_1"

        watching(house, loses)
        assert house.hub.seq == 0
        house.seq = 0
        house.publish(prepared(), opened(), accepted(1))
        watching(house, comes_again, after="g1.4")


@pytest.mark.requirement("LIV-1")
@pytest.mark.parametrize("batch", [1, 3, 7, 50])
def test_old_frames_are_forgotten_and_the_newest_can_be_resumed_however_they_came(batch: int) -> None:
    with serving(limits=FeedLimits(frames_kept=8)) as house:
        house.publish(prepared(), opened())
        bids = [accepted(n) for n in range(1, 51)]
        for start in range(0, 50, batch):
            house.publish(*bids[start : start + batch])

        async def scenario(viewer: Watcher) -> None:
            assert (await viewer.next())["type"] == "hello"
            assert [(await viewer.next())["seq"] for _ in range(4)] == [49, 50, 51, 52]

        watching(house, scenario, after="g1.48")


@pytest.mark.requirement("LIV-4", "QUE-4")
def test_in_a_flood_viewers_get_a_snapshot_instead_of_frames_that_nobody_can_watch() -> None:
    with serving(limits=FeedLimits(frames_a_second=4)) as house:
        house.publish(prepared(), opened())

        async def scenario(viewer: Watcher) -> None:
            assert [(await viewer.next())["type"] for _ in range(2)] == ["hello", "snapshot"]
            house.publish(*(refused(n) for n in range(1, 100)))
            frame = await viewer.next()
            assert (frame["type"], frame["seq"], frame["body"]["stage"]["refused"]) == ("snapshot", 101, 99)

        watching(house, scenario)


@pytest.mark.requirement("LIV-1")
def test_a_publisher_that_starts_over_shows_nothing_twice() -> None:
    with serving() as house:
        events = [prepared(), opened(), accepted(1)]
        house.publish(*events)

        async def scenario(viewer: Watcher) -> None:
            assert [(await viewer.next())["type"] for _ in range(2)] == ["hello", "snapshot"]
            house.seq = 0
            house.publish(*events, accepted(2))
            frame = await viewer.next()
            assert (frame["type"], frame["seq"]) == ("bid", 4)

        watching(house, scenario)


@pytest.mark.requirement("LIV-1")
def test_after_a_restart_viewers_wait_until_the_log_was_heard_rather_than_see_the_past() -> None:
    with serving(known_seq=4) as house:
        house.publish(prepared(), opened())

        async def scenario(viewer: Watcher) -> None:
            receiving = asyncio.ensure_future(viewer.next())
            await asyncio.wait([receiving], timeout=0.2)
            assert not receiving.done()
            house.publish(accepted(1), accepted(2))
            assert (await receiving)["body"]["seq"] == 4
            assert (await viewer.next())["seq"] == 4

        watching(house, scenario)


@pytest.mark.requirement("LIV-1")
def test_the_time_is_told_while_an_auction_is_under_way_and_a_heartbeat_beats_otherwise() -> None:
    with serving(limits=BRISK) as house:

        async def scenario(viewer: Watcher) -> None:
            beat = await viewer.next("heartbeat", "timer")
            assert beat["type"] == "heartbeat"
            assert "seq" not in beat
            house.publish(prepared(), opened())
            timer = await viewer.next("timer")
            assert timer["body"]["phase"] == "ACTIVE"
            assert abs(timer["body"]["server_time_ms"] - time.time() * 1000) < WAIT_S * 1000
            assert timer["body"]["ends_at_ms"] == opened().ends_at_ms
            assert "seq" not in timer
            house.publish(frozen())
            await viewer.next("state")
            assert (await viewer.next("timer"))["body"]["phase"] == "PROCESSING"
            house.publish(named(None))
            await viewer.next("winner")
            await viewer.next("heartbeat")

        watching(house, scenario)


@pytest.mark.requirement("LIV-4")
def test_a_stuck_viewer_costs_nothing_to_the_others_and_is_dropped() -> None:
    with serving(limits=FeedLimits(timer_ms=50, stuck_ms=300)) as house, stuck_viewer(house) as stuck:
        house.publish(prepared(), opened())

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            assert house.hub.viewers == 2
            deadline = time.monotonic() + WAIT_S
            number = 0
            while house.hub.viewers == 2:
                assert time.monotonic() < deadline, "the stuck viewer was not dropped"
                last = house.publish(*(accepted(number + n) for n in range(1, 201)))
                number += 200
                while (await viewer.next())["seq"] < last:
                    pass

        watching(house, scenario)
        # What was on its way to the stuck viewer is still there to be read; then the connection is found cut.
        stuck.settimeout(WAIT_S)
        with suppress(ConnectionResetError):
            while stuck.recv(1 << 20):
                pass


@pytest.mark.requirement("LIV-4")
def test_when_the_server_stops_viewers_are_let_go_at_once() -> None:
    with serving() as house:

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            stopping = asyncio.wrap_future(house.loop.submit(house.server.stop()))
            async with asyncio.timeout(SHUTDOWN_S / 2):
                assert (await viewer.socket.receive()).type is aiohttp.WSMsgType.CLOSED
                await stopping

        watching(house, scenario)


@pytest.mark.requirement("LIV-4")
def test_a_viewer_that_falls_behind_gets_a_snapshot_instead_of_a_queue() -> None:
    with serving(limits=FeedLimits(frames_kept=16)) as house:
        house.publish(prepared(), opened())

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            last = house.publish(*(accepted(n) for n in range(1, 1_001)))
            frame = await viewer.next()
            assert (frame["type"], frame["seq"]) == ("snapshot", last)
            assert frame["body"]["stage"]["accepted"] == 1_000

        watching(house, scenario)


@pytest.mark.requirement("LIV-4")
def test_a_viewer_who_talks_is_shown_the_door_and_the_feed_goes_on() -> None:
    with serving() as house:

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            for _ in range(MESSAGES_FORGIVEN + 1):
                await viewer.socket.send_str('{"type": "PlaceBid"}')
            async with asyncio.timeout(WAIT_S):
                assert (await viewer.socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert viewer.socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION

        watching(house, scenario)
        until(lambda: house.hub.viewers == 0)


@pytest.mark.requirement("LIV-4")
@pytest.mark.parametrize("kind", [aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG])
def test_pings_and_pongs_are_what_a_viewer_says_too(kind: aiohttp.WSMsgType) -> None:
    with serving() as house:

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            say = viewer.socket.ping if kind is aiohttp.WSMsgType.PING else viewer.socket.pong
            with suppress(ConnectionError):
                for _ in range(20 * MESSAGES_FORGIVEN):
                    await say(b"x" * 100)
            async with asyncio.timeout(WAIT_S):
                while not viewer.socket.closed:
                    await viewer.socket.receive()

        watching(house, scenario)
        until(lambda: house.hub.viewers == 0)


@pytest.mark.requirement("LIV-4")
def test_a_viewer_whose_proxy_pings_now_and_then_is_answered_and_stays() -> None:
    with serving(limits=FeedLimits(minute_s=0.0)) as house:  # every message is in a minute of its own

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            for _ in range(3 * MESSAGES_FORGIVEN):
                await viewer.socket.ping()
            house.publish(prepared(), opened())
            await viewer.next("state")
            assert house.hub.viewers == 1

        watching(house, scenario)


@pytest.mark.requirement("LIV-4")
def test_an_oversized_message_ends_the_viewer() -> None:
    with serving() as house:

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            await viewer.socket.send_bytes(b"x" * (MESSAGE_BYTES + 1))
            async with asyncio.timeout(WAIT_S):
                await viewer.socket.receive()
            assert viewer.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG

        watching(house, scenario)
        until(lambda: house.hub.viewers == 0)


@pytest.mark.requirement("LIV-4")
def test_one_viewer_too_many_is_told_so() -> None:
    with serving(limits=FeedLimits(viewers=1)) as house:

        async def scenario(viewer: Watcher) -> None:
            await viewer.next("snapshot")
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.WSServerHandshakeError) as turned_away:
                    await session.ws_connect(f"{house.public}/livestream")
                assert turned_away.value.status == 503

        watching(house, scenario)


@pytest.mark.requirement("LIV-4")
def test_viewers_who_leave_without_a_word_are_forgotten() -> None:
    with serving() as house:
        for _ in range(5):
            with stuck_viewer(house):
                pass
        until(lambda: house.hub.viewers == 0)


def stuck_viewer(house: House) -> socket.socket:
    """A viewer that joins and never reads, with as small a buffer as the system allows."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", house.server.public_port))
    connection.sendall(
        b"GET /livestream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    until(lambda: house.hub.viewers > 0)
    return connection
