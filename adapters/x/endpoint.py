"""The endpoint of tweepy's requests: sends them to a configured address, within limits, and can cut them off.

tweepy knows one host, sets no time-outs, and closes its sessions as it likes. All of that is corrected one layer below
it: in a session of requests that exchanges the host, and the transport adapter that it sends through.

OAuth 1.0a signs the URL of the request, and a server checks it against the one that it was called by (RFC 5849,
3.4.1.2). So the host is exchanged before a request is prepared, which is when requests_oauthlib signs it.
"""

from typing import Any

import requests

from adapters.bounded_http import BoundedAdapter

TWEEPY_HOST = "https://api.twitter.com"
# A dozen longest posts; the hundred of a page may be 60 MB with the posts that they reply to, so a caller must be able
# to ask for less (TooMuch). One post is 1.1 MB at most: 25,000 characters of up to 21 bytes (escaped, with the entity
# that names them), and as much for its parent. X does not say how long the addresses behind its links may be.
BODY_BYTES = 4 * 2**20


class Endpoint(BoundedAdapter):
    """The transport adapter that sends to `base_url` and refuses any other address."""

    def __init__(self, base_url: str, timeout_s: float, body_bytes: int = BODY_BYTES) -> None:
        super().__init__(timeout_s, body_bytes)
        self._base_url = base_url.rstrip("/")

    def session(self) -> requests.Session:
        """A session that sends tweepy's requests for X to `base_url`, and refuses all others.

        It stays so when tweepy closes it.
        """
        return self.mounted(_ExchangedHost(self._base_url))

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send as BoundedAdapter does. Raises requests' InvalidURL for an address that is not below `base_url`."""
        if not (request.url or "").startswith(self._base_url + "/"):
            raise requests.exceptions.InvalidURL(f"not an address of {self._base_url}", request=request)
        return super().send(request, *args, **kwargs)


class _ExchangedHost(requests.Session):
    """A session that exchanges tweepy's host in every request; requests to other hosts stay as they are."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Make a request as Session does, with the host exchanged."""
        meant = url.decode() if isinstance(url, bytes) else url
        if meant.startswith(TWEEPY_HOST + "/"):
            meant = self._base_url + meant.removeprefix(TWEEPY_HOST)
        return super().request(method, meant, *args, **kwargs)
