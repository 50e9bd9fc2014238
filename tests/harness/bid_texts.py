"""Texts that bidders and their adversaries might write: pieces put together and then spoiled, from a seed."""

import csv
import json
import random
from collections.abc import Iterator
from pathlib import Path


def _rows(name: str) -> list[tuple[str, str]]:
    """The texts of a table, and what is read of each."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(json.loads(row["text_json"]), row["expected"]) for row in rows]


ROWS = _rows("bid_texts.tsv")
BY_WORDS = _rows("by_words.tsv")


def _words(text: str) -> list[str]:
    return text.split()


NUMBERS = _words(
    """
    0.5 .5 0.75 1 5 10 12 05 00 000 0 0.0 0. 5. 999999 1000000 1234567 1.000 1.000.000 1,000 0,5 1.000,50 1'000
    1_000 0.50 0.500000000000000001 0.5000000000000000000 0.0000000000000000001 -0.5 −0.5 –5 +0.5 ~0.5 <0.5 >0.5
    ≈1 ±1 0.5+ 0.5% 1e3 5e-1 1E+2 .5e1 0.5k 2x x2 1/2 0.5-0.7 0.5–0.7 ½ ² 0.5² ٥ 𝟓 ① Ⅴ 五 5⃣ 5️⃣ 🔟 O.5 l.5 １ ０.５
    ０．５ １，５ 0x10 2nd #1 100% 1/ v2 (1 1)
    """
)
UNITS = _words(
    """
    ETH ETH ETH ETH eth Eth eTh $ETH $eth ether ETHER Ξ Ξ Ξ ξ ETHs ETH2 ethers ETC WETH wETH mETH stETH wstETH
    XETH BTC SOL sol wei gwei USDC $SOL $ETHX $ € USD usd ΕΤΗ ЕТН ＥＴＨ E\u00adTH E\u200bTH ethereum étH ETHé ETH_
    $$ETH
    """
)
SEPARATORS = [
    "",
    "",
    " ",
    " ",
    " ",
    "  ",
    "   ",
    "    ",
    "\u00a0",
    "\u2009",
    "\u202f",
    "\u3000",
    "\n",
    "\t",
    "\r\n",
    "\u2028",
]
HIDDEN = [
    "\u200b",
    "\u200d",
    "\u00ad",
    "\ufe0f",
    "\ufeff",
    "\u2060",
    "\x00",
    "\x1f",
    "\u3164",
    "\u2800",
    "\U000e0020",
    "\u20e3",
]
EMOJI = ["🔥", "🔥🔥", "❤️", "❤", "🚀", "👨‍👩‍👧", "👍🏽", "🇺🇸", "✅", "💎", "➕", "☺︎"]
BIDI = ["\u202e", "\u200f", "\u2066", "\u061c"]
LINKS = _words(
    """
    @alice @house @alice1 @ @5 .@bob !@bob bob@x.com #gm #AuctionDay #auctionday #Auction #AuctionDay2
    \u2068@alice\u2069 \u2066#AuctionDay\u2069 \u2067@alice1\u2069 ＠alice #AuctionDay\u200d ｗ＃AuctionDay
    ＃ＡｕｃｔｉｏｎＤａｙ x.com/#AuctionDay x.com:80?5 a.b/5 #Auction～Day #️⃣ &#x
    x#AuctionDay #AuctionDay#x ##AuctionDay &#AuctionDay #Аuctionday #AuctionDaý ＃AuctionDay #5 #_5
    https://t.co/1ETH2ETHab http://x.y/0.5 HTTPS://A https:// vitalik.eth 123.eth 0.5.eth 5.ETH a.b.eth
    vitalik.eth's x.eth.limo -.eth é.eth .eth
    """
)
WORDS = _words(
    """
    bid bid: Bid: bid= my bid: gm to or and till point comma plus x of for half one RT rt RT: I'll art never Day
    zero two hundred: hundred, twenty-five (half) twice 1k 2m 50% 1e3 3/4 k Komma null.komma zwei vírgula VIRGULE coma.
    pt. точка 二百 出价二 零点 점 a und of one: point: dot= O. checkpoint ($1500) (~€1,400) (1500 USD) (10 SOL) ($1.5k)
    (about $5) (0.5 ETH) ($1500
    lot é Ξένος day: ok: then; yes! no? … wait. hmm, 1: 12: 12; (ok) ETH: Ξ: eth= sol: a:b:
    """
)
PUNCTUATION = _words(
    """
    - – — . , / ~ + < > = & | * : ; ! ? … 。 ( ) [ ] { } " ' “ ” ‘ ’ « » <3 -> => >> >= .. ... % $ _ ^ → × ² ()
    "" · ٫ 、 (.) :) ;) &lt;3 &gt; &amp; &amp;lt; &lt; &nbsp; ½ \ud800
    """
)
TAGS = [*[" #AuctionDay"] * 8, "\n#auctionday", " #AUCTIONDAY!", "#AuctionDay", " #Auction", ""]


def texts(seed: int, count: int) -> Iterator[str]:
    """`count` texts, always the same for a seed."""
    draw = random.Random(seed)
    for _ in range(count):
        yield _text(draw)


def _text(draw: random.Random) -> str:
    if draw.random() < 0.15:
        return _spoiled(draw, draw.choice((*ROWS, *BY_WORDS))[0])
    text = "".join(_piece(draw) for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4, 6))))
    tag = draw.choice(TAGS)
    text = tag.strip() + " " + text if draw.random() < 0.1 else text + tag
    while draw.random() < 0.25:
        text = _spoiled(draw, text)
    return text


def _piece(draw: random.Random) -> str:
    kind = draw.random()
    space = draw.choice(SEPARATORS[:7])
    if kind < 0.45:
        return _amount(draw) + space
    if kind < 0.5:
        # Mostly digits that are in order, so that enough is accepted to compare amounts.
        decimals = draw.choice(("", ".5", f".{draw.randrange(10**20)}"))
        return f"{draw.randrange(10 ** draw.randrange(1, 8))}{decimals} ETH{space}"
    return draw.choice(draw.choice((NUMBERS, UNITS, WORDS, WORDS, PUNCTUATION, LINKS, EMOJI, SEPARATORS))) + space


def _amount(draw: random.Random) -> str:
    number = draw.choice(NUMBERS[:7] if draw.random() < 0.5 else NUMBERS)
    unit = draw.choice(UNITS[:4] if draw.random() < 0.6 else UNITS)
    space = draw.choice(SEPARATORS if draw.random() < 0.5 else ["", " "])
    before = draw.choice(PUNCTUATION + WORDS) if draw.random() < 0.15 else ""
    after = draw.choice(PUNCTUATION + EMOJI + WORDS) if draw.random() < 0.2 else ""
    return before + (f"Ξ{space}{number}" if draw.random() < 0.15 else f"{number}{space}{unit}") + after


def _spoiled(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text) + 1)
    kind = draw.random()
    if kind < 0.25:
        return text[:at] + text[at + 1 :]
    if kind < 0.35:
        return text[:at] + text[at : at + 1] * 2 + text[at + 1 :]
    if kind < 0.4:
        return text[:at] + draw.choice(BIDI) + text[at:] if draw.random() < 0.3 else text[at:] + " " + text[:at]
    pool = draw.choice((HIDDEN, PUNCTUATION, EMOJI, SEPARATORS, ["0", "5", ".", "Ξ", "e", "x"], LINKS, WORDS))
    return text[:at] + draw.choice(pool) + text[at:]
