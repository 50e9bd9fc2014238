"""A chain watcher driven by hand: the real actor on the real store, without a thread, one poll at a time."""

from collections.abc import Callable

from actors.chain_watcher import ChainWatcher, Watched
from actors.ports import StoreAccess
from adapters.chain.node import Node
from adapters.redis.client import connect
from adapters.redis.log import LogReader
from messages.events import ChainLogSeen
from supervision import Actor, Context, Delivery, Exit, Mailbox, Ready
from supervision.context import Crash, Stop
from tests.harness.anvil import CHAIN_ID, CONTRACT
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S

NOW_MS = 1_800_000_000_000
POLL_MS = 2_000


def watched(
    read_to: str = "unsafe", contract: str = CONTRACT, chain_id: int = CHAIN_ID, poll_ms: int = POLL_MS
) -> Watched:
    return Watched(chain_id=chain_id, contract=contract, read_to=read_to, poll_ms=poll_ms)


def access(store: Store) -> StoreAccess:
    return StoreAccess(lambda: connect(store.url), store.keys, store.token)


class Watch:
    """One incarnation of the watcher. `died_of` is set when it has ended; `sent` is whom it gave a hint."""

    def __init__(self, store: StoreAccess, url: str | None, what: Watched, timeout_s: float = PATIENCE_S) -> None:
        launched: list[Actor] = []
        self._now_s = 0.0
        self._has_met = url is None
        self._mailbox = Mailbox(10)
        self.sent: list[str] = []
        self.died_of: BaseException | None = None
        context = Context(
            "chain_watcher", 1, self._mailbox, self._send, self._report, lambda: self._now_s, launched.append
        )
        make_node: Callable[[], Node] | None = None if url is None else lambda: Node(url, timeout_s)
        ChainWatcher.start(context, store, lambda: NOW_MS, make_node, what, ("publisher",))
        self._life = launched[0].life()

    def poll(self, times: int = 1) -> None:
        """Lets it look at the node, with which it first makes acquaintance; what it dies of is raised here."""
        if not self._has_met:
            self._has_met = True
            self.turn()
        for _ in range(times):
            self.turn()

    def turn(self) -> None:
        """Lets it take one turn; what it dies of is raised here."""
        next(self._life, None)
        self._now_s += POLL_MS / 1000
        if self.died_of is not None:
            raise self.died_of

    def crash(self) -> None:
        """Lets it die of an injected crash before it looks again."""
        self._mailbox.urge(Crash())
        assert next(self._life, None) is None
        assert self.died_of is not None

    def stop(self) -> None:
        """Ends it in an orderly way, if it lives."""
        self._mailbox.urge(Stop())
        assert next(self._life, None) is None

    def _send(self, name: str, message: object) -> Delivery:
        self.sent.append(f"{name}: {type(message).__name__}")
        return Delivery.DELIVERED

    def _report(self, said: Ready | Exit) -> None:
        if isinstance(said, Exit):
            assert said.teardown_error is None
            self.died_of = said.reason


def seen(store: Store) -> list[ChainLogSeen]:
    """All that the watchers have written into the log, in its order."""
    found: list[ChainLogSeen] = []
    entries = LogReader(store.client, store.keys).read(0, 1_000)
    for entry in entries:
        assert entry.writer == "chain_watcher"
        for event in entry.events():
            assert isinstance(event, ChainLogSeen)
            found.append(event)
    return found


def tokens(store: Store) -> list[int]:
    """Which tokens were transferred, as the log has it."""
    return [int(event.topics[3], 16) for event in seen(store)]
