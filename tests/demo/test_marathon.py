"""What is over costs nothing: the short form of `make marathon`."""

from pathlib import Path
from statistics import median_high

import pytest

from benchmarks.marathon import watch


@pytest.mark.timeout(300)
@pytest.mark.requirement("SUP-1", "LIFE-3")
def test_no_thread_and_no_descriptor_stays_for_a_day_that_is_over(tmp_path: Path) -> None:
    samples, report = watch(tmp_path, days=12, day_seconds=2.0)
    assert report
    assert report.right, report
    for what in ("threads", "descriptors"):
        of_process = [getattr(sample, what)[0] for sample in samples]
        # Most days, not all: where the machine is slow one day ends while the next but one begins.
        assert median_high(of_process[8:]) <= median_high(of_process[3:8]), (what, of_process)
