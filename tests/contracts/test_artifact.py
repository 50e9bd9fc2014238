"""What was compiled and measured is what the source gives: the artifact, its check, and the gas table."""

import hashlib
from pathlib import Path

import pytest

from contracts import build
from contracts.artifact import FILE, SOURCE, sale_contract
from tests.contracts import gas
from tests.harness.anvil import Anvil
from tests.harness.sale import Sale

pytestmark = pytest.mark.requirement("CHN-6")


@pytest.fixture(scope="module")
def compiled() -> bytes:
    return build.written(build.compiled(SOURCE))


def test_the_artifact_is_what_the_source_gives(compiled: bytes) -> None:
    assert FILE.read_bytes() == compiled, "run `make contract`"


def test_the_artifact_says_what_it_was_made_of() -> None:
    artifact = sale_contract()
    assert artifact.source_sha256 == hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    assert (artifact.compiler, artifact.evm_version) == ("vyper 0.4.3", "cancun")


def test_another_artifact_is_told_in_one_line_and_made_right(
    compiled: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compiled", lambda source: sale_contract())  # compiling takes seconds
    file = tmp_path / "AuctionSale.json"
    for content in (None, compiled.replace(b"cancun", b"prague"), compiled[:-1]):
        if content is not None:
            file.write_bytes(content)
        assert build.main(["--check"], file=file) == 1
        said = capsys.readouterr().err
        assert (said.count("\n"), "run `make contract`" in said) == (1, True)
    assert (build.main([], file=file), file.read_bytes()) == (0, compiled)
    assert build.main(["--check"], file=file) == 0


def test_the_code_on_the_chain_is_the_artifacts_whatever_the_roles_are(node: Anvil) -> None:
    for sale in (Sale.on(node), Sale.on(node, owner="0x" + "a1" * 20, operator="0x" + "b2" * 20)):
        assert node.rpc("eth_getCode", sale.address, "latest") == sale_contract().runtime


def test_the_gas_table_is_what_is_measured(node: Anvil) -> None:
    assert gas.written() == gas.table(gas.measured(node)), "run `make contract-gas`"
