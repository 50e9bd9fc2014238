"""The node, read with the real web3: what it answers, and what becomes of its silence and its nonsense."""

import json
import logging
import socket
import subprocess
import sys
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest

from adapters.chain.node import Block, Log, Node, NodeUnavailable
from adapters.chain.rpc import ANSWER_BYTES, BATCH, LONGEST_WAIT_S
from tests.adapters.chain.answering import Answering
from tests.harness import ROOT
from tests.harness.anvil import CHAIN_ID, CONTRACT, FINALIZED_LAG, OTHER_CONTRACT, REVOKED, SAFE_LAG, SENDER, Anvil
from tests.harness.hostile import Hostile, Mood
from tests.harness.lying_node import Lies, LyingNode
from tests.harness.waiting import PATIENCE_S

pytestmark = pytest.mark.requirement("CHN-1")

Connect = Callable[..., Node]

KEY = "s3cr3t-k3y"
HASH = "0x" + "ab" * 32
HEADER = {
    "number": "0x1",
    "hash": HASH,
    "parentHash": HASH,
    "timestamp": "0x6553f100",
    "logsBloom": "0x" + "00" * 256,
    "transactions": [HASH, HASH],
}
BLOCK = Block(1, HASH, HASH, 1_700_000_000_000, 0, 2)


def test_it_says_which_chain_it_is_on_and_what_has_code(anvil: Anvil, connect: Connect) -> None:
    node = connect(anvil.url)
    assert node.chain_id() == CHAIN_ID
    assert node.has_code(CONTRACT)
    assert not node.has_code("0x" + "77" * 20)


def test_each_level_has_its_head(anvil: Anvil, connect: Connect) -> None:
    node = connect(anvil.url)
    anvil.mine(10)
    assert [head.number for head in node.heads()] == [10, 10 - SAFE_LAG, 10 - FINALIZED_LAG]


def test_blocks_come_in_order_and_each_is_the_parent_of_the_next(anvil: Anvil, connect: Connect) -> None:
    anvil.mine(10)
    blocks = connect(anvil.url).blocks(3, 9)
    assert [block.number for block in blocks] == [3, 4, 5, 6, 7, 8, 9]
    assert all(after.parent_hash == block.hash for block, after in pairwise(blocks))


def test_a_log_is_told_with_all_that_it_says(anvil: Anvil, connect: Connect) -> None:
    anvil.transfer(7)
    node = connect(anvil.url)
    (block,) = node.blocks(1, 1)
    [receipt] = anvil.rpc("eth_getBlockReceipts", "0x1")
    topics, data = tuple(receipt["logs"][0]["topics"]), receipt["logs"][0]["data"]
    expected = (Log(1, block.hash, receipt["transactionHash"], 0, topics, data),)
    assert node.logs(CONTRACT, [block]) == [expected]
    assert node.receipt_logs(CONTRACT, block) == expected
    assert topics[0] == REVOKED


def test_the_contract_is_asked_for_its_count_as_of_a_block(anvil: Anvil, connect: Connect) -> None:
    for token in (7, 8, 9):
        anvil.transfer(token)
    node = connect(anvil.url)
    assert [node.count(CONTRACT, block) for block in node.blocks(1, 3)] == [1, 2, 3]
    with pytest.raises(NodeUnavailable, match=r"eth_call\(count\(\) in block 1\)"):
        node.count(OTHER_CONTRACT, node.blocks(1, 1)[0])


def test_only_the_logs_of_the_contract_come_in_the_order_of_the_chain(anvil: Anvil, connect: Connect) -> None:
    anvil.transfer(1, 2, 3)
    anvil.transfer(9, contract=OTHER_CONTRACT)
    anvil.mine(5)
    anvil.transfer(4, 5)
    node = connect(anvil.url)
    blocks = node.blocks(0, anvil.head())
    logs = [log for logs in node.logs(CONTRACT, blocks) for log in logs]
    assert logs == [log for block in blocks for log in node.receipt_logs(CONTRACT, block)]
    assert [int(log.topics[-1], 16) for log in logs] == [1, 2, 3, 4, 5]
    assert [(log.block_number, log.log_index) for log in logs] == [(1, 0), (1, 1), (1, 2), (8, 0), (8, 1)]


def test_a_block_that_the_node_has_not_got_is_no_empty_block(
    anvil: Anvil, make_anvil: Callable[..., Anvil], connect: Connect
) -> None:
    """A node that lags behind the one asked before must not be taken to say that there were no logs."""
    anvil.mine(3)
    anvil.transfer(7)
    blocks = connect(anvil.url).blocks(4, 4)
    behind = connect(make_anvil().url)
    with pytest.raises(NodeUnavailable):
        behind.logs(CONTRACT, blocks)
    with pytest.raises(NodeUnavailable):
        behind.blocks(0, 4)


@pytest.fixture(params=["refused", "frozen", "no such path"])
def silent_url(request: pytest.FixtureRequest, anvil: Anvil) -> Iterator[str]:
    """The address, with a key in it, of a node that does not answer."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # nobody listens
        if request.param == "frozen":
            anvil.freeze()
        port = unheard.getsockname()[1]
        yield f"http://127.0.0.1:{port}/v2/{KEY}" if request.param == "refused" else f"{anvil.url}/v2/{KEY}"


def test_a_node_that_does_not_answer_is_unavailable_and_its_key_is_told_to_nobody(
    silent_url: str, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    node = connect(silent_url, timeout_s=0.2)
    questions: list[Callable[[], Any]] = [
        node.chain_id,
        lambda: node.has_code(CONTRACT),
        node.heads,
        lambda: node.blocks(0, 2),
        lambda: node.logs(CONTRACT, [BLOCK]),
        lambda: node.receipt_logs(CONTRACT, BLOCK),
        lambda: node.count(CONTRACT, BLOCK),
    ]
    for question in questions:
        with pytest.raises(NodeUnavailable) as fault:
            question()
        assert KEY not in "".join(traceback.format_exception(fault.value))
        assert KEY not in repr(fault.value)
    assert KEY not in caplog.text


def test_headers_that_break_off_do_not_bring_the_key_into_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hostile = Hostile(honest=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: 1\r\n\r\n{}").start()
    try:
        hostile.turn(Mood.STALL)
        with pytest.raises(NodeUnavailable):
            connect(f"{hostile.url}/v2/{KEY}", timeout_s=0.5).chain_id()
    finally:
        hostile.stop()
    assert KEY not in caplog.text


def test_the_status_of_a_refusal_is_told_and_it_is_not_asked_again(answering: Answering, connect: Connect) -> None:
    answering.status = 429
    with pytest.raises(NodeUnavailable, match=r"node 1: eth_chainId\(\): HTTPError 429"):
        connect(answering.url).chain_id()
    assert answering.questions == 1


def answer(result: Any, number: int = 0) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


def both(first: Any, second: Any) -> bytes:
    return b"[" + answer(first, 0) + b"," + answer(second, 1) + b"]"


NONSENSE = [
    b"",
    b"<html>",
    b"[]",
    b"{}",
    b"null",
    b"[1, 2]",
    b"[{}]",
    b'"text"',
    b"[" * 100_000,
    b'{"jsonrpc": "2.0", "id": 0, "error": "no"}',
    b'{"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "limit"}}',
    answer(None),
    answer("0xzz"),
    answer({}),
    answer({**HEADER, "hash": None}),
    answer({**HEADER, "number": "one"}),
    answer([{"blockHash": HASH}]),
    b"[" + answer(HEADER) + b"]",
    b"[" + answer([{"blockHash": HASH}]) + b"," + answer([]) + b"]",
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: body[:60].decode())
@pytest.mark.filterwarnings("ignore:Received batch response with missing `id`:RuntimeWarning")
def test_nonsense_is_no_answer(body: bytes, answering: Answering, connect: Connect) -> None:
    answering.body = body
    node = connect(answering.url)
    questions: list[Callable[[], Any]] = [
        node.chain_id,
        lambda: node.blocks(1, 2),
        lambda: node.logs(CONTRACT, [BLOCK, BLOCK._replace(number=2)]),
        lambda: node.receipt_logs(CONTRACT, BLOCK),
        lambda: node.count(CONTRACT, BLOCK),
    ]
    for question in questions:
        with pytest.raises(NodeUnavailable):
            question()


def test_the_longer_headers_of_some_chains_are_read(answering: Answering, connect: Connect) -> None:
    answering.body = answer({**HEADER, "extraData": "0x" + "ff" * 97})
    assert connect(answering.url).blocks(1, 1) == [BLOCK]


def test_a_header_without_a_bloom_filter_is_one_with_an_empty_one(answering: Answering, connect: Connect) -> None:
    answering.body = answer({name: value for name, value in HEADER.items() if name != "logsBloom"})
    assert connect(answering.url).blocks(1, 1) == [BLOCK]


def test_blocks_of_two_histories_are_not_taken_for_one(answering: Answering, connect: Connect) -> None:
    other = {**HEADER, "number": "0x2", "parentHash": "0x" + "cd" * 32}
    answering.body = both(HEADER, other)
    with pytest.raises(NodeUnavailable, match="do not follow"):
        connect(answering.url).blocks(1, 2)


def test_logs_of_another_block_than_was_asked_for_are_not_taken(
    anvil: Anvil, answering: Answering, connect: Connect
) -> None:
    anvil.transfer(7)
    (block,) = connect(anvil.url).blocks(1, 1)
    logs = anvil.rpc("eth_getLogs", {"blockHash": block.hash})
    answering.body = answer(logs)
    node = connect(answering.url)
    assert len(node.logs(CONTRACT, [block])) == 1
    with pytest.raises(NodeUnavailable, match="another block"):
        node.logs(CONTRACT, [block._replace(hash=HASH)])


def test_deep_nesting_stays_an_error_and_does_not_kill_the_process_once_web3_is_there() -> None:
    script = """
import json
from adapters.chain.node import Node
Node("http://127.0.0.1:1", 1.0).close()
try:
    json.loads("[" * 100_000)
except RecursionError:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n", "")


def test_one_connection_serves_all_questions_until_it_is_closed(answering: Answering) -> None:
    answering.body = answer("0x168")
    node = Node(answering.url, PATIENCE_S)
    assert [node.chain_id() for _ in range(3)] == [360, 360, 360]
    assert answering.connections == 1
    assert not answering.left.is_set()
    node.close()
    assert answering.left.wait(PATIENCE_S)


HOSTILE = [mood for mood in Mood if mood is not Mood.HONEST]


@pytest.mark.parametrize("mood", HOSTILE)
def test_a_hostile_node_is_unavailable_in_time_and_the_next_answer_is_taken(mood: Mood, connect: Connect) -> None:
    body = answer("0x168")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    hostile = Hostile(honest=head + body, drip_s=0.25, flood_bytes=64 * 2**20).start()
    try:
        node = connect(hostile.url, timeout_s=0.5)
        hostile.turn(mood)
        begun_s = time.monotonic()
        for question in (node.chain_id, lambda: node.blocks(1, 2)):
            with pytest.raises(NodeUnavailable):
                question()
        assert time.monotonic() - begun_s < 30, "dripped, the answers take 45 s"
        hostile.turn(Mood.HONEST)
        assert connect(hostile.url, timeout_s=PATIENCE_S).chain_id() == 360
    finally:
        hostile.stop()


def test_an_answer_of_hundreds_of_megabytes_costs_little_memory(connect: Connect) -> None:
    hostile = Hostile(flood_bytes=300 * 2**20).start()
    try:
        node = connect(hostile.url)
        hostile.turn(Mood.FLOOD)
        tracemalloc.start()
        with pytest.raises(NodeUnavailable):
            node.chain_id()
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 4 * ANSWER_BYTES
    finally:
        tracemalloc.stop()
        hostile.stop()


def test_other_blocks_than_were_asked_for_are_not_taken(answering: Answering, connect: Connect) -> None:
    answering.body = both({**HEADER, "number": "0x5"}, {**HEADER, "number": "0x6"})
    with pytest.raises(NodeUnavailable, match="other blocks than 1 to 2"):
        connect(answering.url).blocks(1, 2)


# ---- refusals


@pytest.fixture
def liar(anvil: Anvil) -> Iterator[Callable[..., LyingNode]]:
    with ExitStack() as ending:
        yield lambda **lies: ending.enter_context(LyingNode(anvil.url, lies=Lies(**lies)))


@pytest.mark.parametrize("most", [1, 2, 3, 10, 50])
def test_a_batch_that_is_refused_is_halved_until_it_is_taken_and_the_size_is_kept(
    most: int, anvil: Anvil, liar: Callable[..., LyingNode], connect: Connect
) -> None:
    anvil.mine(60)
    lying = liar(most_in_batch=most)
    node = connect(lying.url)
    assert [block.number for block in node.blocks(1, BATCH)] == [*range(1, BATCH + 1)]
    assert most / 2 <= node.rpc.batch <= most
    asked, before = -(-BATCH // node.rpc.batch), lying.requests
    node.blocks(1, BATCH)
    assert lying.requests - before == asked, "none is refused any more"


def test_one_question_that_fails_does_not_make_batches_smaller(anvil: Anvil, connect: Connect) -> None:
    anvil.mine(3)
    node = connect(anvil.url)
    blocks = node.blocks(1, 3)
    with pytest.raises(NodeUnavailable, match=r"eth_getLogs\(block 2\): error -\d+"):
        node.logs(CONTRACT, [blocks[0], blocks[1]._replace(hash=HASH), blocks[2]])
    assert node.rpc.batch == BATCH


def test_an_error_names_node_method_tag_and_code(answering: Answering, connect: Connect) -> None:
    error = {"code": -39001, "message": f"no such block, {KEY}"}
    answering.body = json.dumps([{"jsonrpc": "2.0", "id": at, "error": error} for at in range(3)]).encode()
    with pytest.raises(NodeUnavailable) as fault:
        connect(answering.url).heads()
    assert str(fault.value).startswith("node 1: eth_getBlockByNumber(latest)")
    answering.body = json.dumps({"jsonrpc": "2.0", "id": 0, "error": error}).encode()
    with pytest.raises(NodeUnavailable) as fault:
        connect(answering.url).heads()
    assert str(fault.value) == "node 1: eth_getBlockByNumber(latest): error -39001"


@pytest.mark.parametrize(
    ("header", "wait_s"), [("0", 0), ("7", 7), ("9" * 9, LONGEST_WAIT_S), ("soon", 0), ("-5", 0), ("", 0)]
)
def test_a_node_that_asks_for_a_wait_is_left_alone_that_long(
    header: str, wait_s: float, anvil: Anvil, liar: Callable[..., LyingNode]
) -> None:
    now_s = 1000.0
    lying = liar(too_many_requests=1.0, retry_after=header)
    node = Node(lying.url, PATIENCE_S, clock=lambda: now_s)
    with pytest.raises(NodeUnavailable, match="429"):
        node.chain_id()
    lying.lies.too_many_requests, asked = 0.0, lying.requests
    if wait_s:
        now_s += wait_s - 0.5
        with pytest.raises(NodeUnavailable, match="left alone"):
            node.chain_id()
        now_s += 0.5
    assert lying.requests == asked
    assert node.chain_id() == CHAIN_ID
    node.close()


def test_a_wait_until_a_date_is_kept(anvil: Anvil, liar: Callable[..., LyingNode], connect: Connect) -> None:
    node = connect(liar(too_many_requests=1.0, retry_after=formatdate(time.time() + 300)).url)
    for says in ("429", "left alone"):
        with pytest.raises(NodeUnavailable, match=says):
            node.chain_id()


def test_no_request_begins_when_the_time_of_the_turn_is_over(answering: Answering) -> None:
    node = Node(answering.url, PATIENCE_S, clock=lambda: 10.0)
    node.rpc.until_s = 10.0
    with pytest.raises(NodeUnavailable, match=r"no time is left for eth_chainId"):
        node.chain_id()
    assert answering.questions == 0
    node.close()


def test_receipts_that_are_not_those_of_the_block_are_not_taken(anvil: Anvil, liar: Callable[..., LyingNode]) -> None:
    anvil.transfer(1, 2)
    lying = liar()
    node = Node(lying.url, PATIENCE_S)
    [block] = node.blocks(1, 1)
    receipts = anvil.rpc("eth_getBlockReceipts", "0x1")
    for lie in (
        None,
        [],
        receipts[:1],
        [{**receipt, "blockHash": HASH} for receipt in receipts],
        [{**receipt, "logs": None} for receipt in receipts],
    ):
        lying.alter = lambda question, result, lie=lie: lie  # type: ignore[misc]
        with pytest.raises(NodeUnavailable):
            node.receipt_logs(CONTRACT, block)
    lying.alter = lambda question, result: result
    assert len(node.receipt_logs(CONTRACT, block)) == 2
    node.close()


def test_a_transaction_that_failed_has_left_no_log(anvil: Anvil, connect: Connect) -> None:
    with anvil.one_block():
        anvil.send(1)
        call = {"from": SENDER, "to": CONTRACT, "data": f"0x{2:064x}", "gas": hex(22_000)}
        anvil.rpc("eth_sendTransaction", call)
    node = connect(anvil.url)
    [block] = node.blocks(1, 1)
    assert block.transactions == 2
    assert len(node.receipt_logs(CONTRACT, block)) == 1
