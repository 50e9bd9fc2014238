"""`repair`: rebuilds damaged data of the store from the log, while no process runs on the store.

It deletes nothing: damaged keys are renamed, and bytes that an embedded server cannot read at the end of its files are
moved into a file beside them. The log itself is only counted again; lost or changed events come back only from an older
copy of the data directory.
"""

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import redis

from adapters import process_file
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import DirectoryInUse
from adapters.redis.keys import Keys
from adapters.redis.lease import new_token
from adapters.redis.log import LogReader
from api.repair import Mending
from commands.common import CommandError, add_config, process_of, settings_of
from ledger.entry import LogDamaged
from settings import Settings

EXAMPLE = "auction-manager repair --dry-run"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--dry-run", action="store_true", help="print what is damaged, change nothing")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    process = process_of(settings)
    keys = Keys(process.marathon_id)
    found = [] if settings.redis.url else _mend_files(settings.data_dir, args.dry_run)
    if not (found and args.dry_run):  # the server can read its files only once they are mended
        with _idle_store(settings, keys) as client:
            if found:  # with a new generation, viewers and readers that remember lost events start again
                generation = new_token()
                execute(client, "SET", keys.generation, generation)
                process_file.write(settings.data_dir, msgspec.structs.replace(process, generation=generation, seq=0))
            found += repair_keys(client, keys, args.dry_run)
    if args.json:
        print(json.dumps({"found": found, "changed": bool(found) and not args.dry_run}))
    else:
        print("\n".join(found) or "nothing is damaged")
        if found and args.dry_run:
            print("nothing was changed; run the command without --dry-run to repair this")
    return 0


def repair_keys(client: redis.Redis, keys: Keys, is_trial: bool) -> list[str]:
    """Repairs the keys unless this is a trial; returns what was found, a line each. Raises CommandError, StoreError."""
    mending = Mending(client, keys, is_trial)
    try:
        found = mending.count_log_again()
        if found and is_trial:
            return found  # further damage can be found only once the log is counted
        pattern = re.compile(re.escape(keys.marathon_id) + r"-([0-9]+)")
        ids = filter(None, map(pattern.fullmatch, LogReader(client, keys).heads()))
        return found + mending.mend({one[0]: int(one[1]) for one in ids}, thorough=True)
    except LogDamaged as fault:
        what = str(fault).partition(";")[0]
        raise CommandError(f"{what}; only a copy of the data directory from before can help") from fault


def _mend_files(data_dir: Path, is_trial: bool) -> list[str]:
    server = EmbeddedServer(data_dir)
    try:
        return server.mend_files(is_trial)
    except DirectoryInUse:
        raise CommandError(f"a process is at work in {data_dir}; end it first") from None
    finally:
        server.stop()


@contextmanager
def _idle_store(settings: Settings, keys: Keys) -> Iterator[redis.Redis]:
    """Connects to the store, on which no process may run. Raises CommandError."""
    server = None if settings.redis.url else EmbeddedServer(settings.data_dir)
    with ExitStack() as taken:
        if server:
            taken.callback(server.stop)
            try:
                server.ensure()
            except DirectoryInUse:
                raise CommandError(f"a process is at work in {settings.data_dir}; end it first") from None
        password = settings.redis.password.reveal() if settings.redis.password else None
        url = server.url if server else settings.redis.url
        client = connect(url, settings.redis.socket_timeout_ms / 1000, password)
        taken.callback(client.close)
        if server:
            execute(client, "DEL", keys.lease)  # left by an ended process: the directory's lock is ours
        elif execute(client, "EXISTS", keys.lease):
            raise CommandError(f"a process is at work on {keys.marathon_id}; end it first")
        yield client
