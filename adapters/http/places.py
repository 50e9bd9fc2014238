"""Places: bound how many clients are at something at once, in all and each, with some places kept for named clients."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from adapters import metrics
from adapters.http.clients import Client
from adapters.http.views import Refused


class Places:
    """`for_all` places, of which one client has `each` at most, and `kept` further ones for clients that are kept.

    `of_what` names them, in the plural, for metrics and refusals. For one thread.
    """

    def __init__(self, of_what: str, for_all: int, each: int, kept: int = 0) -> None:
        self.of_what, self.for_all, self.each, self.kept = of_what, for_all, each, kept
        self._taken: Counter[str] = Counter()
        self._count = 0

    def take(self, client: Client) -> bool:
        """Take a place for the client, to be given back. Returns False where there is none."""
        has_room = self._count < self.for_all + (self.kept if client.is_kept else 0)
        is_one_of_many = client.is_kept or client.is_proxy or self._taken[client.name] < self.each
        if not (has_room and is_one_of_many):
            metrics.http_turned_away.labels(self.of_what).inc()
            return False
        self._count += 1
        self._taken[client.name] += 1
        return True

    def give_back(self, client: Client) -> None:
        """Give back the place that `take` has given."""
        self._count -= 1
        self._taken[client.name] -= 1
        if not self._taken[client.name]:
            del self._taken[client.name]

    @contextmanager
    def held(self, client: Client, error: str = "BUSY") -> Iterator[None]:
        """Hold a place in this context. Raises Refused (503) where there is none."""
        if not self.take(client):
            raise Refused(f"too many {self.of_what} at once; please try again", error, 503)
        try:
            yield
        finally:
            self.give_back(client)
