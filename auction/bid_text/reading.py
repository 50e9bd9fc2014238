"""Reads from the text of a reply the amount that it bids, or the one reason why it bids none.

Nothing is guessed: a text that can be read in two ways is refused. Time, author and minimum are not checked here.
docs/bid-grammar.md explains the rules, with examples.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from auction.bid_text.amounts import read_amount
from auction.bid_text.characters import EMOJI, LINK, readings, reorders, with_foreign_digits, with_plain_width
from auction.bid_text.links import without_isolates, without_links
from auction.bid_text.number_words import BEFORE_NUMBERS, GOING_ON
from messages.base import Refusal, Wei
from messages.money import wei_of

# The short way: what most bidders write, "@house my bid: 0.5 ETH #AuctionDay" or "#AuctionDay 0.5 ETH", has only one
# meaning, and `_typical` matches it in one pass. Its words consist of letters, so no second number, unit or sign can
# hide in them, except as a number word next to the amount, which is checked. Tests compare the short way with the full
# rules. A group that repeats, here and in `amounts`, is atomic and never possessive: before Python 3.11.5 a possessive
# group matches too much (cpython issue 106052), and a bid must read the same everywhere.
_TYPICAL_TAG = r"[0-9]*+[A-Za-z_][A-Za-z0-9_]*+"  # digits alone are no tag but a number
# The first letters of words that can continue the amount, as "and a half" does: one letter is the cheapest test.
_MAY_GO_ON = "".join(sorted({word[0] + word[0].upper() for word in {*GOING_ON, "eth"} if word.isascii()}))
_typical = re.compile(
    rf"(?>(?:@(?![Rr][Tt] )[A-Za-z0-9_]++ )*)(?>(?:#({_TYPICAL_TAG}) )?)"
    r"(?![Rr][Tt]\b)(?:([A-Za-z]++)[:,.!]? )*?(?:[Bb]id:)?"
    r"(0|[1-9][0-9]{0,5}+)(?:\.([0-9]{1,18}+))? ?(?:ETH|eth|Eth|\$ETH|ether|Ξ)[,.!]?"
    rf"(?! [{_MAY_GO_ON}])(?>(?: [A-Za-z]++[,.!]?)*)(?>(?: #({_TYPICAL_TAG})(?>(?: [A-Za-z]++[,.!]?)*))?)",
    re.ASCII,
)
_retweet = re.compile(r"\A[ \n]*+(?>(?:@[A-Za-z0-9_]++[ \n]*+)*)[Rr][Tt](?!\w)|(?<!\w)[Rr][Tt][ \n:]*+@[A-Za-z0-9_]")
_name = re.compile(
    # An ENS name ends in lower-case .eth, with a space, an emoji or an opening mark before it.
    rf"(?<![^ \n{EMOJI}(\[{{\"'“‘«])(?:[A-Za-z0-9_-]++\.)+eth(?![A-Za-z0-9_-])"
    rf"|(?<![A-Za-z0-9_!#$%&*@{LINK}])@[A-Za-z0-9_]++"
)
_LONGEST_TAG = 280


def read_bid(text: str, hashtag: str, hashtags: tuple[str, ...] | None = None) -> Wei | Refusal:
    """The wei that the text bids, or the first reason why it is no bid. Never raises; linear in the text's length.

    `text` is the whole text as X delivers it, HTML-escaped. `hashtag` is the auction's, without its sign; it is looked
    for in X's entities (`hashtags`) if there are any, then in the text.
    """
    if typical := _typical.fullmatch(text):
        tag_before, before, whole, decimals, tag_after = typical.groups()
        tag = tag_after or tag_before
        if (
            (tag == hashtag or (tag and tag.lower() == hashtag.lower()))
            and (before is None or before.lower() not in BEFORE_NUMBERS)
            and (wei := wei_of(whole, decimals or ""))
        ):
            return wei
    return read_by_the_rules(text, hashtag, hashtags)


def read_by_the_rules(text: str, hashtag: str, hashtags: tuple[str, ...] | None = None) -> Wei | Refusal:
    """The same result as `read_bid`, found by the full rules, without the short way for typical texts."""
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if reorders(text):
        text = without_isolates(text)
        if reorders(text):
            return Refusal.BIDI_CONTROL
    text, tags = without_links(text)
    wanted = _fold(hashtag)
    is_tagged = _holds(hashtags or (), wanted) or _holds(tags, wanted)
    verdicts = {_read(reading, is_tagged) for reading in readings(text)}
    return verdicts.pop() if len(verdicts) == 1 else Refusal.HIDDEN_CHAR


def bid_line(text: str, hashtag: str) -> str:
    """The output line of `parse-bid` for a text: its wei, or REJECT: and the reason."""
    verdict = read_bid(text, hashtag.removeprefix("#"))
    return f"REJECT:{verdict.value}" if isinstance(verdict, Refusal) else str(verdict)


def _read(text: str, is_tagged: bool) -> Wei | Refusal:
    if _retweet.search(text):
        return Refusal.RETWEET
    if not is_tagged:
        return Refusal.NO_HASHTAG
    return read_amount(with_foreign_digits(_name.sub(LINK, text)))


def _holds(tags: Iterable[str], wanted: str) -> bool:
    # Normalising a long run of combining marks takes quadratic time; no auction's hashtag is as long as a post.
    return any(_fold(tag) == wanted for tag in tags if len(tag) <= _LONGEST_TAG)


@lru_cache(1_024)  # the bids of a day carry the same few hashtags
def _fold(tag: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", with_plain_width(tag)).casefold())
