"""Hashtags where X links them. The kinds are those of X's published cases (twitter-text, Apache-2.0), words ours."""

import pytest

from auction.bid_text.links import without_links
from auction.bid_text.reading import read_bid
from messages.base import Refusal

pytestmark = pytest.mark.requirement("BID-1")

HALF = 5 * 10**17


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("0.5 ETH #day #lot2 #3rd", ["day", "lot2", "3rd"]),
        ("(#a)#b [#c]#d ’#e, .#f", ["a", "b", "c", "d", "e", "f"]),
        ("🔥#fire 👍🏿️#tone ✌︎#style 👩‍🚀#joined", ["fire", "tone", "style", "joined"]),
        ("競売は＃ＡｕｃｔｉｏｎＤａｙ７", []),
        ("競売は：＃ＡｕｃｔｉｏｎＤａｙ７", ["ＡｕｃｔｉｏｎＤａｙ７"]),
        ("#می\u200cخرم #ශ්\u200dරී #۱۲حراج", ["می\u200cخرم", "ශ්\u200dරී", "۱۲حراج"]),
        ("#テレ～ビ #テレ〜ビ #各〃 #l·l", ["テレ～ビ", "テレ〜ビ", "各〃", "l·l"]),
        ("#ﾃﾚﾋﾞ。#नीलामी_१२ #བོད་སྐད་ #מ״כ", ["ﾃﾚﾋﾞ", "नीलामी_१२", "བོད་སྐད་", "מ״כ"]),
        ("#\U00020021 #A\U000104a0", ["\U00020021", "A\U000104a0"]),
        ("#1 #_ #1_2 #१२ #〃 # day #️⃣day #⃣day", []),
        ("x#day é#day _#day &#day #a#b 競#day \u200d#day", []),
        ("#https://x.com #http://x.com http://x.com/#day", []),
        ("x.com/#day www.x.com/a?b=#day x.com:80/#day x.com?#day", []),
        ("x.com #day bid/#lot", ["day", "lot"]),
        ("#lot½ #lot² #lotⅤ #lot\u200b5", ["lot", "lot", "lot", "lot"]),
    ],
    ids=ascii,
)
def test_hashtags_are_found_where_x_links_them(text: str, tags: list[str]) -> None:
    assert without_links(text)[1] == tags


@pytest.mark.parametrize("tag", ["می\u200cخرم", "ශ්\u200dරී", "テレ～ビ", "ＡｕｃｔｉｏｎＤａｙ"])
def test_an_auction_may_have_any_hashtag_that_x_links(tag: str) -> None:
    assert read_bid(f"0.5 ETH #{tag}", tag) == HALF
    assert read_bid(f"＃{tag}： 0.5 ETH", tag) == HALF
    assert read_bid(f"0.5 ETH #{tag}x", tag) is Refusal.NO_HASHTAG


@pytest.mark.parametrize("around", ["\u2066{}\u2069", "\u2067{}\u2069", "\u2068{}\u2069"], ids=ascii)
def test_isolates_that_hold_one_mention_or_tag_without_a_digit_are_passed_over(around: str) -> None:
    def isolated(*names: str) -> list[str]:
        return [around.format(name) for name in names]

    for name in isolated("@house", "＠house_", "#gm", "#مزاد", "#می\u200cخرم"):
        assert read_bid(f"{name} 0.5 ETH #AuctionDay", "AuctionDay") == HALF
        assert read_bid(f"0.5 ETH {isolated('#AuctionDay')[0]} {name}", "AuctionDay") == HALF
    refused = isolated("@house5", "#٥مزاد", "@", "0.5 ETH", "@house 5", "@a @b", "#½")
    for held in [*refused, around[0] + "@house"]:
        assert read_bid(f"{held} 0.5 ETH #AuctionDay", "AuctionDay") is Refusal.BIDI_CONTROL


def test_what_may_be_an_address_without_a_scheme_hides_no_amount() -> None:
    assert read_bid("0.5 ETH x.com/0.7 ETH #AuctionDay", "AuctionDay") is Refusal.MALFORMED
    assert read_bid("https://x.com/\u200b0.7 ETH 0.5 ETH #AuctionDay", "AuctionDay") is Refusal.HIDDEN_CHAR
