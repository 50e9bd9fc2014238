"""Who may act: named bearer tokens. Where none is configured, only this very machine may."""

import hmac
import ipaddress
from collections.abc import Mapping

from aiohttp import web

from adapters.http.views import Refused

LOCAL = "local"


def name_of(request: web.Request, tokens: Mapping[str, str]) -> str:
    """The name under which the request acts; `tokens` maps names to secrets. Raises Refused (401 or 403)."""
    if not tokens:
        return _local(request)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("an Authorization header with a bearer token is needed", "UNAUTHENTICATED", 401)
    # Every token is compared, in constant time: neither the answer nor its time tells how near a guess was.
    found = [name for name, token in tokens.items() if hmac.compare_digest(token.encode(), given.strip().encode())]
    if not found:
        raise Refused("the bearer token is not known", "UNAUTHENTICATED", 401)
    return found[0]


def _local(request: web.Request) -> str:
    # A proxy on this machine forwards strangers, and a page in a browser here can be made to call us under a name
    # of its own: neither is the operator at the keyboard.
    forwarded = "Forwarded" in request.headers or "X-Forwarded-For" in request.headers
    host = request.url.host or ""
    if forwarded or not _is_loopback(request.remote or "") or not (host == "localhost" or _is_loopback(host)):
        raise Refused("no token is configured, so only this machine may act", "FORBIDDEN", 403)
    return LOCAL


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
