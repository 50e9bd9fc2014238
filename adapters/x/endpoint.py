"""The seam below tweepy: where its requests really go, how long they may live, and how to cut one off.

tweepy knows one host, sets no time-outs, and closes its sessions as it likes. All of that is put right here, one
layer below it: in a requests session that leads elsewhere, and the adapter that it goes out by. This module knows
nothing about what is said over the connection.

OAuth 1.0a signs the URL of the request, and a server checks it against the one that it was called by (RFC 5849,
3.4.1.2). So the host is exchanged before a request is prepared, which is when requests_oauthlib signs it.
"""

from typing import Any

import requests

from adapters.bounded_http import BoundedAdapter

TWEEPY_HOST = "https://api.twitter.com"
# A dozen longest posts; the hundred of a page may be 60 MB with what they reply to, so whoever asks must be able to ask
# for less (TooMuch). One post is 1.1 MB at most: 25,000 characters of up to 21 bytes (escaped, with the entity that
# names them), and as much for its parent. How long the addresses behind its links may be, X does not say.
BODY_BYTES = 4 * 2**20


class Endpoint(BoundedAdapter):
    """The way to `base_url`, which refuses to go anywhere else."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        super().__init__(timeout_s, BODY_BYTES)
        self._base_url = base_url.rstrip("/")

    def session(self) -> requests.Session:
        """A session that sends what tweepy means for X this way, and has no other way out.

        Closing it, as tweepy does, changes nothing about that.
        """
        return self.mounted(_Elsewhere(self._base_url))

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """As BoundedAdapter.send."""
        if not (request.url or "").startswith(self._base_url + "/"):
            raise requests.exceptions.InvalidURL(f"led away from {self._base_url}", request=request)
        return super().send(request, *args, **kwargs)


class _Elsewhere(requests.Session):
    """Exchanges tweepy's host in every request; what is meant for another host stays as it is, and is refused."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As Session.request."""
        meant = url.decode() if isinstance(url, bytes) else url
        if meant.startswith(TWEEPY_HOST + "/"):
            meant = self._base_url + meant.removeprefix(TWEEPY_HOST)
        return super().request(method, meant, *args, **kwargs)
