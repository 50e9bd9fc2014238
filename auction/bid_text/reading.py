"""From the text of a reply to the amount that it bids, or to the one reason why it bids none.

Nothing is guessed: a text that can be read in two ways is refused. Whether the reply came in time, from whom, and is
worth enough is not asked here. The rules in words, with examples: docs/bid-grammar.md.
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

# What most bidders write, "@house my bid: 0.5 ETH #AuctionDay" or "#AuctionDay 0.5 ETH", can mean only one thing and is
# read in one pass. The words are letters alone, so no second number, unit or sign can hide in them but those in words,
# which stand beside the amount; the tests hold it equal to the rules. Where a group repeats, here and in `amounts`, it
# is atomic and never possessive: before Python 3.11.5 a possessive group matches more than it should (cpython issue
# 106052), and a bid must read the same everywhere.
_TYPICAL_TAG = r"[0-9]*+[A-Za-z_][A-Za-z0-9_]*+"  # digits alone are no tag but a number
# Behind the amount a word may go on with it, as "and a half" does: by its first letter, which costs least.
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
    # An ENS name stands by itself, in lower-case .eth.
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
    """As `read_bid`, without its short way for typical texts."""
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
    """What is printed for a text that is tried out: its wei, or REJECT: and the reason."""
    verdict = read_bid(text, hashtag.removeprefix("#"))
    return f"REJECT:{verdict.value}" if isinstance(verdict, Refusal) else str(verdict)


def _read(text: str, is_tagged: bool) -> Wei | Refusal:
    if _retweet.search(text):
        return Refusal.RETWEET
    if not is_tagged:
        return Refusal.NO_HASHTAG
    return read_amount(with_foreign_digits(_name.sub(LINK, text)))


def _holds(tags: Iterable[str], wanted: str) -> bool:
    # Normalising a long run of marks takes quadratic time, and no auction's tag is as long as a post.
    return any(_fold(tag) == wanted for tag in tags if len(tag) <= _LONGEST_TAG)


@lru_cache(1_024)  # a day's bids carry the same few
def _fold(tag: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", with_plain_width(tag)).casefold())
