"""X: the filtered stream, the REST calls, and their JSON as `PlaceBid`.

Nothing is decided or repeated here. Only this package knows tweepy.
"""

from adapters.x.answers import Author, Lookup, Users
from adapters.x.budget import Budget
from adapters.x.client import XClient
from adapters.x.credentials import Credentials
from adapters.x.errors import HeldBack, PostOutcomeUnknown, PostRefused, TooMuch, UnreadablePost, XUnavailable
from adapters.x.payload import FoundPost, Page, read_page, read_payload
from adapters.x.stream import EndCause, PostStream, StreamEnd

__all__ = [
    "Author",
    "Budget",
    "Credentials",
    "EndCause",
    "FoundPost",
    "HeldBack",
    "Lookup",
    "Page",
    "PostOutcomeUnknown",
    "PostRefused",
    "PostStream",
    "StreamEnd",
    "TooMuch",
    "UnreadablePost",
    "Users",
    "XClient",
    "XUnavailable",
    "read_page",
    "read_payload",
]
