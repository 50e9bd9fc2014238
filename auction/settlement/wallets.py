"""Reads from the text of a reply the one wallet address that it names, or the reason why it names none.

Nothing is guessed: a lot that is sent to a wrong address is lost for good. `ladder` decides whose reply counts, and
when.
"""

import re
from enum import StrEnum

from eth_hash.auto import keccak

from auction.bid_text.characters import readings, reorders

# A word that is meant as an address or a hash. Shorter ones are names or abbreviations, and @0x… is an X account.
_meant = re.compile(r"(?<![\w@#$])0[xX]\w{20,}+")
_address = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class WalletFault(StrEnum):
    """The reasons why a text names no wallet: a closed set."""

    NO_ADDRESS = "NO_ADDRESS"
    SEVERAL_ADDRESSES = "SEVERAL_ADDRESSES"
    MALFORMED_ADDRESS = "MALFORMED_ADDRESS"
    WRONG_CHECKSUM = "WRONG_CHECKSUM"
    ZERO_ADDRESS = "ZERO_ADDRESS"
    HIDDEN_CHAR = "HIDDEN_CHAR"


def read_wallet(text: str) -> str | WalletFault:
    """The address that the text names, with its checksum, or the reason why there is none. Never raises.

    The text must name exactly one address, possibly repeated, in lower case or with its correct checksum.
    """
    if reorders(text) or len(readings(text)) > 1:
        return WalletFault.HIDDEN_CHAR
    found = {_verified(token) for token in _meant.findall(text)}
    if not found:
        return WalletFault.NO_ADDRESS
    return found.pop() if len(found) == 1 else WalletFault.SEVERAL_ADDRESSES


def with_checksum(address: str) -> str:
    """The address ("0x" and 40 hex digits) with the upper-case digits that form its checksum (EIP-55)."""
    digits = address[2:].lower()
    decided = keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, decided, strict=False)
    )


def _verified(token: str) -> str | WalletFault:
    if not _address.fullmatch(token):
        return WalletFault.MALFORMED_ADDRESS
    if not token[2:].strip("0"):
        return WalletFault.ZERO_ADDRESS
    checked = with_checksum(token)
    return checked if token in (checked, token.lower()) else WalletFault.WRONG_CHECKSUM
