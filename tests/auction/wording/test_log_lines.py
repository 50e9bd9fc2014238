"""The log in words: one line for each kind of event, whatever it carries."""

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auction.wording.lines import log_line, one_line
from auction.wording.moments import utc
from messages.events import AnyEvent, CharacterSpoke, MarathonEnded
from tests.harness.any_message import EVENTS
from tests.harness.golden import GOLDEN, KINDS, message_of

# The events are those of tests/harness/golden.json.
HASH = "0x" + "ab" * 32

LINES = {
    "MarathonStarted": "MarathonStarted: 30 days",
    "DayStarted": "DayStarted 1: m-01",
    "DayVoided": "DayVoided 2: its window had passed",
    "DayVoided, by an operator": "DayVoided 3: skipped: a storm (by alice)",
    "DayDelayed": "DayDelayed 3 by 1800 s, until 2027-03-01 21:30:00.000Z",
    "DayAdded": "DayAdded 31: Day 17 of day 17, from 2027-03-02 20:00:00.000Z",
    "OutageNoticed": "OutageNoticed: X from 2027-03-01 20:00:00.000Z to 2027-03-01 20:10:00.000Z",
    "LetterDiscarded": "LetterDiscarded 1803931200000-0: 4096 bytes, it cannot be read (by alice: not a post)",
    "MarathonEnded": "MarathonEnded",
    "MarathonEnded, with a summary": "MarathonEnded: 27 sold for 40.5 ETH, 2 unsold, 1 void",
    "AuctionPrepared": (
        "AuctionPrepared 1: Harbour at Dusk, until 2027-03-01 21:00:00.000Z, reserve 0.1 ETH, rules abababababababab"
    ),
    "AuctionPrepared, of version 2 of the rules": (
        "AuctionPrepared 1: Harbour at Dusk, until 2027-03-01 21:30:00.000Z, reserve 0.1 ETH, rules abababababababab"
    ),
    "AuctionPrepared, opened late": (
        "AuctionPrepared 1: Harbour at Dusk, until 2027-03-01 21:30:00.000Z, reserve 0.1 ETH, rules abababababababab"
    ),
    "AuctionOpened": "AuctionOpened by post 1899999999999999996, until 2027-03-01 21:00:00.000Z",
    "BidAccepted": "accepted  @alice 20 ETH (next 21 ETH)",
    "BidAccepted, of the largest amount": "accepted  @bob 999999.999999999999999999 ETH (next 1000000 ETH)",
    "BidAccepted, injected": "accepted  @bob 999999.999999999999999999 ETH (next 1000000 ETH) [test bid]",
    "BidRefused": "refused   @alice 18.446744073709551616 ETH: BELOW_MINIMUM, 21 ETH is needed",
    "BidRefused, not for money": "refused   @bob: NO_AMOUNT",
    "BidRefused, injected": "refused   @bob: NO_AMOUNT [test bid]",
    "BidWithdrawn": "withdrawn 1900000000000000001 (suspended)",
    "BidWithdrawn, too late": "withdrawn 1900000000000000001 (suspended, but the bid binds)",
    "BidRestored": "restored  1900000000000000001",
    "BidderRenamed": "renamed   42 is @alice_2 now",
    "StandingsRevised": "revised   @alice leads with 20 ETH",
    "StandingsRevised, nobody leads": "revised   nobody leads",
    "StandingsRevised, an injected bid leads": "revised   @alice leads with 20 ETH [test bid]",
    "EndExtended": "EndExtended to 2027-03-01 21:05:00.000Z by 1900000000000000001",
    "EndExtended, since the lead was lost": (
        "EndExtended to 2027-03-01 21:05:00.000Z since the lead was lost by 1900000000000000001"
    ),
    "EndExtended, by an operator": "EndExtended to 2027-03-01 21:06:40.000Z (ordered by alice: a storm)",
    "EndExtended, for an outage": "EndExtended to 2027-03-01 21:08:00.000Z (ordered by house: X was down for 600 s)",
    "ClosingSoon": "ClosingSoon: 300 s or less to 2027-03-01 21:05:00.000Z",
    "AuctionPaused": "AuctionPaused from 2027-03-01 20:00:00.000Z (ordered by alice: a storm)",
    "AuctionResumed": (
        "AuctionResumed at 2027-03-01 20:00:00.005Z, until 2027-03-01 20:00:00.009Z (ordered by alice: a storm)"
    ),
    "BidInvalidated": "BidInvalidated 1900000000000000001 (ordered by alice: a storm)",
    "BidHeld": "BidHeld 1900000000000000001 (ordered by alice: a storm)",
    "BidReleased": "BidReleased 1900000000000000001 (ordered by alice: a storm)",
    "BidderBarred": "BidderBarred 42 from 2027-03-01 20:00:00.000Z, NOT_ELIGIBLE (ordered by alice: a storm)",
    "BidderUnbarred": "BidderUnbarred 42 from 2027-03-01 20:00:00.000Z (ordered by alice: a storm)",
    "StrikeGiven": "StrikeGiven to 42: deleted (1900000000000000001)",
    "StrikeLifted": "StrikeLifted from 42 (1900000000000000001)",
    "WatermarkMoved": "WatermarkMoved to 2027-03-01 19:59:30.000Z",
    "WatermarkMoved, the posts looked up again": "WatermarkMoved to 2027-03-01 19:59:30.000Z",
    "EndFrozen": "EndFrozen at 2027-03-01 21:05:00.000Z",
    "CloseOverdue": "CloseOverdue: bids known up to 2027-03-01 21:03:20.000Z, the end was 2027-03-01 21:05:00.000Z",
    "ResultNamed": "result    @alice wins with 20 ETH",
    "ResultNamed, by an operator": "result    void (ordered by alice: a storm)",
    "ResultNamed, unsold": "result    unsold",
    "ResultNamed, of a test": "result    @alice wins with 20 ETH [test bid]",
    "PostAttempted": "PostAttempted result:m-01",
    "PostMade": "PostMade result:m-01 as 1900000000000000010",
    "PostRefused": "PostRefused result:m-01: 403: duplicate",
    "SettlementBegun": "SettlementBegun: 1440 min to pay",
    "SettlementAdvanced": (
        "SettlementAdvanced to WALLET_NAMED: WalletNamed 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed by 42"
    ),
    "SettlementFactRefused": f"SettlementFactRefused: PaymentSeen of 42, safe ({HASH}): nobody was asked",
    "WalletRefused": "WalletRefused: post 1900000000000000001 of 42 names none: NAME",
    "SettlementAdvanced, another bidder is asked": "SettlementAdvanced to AWAITING_WALLET: NextChosen @alice, 20 ETH",
    "SettlementAdvanced, nobody is left": "SettlementAdvanced to UNSOLD: NextChosen nobody",
    "SettlementAdvanced, paid": f"SettlementAdvanced to PAID: PaymentSeen of 42, safe ({HASH})",
    "SettlementAdvanced, the chain is down": "SettlementAdvanced to OFFERED: WentDown: chain",
    "SettlementAdvanced, the time is over": "SettlementAdvanced to EXPIRED: TimePassed to 2027-03-01 20:00:00.000Z",
    "SettlementAdvanced, announced": "SettlementAdvanced to AWAITING_WALLET: Announced of 42",
    "CharacterSpoke": "host      Sold!",
    "CharacterSpoke, of who leads": "host      @alice's bid leads so far.",
    "ChainLogSeen": "ChainLogSeen 0xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:0 in block 123456",
    "TransactionOrdered": "TransactionOrdered offer:m-01:1",
    "TransactionLapsed": "TransactionLapsed offer:m-01:1",
    "TransactionAttempted": f"TransactionAttempted offer:m-01:1 with nonce 7 as {HASH}",
    "TransactionAttempted, empty": f"TransactionAttempted offer:m-01:1 with nonce 7 as {HASH}, empty",
    "TransactionMined": f"TransactionMined offer:m-01:1 as {HASH} in block 123456",
    "TransactionMined, reverted and final": f"TransactionMined offer:m-01:1 as {HASH} in block 123456, reverted, final",
    "TransactionMined, empty": f"TransactionMined offer:m-01:1 as {HASH} in block 123456, empty",
    "TransactionDropped": "TransactionDropped offer:m-01:1: it lapsed before anything was sent",
    "TransactionDropped, with its nonce": "TransactionDropped offer:m-01:1: an empty transaction took its nonce",
    "KeyStopped": f"KeyStopped 0x{'51' * 20} at nonce 7",
    "ChainLogSeen, with its block's time": (
        "ChainLogSeen 0xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:0 in block 123456"
    ),
    "ChainLogRevoked": (
        "ChainLogRevoked 0xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:0 in block 123456"
    ),
    "ChainConfirmed": "ChainConfirmed safe block 123456",
    "ChainWentDown": "ChainWentDown: the newest block is of 2027-03-01 19:59:29.000Z",
    "ChainCameBack": "ChainCameBack: the newest block is of 2027-03-01 19:59:51.000Z",
}


def test_every_kind_of_event_has_its_line() -> None:
    assert set(LINES) == {name for name, row in GOLDEN.items() if KINDS[row["says"]["type"]] in get_args(AnyEvent)}


@pytest.mark.parametrize(("name", "line"), LINES.items(), ids=LINES.keys())
def test_an_event_is_told_in_words(name: str, line: str) -> None:
    assert log_line(message_of(GOLDEN[name]["says"])) == line


NASTY = "a\nb\r\x1b[2J\u2028\u202eevil\u2066\x00\x85\u200b\ue000\U000e0041"


@given(EVENTS)
@example(CharacterSpoke(message_id=NASTY, at_ms=0, text=NASTY, about_seq=1))
@example(MarathonEnded(message_id=NASTY, at_ms=2**64 - 1))
def test_whatever_an_event_carries_its_line_is_one_printable_line(event: AnyEvent) -> None:
    assert log_line(event).isprintable()
    assert utc(event.at_ms).isprintable()


@given(st.text(st.characters(codec=None, exclude_categories=())))
@example(NASTY)
def test_what_is_printable_stays_as_it_is_and_the_rest_is_escaped(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    if text.isprintable():
        assert line == text
    line.encode()


def test_a_time_is_told_to_the_ms() -> None:
    assert utc(1_803_931_200_007) == "2027-03-01 20:00:00.007Z"
    assert utc(-1) == "1969-12-31 23:59:59.999Z"
    assert utc(2**64) == "18446744073709551616 ms"
