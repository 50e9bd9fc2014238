"""The buyers of a simulated marathon: wallet, key and role of each, by seed and number. Pure.

A buyer is a bidder of the crowd who is asked for a wallet; buyers are numbered from 0, in the order in which they are
asked first. The simulated X lets a buyer name the wallet, and the simulated chain pays from it. So both know the same
wallets without talking to each other.
"""

from enum import StrEnum
from random import Random
from typing import NamedTuple

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey


class Role(StrEnum):
    """What a buyer does."""

    SILENT = "silent"  # never answers
    DOES_NOT_PAY = "does_not_pay"  # names a wallet, and pays nothing
    SMART_ACCOUNT = "smart_account"  # names a smart account, which pays
    NAME_FIRST = "name_first"  # says the name of a wallet, and the address only when asked again
    FRIEND_PAYS = "friend_pays"  # has somebody else pay
    PAYS = "pays"  # pays from the wallet

    @property
    def pays(self) -> bool:
        """Whether the offer to this buyer is paid."""
        return self not in (Role.SILENT, Role.DOES_NOT_PAY)


class Buyer(NamedTuple):
    """A buyer. `wallet` is an address with its checksum; `key` is the private key that signs the payment."""

    role: Role
    wallet: str
    key: bytes

    @property
    def payer(self) -> bytes:
        """The account of the key."""
        return PrivateKey(self.key).public_key.to_canonical_address()


def buyer(seed: int, number: int) -> Buyer:
    """Returns the buyer of this number."""
    role = dict(enumerate(_first_roles(seed))).get(number, Role.PAYS)
    key = _key(seed, number, "wallet")
    own = PrivateKey(key).public_key
    if role is Role.SMART_ACCOUNT:
        account = keccak(b"smart account of " + own.to_canonical_address())[-20:]
        return Buyer(role, _with_checksum(account), key)
    return Buyer(role, own.to_checksum_address(), _key(seed, number, "friend") if role is Role.FRIEND_PAYS else key)


def _first_roles(seed: int) -> list[Role]:
    """The first buyer does not pay, all others do. A demo of two days has three buyers and so shows three roles."""
    does_not_pay = Random(f"{seed}:buyers").choice((Role.SILENT, Role.DOES_NOT_PAY))
    return [does_not_pay, Role.SMART_ACCOUNT, Role.NAME_FIRST, Role.FRIEND_PAYS]


def _key(seed: int, number: int, whose: str) -> bytes:
    return bytes(keccak(f"{seed}:{whose}:{number}".encode()))


def _with_checksum(address: bytes) -> str:
    digits = address.hex()
    decided = keccak(digits.encode()).hex()
    upper = [digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, decided, strict=False)]
    return "0x" + "".join(upper)
