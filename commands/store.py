"""The store of a marathon for the commands that read it, whether or not its supervisor is running."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

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
    """The store of the settings, for reading; an embedded server that does not run is started for as long as needed.

    Not started with `must_run`: whoever waits for news must not keep the directory from a supervisor that would make
    some. Raises CommandError where there is no store, or where it holds what cannot be read.
    """
    keys = Keys(process_of(settings).marathon_id)
    server = None if settings.redis.url else EmbeddedServer(settings.data_dir)
    # A server that lives is read without its directory's lock, so that a supervisor can come back to it meanwhile.
    started = server is not None and not server.alive()
    if server and started:
        if must_run:
            raise CommandError(f"nobody is at work in {settings.data_dir}")
        try:
            server.ensure()
        except DirectoryInUse:
            raise CommandError(f"the store of {settings.data_dir} is just starting or ending; try again") from None
    password = settings.redis.password.reveal() if settings.redis.password else None
    url = settings.redis.url or (server.url if server else "")
    client = connect(url, settings.redis.socket_timeout_ms / 1000, password)
    try:
        refuse_newer(client, keys)
        yield client, keys
    except UnreadableMessage as fault:
        raise CommandError(f"what the store holds cannot be read: {fault}") from fault
    finally:
        client.close()
        if server and started:
            server.stop()
