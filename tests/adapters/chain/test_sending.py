"""What the sender asks of nodes: fees with their optional terms, receipts, raw transactions to all; and nonsense."""

import json
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.chain.keys import Signer
from adapters.chain.node import NodeUnavailable
from adapters.chain.sending import GAS_PRICE_ORACLE, CallRefused, SendingNodes
from auction.settlement.node_errors import Meaning, meaning, meaning_of_all
from messages.chain import Reply
from tests.adapters.chain.answering import Answering
from tests.harness.anvil import CHAIN_ID, CONTRACT, FINALIZED_LAG, OTHER_CONTRACT, SENDER, Anvil
from tests.harness.hostile import Hostile, Mood
from tests.harness.waiting import PATIENCE_S

pytestmark = pytest.mark.requirement("CHN-4")

Connect = Callable[..., SendingNodes]
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SECRET = "s3cr3t-k3y"
CALL = "0x" + "00" * 31 + "07"
GWEI = 10**9


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients of nodes and closes them."""
    made: list[SendingNodes] = []

    def make(*urls: str, timeout_s: float = PATIENCE_S) -> SendingNodes:
        made.append(SendingNodes(urls, timeout_s))
        return made[-1]

    yield make
    for nodes in made:
        nodes.close()


def signed(nonce: int = 0, max_fee_wei: int = 10 * GWEI, tip_wei: int = GWEI, gas: int = 50_000) -> Any:
    return Signer(KEY, CONTRACT, CHAIN_ID).sign(nonce, CALL, gas, max_fee_wei, tip_wei)


def test_a_look_tells_the_nonces_and_which_receipts_are_final(anvil: Anvil, connect: Connect) -> None:
    nodes = connect(anvil.url)
    first, second = signed(0), signed(1)
    assert nodes.send(first.raw) == [Reply(True)]
    anvil.settle()
    hashes = [first.transaction_hash, second.transaction_hash, "0x" + "ab" * 32]
    [view] = nodes.look(SENDER, hashes)
    assert (view.head, view.nonce, view.final_nonce) == (1, 1, 0)
    [receipt] = view.receipts
    block = anvil.rpc("eth_getBlockByNumber", "0x1", False)
    assert receipt == (first.transaction_hash, 1, block["hash"], True, False)
    anvil.mine(FINALIZED_LAG)
    nodes.send(second.raw)
    anvil.settle()
    [view] = nodes.look(SENDER, hashes)
    assert (view.nonce, view.final_nonce) == (2, 1)
    assert [receipt.final for receipt in view.receipts] == [True, False]


def test_a_call_that_was_reverted_has_a_receipt_that_says_so(anvil: Anvil, connect: Connect) -> None:
    nodes = connect(anvil.url)
    sent = signed(gas=22_500)  # too little for the log
    nodes.send(sent.raw)
    anvil.settle()
    [view] = nodes.look(SENDER, [sent.transaction_hash])
    assert [receipt.succeeded for receipt in view.receipts] == [False]


def test_a_quote_names_what_the_node_suggests_and_a_fifth_more_gas_than_estimated(
    anvil: Anvil, connect: Connect
) -> None:
    quote = connect(anvil.url).quote(SENDER, CONTRACT, CALL)
    estimate = int(anvil.rpc("eth_estimateGas", {"from": SENDER, "to": CONTRACT, "data": CALL}), 16)
    assert quote.gas == estimate * 6 // 5
    assert quote.base_fee_wei == int(anvil.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
    assert quote.tip_wei == int(anvil.rpc("eth_maxPriorityFeePerGas"), 16)
    assert quote.balance_wei == int(anvil.rpc("eth_getBalance", SENDER, "latest"), 16)
    assert connect(anvil.url).quote(SENDER, CONTRACT, CALL, gas=77).gas == 77


ONLY_L1 = "60003560e01c63f1c7a58b14601357600080fd5b600760005260206000f3"  # 7 for getL1FeeUpperBound, reverts otherwise
ANY = "600960005260206000f3"  # 9 for any call


@pytest.mark.parametrize(("code", "terms"), [("", (None, None)), (ONLY_L1, (7, None)), (ANY, (9, 9))])
def test_the_fees_beside_gas_may_be_absent_each_alone(
    code: str, terms: tuple[int | None, int | None], anvil: Anvil, connect: Connect
) -> None:
    anvil.rpc("anvil_setCode", GAS_PRICE_ORACLE, f"0x{code}")
    quote = connect(anvil.url).quote(SENDER, CONTRACT, CALL)
    assert (quote.l1_fee_wei, quote.operator_fee_wei) == terms


def test_a_call_that_the_contract_refuses_has_no_quote(anvil: Anvil, connect: Connect) -> None:
    anvil.rpc("anvil_setCode", CONTRACT, "0x60006000fd")
    with pytest.raises(CallRefused) as fault:
        connect(anvil.url).quote(SENDER, CONTRACT, CALL)
    assert meaning(fault.value.reply) is Meaning.REVERTED


def test_the_real_node_says_what_the_table_of_errors_knows(anvil: Anvil, connect: Connect) -> None:
    nodes = connect(anvil.url)
    anvil.rpc("evm_setAutomine", False)

    def said(**what: int) -> Meaning:
        return meaning_of_all(nodes.send(signed(**what).raw))

    assert said() is Meaning.ACCEPTED
    assert said() is Meaning.ALREADY_KNOWN
    assert said(gas=60_000) is Meaning.UNDERPRICED
    assert said(nonce=1, max_fee_wei=10, tip_wei=1) is Meaning.TOO_LOW_FEE
    anvil.rpc("evm_mine")
    assert said() is Meaning.NONCE_TOO_LOW
    anvil.rpc("anvil_setBalance", SENDER, "0x1")
    assert said(nonce=1) is Meaning.INSUFFICIENT_FUNDS


def test_a_transaction_goes_to_all_nodes(anvil: Anvil, make_anvil: Callable[..., Anvil], connect: Connect) -> None:
    dead, other = make_anvil(), make_anvil()
    dead.kill()
    sent = signed()
    replies = connect(dead.url, anvil.url, other.url).send(sent.raw)
    assert [reply.accepted for reply in replies] == [False, True, True]
    assert meaning(replies[0]) is Meaning.UNKNOWN
    for node in (anvil, other):
        node.settle()
        assert node.rpc("eth_getTransactionReceipt", sent.transaction_hash)["status"] == "0x1"


def test_what_one_node_does_not_answer_the_next_one_does(
    anvil: Anvil, make_anvil: Callable[..., Anvil], connect: Connect
) -> None:
    dead = make_anvil()
    dead.kill()
    nodes = connect(dead.url, anvil.url)
    assert nodes.chain_id() == CHAIN_ID
    assert nodes.quote(SENDER, CONTRACT, CALL).gas > 21_000
    assert len(nodes.look(SENDER, [])) == 1


def test_the_owner_is_told_where_the_contract_names_one(anvil: Anvil, connect: Connect) -> None:
    nodes = connect(anvil.url)
    assert nodes.owner(OTHER_CONTRACT) == ""
    anvil.rpc("anvil_setCode", OTHER_CONTRACT, f"0x73{SENDER[2:]}60005260206000f3")
    assert nodes.owner(OTHER_CONTRACT) == SENDER


def answer(*results: Any) -> bytes:
    return json.dumps([{"jsonrpc": "2.0", "id": n, "result": result} for n, result in enumerate(results, 1)]).encode()


FINAL = {"number": "0x1"}
NONSENSE = [
    b"",
    b"<html>",
    b"null",
    b"[]",
    b"[1, 2]",
    b"[{}]",
    b"[" * 100_000,
    b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "limit"}}',
    b'[{"jsonrpc": "2.0", "id": 1, "error": {"code": -39001, "message": "unknown block"}}]',
    answer("0x1", FINAL, "0x0"),
    answer("0x1", None, "0x0", "0x0", None),
    answer("0x1", {}, "0x0", "0x0", None),
    answer("0x1", FINAL, None, "0x0", None),
    answer("0x1", FINAL, "zz", "0x0", None),
    answer("0x1", FINAL, "0x0", "0x0", "a receipt"),
    answer("0x1", FINAL, "0x0", "0x0", {}),
    answer("0x1", FINAL, "0x0", "0x0", {"transactionHash": "0x" + "cd" * 32}),
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: body[:60].decode())
def test_nonsense_is_no_answer(body: bytes, answering: Answering, connect: Connect) -> None:
    answering.body = body
    with pytest.raises(NodeUnavailable) as fault:
        connect(f"{answering.url}/{SECRET}").look(SENDER, ["0x" + "ab" * 32])
    assert SECRET not in "".join(traceback.format_exception(fault.value))


def test_a_node_that_refuses_a_question_is_told_with_method_tag_and_code(
    answering: Answering, connect: Connect
) -> None:
    told = json.loads(answer("0x1", FINAL, "0x0", "0x0"))
    told[1] = {"jsonrpc": "2.0", "id": 2, "error": {"code": -39001, "message": "Unknown block"}}
    answering.body = json.dumps(told).encode()
    with pytest.raises(NodeUnavailable, match="refuses eth_getBlockByNumber finalized: -39001 Unknown block"):
        connect(answering.url).look(SENDER, [])


SENT = [
    (200, b'{"jsonrpc": "2.0", "id": 1, "result": "0xabcd"}', Meaning.ACCEPTED),
    (200, b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "already known"}}', Meaning.ALREADY_KNOWN),
    (400, b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "nonce too low"}}', Meaning.NONCE_TOO_LOW),
    (429, b"slow down", Meaning.LIMIT),
    (502, b"<html>", Meaning.UNKNOWN),
    (502, b'{"result": "0xabcd"}', Meaning.UNKNOWN),
    (200, b"", Meaning.UNKNOWN),
    (200, b"null", Meaning.UNKNOWN),
    (200, b'{"jsonrpc": "2.0", "id": 1, "result": null}', Meaning.UNKNOWN),
    (200, b'{"jsonrpc": "2.0", "id": 1, "error": "no"}', Meaning.UNKNOWN),
    (200, b"[" * 100_000, Meaning.UNKNOWN),
]


@pytest.mark.parametrize(("status", "body", "means"), SENT, ids=lambda value: str(value)[:70])
def test_an_answer_to_a_transaction_is_an_outcome_or_unknown(
    status: int, body: bytes, means: Meaning, answering: Answering, connect: Connect
) -> None:
    answering.status, answering.body = status, body
    assert meaning_of_all(connect(answering.url).send("0x02")) is means
    assert answering.questions == 1


HOSTILE = [mood for mood in Mood if mood is not Mood.HONEST]


@pytest.mark.parametrize("mood", HOSTILE)
def test_a_hostile_node_takes_no_longer_than_its_time(mood: Mood, anvil: Anvil, connect: Connect) -> None:
    hostile = Hostile(drip_s=0.25, flood_bytes=64 * 2**20).start()
    try:
        hostile.turn(mood)
        nodes = connect(f"{hostile.url}/{SECRET}", anvil.url, timeout_s=0.5)
        begun_s = time.monotonic()
        assert len(nodes.look(SENDER, [])) == 1
        assert meaning(nodes.send("0x02")[0]) is Meaning.UNKNOWN
        assert time.monotonic() - begun_s < 20, "dripped, the answers take 45 s"
        hostile.turn(Mood.HONEST)  # resets the connections that it has spoiled
    finally:
        hostile.stop()
