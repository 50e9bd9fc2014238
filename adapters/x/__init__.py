"""X: the filtered stream, the REST calls, and their JSON as `PlaceBid`.

Bytes in, messages out; nothing is decided, repeated or remembered here. Only this package knows tweepy.
"""

from adapters.x.client import Lookup, XClient
from adapters.x.credentials import Credentials
from adapters.x.errors import PostOutcomeUnknown, PostRefused, TooManyPages, UnreadablePost, XUnavailable
from adapters.x.payload import FoundPost, Page, read_page, read_payload
from adapters.x.stream import EndCause, PostStream, StreamEnd

__all__ = [
    "Credentials",
    "EndCause",
    "FoundPost",
    "Lookup",
    "Page",
    "PostOutcomeUnknown",
    "PostRefused",
    "PostStream",
    "StreamEnd",
    "TooManyPages",
    "UnreadablePost",
    "XClient",
    "XUnavailable",
    "read_page",
    "read_payload",
]
