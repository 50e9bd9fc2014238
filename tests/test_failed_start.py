"""A start that fails half way says why, and gives back what it has taken."""

import threading
from pathlib import Path

import msgspec
import pytest

import bootstrap
import supervisor
from adapters.http import public
from commands.simulated import CREDENTIALS
from settings import load

pytestmark = pytest.mark.requirement("SUP-1")


def test_pages_that_are_missing_are_said_at_the_start_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(None, {})
    http = msgspec.structs.replace(settings.http, public_port=0, private_port=0)
    settings = msgspec.structs.replace(settings, data_dir=tmp_path / "data", http=http)
    where = bootstrap.Dependencies("http://127.0.0.1:9", CREDENTIALS, bootstrap.plan_of(settings), begin_late=True)
    monkeypatch.setattr(public, "_PAGES", tmp_path)
    before = threading.active_count()
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        supervisor.process_of(settings, where).start()
    assert threading.active_count() == before
    assert not (settings.data_dir / "valkey.sock").exists()
