"""The table of node errors: what the answer to a transaction that was sent, or to a question about its gas, means.

The words are those of geth, op-geth, anvil, reth, erigon, nethermind and the providers in front of them; the codes only
help where the words say nothing. No meaning says that a transaction was not taken: words that are not in the table, and
time-outs, are an unknown outcome, and the receipts decide.
"""

from collections.abc import Iterable
from enum import StrEnum

from messages.chain import Reply


class Meaning(StrEnum):
    """The meanings of an answer, the most telling first: where several nodes answer, the first of these counts."""

    ACCEPTED = "ACCEPTED"
    ALREADY_KNOWN = "ALREADY_KNOWN"  # this transaction is in the node's pool
    NONCE_TOO_LOW = "NONCE_TOO_LOW"  # a transaction with its nonce is mined
    UNDERPRICED = "UNDERPRICED"  # another transaction with its nonce is in the pool and offers about as much
    IN_FLIGHT_LIMIT = "IN_FLIGHT_LIMIT"  # an account that is delegated (EIP-7702) may have one in the pool: wait
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    TOO_LOW_FEE = "TOO_LOW_FEE"  # the node takes nothing at this fee now
    REVERTED = "REVERTED"  # the contract would refuse the call
    LIMIT = "LIMIT"  # too many requests, or a full pool: later
    UNKNOWN = "UNKNOWN"  # the transaction may have arrived or not


# In the order in which they are tried: words that contain others stand first. All are compared in lower case.
WORDS: tuple[tuple[str, Meaning], ...] = (
    # geth, op-geth, reth, erigon; nethermind since 2026
    ("already known", Meaning.ALREADY_KNOWN),
    ("in-flight transaction limit", Meaning.IN_FLIGHT_LIMIT),
    ("gapped-nonce tx from delegated", Meaning.IN_FLIGHT_LIMIT),
    ("gapped nonce cannot be delegated", Meaning.IN_FLIGHT_LIMIT),
    ("authority already reserved", Meaning.IN_FLIGHT_LIMIT),
    ("address already reserved", Meaning.IN_FLIGHT_LIMIT),
    ("nonce too low", Meaning.NONCE_TOO_LOW),
    ("replacement transaction underpriced", Meaning.UNDERPRICED),
    ("future transaction tries to replace pending", Meaning.LIMIT),
    ("insufficient funds", Meaning.INSUFFICIENT_FUNDS),  # also anvil's; op-geth counts the L1 fee, and does not say so
    ("insufficient balance", Meaning.INSUFFICIENT_FUNDS),
    ("gas required exceeds allowance", Meaning.INSUFFICIENT_FUNDS),  # when gas is estimated with fees
    ("max fee per gas less than block base fee", Meaning.TOO_LOW_FEE),
    ("gas price below minimum", Meaning.TOO_LOW_FEE),
    ("below chain minimum", Meaning.TOO_LOW_FEE),
    ("execution reverted", Meaning.REVERTED),
    ("account limit exceeded", Meaning.LIMIT),
    ("txpool is full", Meaning.LIMIT),
    # reth's pool, anvil
    ("already imported", Meaning.ALREADY_KNOWN),
    ("insufficient gas price to replace", Meaning.UNDERPRICED),
    # erigon's pool
    ("existing tx with same hash", Meaning.ALREADY_KNOWN),
    ("existing txn with same hash", Meaning.ALREADY_KNOWN),
    ("could not replace existing", Meaning.UNDERPRICED),
    ("sub-pool is full", Meaning.LIMIT),
    ("spammer", Meaning.LIMIT),
    ("fee too low", Meaning.TOO_LOW_FEE),
    # nethermind, older and newer words
    ("alreadyknown", Meaning.ALREADY_KNOWN),
    ("oldnonce", Meaning.NONCE_TOO_LOW),
    ("replacementnotallowed", Meaning.UNDERPRICED),
    ("replacement not allowed", Meaning.UNDERPRICED),
    ("insufficientfunds", Meaning.INSUFFICIENT_FUNDS),
    ("feetoolow", Meaning.TOO_LOW_FEE),
    ("notcurrentnoncefordelegation", Meaning.IN_FLIGHT_LIMIT),
    ("delegatorhaspendingtx", Meaning.IN_FLIGHT_LIMIT),
    ("delegation nonce gap", Meaning.IN_FLIGHT_LIMIT),
    ("delegation authority has pending", Meaning.IN_FLIGHT_LIMIT),
    # geth and erigon: the price is too low for the pool, whatever else is in it
    ("underpriced", Meaning.TOO_LOW_FEE),
    # providers and the proxies of OP chains
    ("rate limit", Meaning.LIMIT),
    ("rate-limit", Meaning.LIMIT),
    ("too many requests", Meaning.LIMIT),
    ("request limit reached", Meaning.LIMIT),
    ("request count exceeded", Meaning.LIMIT),
    ("exceeded its compute units", Meaning.LIMIT),
    ("limit exceeded", Meaning.LIMIT),
    ("over capacity", Meaning.LIMIT),
)

CODES: dict[int, Meaning] = {
    3: Meaning.REVERTED,
    429: Meaning.LIMIT,  # HTTP's
    -32005: Meaning.LIMIT,  # Infura and others
    -32007: Meaning.LIMIT,  # QuickNode
    -32016: Meaning.LIMIT,  # proxies of OP chains
    -32017: Meaning.LIMIT,
}


def meaning(reply: Reply) -> Meaning:
    """What one node's answer means."""
    if reply.accepted:
        return Meaning.ACCEPTED
    said = reply.words.lower()
    for words, means in WORDS:
        if words in said:
            return means
    return CODES.get(reply.code or 0, Meaning.UNKNOWN)


def meaning_of_all(replies: Iterable[Reply]) -> Meaning:
    """What the answers of several nodes to the same transaction mean together; UNKNOWN if there is none."""
    ranks = list(Meaning)
    return min(map(meaning, replies), key=ranks.index, default=Meaning.UNKNOWN)
