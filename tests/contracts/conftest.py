"""A node for each module, a sale contract for each test, and contracts that misbehave, compiled once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.artifact import Artifact
from contracts.build import compiled
from tests.harness.anvil import Anvil
from tests.harness.sale import Contract, Sale


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    anvil = Anvil(tmp_path_factory.mktemp("anvil"))
    yield anvil
    anvil.kill()


@pytest.fixture
def sale(node: Anvil) -> Iterator[Sale]:
    """A new contract; what the test does to the chain is taken back."""
    snapshot = node.rpc("evm_snapshot")
    yield Sale.on(node)
    node.rpc("evm_revert", snapshot)


@pytest.fixture(scope="session")
def puppet_code() -> Artifact:
    return compiled(Path(__file__).parent / "Puppet.vy")


@pytest.fixture
def make_puppet(node: Anvil, puppet_code: Artifact) -> Callable[[], Contract]:
    """Makes contracts that do as they are told."""
    return lambda: Contract.deployed(node, puppet_code.abi, puppet_code.bytecode)
