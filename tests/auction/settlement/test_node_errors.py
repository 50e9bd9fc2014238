"""The table of node errors: the words that each kind of node says, and what they mean."""

import pytest

from auction.settlement.node_errors import CODES, WORDS, Meaning, meaning, meaning_of_all
from messages.chain import Reply

pytestmark = pytest.mark.requirement("CHN-4")

SAID = [
    # node, code, words, meaning
    ("geth", -32000, "already known", Meaning.ALREADY_KNOWN),
    ("geth", -32000, "nonce too low: next nonce 5, tx nonce 3", Meaning.NONCE_TOO_LOW),
    ("geth", -32000, "nonce too high", Meaning.UNKNOWN),
    ("geth", -32000, "replacement transaction underpriced", Meaning.UNDERPRICED),
    ("geth", -32000, "transaction underpriced: tip needed 1000000, tip permitted 1", Meaning.TOO_LOW_FEE),
    ("geth", -32000, "transaction gas price below minimum: gas tip cap 1, minimum needed 1000000", Meaning.TOO_LOW_FEE),
    ("geth", -32000, "max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1", Meaning.TOO_LOW_FEE),
    ("geth", -32000, "insufficient funds for gas * price + value: balance 1, tx cost 2", Meaning.INSUFFICIENT_FUNDS),
    ("geth", -32000, "gas required exceeds allowance (21000)", Meaning.INSUFFICIENT_FUNDS),
    ("geth", -32000, "txpool is full", Meaning.LIMIT),
    ("geth", -32000, "account limit exceeded: pooled 16 txs", Meaning.LIMIT),
    ("geth", -32000, "future transaction tries to replace pending", Meaning.LIMIT),
    ("geth", -32000, "in-flight transaction limit reached for delegated accounts", Meaning.IN_FLIGHT_LIMIT),
    ("geth", -32000, "gapped-nonce tx from delegated accounts", Meaning.IN_FLIGHT_LIMIT),
    ("geth", -32000, "authority already reserved", Meaning.IN_FLIGHT_LIMIT),
    ("geth", -32000, "address already reserved", Meaning.IN_FLIGHT_LIMIT),
    ("geth", 3, "execution reverted: not the operator", Meaning.REVERTED),
    ("geth", 3, "", Meaning.REVERTED),
    ("geth", -32000, "transaction indexing is in progress", Meaning.UNKNOWN),
    ("op-geth", -32000, "insufficient funds for gas * price + value: overshot 1", Meaning.INSUFFICIENT_FUNDS),
    ("op-geth", -32000, "insufficient balance for l1 fee", Meaning.INSUFFICIENT_FUNDS),
    ("anvil", -32003, "transaction already imported", Meaning.ALREADY_KNOWN),
    ("anvil", -32003, "replacement transaction underpriced", Meaning.UNDERPRICED),
    ("anvil", -32003, "nonce too low", Meaning.NONCE_TOO_LOW),
    ("anvil", -32003, "Insufficient funds for gas * price + value", Meaning.INSUFFICIENT_FUNDS),
    ("anvil", -32003, "max fee per gas less than block base fee", Meaning.TOO_LOW_FEE),
    ("reth", -32000, "[0xabcd]: insufficient gas price to replace existing transaction.", Meaning.UNDERPRICED),
    ("reth", -32000, "[0xabcd] Already imported", Meaning.ALREADY_KNOWN),
    ("reth", -32000, "[0xabcd] Transaction feeCap 1 below chain minimum.", Meaning.TOO_LOW_FEE),
    ("reth", -32000, "[0xabcd] Transaction max fee per gas 1 below chain minimum", Meaning.TOO_LOW_FEE),
    ("reth", -32003, "origin account that has gapped nonce cannot be delegated", Meaning.IN_FLIGHT_LIMIT),
    ("reth", -32003, "0x1 identified as spammer. Transaction 0x2 rejected.", Meaning.LIMIT),
    ("erigon", -32000, "ALREADY_EXISTS: already known", Meaning.ALREADY_KNOWN),
    ("erigon", -32000, "existing tx with same hash", Meaning.ALREADY_KNOWN),
    ("erigon", -32000, "existing txn with same hash", Meaning.ALREADY_KNOWN),
    ("erigon", -32000, "could not replace existing tx", Meaning.UNDERPRICED),
    ("erigon", -32000, "underpriced", Meaning.TOO_LOW_FEE),
    ("erigon", -32000, "fee too low", Meaning.TOO_LOW_FEE),
    ("erigon", -32000, "INTERNAL_ERROR: insufficient funds", Meaning.INSUFFICIENT_FUNDS),
    ("erigon", -32000, "baseFee sub-pool is full", Meaning.LIMIT),
    ("nethermind", -32010, "AlreadyKnown", Meaning.ALREADY_KNOWN),
    ("nethermind", -32010, "OldNonce, Current nonce: 5, nonce of rejected tx: 4.", Meaning.NONCE_TOO_LOW),
    ("nethermind", -32010, "ReplacementNotAllowed", Meaning.UNDERPRICED),
    ("nethermind", -32010, "replacement not allowed", Meaning.UNDERPRICED),
    ("nethermind", -32010, "InsufficientFunds, Account balance: 1, cumulative cost: 2", Meaning.INSUFFICIENT_FUNDS),
    ("nethermind", -32010, "FeeTooLowToCompete", Meaning.TOO_LOW_FEE),
    ("nethermind", -32010, "NotCurrentNonceForDelegation", Meaning.IN_FLIGHT_LIMIT),
    ("nethermind", -32010, "DelegatorHasPendingTx", Meaning.IN_FLIGHT_LIMIT),
    ("nethermind", -32010, "delegation nonce gap", Meaning.IN_FLIGHT_LIMIT),
    ("nethermind", -32010, "delegation authority has pending transaction", Meaning.IN_FLIGHT_LIMIT),
    ("provider", -32017, "sender is over rate limit", Meaning.LIMIT),
    ("provider", -32016, "over rate limit", Meaning.LIMIT),
    ("provider", -32000, "rate-limited", Meaning.LIMIT),
    ("provider", -32005, "daily request count exceeded, request rate limited", Meaning.LIMIT),
    ("provider", -32000, "request count exceeded", Meaning.LIMIT),
    ("provider", -32007, "50/second request limit reached - reduce calls per second", Meaning.LIMIT),
    ("provider", 429, "Your app has exceeded its compute units per second capacity", Meaning.LIMIT),
    ("provider", -32000, "Too Many Requests", Meaning.LIMIT),
    ("provider", -32000, "limit exceeded", Meaning.LIMIT),
    ("provider", -32015, "backend is over capacity", Meaning.LIMIT),
    ("provider", -32017, "no words that anybody knows", Meaning.LIMIT),
    ("provider", 429, "no answer of JSON-RPC", Meaning.LIMIT),
    ("provider", -32011, "no backends available for method", Meaning.UNKNOWN),
    ("provider", 502, "no answer of JSON-RPC", Meaning.UNKNOWN),
    ("nobody", None, "ReadTimeout", Meaning.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("node", "code", "words", "means"), SAID, ids=[f"{node}: {words}" for node, _, words, _ in SAID]
)
def test_the_words_of_a_node_have_their_meaning(node: str, code: int | None, words: str, means: Meaning) -> None:
    assert meaning(Reply(False, code, words)) is means
    assert meaning(Reply(False, code, words.upper())) is means


def test_each_row_of_the_table_is_said_by_some_node() -> None:
    said = [words.lower() for _, _, words, _ in SAID]
    unused = [words for words, _ in WORDS if not any(words in one for one in said)]
    assert unused == []
    assert set(CODES) <= {code for _, code, _, _ in SAID}


def test_rows_that_contain_others_stand_before_them() -> None:
    hidden = [
        (words, before)
        for place, (words, means) in enumerate(WORDS)
        for before, other in WORDS[:place]
        if before in words and other is not means
    ]
    assert hidden == []


def test_of_several_answers_the_most_telling_counts() -> None:
    no, known = Reply(False, -32000, "insufficient funds"), Reply(False, -32000, "already known")
    assert meaning_of_all([no, Reply(True), known]) is Meaning.ACCEPTED
    assert meaning_of_all([Reply(False), known, no]) is Meaning.ALREADY_KNOWN
    assert meaning_of_all([Reply(False, None, "ReadTimeout"), no]) is Meaning.INSUFFICIENT_FUNDS
    assert meaning_of_all([]) is Meaning.UNKNOWN
