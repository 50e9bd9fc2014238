from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.chain_process import ChainEndpoint, simulated_chain

Start = Callable[..., list[ChainEndpoint]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts simulated chains, which end with the test."""
    with ExitStack() as stack:

        def begin(**options: Any) -> list[ChainEndpoint]:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            return stack.enter_context(simulated_chain(folder, **options))

        yield begin
