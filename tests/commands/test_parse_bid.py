"""`parse-bid`: one line a text, in order, whether the texts come as arguments or as JSON from standard input."""

import json
import subprocess
import sys

import pytest

from tests.commands.line import Line, process
from tests.harness import ROOT
from tests.harness.bid_texts import ROWS

pytestmark = pytest.mark.requirement("BID-2")


def test_texts_are_answered_in_their_order(line: Line) -> None:
    said = line("parse-bid", "1 ETH #AuctionDay", "gm", "-0.5 ETH #AuctionDay", "20 ETH #auctionday", "")
    assert said.out.splitlines() == [
        "1000000000000000000",
        "REJECT:NO_HASHTAG",
        "REJECT:NEGATIVE",
        "20000000000000000000",
        "REJECT:NO_HASHTAG",
    ]
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("tag", ["Straße", "#Straße", "strasse", "#STRASSE"])
def test_the_hashtag_may_be_another_one(line: Line, tag: str) -> None:
    assert line("parse-bid", "--hashtag", tag, "1 ETH #STRASSE").out == "1000000000000000000\n"
    assert line("parse-bid", "--hashtag", tag, "1 ETH #AuctionDay").out == "REJECT:NO_HASHTAG\n"


def test_without_a_hashtag_that_of_the_settings_counts(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUCTION_MANAGER__MARATHON__HASHTAG", "Harbour")
    assert line("parse-bid", "1 ETH #harbour").out == "1000000000000000000\n"


def test_as_json_a_verdict_comes_with_its_text(line: Line) -> None:
    said = line("parse-bid", "--json", "Ξ1 #AuctionDay", "gm")
    assert [json.loads(told) for told in said.out.splitlines()] == [
        {"text": "Ξ1 #AuctionDay", "wei": "1000000000000000000"},
        {"text": "gm", "reject": "NO_HASHTAG"},
    ]


@pytest.mark.requirement("BID-1")
def test_the_given_texts_from_standard_input_are_read_as_given() -> None:
    said = process("parse-bid", "--stdin", stdin="".join(json.dumps(text) + "\n" for text, _ in ROWS).encode())
    assert said.out.splitlines() == [expected for _, expected in ROWS]
    assert (said.code, said.err) == (0, "")


def test_json_may_be_written_in_any_way() -> None:
    lines = [
        b'"0.5 ETH #AuctionDay"',
        b'  "0.5\\u0020ETH\\n#AuctionDay"\r',
        '"Ξ0.5 #AuctionDay"'.encode(),
        b'"\\ud83d 0.5 ETH #AuctionDay"',  # half of an emoji
        '"0.5 ETH\u2028#AuctionDay"'.encode(),
        b'"0.5 ETH #AuctionDay"',  # without a line end
    ]
    said = process("parse-bid", "--stdin", stdin=b"\n".join(lines))
    assert said.out == "500000000000000000\n" * 6
    assert said.code == 0


UNREADABLE = [b"0.5 ETH", b"", b"5", b"null", b'["x"]', b'"open', b'"\xff"', b"[" * 50_000, b'"' + b"a" * 2**20 + b'"']
# Cut to what may be held, its middle missing, this would be read.
UNREADABLE.append(b'"0.5 ETH #AuctionDay' + b" " * (3 << 20) + b'"')


def test_an_unreadable_line_is_told_with_its_number_and_the_others_are_answered() -> None:
    lines = [line for wrong in UNREADABLE for line in (b'"0.5 ETH #AuctionDay"', wrong)]
    said = process("parse-bid", "--stdin", stdin=b"\n".join([*lines, b""]))
    assert said.code == 1
    assert said.out == "500000000000000000\n" * len(UNREADABLE)
    told = said.err.splitlines()
    assert [line.partition(" is not a JSON string: ")[0] for line in told] == [
        f"auction-manager: line {2 * number}" for number in range(1, len(UNREADABLE) + 1)
    ]
    assert max(map(len, told)) < 300


def test_no_line_at_all_is_fine() -> None:
    said = process("parse-bid", "--stdin")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_an_answer_comes_before_the_next_text_is_asked() -> None:
    texts = subprocess.Popen(
        [sys.executable, "supervisor.py", "parse-bid", "--stdin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with texts:
        assert texts.stdin
        assert texts.stdout
        for amount in (1, 2, 3):
            texts.stdin.write(f'"{amount} ETH #AuctionDay"\n'.encode())
            texts.stdin.flush()
            assert texts.stdout.readline() == f"{amount * 10**18}\n".encode()
        texts.stdin.close()
        assert texts.wait(60) == 0
