"""What is sent next: at most one mined transaction for each decision, no gap, nothing forgotten, in every order of
answers, crashes and reorganisations."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auction.settlement.transactions import LATE_MS, RESEND_MS, STUCK_MS
from messages.chain_events import KeyStopped, TransactionAttempted, TransactionDropped, TransactionMined
from tests.auction.settlement.model_chain import TICK_MS, Chain, Sender, strangers

pytestmark = pytest.mark.requirement("CHN-4")

DECISIONS = [f"offer:m-01:{n}" for n in range(1, 5)]
OFFER, NEXT, *_ = DECISIONS

HAPPENINGS = st.one_of(
    st.sampled_from(
        [
            "tick",
            "tick",
            "tick",
            "tick",
            "wait",
            "wait",
            "mine",
            "mine",
            "finalise",
            "drop",
            "lose",
            "mute",
            "hide",
            "branch",
        ]
    ),
    st.tuples(st.just("order"), st.sampled_from(DECISIONS)),
    st.tuples(st.just("lapse"), st.sampled_from(DECISIONS)),
    st.tuples(st.just("reorganise"), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("crash"), st.integers(1, 6)),
    st.tuples(st.just("behind"), st.integers(0, 3)),
    st.tuples(st.just("revive"), st.integers(0, 3)),
)


def happen(sender: Sender, what: object) -> None:
    """Let one thing happen to the sender or to the chain."""
    chain = sender.chain
    match what:
        case "tick":
            sender.tick()
        case "wait":
            sender.now_ms += STUCK_MS
            sender.tick()
        case "mine":
            chain.mine()
        case "finalise":
            chain.branch = None
            chain.finalise()
        case "drop":
            chain.pool.clear()
        case "lose":
            sender.loses_sends = not sender.loses_sends
        case "mute":
            sender.loses_answers = not sender.loses_answers
        case "hide":
            chain.hides_receipts = not chain.hides_receipts
        case "branch":
            chain.branch = list(chain.blocks) if chain.branch is None else None
        case ("order", str(decision)):
            sender.order(decision)
        case ("lapse", str(decision)):
            sender.lapse(decision)
        case ("reorganise", int(depth), bool(forgets)):
            chain.reorganise(depth, forgets)
        case ("crash", int(at)):
            sender.crash_at = at
            sender.tick()
        case ("behind", int(blocks)):
            chain.behind = blocks
        case ("revive", int(which)):
            sender.revive(which)


def recover(sender: Sender) -> None:
    """The world is well again for as long as everything takes."""
    chain = sender.chain
    chain.branch, chain.behind, chain.hides_receipts = None, 0, False
    sender.loses_sends = sender.loses_answers = False
    for _ in range(80):
        sender.now_ms += RESEND_MS
        sender.tick()
        chain.mine()
        chain.finalise()
        if not (sender.ledger.orders or sender.ledger.slots):
            return


def check(sender: Sender) -> None:
    """What must hold at every moment."""
    calls = Counter(tx.decision for tx in sender.chain.mined() if not tx.empty)
    assert max(calls.values(), default=0) <= 1, calls
    nonces = {event.nonce: event.decision for event in sender.log if isinstance(event, TransactionAttempted)}
    assert [*nonces] == [*range(len(nonces))], "a nonce was left out"
    assert len({*nonces.values()}) == len(nonces), "a decision has two nonces"


@settings(max_examples=200)
@given(st.lists(HAPPENINGS, min_size=20, max_size=80))
def test_whatever_happens_each_decision_is_mined_once_or_dropped(happenings: list[object]) -> None:
    sender = Sender(Chain())
    for what in happenings:
        happen(sender, what)
        check(sender)
    recover(sender)
    check(sender)
    ledger = sender.ledger
    assert (ledger.orders, ledger.slots, ledger.stopped) == ((), (), ""), sender.trouble
    mined = {tx.decision for tx in sender.chain.mined() if not tx.empty}
    finals = [event.decision for event in sender.log if isinstance(event, TransactionMined) and event.final]
    dropped = [event.decision for event in sender.log if isinstance(event, TransactionDropped)]
    assert {*finals} == mined
    assert sorted(finals + dropped) == sorted(ledger.over)
    assert {tx.nonce: tx.hash for tx in sender.chain.mined()} == {
        event.nonce: event.transaction_hash for event in sender.log if isinstance(event, TransactionMined)
    }


@settings(max_examples=100)
@given(st.lists(HAPPENINGS, min_size=10, max_size=40))
def test_after_a_stranger_has_used_the_key_nothing_is_sent_any_more(happenings: list[object]) -> None:
    sender = Sender(Chain())
    for what in happenings:
        happen(sender, what)
    recover(sender)
    chain = sender.chain
    chain.pool[len(chain.mined())] = strangers(len(chain.mined()))
    chain.mine()
    sender.order("offer:m-02:1")
    sent = sum(isinstance(event, TransactionAttempted) for event in sender.log)
    recover(sender)
    if sent:  # a key that was never used begins behind whatever it has sent
        assert sender.ledger.stopped
        assert "somebody else" in sender.trouble
        assert sum(isinstance(event, TransactionAttempted) for event in sender.log) == sent
        assert sum(isinstance(event, KeyStopped) for event in sender.log) == 1


def ready() -> Sender:
    """A sender whose first offer is in the pool."""
    sender = Sender(Chain())
    sender.order(OFFER)
    for _ in range(3):
        sender.tick()
    assert [tx.decision for tx in sender.chain.pool.values()] == [OFFER]
    return sender


def attempts(sender: Sender) -> list[TransactionAttempted]:
    return [event for event in sender.log if isinstance(event, TransactionAttempted)]


def test_the_first_nonce_is_the_one_that_the_nodes_agree_on() -> None:
    sender = Sender(Chain())
    for nonce in range(3):
        sender.chain.pool[nonce] = strangers(nonce)
    sender.chain.mine()
    sender.chain.behind = 1
    sender.order(OFFER)
    for _ in range(5):
        sender.tick()
    assert attempts(sender) == []
    sender.chain.behind = 0
    for _ in range(3):
        sender.tick()
    assert [attempt.nonce for attempt in attempts(sender)] == [3]


def test_a_send_that_never_arrived_is_repeated_with_the_same_bytes() -> None:
    sender = Sender(Chain(), loses_sends=True)
    sender.order(OFFER)
    for _ in range(50 * RESEND_MS // TICK_MS):
        sender.tick()
    assert len(attempts(sender)) == 1
    assert "not mined after 10 min: UNKNOWN" in sender.trouble
    sender.loses_sends = False
    recover(sender)
    assert [tx.decision for tx in sender.chain.mined()] == [OFFER]


def test_a_stuck_transaction_is_replaced_with_both_fees_an_eighth_higher_and_held_at_the_cap() -> None:
    sender = ready()
    for _ in range(40):
        sender.now_ms += STUCK_MS
        sender.tick()
        sender.tick()
    fees = [(attempt.max_fee_wei, attempt.tip_wei) for attempt in attempts(sender)]
    for (fee, tip), (higher_fee, higher_tip) in pairwise(fees):
        assert higher_fee * 8 >= fee * 9
        assert higher_tip * 8 >= tip * 9
    assert fees[-1][0] <= 5 * fees[0][0] < fees[-1][0] * 9 / 8
    assert "5 times the suggested" in sender.trouble
    assert {attempt.nonce for attempt in attempts(sender)} == {0}


def test_the_attempt_that_was_mined_is_logged_even_if_it_is_the_first_of_four() -> None:
    sender = ready()
    first = sender.chain.pool[0]
    while len(attempts(sender)) < 4:
        sender.now_ms += STUCK_MS
        sender.tick()
    sender.chain.pool[0] = first
    sender.chain.mine()
    recover(sender)
    assert [tx.hash for tx in sender.chain.mined()] == [first.hash]
    assert [event.transaction_hash for event in sender.log if isinstance(event, TransactionMined)] == [first.hash] * 2


def test_a_lapsed_decision_loses_its_nonce_to_an_empty_transaction() -> None:
    sender = ready()
    sender.lapse(OFFER)
    sender.order(NEXT)
    recover(sender)
    assert [(tx.decision, tx.empty) for tx in sender.chain.mined()] == [(OFFER, True), (NEXT, False)]
    assert [event.why for event in sender.log if isinstance(event, TransactionDropped)] == [
        "an empty transaction took its nonce"
    ]


def test_a_lapsed_decision_that_is_mined_after_all_counts_as_mined() -> None:
    sender = ready()
    call = sender.chain.pool[0]
    sender.lapse(OFFER)
    sender.tick()
    sender.chain.pool[0] = call
    sender.chain.mine()
    recover(sender)
    assert [(event.empty, event.final) for event in sender.log if isinstance(event, TransactionMined)] == [
        (False, False),
        (False, True),
    ]
    assert sender.ledger.over == {OFFER}


def test_a_decision_that_lapses_before_it_was_sent_takes_no_nonce() -> None:
    sender = ready()
    sender.order(NEXT)
    sender.lapse(NEXT)
    sender.tick()
    assert [event.nonce for event in sender.log if isinstance(event, TransactionDropped)] == [None]
    recover(sender)
    assert [tx.decision for tx in sender.chain.mined()] == [OFFER]


def test_no_decision_gets_a_nonce_while_the_one_before_is_not_mined() -> None:
    sender = ready()
    sender.order(NEXT)
    for _ in range(200):
        sender.tick()
    assert {attempt.decision for attempt in attempts(sender)} == {OFFER}
    sender.chain.mine()
    sender.tick()
    assert attempts(sender)[-1].decision == NEXT
    assert attempts(sender)[-1].nonce == 1


def test_a_receipt_that_one_node_does_not_show_yet_stops_no_key() -> None:
    sender = ready()
    sender.chain.hides_receipts = True
    sender.chain.mine()
    sender.chain.finalise()
    for _ in range(20):
        sender.tick()
    assert not any(isinstance(event, KeyStopped) for event in sender.log)
    sender.chain.hides_receipts = False
    recover(sender)
    assert sender.ledger.over == {OFFER}


def test_a_stranger_who_takes_the_nonce_of_a_sent_offer_stops_the_key_and_the_offer_is_dropped_once_that_is_final() -> (
    None
):
    sender = ready()
    sender.chain.pool[0] = strangers(0)
    sender.chain.mine()
    sender.order(NEXT)
    for _ in range(4):
        sender.tick()
    assert sender.ledger.stopped
    assert sender.ledger.order(OFFER)
    recover(sender)
    assert sender.ledger.over == {OFFER}
    assert [order.decision for order in sender.ledger.orders] == [NEXT]
    assert len(attempts(sender)) == 1


def test_nothing_is_late_before_its_time() -> None:
    sender = ready()
    begun_ms = sender.now_ms
    while sender.now_ms - begun_ms < LATE_MS - TICK_MS:
        sender.tick()
        assert sender.trouble == ""
