"""What a reply bids: the given rows, the documented examples, the oracle, and what must hold for any text."""

import re
import time
from itertools import permutations, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auction.bid_text.reading import bid_line, read_bid, read_by_the_rules
from messages.base import Refusal
from messages.money import format_eth
from tests.auction.bid_text.fuzz import disagreement
from tests.auction.bid_text.oracle import CAPITAL_COINS, COINS, UNSEEN, oracle
from tests.harness import ROOT
from tests.harness.bid_texts import (
    BIDI,
    BY_WORDS,
    EMOJI,
    HIDDEN,
    LINKS,
    NUMBERS,
    PUNCTUATION,
    ROWS,
    SEPARATORS,
    UNITS,
    WORDS,
    texts,
)

pytestmark = pytest.mark.requirement("BID-1", "BID-2")

TAG = "AuctionDay"
GRAMMAR = ROOT / "docs" / "bid-grammar.md"
PIECES = [*NUMBERS, *UNITS, *SEPARATORS, *HIDDEN, *EMOJI, *BIDI, *LINKS, *WORDS, *PUNCTUATION, "#AuctionDay"]
SENTENCES = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | SENTENCES


def examples_of_the_grammar() -> list[tuple[str, str]]:
    found = []
    for row in GRAMMAR.read_text().splitlines():
        match = re.match(r"\| `(.+?)` \| ([^|]+?) \|", row)
        if match:
            text = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), match[1]).replace("\\n", "\n")
            found.append((text, match[2]))
    return found


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=ascii)
def test_every_given_text_is_read_as_given(text: str, expected: str) -> None:
    assert bid_line(text, TAG) == expected


@pytest.mark.parametrize(("text", "expected"), BY_WORDS, ids=ascii)
def test_no_number_is_cut_out_of_one_that_goes_on_in_words(text: str, expected: str) -> None:
    assert bid_line(text, TAG) == expected


@pytest.mark.parametrize(("text", "expected"), [*ROWS, *BY_WORDS], ids=ascii)
def test_the_oracle_reads_every_given_text_as_given(text: str, expected: str) -> None:
    assert str(oracle(text, TAG)) == expected.removeprefix("REJECT:")


def test_every_example_of_the_documentation_is_true() -> None:
    examples = examples_of_the_grammar()
    assert len(examples) > 50
    for text, expected in examples:
        verdict = read_bid(text, TAG)
        assert (verdict.value if isinstance(verdict, Refusal) else format_eth(verdict)) == expected, text


def test_the_documentation_shows_every_reason_that_a_text_can_have() -> None:
    members = list(Refusal)
    of_the_text = set(members[: members.index(Refusal.NOT_A_REPLY)])
    assert {verdict for _, verdict in examples_of_the_grammar()} >= of_the_text


def test_the_reader_and_its_oracle_agree_on_twenty_thousand_texts() -> None:
    found = [difference for text in texts(seed=20260822, count=20_000) if (difference := disagreement(text))]
    assert found == []


def test_the_texts_reach_every_verdict() -> None:
    verdicts = [read_bid(text, TAG) for text in texts(seed=7, count=5_000)]
    refused = {verdict for verdict in verdicts if isinstance(verdict, Refusal)}
    members = list(Refusal)
    assert refused == set(members[: members.index(Refusal.NOT_A_REPLY)])
    assert len(verdicts) - sum(isinstance(verdict, Refusal) for verdict in verdicts) > 250


def test_the_short_way_for_typical_texts_leads_where_the_rules_lead() -> None:
    before = ["", "@house ", "my bid: ", "RT ", "@house @bob RT: ", "ETH ", "10 ", "Bid:", "so bid:", "gas Bid: "]
    before += ["#AuctionDay ", "#AuctionDay RT ", "RT #AuctionDay ", "@house #auctionday my bid: ", "#gm ", "#1 "]
    before += ["@RT @a ", "@house @rt ", "#AuctionDay @a ", "point ", "bid zero, ", "Two hundred and ", "O. ", "one! "]
    numbers = ["0.5", "0", "0.0", "05", "999999", "1000000"]
    units = [
        " ETH",
        "ETH",
        " eth.",
        "ETH!",
        " ETH2",
        "  ETH",
        " $ETH",
        "$ETH,",
        "ether",
        " ether!",
        " $ether",
        "Ξ",
        " Ξ!",
    ]
    after = [
        "",
        " ETH",
        " ether, yes",
        " or ETH",
        " SOL",
        " 2",
        " and a half",
        " Point five",
        " for two and one",
        " half",
    ]
    tags = ["", " #auctionday", " #AuctionDay2", " #AuctionDay RT", " #gm #AuctionDay"]
    tags += [" #5 btc", " #0 ether bid", " #5", " #AuctionDay #5 btc", " #1x eth"]
    for parts in product(before, numbers, units, after, tags):
        text = "".join(parts)
        assert read_bid(text, TAG) == read_by_the_rules(text, TAG), text


@given(ANY_TEXT, st.none() | st.lists(st.text()).map(tuple))
@example("\ud800", ("\udfff",))
@example("\x00", None)
def test_no_text_whatever_breaks_the_reader(text: str, hashtags: tuple[str, ...] | None) -> None:
    verdict = read_bid(text, TAG, hashtags)
    assert isinstance(verdict, Refusal) or 0 < verdict < 10**24
    assert verdict == read_by_the_rules(text, TAG, hashtags)


@given(SENTENCES)
def test_the_reader_and_its_oracle_agree_on_what_hypothesis_thinks_of(text: str) -> None:
    assert disagreement(f"{text} #AuctionDay") is None


@given(st.integers(1, 10**24 - 1))
def test_an_amount_as_we_show_it_is_the_same_bid(wei: int) -> None:
    assert read_bid(f"{format_eth(wei)} #{TAG}", TAG) == wei
    assert read_bid(f"bid: Ξ{format_eth(wei).removesuffix(' ETH')} #{TAG}", TAG) == wei


@given(SENTENCES)
def test_saying_the_accepted_amount_again_changes_nothing(text: str) -> None:
    verdict = read_bid(f"{text} #{TAG}", TAG)
    if not isinstance(verdict, Refusal):
        again = f"{text} #{TAG} {format_eth(verdict)}"
        assert read_bid(again, TAG) == verdict
        assert read_bid(f"{again} #{TAG} {format_eth(verdict)}", TAG) == verdict


@pytest.mark.parametrize(
    ("text", "hashtags", "is_tagged"),
    [
        ("0.5 ETH", ("auctionday",), True),
        ("0.5 ETH", ("gm", "AuctionDay"), True),
        ("0.5 ETH #AuctionDay", (), True),
        ("0.5 ETH #AuctionDay", ("gm",), True),
        ("0.5 ETH", ("AuctionDay2", "\u0410uctionDay"), False),
        ("0.5 ETH #gm", ("gm",), False),
        ("0.5 ETH", (), False),
    ],
)
def test_the_tag_is_looked_for_in_the_entities_and_then_in_the_text(
    text: str, hashtags: tuple[str, ...], is_tagged: bool
) -> None:
    assert (read_bid(text, TAG, hashtags) is not Refusal.NO_HASHTAG) == is_tagged


@pytest.mark.parametrize(
    "written", ["#CAFÉDAY", "#cafe\u0301day", "#Caféday,", "(#caféDAY)", "##CaféDay", "＃ＣａｆéＤａｙ"]
)
def test_a_tag_is_the_same_in_every_case_and_composition(written: str) -> None:
    assert read_bid(f"0.5 ETH {written}", "CaféDay") == 5 * 10**17


@pytest.mark.parametrize(
    "written",
    ["#Cafeday", "#CaféDay\u0301", "#CaféDay_", "#Café", "#CaféDay#x", "#CaféDay://", "é#CaféDay", "&#CaféDay"],
)
def test_a_tag_is_compared_as_a_whole_and_where_x_links_it(written: str) -> None:
    assert read_bid(f"0.5 ETH {written}", "CaféDay") is Refusal.NO_HASHTAG


@pytest.mark.parametrize(
    "parts", list(permutations(["0.5 ETH", "#AuctionDay", "@house", "https://t.co/9ETH"])), ids=str
)
def test_links_may_stand_anywhere_around_the_amount(parts: tuple[str, ...]) -> None:
    assert read_bid(" ".join(parts), TAG) == 5 * 10**17


@pytest.mark.parametrize("coin", [*COINS, *CAPITAL_COINS, "$PEPE", "€", "XYZETH"])
def test_an_amount_of_another_coin_refuses_the_bid(coin: str) -> None:
    before = read_bid(f"10 {coin}, or 0.5 ETH #AuctionDay", TAG)
    assert before is (Refusal.AMBIGUOUS if coin == "DOT" else Refusal.UNSUPPORTED_UNIT)  # DOT is a decimal mark, too
    assert read_bid(f"0.5 ETH or 10{coin}! #AuctionDay", TAG) is Refusal.UNSUPPORTED_UNIT


def test_every_hidden_character_within_a_number_is_found() -> None:
    for code in UNSEEN:
        assert read_bid(f"1{chr(code)}0 ETH #AuctionDay", TAG) is Refusal.HIDDEN_CHAR, hex(code)


def test_no_character_but_a_digit_or_the_point_can_stand_in_a_number() -> None:
    stand_in_for_ascii = {0xFF0E, *range(0xFF10, 0xFF1A)}
    for code in {*range(0x10000), *range(0x1D7CE, 0x1D800), *range(0x1F000, 0x1FB00)} - stand_in_for_ascii:
        if chr(code) not in "0123456789.":
            assert isinstance(read_bid(f"1{chr(code)}0 ETH #AuctionDay", TAG), Refusal), hex(code)


LONG = 25_000
HOSTILE = [
    *(
        "Ξ",
        "0",
        "1 ",
        "@",
        "#",
        "(",
        "\u200b",
        "0.5 ETH ",
        "((0.5 ETH))",
        "🔥",
        "½",
        "½ ETH ",
        "$1",
        "1$",
        "a.",
        "a-",
        "Ξ.",
        "🔥Ξ",
    ),
    *(
        "ETH.",
        "Ξ 1 ",
        "ETH 1 ",
        "1 x ",
        "1 to ",
        "- ",
        "1\u200b",
        "RT ",
        "rt:",
        "@a ",
        "#a",
        "#a ",
        "https://",
        "&amp;",
        "&lt;",
        "\ud800",
    ),
    *(
        "1ETH,",
        "1ETH🔥",
        "a:",
        '"',
        "1'",
        "1.",
        "!1",
        " ",
        "\n",
        "\u202f",
        "5\ufe0f\u20e3",
        "❤️",
        "٥ ",
        "a ",
        "1e",
        "Ξ5Ξ",
        "\u0301\u0323",
    ),
    *(
        "x.com/#a",
        "a.",
        "a.bc",
        "aé-.",
        "point ",
        "two,",
        "a",
        "1k ",
        "1/2 ",
        ". ",
        "0 ETH (",
        "0 ETH ($1",
        "Ξ0(",
        "\u2066@a",
        "﷽",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE, ids=ascii)
def test_a_hostile_text_of_full_length_is_read_at_once(piece: str) -> None:
    run = (piece * LONG)[:LONG]
    begun = time.process_time()
    for text in (run, f"{run} 1 ETH", f"{run}1 ETH #AuctionDay", f"0.5 ETH #{run}", f"0.5 ETH{run}\u200b #AuctionDay"):
        read_bid(text, TAG)
    # Five texts; a quadratic reader takes a hundred times as long.
    assert time.process_time() - begun < 5


@pytest.mark.requirement("BID-2")
@pytest.mark.parametrize("text", ["Ξ-Ξ\xa0🔟 #_5ETHER  #AuctionDay", "Ξ-Ξ 5 #AuctionDay", "Ξ,Ξ 5 #AuctionDay"])
def test_a_sign_is_that_of_the_number_it_stands_at(text: str) -> None:
    assert read_bid(text, "AuctionDay") == oracle(text, "AuctionDay")
