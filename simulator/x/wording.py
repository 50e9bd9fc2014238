"""The texts of bidders: each is made together with its meaning, so no text is parsed here.

Each text with an amount is a valid, unambiguous bid; each other text has one reason why it is no bid.
"""

from random import Random

from messages.base import Refusal, Wei

_WEI_PER_ETH = 10**18
# {n}: the amount in ETH; {w}: in full-width digits; {s}: without a zero before the point; {tag}: the hashtag.
_BIDS = (
    "{n} ETH {tag}",
    "{n} eth {tag}",
    "{n} ether {tag}",
    "{n}ETH {tag}",
    "{n} $ETH {tag}",
    "{tag} {n} ETH",
    "bid {n} ETH {tag}",
    "bid {s} ETH {tag}",
    "bid: {n} ETH {tag}",
    "Bid:{n}ETH {tag}",
    "Ξ{n} {tag}",
    "Ξ {n} {tag}",
    "{n} Ξ {tag}",
    "{n} ETH🔥🔥 {tag}",
    "{n}\u00a0ETH {tag}",
    "{w} ＥＴＨ {tag}",
    "My bid - {n} ETH {tag}",
    "Day 12: {n} ETH {tag}",
    "vitalik.eth bids {n} ETH {tag}",
    "123.eth bids {n} ETH {tag}",
    "ETH 2.0 fan here, bid {n} ETH {tag}",
    "{n} ETH & not a wei more {tag}",
    "{n} ETH <3 {tag}",
    "{n} ETH https://t.co/1ETH2ETHab {tag}",
    "{n}\u200b ETH {tag}",
    "100% serious: {n} ETH {tag}",
    "{n} ETH, that is {n} ETH {tag}",
    "I'm in with ({n} ETH) {tag}",
)
_NO_BIDS = (
    (Refusal.COMMA, "1,000 ETH {tag}"),
    (Refusal.COMMA, "1.000,50 ETH {tag}"),
    (Refusal.MALFORMED, "1.000.000 ETH {tag}"),
    (Refusal.MALFORMED, "1'000 ETH {tag}"),
    (Refusal.MALFORMED, "05 ETH {tag}"),
    (Refusal.MALFORMED, "0.5k ETH {tag}"),
    (Refusal.MALFORMED, "O.5 ETH {tag}"),
    (Refusal.MALFORMED, "0.5-0.7 ETH {tag}"),
    (Refusal.AMBIGUOUS, "1 000 ETH {tag}"),
    (Refusal.AMBIGUOUS, "0. 5 ETH {tag}"),
    (Refusal.AMBIGUOUS, "0.5 to 0.7 ETH {tag}"),
    (Refusal.NEGATIVE, "-0.5 ETH {tag}"),
    (Refusal.NEGATIVE, "Ξ-0.5 {tag}"),
    (Refusal.RELATIVE, "~0.5 ETH {tag}"),
    (Refusal.RELATIVE, ">0.5 ETH {tag}"),
    (Refusal.SCIENTIFIC, "1e3 ETH {tag}"),
    (Refusal.NON_ASCII_DIGIT, "½ ETH {tag}"),
    (Refusal.NON_ASCII_DIGIT, "5\ufe0f\u20e3 ETH {tag}"),
    (Refusal.TOO_PRECISE, "0.0000000000000000001 ETH {tag}"),
    (Refusal.ZERO, "0.000 ETH {tag}"),
    (Refusal.OUT_OF_RANGE, "1000000 ETH {tag}"),
    (Refusal.MULTIPLE_AMOUNTS, "old bid 0.5 ETH, new bid 0.6 ETH {tag}"),
    (Refusal.UNSUPPORTED_UNIT, "10 SOL or 0.5 ETH {tag}"),
    (Refusal.UNSUPPORTED_UNIT, "0.5 BTC {tag}"),
    (Refusal.UNSUPPORTED_UNIT, "500000000000000000 wei {tag}"),
    (Refusal.NO_AMOUNT, "half an eth {tag}"),
    (Refusal.NO_AMOUNT, "what a beautiful piece {tag}"),
    (Refusal.NO_AMOUNT, "0.5 \u0415\u0422\u041d {tag}"),
    (Refusal.UNIT_BEFORE_NUMBER, "ETH 0.5 {tag}"),
    (Refusal.HIDDEN_CHAR, "1\u200d0 ETH {tag}"),
    (Refusal.BIDI_CONTROL, "\u202e5.0 ETH {tag}"),
)
_UNTAGGED = ("{n} ETH", "{n} ETH x{tag}", "{n} ETH {tag}x", "I bid {n} ETH, good luck everyone")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def in_eth(amount: Wei) -> str:
    """Returns the exact amount in ETH without needless zeros."""
    whole, rest = divmod(int(amount), _WEI_PER_ETH)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".")


def bid(amount: Wei, hashtag: str, choice: int) -> str:
    """Returns a text that bids the amount, in the wording that `choice` picks."""
    return _write(_BIDS[choice % len(_BIDS)], amount, hashtag, choice)


def untagged(amount: Wei, hashtag: str, choice: int) -> str:
    """Returns a text with the amount, but without the hashtag."""
    return _write(_UNTAGGED[choice % len(_UNTAGGED)], amount, hashtag, 0)


def no_bid(hashtag: str, choice: int) -> tuple[Refusal, str]:
    """Returns a text with the hashtag that is no bid, and the reason."""
    reason, wording = _NO_BIDS[choice % len(_NO_BIDS)]
    return reason, wording.format(tag=f"#{hashtag}")


def _write(wording: str, amount: Wei, hashtag: str, choice: int) -> str:
    # The spelling of the hashtag is drawn separately from the wording, so that all pairs occur.
    tag = Random(choice).choice((hashtag, hashtag, hashtag, hashtag.lower(), hashtag.upper()))
    number = in_eth(amount)
    short = number.removeprefix("0") if number.startswith("0.") else number
    return wording.format(n=number, w=number.translate(_FULL_WIDTH), s=short, tag=f"#{tag}")
