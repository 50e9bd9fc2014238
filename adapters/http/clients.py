"""Whose a connection or a request is: by the peer's address, or by a forwarded one where the peer is our proxy.

Nothing is counted here and nothing refused: `places` does that, by the client's name.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Whoever has one IPv6 address has 2^64 of them.
IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody, by the name under which he is counted. Places are kept for `is_kept`; proxies speak for many."""

    name: str
    is_kept: bool = False
    is_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Clients:
    """`proxies` are believed what they say in X-Forwarded-For; for `kept` addresses, places are kept."""

    proxies: Sequence[Network] = ()
    kept: Sequence[Network] = ()

    def of_peer(self, address: str) -> Client:
        """Who has connected."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return Client(address[:64])
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip
        is_proxy = any(ip in network for network in self.proxies)
        name = str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
        return Client(name, any(ip in network for network in self.kept) and not is_proxy, is_proxy)

    def of_request(self, request: web.Request) -> Client:
        """Who asks: the last address that no proxy of ours has. Others' word for an address is not believed."""
        client = self.of_peer(request.remote or "")
        hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
        while client.is_proxy and hops:
            client = self.of_peer(hops.pop())
        is_forwarded = bool(hops) or "Forwarded" in request.headers
        # A proxy that nobody has named to us stands where places are kept: it forwards strangers, and many.
        return Client(client.name, is_proxy=True) if is_forwarded and client.is_kept else client
