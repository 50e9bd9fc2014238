"""Readers for tests: they get every entry, and are waited for, however short the log and however busy the machine."""

from concurrent.futures import Future

import pytest

from commands import reading_ahead


def wait_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading_ahead, "CHUNK_BYTES", 1)
    patch.setattr(Future, "cancel", lambda self: False)
