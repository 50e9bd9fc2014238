"""The lease keeper: renews the marathon's lease, restarts the embedded server when it has died, and raises an alarm
while the store does not work.

While the store is away it waits instead of crashing, since nobody can work without the lease. When another process has
taken the lease, it raises NotOwner, which ends this process: another one owns the marathon.
"""

from collections.abc import Callable

from actors.ports import StoreAccess
from adapters import alarms
from adapters.redis.errors import HistoryLost, OutcomeUnknown, ServerFailed, StoreUnavailable
from adapters.redis.lease import Lease
from supervision import Actor, Context

ALARM = "store"


class LeaseKeeper(Actor):
    """The actor that holds the lease on the marathon, without which this process may write nothing, and renews it for
    `lease_ms` at a time. `ensure_server` starts the embedded server if it is not alive; with an external store it does
    nothing. `trouble` says in words what keeps the store from working, where that is known. `on_well` is called when
    the store works again, `on_lost_history` with a sentence about what the store has lost."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        lease_ms: int,
        ensure_server: Callable[[], object],
        trouble: Callable[[], str] = lambda: "",
        on_well: Callable[[], None] = lambda: None,
        on_lost_history: Callable[[str], None] = lambda why: None,
    ) -> None:
        super().__init__(context)
        self._store, self._lease_ms, self._ensure_server = store, lease_ms, ensure_server
        self._trouble, self._on_well, self._on_lost_history = trouble, on_well, on_lost_history
        self.tick_s = min(lease_ms / 1000 / 4, 1.0)  # type: ignore[misc]

    def setup(self) -> None:
        self._client = self._store.connect()
        self._lease = Lease(self._client, self._store.keys, self._store.token, self._lease_ms)

    def teardown(self) -> None:
        self._client.close()

    def handle(self, message: object) -> object:
        return NotImplemented

    def tick(self) -> None:
        recent = self._store.recent
        try:
            self._ensure_server()
            newest_seq = recent.newest_seq  # before the store is asked: others commit meanwhile
            recent.compare_seq(self._lease.keep(), newest_seq)
            self._lease.try_write()
        except (StoreUnavailable, OutcomeUnknown, HistoryLost, ServerFailed, OSError) as fault:
            if isinstance(fault, HistoryLost):
                recent.lost = str(fault)  # the store was emptied: whatever it gets from now on is another log
            alarms.sound(ALARM, self._trouble() or str(fault))
            return
        if recent.lost:
            self._on_lost_history(recent.lost)
            recent.forget()
        if ALARM in alarms.sounding():
            alarms.clear(ALARM)
            self._on_well()
