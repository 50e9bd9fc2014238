"""The operator's key: where it comes from, that it signs two things only, and that it shows nowhere."""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from adapters.chain.keys import BadKey, Signer, check_allowed, decrypted

pytestmark = pytest.mark.requirement("CHN-4")

KEY = "0x" + "11" * 32
ADDRESS = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"
CONTRACT = "0x" + "c0" * 20
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from eth_account import Account

    path = tmp_path_factory.mktemp("keys") / "operator.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, iterations=2**10)))
    return path


def read_back(raw: str) -> tuple[str, dict[str, Any]]:
    """Who has signed a transaction, and what."""
    from eth_account import Account
    from eth_account.typed_transactions import TypedTransaction
    from hexbytes import HexBytes

    return Account.recover_transaction(raw).lower(), TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


def test_a_call_goes_to_the_contract_without_value() -> None:
    signed = Signer(KEY, CONTRACT, 360).sign(7, "0x12bd6cc8", 100_000, 3_000, 1_000)
    sender, said = read_back(signed.raw)
    assert sender == ADDRESS
    assert (said["chainId"], said["nonce"], said["value"], said["gas"]) == (360, 7, 0, 100_000)
    assert (said["maxFeePerGas"], said["maxPriorityFeePerGas"]) == (3_000, 1_000)
    assert (said["to"].hex(), said["data"].hex(), said["accessList"]) == (CONTRACT[2:], "12bd6cc8", ())


def test_without_data_it_sends_nothing_to_itself() -> None:
    sender, said = read_back(Signer(KEY, CONTRACT, 360).sign(7, None, 25_200, 3_000, 1_000).raw)
    assert (sender, said["to"].hex(), said["value"], said["data"]) == (ADDRESS, ADDRESS[2:], 0, b"")


def test_the_hash_is_that_of_the_transaction() -> None:
    from eth_hash.auto import keccak

    signed = Signer(KEY, CONTRACT, 360).sign(7, None, 25_200, 3_000, 1_000)
    assert signed.transaction_hash == "0x" + keccak(bytes.fromhex(signed.raw[2:])).hex()


CALL = {"to": CONTRACT, "data": "0x12bd6cc8", "value": 0}
EMPTY = {"to": ADDRESS, "data": "0x", "value": 0}


@pytest.mark.parametrize("allowed", [CALL, EMPTY])
def test_what_the_key_may_sign(allowed: dict[str, Any]) -> None:
    check_allowed(allowed, CONTRACT, ADDRESS)


@pytest.mark.parametrize(
    "forbidden",
    [
        {**CALL, "value": 1},
        {**CALL, "data": "0x"},
        {**CALL, "to": "0x" + "77" * 20},
        {**CALL, "to": ""},
        {**CALL, "to": None},
        {**CALL, "authorizationList": ()},
        {**EMPTY, "value": 1},
        {**EMPTY, "data": "0x12bd6cc8"},
    ],
)
def test_what_it_may_not_sign(forbidden: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="nothing else"):
        check_allowed(forbidden, CONTRACT, ADDRESS)


def test_an_encrypted_key_file_is_opened_with_its_password(key_file: Path) -> None:
    assert Signer(decrypted(key_file, PASSWORD), CONTRACT, 360).address == ADDRESS


def test_a_wrong_password_is_one_line(key_file: Path) -> None:
    with pytest.raises(BadKey, match=r"operator\.json: the password is wrong$"):
        decrypted(key_file, "battery staple")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff\xfe", b"{" * 100_000, b'{"version": 3}', b'{"version": 9}']
)
def test_what_is_no_key_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(BadKey, match=r"key\.json: is no key file$"):
        decrypted(path, PASSWORD)


def test_a_key_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match=r"key\.json: No such file or directory$"):
        decrypted(tmp_path / "key.json", PASSWORD)


@pytest.mark.parametrize(
    "key", ["", "0x", "11" * 31, "11" * 33, "0x" + "00" * 32, "0x" + "ff" * 32, "zz" * 32, "a word"]
)
def test_what_is_no_key_is_one_line_that_does_not_quote_it(key: str) -> None:
    with pytest.raises(BadKey) as fault:
        Signer(key, CONTRACT, 360)
    assert str(fault.value) == "the operator's key is not 32 bytes as hex digits"
    assert len(key) < 10 or key not in "".join(traceback.format_exception(fault.value))


def test_the_contract_is_not_the_key_itself() -> None:
    with pytest.raises(BadKey, match="the address of the contract"):
        Signer(KEY, ADDRESS, 360)


def test_a_signer_shows_its_address_only() -> None:
    signer = Signer(KEY, CONTRACT, 360)
    assert repr(signer) == f"Signer({ADDRESS})"
    assert "11" * 32 not in f"{signer!r} {signer} {vars(signer)}"
