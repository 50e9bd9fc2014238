"""Addresses as people write them, and the hash that their checksum is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.settlement.wallets import WalletFault, declines, read_wallet, with_checksum
from auction.wording.wallet_words import what_to_post

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
OURS = OTHER.lower()

ACCEPTED = {
    "with its checksum": f"@house my wallet is {ONE}, thanks!",
    "all in lower case": ONE.lower(),
    "twice the same": f"{ONE} again: {ONE.lower()}",
    "in brackets": f"({ONE})",
    "in quotation marks": f'"{ONE}".',
    "after a colon": f"wallet:{ONE}",
    "after an equals sign": f"address={ONE}",
    "on a line of its own": f"gm!\n{ONE}\nlfg",
    "before a full stop": f"{ONE}.",
    "before a dash": f"{ONE} - thank you",
    "after an arrow": f"->{ONE}",
    "with the chain's short name": f"shape:{ONE}",
    "with the chain's number": f"eip155:360:{ONE}",
    "beside an emoji": f"🎉{ONE}🎉",
    "beside an abbreviation and a name": f"0xSplits fan, 0x5aAe…BeAed is {ONE}",
    "beside the name of our chain": f"please send it on Shape to {ONE}",
    "beside an account that looks like one": f"@0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed it is {OTHER}",
}
REFUSED = {
    "no address": ("my wallet is the usual one", WalletFault.NO_ADDRESS),
    "nothing": ("", WalletFault.NO_ADDRESS),
    "somebody's account": (f"@{ONE}", WalletFault.NO_ADDRESS),
    "a hashtag": (f"#{ONE}", WalletFault.NO_ADDRESS),
    "a cut address": ("0x5aAe…BeAed", WalletFault.NO_ADDRESS),
    "an address of Bitcoin": ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", WalletFault.NO_ADDRESS),
    "an address of Solana": ("7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV", WalletFault.NO_ADDRESS),
    "two of them": (f"{ONE} or {OTHER}", WalletFault.SEVERAL_ADDRESSES),
    "two with a comma": (f"{ONE},{OTHER}", WalletFault.SEVERAL_ADDRESSES),
    "one and half of another": (f"{ONE} {OTHER[:30]}", WalletFault.SEVERAL_ADDRESSES),
    "one letter in the wrong case": (ONE.replace("A", "a", 1), WalletFault.WRONG_CHECKSUM),
    "all in capitals": (f"0x{ONE[2:].upper()}", WalletFault.WRONG_CHECKSUM),
    "two digits changed places": (ONE.replace("6053", "6503"), WalletFault.WRONG_CHECKSUM),
    "a capital X": (f"0X{ONE[2:]}", WalletFault.MALFORMED_ADDRESS),
    "a digit too few": (ONE[:-1], WalletFault.MALFORMED_ADDRESS),
    "a digit too many": (ONE + "0", WalletFault.MALFORMED_ADDRESS),
    "without 0x": (ONE[2:], WalletFault.MALFORMED_ADDRESS),
    "with a letter that runs on": (ONE.lower() + "é", WalletFault.MALFORMED_ADDRESS),
    "with an end that is cut": (ONE[:30] + "…", WalletFault.MALFORMED_ADDRESS),
    "with dots after it": (ONE + "…", WalletFault.MALFORMED_ADDRESS),
    "with a name after it": (ONE + ".eth.limo", WalletFault.NAME),
    "cut in two": (f"{ONE[:30]} {ONE[30:]}", WalletFault.MALFORMED_ADDRESS),
    "a hash of a transaction": ("0x" + "ab" * 32, WalletFault.MALFORMED_ADDRESS),
    "a digit of another script": (ONE.lower().replace("6", "６", 1), WalletFault.MALFORMED_ADDRESS),
    "a letter of another script": (ONE.lower().replace("a", "а", 1), WalletFault.MALFORMED_ADDRESS),
    "with what cannot be seen in it": (f"{ONE.lower()}\u200bff", WalletFault.HIDDEN_CHAR),
    "shown in another order": (f"\u202e{ONE}", WalletFault.HIDDEN_CHAR),
    "a name": ("vitalik.eth", WalletFault.NAME),
    "a name in a sentence": ("send it to Me.ETH please", WalletFault.NAME),
    "a name of a name": ("pay.vitalik.eth", WalletFault.NAME),
    "a name of another chain": ("jesse.base.eth", WalletFault.NAME),
    "a name beside an address": (f"vitalik.eth ({ONE})", WalletFault.NAME),
    "another service's name": ("anna.lens", WalletFault.NAME),
    "the short name of Base": (f"base:{ONE}", WalletFault.OTHER_CHAIN),
    "the short name of Ethereum": (f"eth:{ONE}", WalletFault.OTHER_CHAIN),
    "the number of Ethereum": (f"eip155:1:{ONE}", WalletFault.OTHER_CHAIN),
    "a number that begins like ours": (f"eip155:3600:{ONE}", WalletFault.OTHER_CHAIN),
    "a request to pay": (f"ethereum:{ONE}", WalletFault.OTHER_CHAIN),
    "a request to pay on a chain": (f"ethereum:{ONE}@8453", WalletFault.OTHER_CHAIN),
    "a sentence about another chain": (f"{ONE} on Base please", WalletFault.OTHER_CHAIN),
    "a sentence about mainnet": (f"my wallet on the mainnet is {ONE}", WalletFault.OTHER_CHAIN),
    "Shape's test chain": (f"{ONE}, on Sepolia", WalletFault.OTHER_CHAIN),
    "a page of an explorer": (f"https://basescan.org/address/{ONE}", WalletFault.LINK),
    "a page of our explorer": (f"shapescan.xyz/address/{ONE}", WalletFault.LINK),
    "a link that begins with it": (f"{ONE}/nfts", WalletFault.LINK),
    "what it is not": (f"not {ONE}!", WalletFault.DENIED),
    "a warning": (f"don't send it to {ONE}", WalletFault.DENIED),
    "a warning from a telephone": (f"don\u2019t send it to {ONE}", WalletFault.DENIED),
    "a wallet that cannot be used": (f"I can\u2019t use {ONE}", WalletFault.DENIED),
    "an old one": (f"ignore {ONE}, I post the new one tomorrow", WalletFault.DENIED),
    "nobody's": ("0x" + "0" * 40, WalletFault.ZERO_ADDRESS),
    "the usual address to burn": ("0x000000000000000000000000000000000000dEaD", WalletFault.BURN_ADDRESS),
    "the other one": ("0xdEAD000000000000000042069420694206942069".lower()[:6] + "0" * 36, WalletFault.BURN_ADDRESS),
    "dead and beef": ("0xdead" + "0" * 32 + "beef", WalletFault.BURN_ADDRESS),
    "one digit forty times": ("0x" + "1" * 40, WalletFault.BURN_ADDRESS),
    "the last possible one": ("0x" + "f" * 40, WalletFault.BURN_ADDRESS),
    "a precompile": ("0x" + "0" * 39 + "1", WalletFault.PRECOMPILE),
    "a later precompile": ("0x" + "0" * 37 + "100", WalletFault.PRECOMPILE),
    "wrapped ether": ("0x4200000000000000000000000000000000000006", WalletFault.PREDEPLOY),
    "the bridge": ("0x4200000000000000000000000000000000000010", WalletFault.PREDEPLOY),
    "the bridge's code": ("0xc0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d30010", WalletFault.PREDEPLOY),
    "what stands for ether": ("0x" + "e" * 40, WalletFault.BURN_ADDRESS),
    "a contract of everybody": ("0xca11bde05977b3631167028862be2a173976ca11", WalletFault.NOBODYS_ADDRESS),
    "our own contract": (OTHER, WalletFault.OUR_ADDRESS),
}


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_a_wallet_is_named_without_a_doubt(text: str) -> None:
    assert read_wallet(text) == (OTHER if text.startswith("@0x") else ONE)


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize(("text", "fault"), REFUSED.values(), ids=REFUSED)
def test_or_not_at_all_and_the_reason_says_what_to_post(text: str, fault: WalletFault) -> None:
    assert read_wallet(text, {OURS}) == fault
    assert "0x" in what_to_post(fault)


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize(
    "text", ["decline", "@house I decline, sorry.", "We must decline this lot \U0001f622", "I DECLINE"]
)
def test_who_says_nothing_else_declines(text: str) -> None:
    assert declines(text)


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize(
    "text",
    [
        "I don't decline",
        "I don\u2019t decline",
        "I won\u2019t decline!",
        "I would never decline this",
        "my card was declined, one moment",
        "declined",
        "should I decline?",
        "decline?",
        "@decline gm",
        f"if this is no wallet I decline: {ONE}",
    ],
)
def test_whatever_else_is_said_is_not_taken_for_that(text: str) -> None:
    assert not declines(text)


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize("address", EXAMPLES)
def test_the_checksum_is_the_one_of_the_standard(address: str) -> None:
    assert with_checksum(address.lower()) == address


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(read_wallet(text), str)
