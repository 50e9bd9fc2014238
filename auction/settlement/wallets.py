"""Reads from the text of a reply the one wallet address on Shape that it names, or the reason why it names none.

Nothing is guessed and no name is looked up: a lot that is sent to a wrong address is lost for good. A reply that could
mean anything else is refused, which costs its author one more reply. `ladder` decides whose reply counts, and when.
"""

import re
from collections.abc import Collection
from enum import StrEnum

from eth_hash.auto import keccak

from auction.bid_text.characters import readings, reorders

# A word that is meant as an address or a hash. Shorter ones are names or abbreviations, and @0x… is an X account.
_meant = re.compile(r"(?<![\w@#$])0[xX]\w{20,}+")
_word_before = re.compile(r"[^\s(\[{<\"']*\Z")
_BEFORE = 60  # characters before an address that are looked at: what stands before the address in its word
_address = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_without_0x = re.compile(r"(?<!\w)[0-9a-fA-F]{40}(?!\w)", re.ASCII)
_name = re.compile(r"(?<=[\w-])\.(?:eth|box|lens|crypto|nft|wallet|x|id|shape)(?![\w-])", re.IGNORECASE)
# What may stand before an address, to its colon: CAIP-10 and EIP-3770 name the chain so, people the thing.
_harmless = re.compile(
    r"(?:shape|eip155:360|wallet|address|addr|adress|adresse|to|here|it'?s|is|my)[:=]|[^\w/@]*", re.IGNORECASE
)
_runs_on = re.compile(r"[.…:+-]\w|….?")  # an address that goes on, or is cut
_other_chain = re.compile(
    r"\bon\s+(?:the\s+)?(?:eth|ethereum|mainnet|l1|base|optimism|op|arbitrum|polygon|matic|zora|blast|linea|bsc|bnb|"
    r"avalanche|avax|zksync|scroll|mantle|celo|gnosis|solana|ronin|abstract|apechain|berachain|sepolia)\b",
    re.IGNORECASE,
)
# Telephones write another apostrophe than keyboards.
_denied = re.compile(
    r"\b(?:not|cannot|never|no longer|instead of|wrong|ignore|except|"
    r"(?:do|does|did|is|was|wo|ca|would|should|could|must)n['\u2019\u2018\u02bc`\u00b4]?t)\b",
    re.IGNORECASE,
)
_no_words = re.compile(r"[@#$]\w+|https?://\S+")
_words = re.compile(r"[\w'\u2019]+")
# All that a text may say which declines: whatever else it says, it may mean something else.
_DECLINING = frozenset(
    _words.findall(
        "i we decline hereby have must to will would like the this it lot offer sorry but thanks thank you please "
        "unfortunately regret and"
    )
)

# Addresses that many contracts of every chain share, and those that stand for no account: nobody holds a token there.
_NOBODYS = frozenset(
    {
        "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",  # stands for ETH itself in many contracts
        "0xca11bde05977b3631167028862be2a173976ca11",  # Multicall3
        "0x000000000022d473030f116ddee9f6b43ac78ba3",  # Permit2
        "0x4e59b44847b379578588920ca78fbf26c0b4956c",  # the deterministic deployment proxy
        "0x5ff137d4b0fdcd49dca30c7cf57e578a026d2789",  # the EntryPoint 0.6 of smart accounts
        "0x0000000071727de22e5e9d8baf0edac6f37da032",  # the EntryPoint 0.7
    }
)
# The OP stack's predeploys: 2,048 addresses, and as many that hold their code.
_PREDEPLOY = re.compile(
    r"0x4200000000000000000000000000000000000[0-9a-f]{3}|0xc0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3[0-9a-f]{4}"
)
_BURN = re.compile(r"0x(?:0{36}dead|dead0*(?:dead|beef)?|([0-9a-f])\1{39})")
_PRECOMPILES = 0x10000  # addresses below this number belong to the chain itself


class WalletFault(StrEnum):
    """The reasons why a text names no wallet: a closed set. `wording.wallet_words` says of each what to post."""

    NO_ADDRESS = "NO_ADDRESS"
    SEVERAL_ADDRESSES = "SEVERAL_ADDRESSES"
    MALFORMED_ADDRESS = "MALFORMED_ADDRESS"
    WRONG_CHECKSUM = "WRONG_CHECKSUM"
    ZERO_ADDRESS = "ZERO_ADDRESS"
    HIDDEN_CHAR = "HIDDEN_CHAR"
    NAME = "NAME"  # a name such as vitalik.eth, which leads to other addresses on other chains
    OTHER_CHAIN = "OTHER_CHAIN"
    LINK = "LINK"
    DENIED = "DENIED"  # a "not" in the text: it may say which wallet it is not
    BURN_ADDRESS = "BURN_ADDRESS"
    PRECOMPILE = "PRECOMPILE"
    PREDEPLOY = "PREDEPLOY"
    NOBODYS_ADDRESS = "NOBODYS_ADDRESS"
    OUR_ADDRESS = "OUR_ADDRESS"


def read_wallet(text: str, ours: Collection[str] = ()) -> str | WalletFault:
    """The address that the text names, with its checksum, or the reason why there is none. Never raises.

    The text must name exactly one address, possibly repeated, in lower case or with its correct checksum, and nothing
    that leads elsewhere. `ours` are our own addresses in lower case: the contract's, the operator's, the owner's.
    """
    if reorders(text) or len(readings(text)) > 1:
        return WalletFault.HIDDEN_CHAR
    if _name.search(text):
        return WalletFault.NAME
    found = {_verified(text, match, ours) for match in _meant.finditer(text)}
    if not found:
        return WalletFault.MALFORMED_ADDRESS if _without_0x.search(text) else WalletFault.NO_ADDRESS
    if len(found) > 1:
        return WalletFault.SEVERAL_ADDRESSES
    wallet = found.pop()
    if isinstance(wallet, WalletFault):
        return wallet
    if _other_chain.search(text):
        return WalletFault.OTHER_CHAIN
    return WalletFault.DENIED if _denied.search(text) else wallet


def declines(text: str) -> bool:
    """Whether the text says nothing but that its author declines. Declining cannot be taken back and costs the winner a
    strike, so "my card was declined" and "should I decline?" do not count."""
    words = {word.lower() for word in _words.findall(_no_words.sub(" ", text))}
    return "decline" in words and words <= _DECLINING and "?" not in text


def with_checksum(address: str) -> str:
    """The address ("0x" and 40 hex digits) with the upper-case digits that form its checksum (EIP-55)."""
    digits = address[2:].lower()
    decided = keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, decided, strict=False)
    )


def _verified(text: str, meant: re.Match[str], ours: Collection[str]) -> str | WalletFault:
    """The address that stands at this place of the text, or why it is none."""
    token, after = meant[0], text[meant.end() : meant.end() + 2]
    word = _word_before.search(text[max(meant.start() - _BEFORE, 0) : meant.start()])
    before = word[0] if word else ""
    if "/" in before or after[:1] in ("/", "?", "#"):
        return WalletFault.LINK
    if not _harmless.fullmatch(before) or after[:1] == "@":
        return WalletFault.OTHER_CHAIN
    if not _address.fullmatch(token) or _runs_on.fullmatch(after):
        return WalletFault.MALFORMED_ADDRESS
    checked, lower = with_checksum(token), token.lower()
    if token not in (checked, lower):
        return WalletFault.WRONG_CHECKSUM
    return _reserved(lower, ours) or checked


def _reserved(address: str, ours: Collection[str]) -> WalletFault | None:
    """Why nobody can hold a token at this address (lower case), or None."""
    if not address[2:].strip("0"):
        return WalletFault.ZERO_ADDRESS
    if _BURN.fullmatch(address):
        return WalletFault.BURN_ADDRESS
    if int(address, 16) < _PRECOMPILES:
        return WalletFault.PRECOMPILE
    if _PREDEPLOY.fullmatch(address):
        return WalletFault.PREDEPLOY
    if address in _NOBODYS:
        return WalletFault.NOBODYS_ADDRESS
    return WalletFault.OUR_ADDRESS if address in ours else None
