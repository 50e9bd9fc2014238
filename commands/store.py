"""Opens the store of a marathon for commands that read it, whether or not its supervisor runs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import redis

from adapters import process_file
from adapters.redis import append_only
from adapters.redis.client import connect
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import DirectoryInUse
from adapters.redis.keys import Keys
from adapters.redis.layout import refuse_newer
from commands.common import CommandError, process_of
from messages.codec import UnreadableMessage
from settings import Settings


@contextmanager
def store_of(settings: Settings, must_run: bool = False) -> Iterator[tuple[redis.Redis, Keys]]:
    """Opens the store of the settings for reading. An embedded server that does not run is started for that time.

    With `must_run` it is not started: a command that waits for new events must not keep a supervisor from the
    directory. Raises CommandError if there is no store or it cannot be read.
    """
    keys = Keys(process_of(settings).marathon_id)
    if not settings.redis.url and not os.access(settings.data_dir, os.W_OK):
        with _copy_of(settings.data_dir) as copy, store_of(msgspec.structs.replace(settings, data_dir=copy)) as store:
            yield store
        return
    server = None if settings.redis.url else EmbeddedServer(settings.data_dir)
    # A running server is read without the lock of its directory, so that a supervisor can start meanwhile.
    with ExitStack() as taken:
        if server and not server.alive():
            if must_run:
                raise CommandError(f"no process is running in {settings.data_dir}")
            taken.callback(server.stop)
            try:
                server.ensure()
            except DirectoryInUse:
                raise CommandError(f"the store of {settings.data_dir} is just starting or ending; try again") from None
        password = settings.redis.password.reveal() if settings.redis.password else None
        url = settings.redis.url or (server.url if server else "")
        client = connect(url, settings.redis.socket_timeout_ms / 1000, password)
        taken.callback(client.close)
        try:
            refuse_newer(client, keys)
            yield client, keys
        except UnreadableMessage as fault:
            raise CommandError(f"what the store holds cannot be read: {fault}") from fault


@contextmanager
def _copy_of(data_dir: Path) -> Iterator[Path]:
    """Copies the files that a server needs from a directory without write permission, such as one on read-only media,
    into a temporary directory."""
    with TemporaryDirectory(prefix="read-only-") as folder:
        shutil.copy(data_dir / process_file.NAME, folder)
        shutil.copytree(data_dir / append_only.FOLDER, Path(folder) / append_only.FOLDER)
        yield Path(folder)
