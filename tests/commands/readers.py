"""Readers for tests: they get every entry, and are waited for, however short the log and however busy the machine."""

import os
from concurrent.futures import Future
from typing import Any

import pytest

from commands import reading_ahead


def wait_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading_ahead, "CHUNK_BYTES", 1)
    patch.setattr(Future, "cancel", lambda self: False)


def die(_: Any) -> None:
    """In the place of what a reader does."""
    os._exit(9)


def fail(_: Any) -> None:
    """The same."""
    raise ZeroDivisionError
