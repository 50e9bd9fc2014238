"""Clients: name whose a connection or a request is, by its address, or by a forwarded one where the peer is our proxy.

`places` and `shares` count by that name and refuse.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from loopback import address_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A client with one IPv6 address usually has 2^64 of them, so all of these get one name.
IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Client:
    """A client, by the name under which it is counted. Places are kept for `is_kept`; a proxy stands for many."""

    name: str
    is_kept: bool = False
    is_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Clients:
    """Names clients. What `proxies` say in X-Forwarded-For is believed; for `kept` addresses places are kept."""

    proxies: Sequence[Network] = ()
    kept: Sequence[Network] = ()

    def of_peer(self, address: str) -> Client:
        """The client that has connected from this address."""
        ip = address_of(address)
        if ip is None:
            return Client(address[:64])
        is_proxy = any(ip in network for network in self.proxies)
        name = str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
        return Client(name, any(ip in network for network in self.kept) and not is_proxy, is_proxy)

    def of_request(self, request: web.Request) -> Client:
        """The client that asks: the last address on the way that is not of our proxies; only theirs are believed."""
        client = self.of_peer(request.remote or "")
        hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
        while client.is_proxy and hops:
            client = self.of_peer(hops.pop())
        is_forwarded = bool(hops) or "Forwarded" in request.headers
        # A kept address that forwards requests is a proxy, although the settings do not name it one: it stands for many
        # strangers.
        return Client(client.name, is_proxy=True) if is_forwarded and client.is_kept else client
