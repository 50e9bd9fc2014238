"""What the tests of several rooms share. Only tests and benchmarks import it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
