"""Addresses as people write them, and the hash that their checksum is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.settlement.wallets import WalletFault, read_wallet, with_checksum

# The examples of EIP-55.
EXAMPLES = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
ONE, OTHER = EXAMPLES[4], EXAMPLES[5]

TEXTS = {
    "with its checksum": (f"@house my wallet is {ONE}, thanks!", ONE),
    "all in lower case": (f"{ONE.lower()}", ONE),
    "twice the same": (f"{ONE} again: {ONE.lower()}", ONE),
    "between other characters": (f"({ONE})", ONE),
    "beside an abbreviation and a name": (f"0xSplits fan, 0x5aAe…BeAed is {ONE}", ONE),
    "not beside somebody's account": ("@0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", WalletFault.NO_ADDRESS),
    "no address": ("send it to me.eth", WalletFault.NO_ADDRESS),
    "nothing": ("", WalletFault.NO_ADDRESS),
    "two of them": (f"{ONE} or {OTHER}", WalletFault.SEVERAL_ADDRESSES),
    "one letter in the wrong case": (ONE.replace("A", "a", 1), WalletFault.WRONG_CHECKSUM),
    "all in capitals": (f"0x{ONE[2:].upper()}", WalletFault.WRONG_CHECKSUM),
    "two digits changed places": (ONE.replace("6053", "6503"), WalletFault.WRONG_CHECKSUM),
    "a capital X": (f"0X{ONE[2:]}", WalletFault.MALFORMED_ADDRESS),
    "a digit too few": (ONE[:-1], WalletFault.MALFORMED_ADDRESS),
    "a digit too many": (ONE + "0", WalletFault.MALFORMED_ADDRESS),
    "a letter that runs on": (ONE.lower() + "é", WalletFault.MALFORMED_ADDRESS),
    "a hash of a transaction": ("0x" + "ab" * 32, WalletFault.MALFORMED_ADDRESS),
    "a digit of another script": (ONE.lower().replace("6", "６", 1), WalletFault.MALFORMED_ADDRESS),
    "nobody's": ("0x" + "0" * 40, WalletFault.ZERO_ADDRESS),
    "with what cannot be seen in it": (f"{ONE.lower()}\u200bff", WalletFault.HIDDEN_CHAR),
    "shown in another order": (f"\u202e{ONE}", WalletFault.HIDDEN_CHAR),
}


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_wallet_is_named_without_a_doubt_or_not_at_all(text: str, expected: str) -> None:
    assert read_wallet(text) == expected


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize("address", EXAMPLES)
def test_the_checksum_is_the_one_of_the_standard(address: str) -> None:
    assert with_checksum(address.lower()) == address


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(read_wallet(text), str)
