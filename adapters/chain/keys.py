"""The operator's hot key: where it comes from, and the only transactions that it signs.

The key is shown nowhere: not in errors, not in logs, not as a representation. Signing needs eth_account, which is
imported on first use, since it costs as much as web3.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from adapters.chain.lazy_web3 import web3_module

# A key file is some 500 bytes long.
_KEY_FILE_BYTES = 2**16


class BadKey(Exception):
    """There is no usable key, for the reason in one line."""


class Signed(NamedTuple):
    """A signed transaction and its hash, as hex with 0x."""

    raw: str
    transaction_hash: str


class Signer:
    """The key, and what it may sign: calls of one contract on one chain without value, and transfers of nothing to
    itself. `address` is its address, in lower case."""

    def __init__(self, key: str, contract: str, chain_id: int) -> None:
        """`key` is 32 bytes as hex. Raises BadKey."""
        self._contract, self._chain_id = contract.lower(), chain_id
        try:
            self._account = _eth_account().from_key(key)
        except Exception:  # the library's errors quote the key
            raise BadKey("the operator's key is not 32 bytes as hex digits") from None
        self.address: str = self._account.address.lower()
        if self.address == self._contract:
            raise BadKey("the address of the contract is that of the operator's key")

    def sign(self, nonce: int, data: str | None, gas: int, max_fee_wei: int, tip_wei: int) -> Signed:
        """A call of the contract with these data or, without data, a transfer of nothing to the key's own address."""
        transaction = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "to": self._contract if data else self.address,
            "value": 0,
            "data": data or "0x",
            "gas": gas,
            "maxFeePerGas": max_fee_wei,
            "maxPriorityFeePerGas": tip_wei,
        }
        check_allowed(transaction, self._contract, self.address)
        # eth_account takes addresses with their checksum only.
        to = web3_module().Web3.to_checksum_address(transaction["to"])
        signed = self._account.sign_transaction({**transaction, "to": to})
        return Signed(signed.raw_transaction.to_0x_hex(), signed.hash.to_0x_hex())

    def __repr__(self) -> str:
        return f"Signer({self.address})"


def check_allowed(transaction: Mapping[str, Any], contract: str, own: str) -> None:
    """Raise ValueError unless the transaction is one that the hot key may sign."""
    has_data = len(transaction["data"]) > 2
    is_call = transaction["to"] == contract and has_data
    is_empty = transaction["to"] == own and not has_data
    if transaction["value"] != 0 or not (is_call or is_empty) or "authorizationList" in transaction:
        raise ValueError("the operator's key signs calls of the sale contract without value, and nothing else")


def decrypted(path: Path, password: str) -> str:
    """The key in an encrypted key file (version 3), as hex. Raises BadKey."""
    try:
        with path.open("rb") as file:
            text = file.read(_KEY_FILE_BYTES + 1)
    except OSError as fault:
        raise BadKey(f"{path}: {fault.strerror}") from None
    if len(text) > _KEY_FILE_BYTES:
        raise BadKey(f"{path}: is no key file")
    try:
        key: str = _eth_account().decrypt(text.decode(), password).to_0x_hex()
    except Exception as fault:  # any kind, for any nonsense in the file
        is_wrong = "MAC" in str(fault)
        raise BadKey(f"{path}: {'the password is wrong' if is_wrong else 'is no key file'}") from None
    return key


def _eth_account() -> Any:
    web3_module()  # first, since it undoes what both do to the process
    from eth_account import Account

    return Account
