"""A command line for each test, and a store with a marathon in it that was begun and left."""

from pathlib import Path

import pytest

from adapters import process_file
from adapters.process_file import ProcessFile
from tests.commands.line import Line
from tests.harness.store import Store


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("COLUMNS", "100")  # argparse breaks its lines by it
    return Line(capsys)


@pytest.fixture
def marathon(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of the marathon `m`, which every command finds by itself."""
    process_file.write(tmp_path, ProcessFile(store.keys.marathon_id, 1, 1))
    monkeypatch.setenv("AUCTION_MANAGER__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AUCTION_MANAGER__REDIS__URL", store.url)
    return store
