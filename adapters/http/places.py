"""Places: how many may be at something at once, how many of them one client has, and how many are kept for some."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from adapters import metrics
from adapters.http.clients import Client
from adapters.http.views import Refused


class Places:
    """`for_all` places, of which one client has `each` at most; `kept` further ones are for whom they are kept.

    `of_what` names them, in the plural, for metrics and for who finds none. For one thread.
    """

    def __init__(self, of_what: str, for_all: int, each: int, kept: int = 0) -> None:
        self.of_what, self.for_all, self.each, self.kept = of_what, for_all, each, kept
        self._taken: Counter[str] = Counter()
        self._count = 0

    def take(self, client: Client) -> bool:
        """A place for the client, to be given back; False where there is none."""
        has_room = self._count < self.for_all + (self.kept if client.is_kept else 0)
        is_one_of_many = client.is_kept or client.is_proxy or self._taken[client.name] < self.each
        if not (has_room and is_one_of_many):
            metrics.http_turned_away.labels(self.of_what).inc()
            return False
        self._count += 1
        self._taken[client.name] += 1
        return True

    def give_back(self, client: Client) -> None:
        """What `take` has given."""
        self._count -= 1
        self._taken[client.name] -= 1
        if not self._taken[client.name]:
            del self._taken[client.name]

    @contextmanager
    def held(self, client: Client, error: str = "BUSY") -> Iterator[None]:
        """A place for as long as this lasts. Raises Refused (503) where there is none."""
        if not self.take(client):
            raise Refused(f"too many {self.of_what} at once; please try again", error, 503)
        try:
            yield
        finally:
            self.give_back(client)
