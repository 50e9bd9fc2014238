"""Authenticates requests by bearer token or by OAuth 1.0a signature, which is verified.

A signature may be over the called URL, or over https://api.twitter.com, as made by a client whose requests are
redirected here after signing.
"""

import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint

from simulator.x import settings
from simulator.x.problems import unauthorized, wrong_authentication

BASE_URI = "https://api.twitter.com"
_MAX_NONCES = 10_000
_MAX_CHARS = 200
_APP, _USER = "OAuth 2.0 Application-Only", "OAuth 1.0a User Context"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Authentication:
    """Checks the credentials of requests, and remembers the nonces of signatures."""

    def __init__(self) -> None:
        self._oauth = SignatureOnlyEndpoint(_Known())

    def any(self, request: web.Request) -> None:
        """Accepts a bearer token or a signature. Raises Problem (401)."""
        if not self._is_app(request):
            self._check_signature(request)

    def app(self, request: web.Request) -> None:
        """Accepts a bearer token only, as for streams and their rules. Raises Problem (401, 403)."""
        if not self._is_app(request):
            self._check_signature(request)
            raise wrong_authentication(_USER, _APP)

    def user(self, request: web.Request) -> None:
        """Accepts a signature of the auction account only. Raises Problem (401, 403)."""
        if self._is_app(request):
            raise wrong_authentication(_APP, f"{_USER}, OAuth 2.0 User Context")
        self._check_signature(request)

    def _is_app(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if not hmac.compare_digest(token.encode(), settings.BEARER_TOKEN.encode()):
            raise unauthorized()
        return True

    def _check_signature(self, request: web.Request) -> None:
        # OAuth 1.0a does not sign JSON bodies, so no body is passed.
        headers = {"Authorization": request.headers.get("Authorization", "")}
        for base in (f"{request.scheme}://{request.host}", BASE_URI):
            try:
                good, _ = self._oauth.validate_request(base + request.raw_path, request.method, None, headers)
            except ValueError:
                continue
            if good:
                return
        raise unauthorized()


def behind(check: Callable[[web.Request], None], handler: Handler) -> Handler:
    """Returns the handler behind a check of the credentials, one of the checks of `Authentication`."""

    async def checked(request: web.Request) -> web.StreamResponse:
        check(request)
        return await handler(request)

    return checked


class _Known(RequestValidator):  # type: ignore[misc]
    """Tells oauthlib about the only client and the only account; the method names are oauthlib's."""

    dummy_client = "nobody"
    enforce_ssl = False
    allowed_signature_methods = ("HMAC-SHA1",)

    def __init__(self) -> None:
        super().__init__()
        self._nonces: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def check_client_key(self, client_key: str) -> bool:
        return len(client_key) <= _MAX_CHARS

    def check_nonce(self, nonce: str) -> bool:
        return len(nonce) <= _MAX_CHARS

    def validate_timestamp_and_nonce(self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any) -> bool:
        # A signature is tried over two URLs; its nonce is valid once for each.
        used = (timestamp, nonce, request.uri)
        if used in self._nonces:
            return False
        self._nonces[used] = None
        if len(self._nonces) > _MAX_NONCES:
            self._nonces.popitem(last=False)
        # oauthlib checks the access token nowhere else.
        return bool(client_key) and request.resource_owner_key == settings.ACCESS_TOKEN

    def validate_client_key(self, client_key: str, _request: Any) -> bool:
        return client_key == settings.CONSUMER_KEY

    def get_client_secret(self, _client_key: str, _request: Any) -> str:
        return settings.CONSUMER_SECRET

    def get_access_token_secret(self, _client_key: str, _token: str, _request: Any) -> str:
        return settings.ACCESS_TOKEN_SECRET
