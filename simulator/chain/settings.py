"""All settings of the simulated chain, for its command line. Amounts are in wei, durations in ms."""

from typing import Annotated

import msgspec
from eth_hash.auto import keccak
from msgspec import Meta

BLOCK_S = 2  # between the blocks of Shape, and between blocks that are made by hand
GAS_LIMIT = 30_000_000  # of a block

_Ms = Annotated[int, Meta(ge=0, le=10**11)]
_Wei = Annotated[int, Meta(ge=0, le=10**18)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chain and its endpoints."""

    seed: Annotated[int, Meta(description="seed of accounts, hashes and faults")] = 1
    chain_id: Annotated[int, Meta(ge=1, le=2**53, description="id of the chain; Shape is 360")] = 360
    block_ms: Annotated[_Ms, Meta(description="time between two blocks; with 0 they are made by hand only")] = 2_000
    genesis_s: Annotated[int, Meta(ge=0, le=2**40, description="time of block 0 (unix s); with 0 it is the start")] = 0
    behind_ms: Annotated[_Ms, Meta(description="the chain's clock starts this far behind ours")] = 0
    safe_ms: Annotated[_Ms, Meta(description="time until a block is safe")] = 300_000
    finalized_ms: Annotated[_Ms, Meta(description="time until a block is finalized")] = 1_500_000
    endpoints: Annotated[int, Meta(ge=1, le=8, description="number of endpoints, each on a port of its own")] = 1
    accounts: Annotated[int, Meta(ge=1, le=1_000, description="number of accounts with 10,000 ETH each")] = 10
    payers: Annotated[int, Meta(ge=0, le=10_000, description="number of buyers who pay what is offered to them")] = 0
    payment_ms: Annotated[_Ms, Meta(description="time within which a buyer pays an offer")] = 60_000
    base_fee_wei: Annotated[_Wei, Meta(description="base fee per gas, until it is changed")] = 1_000_000
    l1_fee_wei: Annotated[_Wei, Meta(description="L1 fee of each transaction, until it is changed")] = 10**11
    operator_fee_wei: Annotated[_Wei, Meta(description="operator fee of each transaction, until it is changed")] = 0
    range_limit: Annotated[int, Meta(ge=1, le=10**9, description="blocks that eth_getLogs covers at most")] = 10_000
    batch_limit: Annotated[int, Meta(ge=1, le=10**6, description="questions in a batch at most")] = 1_000
    idle_exit_s: Annotated[
        float, Meta(gt=0, le=10**9, description="the process ends after this time without a request")
    ] = 3_600.0


def private_key(seed: int, number: int) -> bytes:
    """Returns the private key of an account that the chain of this seed funds; accounts are numbered from 0."""
    return bytes(keccak(f"{seed}:account:{number}".encode()))
