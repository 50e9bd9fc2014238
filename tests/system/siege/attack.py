"""Strangers who mean harm: thousands of connections from hundreds of addresses of this machine, in one process.

`python -m tests.system.siege.attack PORT SHARE`: attacks the public listener until it is killed, with this share of the
army.
"""

import asyncio
import os
import random
import resource
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.harness.strangers import HANDSHAKE, MALFORMED

ADDRESSES = 500
PATIENCE_S = 15.0  # a soldier's for one attack
PAUSE_S = 3.0  # and before his next one
PING = b"\x89\x80\x00\x00\x00\x00"

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(words: bytes) -> Attack:
    """Who says this and then waits."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        while await reader.read(65_536):
            pass

    return attack


def repeating(words: bytes, times: int = 1_000_000, hears: bool = True) -> Attack:
    """Who says this again and again, and hears what is answered or does not."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            writer.write(words)
            await writer.drain()
            await asyncio.sleep(0.01)
            if hears and not await reader.read(65_536):
                return

    return attack


def viewing(words: bytes) -> Attack:
    """Who joins and then says this again and again."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HANDSHAKE)
        await reader.read(65_536)
        await repeating(words, hears=False)(reader, writer)

    return attack


async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Who joins and reads nothing."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(HANDSHAKE)
    await asyncio.sleep(PATIENCE_S)


async def joining(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Who joins and leaves."""
    writer.write(HANDSHAKE)
    await reader.read(65_536)


async def malformed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Who does not speak HTTP."""
    await saying(random.choice(list(MALFORMED.values())))(reader, writer)


PUSH = b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n"
READ = b"GET /api/auctions/current HTTP/1.1\r\nHost: x\r\n\r\nGET /api/auctions HTTP/1.1\r\nHost: x\r\n\r\n"
ARMY: dict[str, tuple[int, Attack]] = {
    "silent": (1_200, saying(b"")),
    "half a head": (700, saying(b"GET / HTTP/1.1\r\nHost: x\r\nX-")),
    "half a handshake": (700, saying(HANDSHAKE[:-4])),
    "pinging": (100, viewing(PING * 500)),
    "stuck viewers": (400, stuck),
    "stuck readers": (200, repeating(b"GET /stage.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20, hears=False)),
    "joining": (300, joining),
    "malformed": (200, malformed),
    "huge": (100, repeating(b"X-Y: " + b"y" * 8_000 + b"\r\n", hears=False)),
    "readers": (300, repeating(READ)),
    "half pushes": (800, saying(PUSH + b"{" * 1_000)),
}


async def soldier(port: int, number: int, attack: Attack) -> None:
    """One of them, for ever."""
    at = random.Random(number)
    while True:
        await asyncio.sleep(at.uniform(0, 2 * PAUSE_S))
        source = f"127.{1 + number % ADDRESSES % 250}.7.{1 + number % ADDRESSES // 250}"
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), limit=65_536)
                try:
                    await attack(reader, writer)
                finally:
                    connected = writer.get_extra_info("socket")
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
                    writer.transport.abort()


async def besiege(port: int, share: float) -> None:
    numbers = iter(range(1_000_000))
    async with asyncio.TaskGroup() as army:
        for count, attack in ARMY.values():
            for _ in range(round(count * share)):
                army.create_task(soldier(port, next(numbers), attack))


if __name__ == "__main__":
    os.nice(10)  # real strangers compute somewhere else
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(besiege(int(sys.argv[1]), float(sys.argv[2])))
