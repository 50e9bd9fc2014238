"""The chain in one process: which transactions wait, which blocks follow, and what a reorganisation leaves."""

from itertools import pairwise
from typing import Any

import pytest

from simulator.chain.chain import Chain
from simulator.chain.errors import RpcError
from simulator.chain.evm import Write
from simulator.chain.methods import answer
from simulator.chain.oracle import ORACLE, fee_slots
from simulator.chain.settings import Settings
from simulator.chain.view import View
from tests.harness.anvil import CONTRACT, PLAIN_CODE
from tests.harness.chain_process import ADDRESSES, GWEI, KEYS, SEED, signed

GENESIS_S = 1_900_000_000


def make(**options: Any) -> Chain:
    usual = {"seed": SEED, "block_ms": 0, "genesis_s": GENESIS_S, "safe_ms": 4_000, "finalized_ms": 8_000}
    return Chain(Settings(**(usual | options)), started_s=0)


@pytest.fixture
def chain() -> Chain:
    return make()


def send(chain: Chain, raw: str) -> bytes:
    return chain.send(bytes.fromhex(raw[2:]))


def ask(chain: Chain, method: str, *params: Any) -> Any:
    return answer(View(chain, chain.head.number), method, list(params))


def nonces(chain: Chain, number: int = -1) -> list[int]:
    return [receipt.transaction.nonce for receipt in chain.blocks[number].receipts]


def refused(chain: Chain, raw: str) -> str:
    with pytest.raises(RpcError) as caught:
        send(chain, raw)
    return caught.value.message


def test_a_transaction_waits_for_the_next_block(chain: Chain) -> None:
    sent = "0x" + send(chain, signed()).hex()
    assert ask(chain, "eth_getTransactionByHash", sent)["blockHash"] is None
    assert ask(chain, "eth_getTransactionReceipt", sent) is None
    assert ask(chain, "eth_getTransactionCount", ADDRESSES[0], "pending") == "0x1"
    assert ask(chain, "eth_getTransactionCount", ADDRESSES[0], "latest") == "0x0"
    chain.add_block()
    assert ask(chain, "eth_getTransactionReceipt", sent)["blockNumber"] == "0x1"
    assert ask(chain, "eth_getTransactionCount", ADDRESSES[0], "latest") == "0x1"


def test_a_nonce_behind_a_gap_waits_until_the_gap_is_filled(chain: Chain) -> None:
    send(chain, signed(nonce=1))
    chain.add_block()
    assert nonces(chain) == []
    assert ask(chain, "eth_getTransactionCount", ADDRESSES[0], "pending") == "0x0"
    send(chain, signed(nonce=0))
    chain.add_block()
    assert nonces(chain) == [0, 1]


def test_a_fee_below_the_base_fee_waits_until_the_base_fee_falls(chain: Chain) -> None:
    chain.base_fee_wei = 5 * GWEI
    send(chain, signed(maxFeePerGas=2 * GWEI))
    chain.add_block()
    assert nonces(chain) == []
    chain.base_fee_wei = 2 * GWEI
    chain.add_block()
    assert nonces(chain) == [0]


def test_the_highest_tip_comes_first_and_those_of_a_sender_in_order(chain: Chain) -> None:
    for nonce, tip_wei in ((0, 10**6), (1, 10**9)):
        send(chain, signed(nonce=nonce, maxPriorityFeePerGas=tip_wei))
    send(chain, signed(KEYS[1], maxPriorityFeePerGas=10**7))
    chain.add_block()
    senders = [receipt.transaction.sender.hex() for receipt in chain.head.receipts]
    assert senders == [ADDRESSES[1][2:].lower(), ADDRESSES[0][2:].lower(), ADDRESSES[0][2:].lower()]


def test_what_does_not_fit_into_a_block_comes_in_the_next(chain: Chain) -> None:
    for nonce in range(3):
        send(chain, signed(nonce=nonce, gas=15_000_000 - nonce))
    chain.add_block()
    chain.add_block()
    assert (nonces(chain, 1), nonces(chain, 2)) == ([0, 1, 2], [])
    for nonce in range(3, 5):
        send(chain, signed(nonce=nonce, gas=29_999_999))
    chain.add_block()
    chain.add_block()
    assert (nonces(chain, 3), nonces(chain, 4)) == ([3], [4])


@pytest.mark.parametrize(
    ("fee_wei", "tip_wei", "is_taken"),
    [
        (22 * 10**8, 11 * 10**5, True),
        (22 * 10**8 - 1, 11 * 10**5, False),
        (22 * 10**8, 11 * 10**5 - 1, False),
        (10**11, 10**6, False),
    ],
)
def test_a_replacement_raises_both_fees_by_a_tenth(chain: Chain, fee_wei: int, tip_wei: int, is_taken: bool) -> None:
    send(chain, signed())
    other = signed(maxFeePerGas=fee_wei, maxPriorityFeePerGas=tip_wei, value=1)
    if is_taken:
        send(chain, other)
    else:
        assert refused(chain, other) == "replacement transaction underpriced"
    chain.add_block()
    assert [receipt.transaction.value for receipt in chain.head.receipts] == [1 if is_taken else 0]


def test_a_transaction_that_waits_is_already_known(chain: Chain) -> None:
    send(chain, signed())
    assert refused(chain, signed()) == "already known"
    chain.add_block()
    assert refused(chain, signed()) == "nonce too low: next nonce 1, tx nonce 0"


def test_the_l1_fee_is_owed_and_paid_beside_the_gas() -> None:
    chain = make(l1_fee_wei=10**17, base_fee_wei=GWEI)
    whole_wei = 10_000 * 10**18
    gas_wei = 21_000 * 2 * GWEI
    too_much = signed(to=ADDRESSES[1], value=whole_wei - gas_wei - 10**17 + 1)
    assert refused(chain, too_much).startswith("insufficient funds for gas * price + value: balance")
    sent = send(chain, signed(to=ADDRESSES[1], value=whole_wei - gas_wei - 10**17))
    chain.add_block()
    receipt = ask(chain, "eth_getTransactionReceipt", "0x" + sent.hex())
    assert receipt["l1Fee"] == hex(10**17)
    paid_wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) + 10**17
    assert ask(chain, "eth_getBalance", ADDRESSES[0]) == hex(gas_wei + 10**17 - paid_wei)


@pytest.mark.parametrize(
    ("call", "wei"),
    [
        ("0xf1c7a58b" + "00" * 32, 10**15),  # getL1FeeUpperBound(uint256)
        ("0x49948e0e" + "00" * 64, 10**15),  # getL1Fee(bytes)
        ("0x275aedd2" + "00" * 32, 77),  # getOperatorFee(uint256)
    ],
)
def test_the_oracle_answers_the_fees_that_are_set(chain: Chain, call: str, wei: int) -> None:
    asked = {"to": "0x" + ORACLE.hex(), "data": call}
    before = ask(chain, "eth_call", asked)
    chain.change(Write(ORACLE, slots=fee_slots(10**15, 77)))
    assert ask(chain, "eth_call", asked) == before
    chain.add_block()
    assert ask(chain, "eth_call", asked) == f"0x{wei:064x}"
    assert ask(chain, "eth_call", asked, "0x0") == before


def test_levels_follow_the_time_since_a_block_was_made(chain: Chain) -> None:
    for _ in range(10):
        chain.add_block()
    assert (chain.level("safe"), chain.level("finalized")) == (8, 6)
    chain.stall(safe=None, finalized=True)
    for _ in range(5):
        chain.add_block()
    assert (chain.level("safe"), chain.level("finalized")) == (13, 6)
    chain.stall(safe=None, finalized=False)
    assert chain.level("finalized") == 11


def test_a_young_chain_has_block_0_as_safe_and_finalized(chain: Chain) -> None:
    assert (chain.level("safe"), chain.level("finalized")) == (0, 0)


@pytest.mark.parametrize(("transactions", "places"), [("again", 1), ("later", 4), ("dropped", None)])
def test_a_reorganisation_makes_other_blocks_and_keeps_or_drops_the_transactions(
    chain: Chain, transactions: Any, places: int | None
) -> None:
    chain.change(Write(bytes.fromhex(CONTRACT[2:]), code=bytes.fromhex(PLAIN_CODE)))
    sent = "0x" + send(chain, signed(to=CONTRACT, data="0x" + "00" * 31 + "07", gas=100_000)).hex()
    for _ in range(3):
        chain.add_block()
    old = chain.blocks[:]
    chain.reorganise(3, 3, transactions)
    assert [block.number for block in chain.blocks] == [0, 1, 2, 3]
    assert chain.blocks[0].hash == old[0].hash
    assert not {block.hash for block in chain.blocks[1:]} & {block.hash for block in old}
    assert [block.header.timestamp for block in chain.blocks] == [block.header.timestamp for block in old]
    assert all(block.header.parent_hash == before.hash for before, block in pairwise(chain.blocks))
    assert ask(chain, "eth_getCode", CONTRACT) == "0x" + PLAIN_CODE
    chain.add_block()
    receipt = ask(chain, "eth_getTransactionReceipt", sent)
    assert (receipt and int(receipt["blockNumber"], 16)) == places
    # The old block is still told by its hash, as at geth.
    gone = "0x" + old[1].hash.hex()
    assert ask(chain, "eth_getBlockByHash", gone)["hash"] == gone
    assert [log["blockHash"] for log in ask(chain, "eth_getLogs", {"blockHash": gone})] == [gone]
    with pytest.raises(RpcError, match="hash is not currently canonical"):
        ask(chain, "eth_getCode", CONTRACT, {"blockHash": gone, "requireCanonical": True})


def test_a_reorganisation_may_make_the_chain_shorter_or_longer(chain: Chain) -> None:
    for _ in range(5):
        chain.add_block()
    chain.reorganise(3, 0, "dropped")
    assert chain.head.number == 2
    chain.reorganise(1, 4, "dropped")
    assert chain.head.number == 5


def test_the_same_seed_and_the_same_steps_make_the_same_blocks_and_another_seed_others() -> None:
    def hashes(seed: int) -> list[bytes]:
        chain = make(seed=seed)
        chain.add_block()
        send(chain, signed()) if seed == SEED else None
        chain.add_block()
        chain.reorganise(1, 2, "again")
        return [block.hash for block in chain.blocks]

    assert hashes(SEED) == hashes(SEED)
    assert not set(hashes(SEED)) & set(hashes(SEED + 1))


def test_blocks_of_one_second_say_the_same_time_and_none_goes_back(chain: Chain) -> None:
    for at_s in (GENESIS_S + 5, GENESIS_S + 5, GENESIS_S + 1):
        assert chain.add_block(at_s).header.timestamp == GENESIS_S + 5


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("pending", -32000, "pending block is not available"),
        ("0x99", -32000, "header not found"),
        ({"blockHash": "0x" + "11" * 32}, -32000, "header for hash not found"),
    ],
)
def test_a_state_that_the_node_has_not_is_an_error(chain: Chain, name: object, code: int, words: str) -> None:
    with pytest.raises(RpcError, match=words) as caught:
        ask(chain, "eth_call", {"to": CONTRACT}, name)
    assert caught.value.code == code


def test_logs_of_too_many_blocks_are_refused() -> None:
    chain = make(range_limit=3)
    for _ in range(5):
        chain.add_block()
    assert ask(chain, "eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x3"}) == []
    with pytest.raises(RpcError, match="exceed maximum block range: 3"):
        ask(chain, "eth_getLogs", {"fromBlock": "0x1", "toBlock": "0x4"})
    with pytest.raises(RpcError, match="invalid block range params"):
        ask(chain, "eth_getLogs", {"fromBlock": "0x4", "toBlock": "0x1"})


def test_a_transaction_with_blobs_is_refused_as_on_an_op_chain(chain: Chain) -> None:
    hashes = [b"\x01" + bytes(31)]
    raw = signed(type=3, data="0x", maxFeePerBlobGas=1, blobVersionedHashes=hashes)
    assert refused(chain, raw) == "transaction type not supported"
