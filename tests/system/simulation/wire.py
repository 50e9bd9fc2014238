"""Between an actor and the outside: where calls are struck by faults. The store's client, and what X's client uses too.

The client offers what `adapters/redis` uses of redis-py and raises what redis-py raises; behind it stands the model.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import redis

from adapters.redis import functions
from tests.system.simulation.faults import Fault, Faults
from tests.system.simulation.world import World

if TYPE_CHECKING:
    from tests.system.simulation.model import ModelStore

T = TypeVar("T")
READS = frozenset(
    {
        "GET",
        "HGET",
        "HMGET",
        "HGETALL",
        "XRANGE",
        "XLEN",
        "ZRANGEBYSCORE",
        "ZMSCORE",
        "EXISTS",
        "PTTL",
        "TYPE",
        "TIME",
        "INFO",
    }
)


class Crashed(Exception):
    """An actor dies here, of whatever."""


class Killed(BaseException):
    """The process is gone: whoever still runs in it must unwind without doing anything more."""


class Host:
    """The process as its calls see it; `house.House` is one."""

    dead = False
    stands_still_until_ms = 0.0
    hang_s = 1.0

    def kill(self, why: str) -> None:
        raise NotImplementedError

    def stand_still(self, for_ms: float) -> None:
        raise NotImplementedError


class Refusals(NamedTuple):
    """What the caller sees of a call that never left, was refused, or of which nobody knows whether it was done."""

    refused: Callable[[], Exception]
    full: Callable[[], Exception]
    lost: Callable[[], Exception]


class Wire:
    """Makes the calls of one process, and strikes them. `who` names the actor that is at work."""

    def __init__(self, world: World, faults: Faults, host: Host, who: Callable[[], str]) -> None:
        self._world, self._faults, self._host, self._who = world, faults, host, who

    def call(
        self, what: str, do: Callable[[], T], refusals: Refusals, writes: bool = True, on_its_way: bool = False
    ) -> T:
        """`do`, unless a fault keeps it from being done or its answer from arriving.

        What is `on_its_way` is not held up by a thread that hangs: the request has left before anything can strike.
        """
        host = self._host
        if host.dead:
            raise Killed
        fault = self._faults.draw(writes)
        if fault is None or (on_its_way and fault in (Fault.HANG_BEFORE, Fault.STILL_BEFORE)):
            return do()
        self._world.note(self._who(), f"{what} -- {fault}")
        match fault:
            case Fault.REFUSED:
                raise refusals.refused()
            case Fault.FULL:
                raise refusals.full()
            case Fault.LOST_BEFORE:
                raise refusals.lost()
            case Fault.LOST_LATE:
                self._world.after(self._faults.short_ms(), self._late, what, do)
                raise refusals.lost()
            case Fault.CRASH_BEFORE:
                self._late_perhaps(what, do, writes)
                raise Crashed(fault)
            case Fault.KILL_BEFORE:
                self._late_perhaps(what, do, writes)
                host.kill("killed before a call")
                raise Killed
            case Fault.SLOW_BEFORE:
                if on_its_way:
                    return self._arrives_later(do)
                self._wait(self._faults.short_ms())
            case Fault.HANG_BEFORE:
                self._wait(self._faults.hang_ms(host.hang_s))
            case Fault.STILL_BEFORE:
                host.stand_still(self._faults.still_ms())
                self._wait(0)
        answer = do()
        match fault:
            case Fault.LOST_AFTER:
                raise refusals.lost()
            case Fault.CRASH_AFTER:
                raise Crashed(fault)
            case Fault.KILL_AFTER:
                host.kill("killed after a call")
                raise Killed
            case Fault.SLOW_AFTER:
                self._wait(self._faults.short_ms())
            case Fault.HANG_AFTER:
                self._wait(self._faults.hang_ms(host.hang_s))
            case Fault.STILL_AFTER:
                host.stand_still(self._faults.still_ms())
                self._wait(0)
        return answer

    def _wait(self, wait_ms: float) -> None:
        """The calling thread is held up, longer still when its whole process stands still meanwhile."""
        world, host = self._world, self._host
        world.pass_time(wait_ms)
        if not host.dead:
            world.pass_time(max(0.0, host.stands_still_until_ms - world.now_ms))
        if host.dead:
            raise Killed

    def _arrives_later(self, do: Callable[[], T]) -> T:
        """The request arrives at its time, whatever keeps the caller from hearing of it."""
        answers: list[tuple[T | None, Exception | None]] = []

        def arrive() -> None:
            if not answers:
                try:
                    answers.append((do(), None))
                except Exception as refusal:
                    answers.append((None, refusal))

        wait_ms = self._faults.short_ms()
        self._world.after(wait_ms, arrive)
        self._wait(wait_ms)
        arrive()
        answer, refusal = answers[0]
        if refusal:
            raise refusal
        return cast(T, answer)

    def _late_perhaps(self, what: str, do: Callable[[], Any], writes: bool) -> None:
        """Who dies with a request on its way may leave it behind: it still arrives."""
        if writes and self._faults.choose(3) == 0:
            self._world.after(self._faults.short_ms(), self._late, what, do)

    def _late(self, what: str, do: Callable[[], Any]) -> None:
        try:
            do()
        except Exception as refusal:
            self._world.note("late", f"{what} -- {refusal}")
        else:
            self._world.note("late", what)


class Link:
    """Whether the way to a server is open, for everybody: closed by a disaster for a while."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._closed_until_ms = 0.0

    def close(self, for_ms: float) -> None:
        self._closed_until_ms = max(self._closed_until_ms, self._world.now_ms + for_ms)

    @property
    def closed(self) -> bool:
        return self._world.now_ms < self._closed_until_ms


class StoreClient:
    """A client of the simulated store. `on_answer(command, answer)` hears what this client was answered."""

    def __init__(
        self, wire: Wire, store: "ModelStore", link: Link, on_answer: Callable[[tuple[Any, ...], Any], None]
    ) -> None:
        self._wire, self._store, self._link, self._on_answer = wire, store, link, on_answer

    def execute_command(self, *command: Any) -> Any:
        """As redis-py's."""
        answer = self.request(command)
        self.hear(command, answer)
        return answer

    def request(self, command: tuple[Any, ...]) -> Any:
        """What comes back, which nobody has heard yet."""
        name = command[0]
        writes = name not in READS
        what = name if name != "FCALL" else str(command[1]).removesuffix(functions.name(""))
        if writes and what == "commit":
            what = f"commit of {command[3 + command[2] + 2]}"
        do = _no_connection if self._link.closed else lambda: self._store.execute_command(*command)
        return self._wire.call(what, do, REFUSALS, writes)

    def hear(self, command: tuple[Any, ...], answer: Any) -> None:
        """Only now does the caller know of it."""
        if command[0] not in READS:
            self._on_answer(command, answer)

    @property
    def connection_pool(self) -> "StoreClient":
        return self

    def get_connection(self) -> "StoreConnection":
        return StoreConnection(self)

    def parse_response(self, connection: "StoreConnection", _name: str) -> Any:
        return connection.read_response()

    def release(self, connection: "StoreConnection") -> None:
        """Nothing to give back."""

    def pipeline(self, transaction: bool) -> "StorePipeline":
        assert not transaction, "what has to be atomic is a function of the library"
        return StorePipeline(self)

    def close(self) -> None:
        """Nothing to give back."""


class StoreConnection:
    """One command whose answer is waited for later. It reaches the store when it is sent, as far as faults let it; how
    it ended is heard with the answer."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self._command: tuple[Any, ...] = ()
        self._answer: Any = None
        self._fault: Exception | None = None

    def send_command(self, *command: Any) -> None:
        self._command = command
        try:
            self._answer = self._client.request(command)
        except redis.RedisError as fault:
            self._fault = fault

    def read_response(self) -> Any:
        if self._fault:
            raise self._fault
        self._client.hear(self._command, self._answer)
        return self._answer


class StorePipeline:
    """Commands that are collected and sent together; each may still be struck by itself, which is harsher."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []

    def hmget(self, key: str, fields: Sequence[str]) -> None:
        self._commands.append(("HMGET", key, *fields))

    def execute(self) -> list[Any]:
        return [self._client.execute_command(*command) for command in self._commands]


def _no_connection() -> Any:
    raise _refused()


def _refused() -> Exception:
    return redis.ConnectionError("Error 111 connecting to the store. Connection refused.")


def _full() -> Exception:
    return redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'.")


def _lost() -> Exception:
    return redis.TimeoutError("Timeout reading from socket")


REFUSALS = Refusals(_refused, _full, _lost)
