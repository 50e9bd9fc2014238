"""Some starts as the benchmarks make them. Many, under load, and against the clock are `make starts`."""

from benchmarks.starts import start


def test_a_start_is_timed_until_the_house_is_seen_open() -> None:
    assert isinstance(start(0), float)
