"""The access to the private listener: by the host that a request names, and by bearer tokens of operators."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from adapters.http.views import Refused
from loopback import address_of, is_loopback

LOCAL = "local"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Operators:
    """The operators: `tokens` maps their names to secrets. Without tokens only this machine may act, if `is_local`."""

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_local: bool = False

    def name_of(self, request: web.Request) -> str:
        """The name under which the request acts. Raises Refused (401 or 403)."""
        if not self.tokens:
            return self._local(request)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("an Authorization header with a bearer token is needed", "UNAUTHENTICATED", 401)
        # Every token is compared, as a hash and in constant time: neither the answer nor its time tells how near a
        # guess was, or how long a token is.
        digest = _digest(given.strip())
        found = [name for name, token in self.tokens.items() if hmac.compare_digest(_digest(token), digest)]
        if not found:
            raise Refused("the bearer token is not known", "UNAUTHENTICATED", 401)
        return found[0]

    def _local(self, request: web.Request) -> str:
        if not self.is_local:
            raise Refused("nobody may act here: set http.operator_tokens, or environment = local", "NO_OPERATOR", 403)
        # A proxy on this machine may forward requests of strangers.
        forwarded = "Forwarded" in request.headers or "X-Forwarded-For" in request.headers
        if forwarded or not is_loopback(request.remote or ""):
            raise Refused("no token is configured, so only this machine may act", "FORBIDDEN", 403)
        return LOCAL


def host_of(request: web.Request) -> str:
    """The host that the request names, without its port; empty without a Host header, which old probes may leave out
    and browsers never do. Raises Refused (400)."""
    if "Host" not in request.headers:
        return ""
    found = _HOST.fullmatch(request.headers["Host"])
    if not found:
        raise Refused("the Host header must be a name or an address, and maybe a port", "BAD_HOST", 400)
    return found[1].strip("[]").lower()


def check_own_name(host: str, listens_on: str) -> None:
    """Raise Refused (421) for a host that is not the private listener's: a page in a browser on this machine can be
    made to call us under a name of its own. A listener on all addresses takes any address for its name."""
    everywhere = listens_on in ("0.0.0.0", "::") and address_of(host)  # noqa: S104 (compared, not listened on)
    if not (everywhere or host in ("", listens_on.lower()) or is_loopback(host)):
        raise Refused(f"{host[:60]!r} is no name of this listener: ask {listens_on}", "WRONG_HOST", 421)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
