"""A few corrupted data directories; `make corruptions` tries a thousand."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.system.corruption.trial import Ground, ground

pytestmark = pytest.mark.timeout(120)
SEEDS = range(1, 16)


@pytest.fixture(scope="module")
def made() -> Iterator[Ground]:
    with TemporaryDirectory(prefix="corrupt-") as folder, ground(Path(folder)) as made:
        yield made


@pytest.mark.requirement("RED-4", "HA-4")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_corrupted_key_is_mended_or_said_in_one_line(made: Ground, seed: int) -> None:
    outcome = made.trial(seed, "key")
    assert not outcome.is_fault, outcome


@pytest.mark.requirement("RED-3", "HA-4")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_corrupted_file_is_read_as_far_as_it_goes_or_said_in_one_line(made: Ground, seed: int) -> None:
    outcome = made.trial(seed, "file")
    assert not outcome.is_fault, outcome
