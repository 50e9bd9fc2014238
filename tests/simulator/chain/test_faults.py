"""What a client sees of each fault, and that the other endpoint of the same chain stays honest."""

import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any

import pytest
import requests

from simulator.chain.faults import Fault, Faults, Kind
from tests.harness.anvil import CONTRACT, PLAIN_CODE
from tests.harness.chain_process import ADDRESSES, KEYS, ChainEndpoint, simulated_chain

LOGS = ("eth_getLogs", {"fromBlock": "0x0"})
Answer = Callable[[ChainEndpoint], Any]


@pytest.fixture(scope="module")
def _both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ChainEndpoint, ChainEndpoint]]:
    with simulated_chain(tmp_path_factory.mktemp("chain"), endpoints=2) as (liar, honest):
        liar.take_code(CONTRACT, PLAIN_CODE)
        liar.mine()
        for nonce in range(3):
            liar.send(nonce=nonce, to=CONTRACT, data=f"0x{nonce:064x}", gas=100_000)
        liar.mine(30)
        yield liar, honest


@pytest.fixture
def both(_both: tuple[ChainEndpoint, ChainEndpoint]) -> tuple[ChainEndpoint, ChainEndpoint]:
    """A liar and an honest endpoint of one chain: block 2 holds three logs, 29 empty blocks follow."""
    _both[0].rest()
    return _both


def logs(endpoint: ChainEndpoint) -> list[int]:
    return [int(log["topics"][3], 16) for log in endpoint.rpc(*LOGS)]


def logs_of_block_2(endpoint: ChainEndpoint) -> list[int]:
    asked = {"blockHash": endpoint.rpc("eth_getBlockByNumber", "0x2", False)["hash"]}
    return [int(log["topics"][3], 16) for log in endpoint.rpc("eth_getLogs", asked)]


def bloom(endpoint: ChainEndpoint) -> str:
    return str(endpoint.rpc("eth_getBlockByNumber", "0x2", False)["logsBloom"])


def receipts(endpoint: ChainEndpoint) -> Any:
    return endpoint.rpc("eth_getBlockReceipts", "0x2")


def receipt(endpoint: ChainEndpoint) -> Any:
    sent = endpoint.rpc("eth_getBlockByNumber", "0x2", False)["transactions"][0]
    return endpoint.rpc("eth_getTransactionReceipt", sent)


def heads(endpoint: ChainEndpoint) -> list[Any]:
    newest = endpoint.rpc("eth_getBlockByNumber", "latest", False)["number"]
    return [endpoint.head(), int(newest, 16), endpoint.rpc("eth_getBlockByNumber", "0x19", False)]


def level(tag: str) -> Answer:
    return lambda endpoint: endpoint.full("eth_getBlockByNumber", tag, False).get("error")


def batch(size: int, reads: Callable[[Any], Any]) -> Answer:
    def asked(endpoint: ChainEndpoint) -> Any:
        return reads(endpoint.post([endpoint.question("eth_getBlockByNumber", hex(n), False) for n in range(size)]))

    return asked


def numbers(answers: Any) -> list[int]:
    return [int(answer["result"]["number"], 16) for answer in answers]


UNKNOWN = {"code": -39001, "message": "Unknown block"}
TOO_LARGE = {"code": -32600, "message": "batch too large"}

LIES: dict[str, tuple[dict[str, Any], Answer, Any]] = {
    "logs left out wholly": ({"kind": "logs_none"}, logs, []),
    "logs left out by hash": ({"kind": "logs_none"}, logs_of_block_2, []),
    "bloom of zeros": ({"kind": "bloom_zero"}, bloom, "0x" + "00" * 256),
    "bloom of ones": ({"kind": "bloom_ones"}, bloom, "0x" + "ff" * 256),
    "receipts null": ({"kind": "null", "method": "eth_getBlockReceipts"}, receipts, None),
    "receipt null": ({"kind": "null", "method": "eth_getTransactionReceipt"}, receipt, None),
    "head 20 blocks old": ({"kind": "old_head", "n": 20}, heads, [11, 11, None]),
    "logs of a node behind": ({"kind": "old_head", "n": 30}, logs, []),
    "safe unknown": ({"kind": "unknown_levels"}, level("safe"), UNKNOWN),
    "finalized unknown": ({"kind": "unknown_levels"}, level("finalized"), UNKNOWN),
    "small batches": ({"kind": "batch_limit", "n": 3}, batch(4, lambda answer: answer["error"]), TOO_LARGE),
    "batches that are small enough": ({"kind": "batch_limit", "n": 3}, batch(3, numbers), [0, 1, 2]),
    "reversed batches": ({"kind": "reversed"}, batch(3, numbers), [2, 1, 0]),
    "short batches": ({"kind": "short"}, batch(3, numbers), [0, 1]),
    "error": (
        {"kind": "error", "method": "eth_chainId", "code": -32005, "message": "limit exceeded"},
        lambda endpoint: endpoint.full("eth_chainId")["error"],
        {"code": -32005, "message": "limit exceeded"},
    ),
}


@pytest.mark.parametrize(("fault", "asked", "lie"), LIES.values(), ids=LIES)
def test_a_liar_lies_and_the_honest_endpoint_does_not(
    both: tuple[ChainEndpoint, ChainEndpoint], fault: dict[str, Any], asked: Answer, lie: Any
) -> None:
    liar, honest = both
    truth = _of(asked, honest)
    liar.fault(**fault)
    assert asked(liar) == lie
    assert _of(asked, honest) == truth
    liar.rest()
    assert _of(asked, liar) == truth


def _of(asked: Answer, endpoint: ChainEndpoint) -> Any:
    """What the endpoint answers; for a batch that is judged as a refusal, nothing."""
    try:
        return asked(endpoint)
    except (KeyError, TypeError):
        return None


def test_one_log_of_an_answer_is_left_out_by_chance(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, honest = both
    liar.fault("logs_part")
    seen = {tuple(logs(liar)) for _ in range(40)}
    assert seen == {(0, 1), (0, 2), (1, 2)}
    assert logs(honest) == [0, 1, 2]


def test_a_fault_by_count_happens_so_often_and_one_by_rate_by_chance(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, _ = both
    liar.tell("faults", kind="logs_none", count=2)
    assert [logs(liar) for _ in range(3)] == [[], [], [0, 1, 2]]
    liar.fault("logs_none", rate=0.5)
    assert {tuple(logs(liar)) for _ in range(40)} == {(), (0, 1, 2)}


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    def drawn(seed: str) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault(kind=Kind.LOGS_NONE, rate=0.3))
        return [faults.strikes(Kind.LOGS_NONE, "eth_getLogs") is not None for _ in range(100)]

    assert drawn("7:0") == drawn("7:0")
    assert drawn("7:0") != drawn("7:1")


def test_a_transaction_may_be_accepted_and_never_arrive(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, honest = both
    liar.tell("faults", kind="send_lost", count=1)
    sent = liar.send(KEYS[1])
    assert liar.rpc("eth_getTransactionByHash", sent) is None
    assert honest.rpc("eth_getTransactionCount", ADDRESSES[1], "pending") == "0x0"
    assert liar.send(KEYS[1]) == sent
    assert honest.rpc("eth_getTransactionByHash", sent)["hash"] == sent


def test_a_transaction_may_arrive_although_its_answer_is_lost(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, honest = both
    liar.tell("faults", kind="response_lost", count=1, method="eth_sendRawTransaction")
    with pytest.raises((OSError, HTTPException)):
        liar.send(KEYS[2])
    assert honest.rpc("eth_getTransactionCount", ADDRESSES[2], "pending") == "0x1"


@pytest.mark.parametrize(
    ("fault", "status", "wait"),
    [
        ({"kind": "http_429", "retry_after_s": 7}, 429, "7"),
        ({"kind": "http_429", "retry_after_s": None}, 429, None),
        ({"kind": "http_503"}, 503, None),
    ],
)
def test_a_refusal_by_status_may_say_when_to_come_back(
    both: tuple[ChainEndpoint, ChainEndpoint], fault: dict[str, Any], status: int, wait: str | None
) -> None:
    liar, honest = both
    liar.fault(**fault)
    with requests.post(liar.url, json=liar.question("eth_chainId"), timeout=60) as answer:
        assert (answer.status_code, answer.headers.get("Retry-After")) == (status, wait)
    assert honest.rpc("eth_chainId") == "0x168"


def test_a_slow_answer_comes_late(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, _ = both
    liar.fault("slow", ms=300)
    began_s = time.monotonic()
    assert liar.rpc("eth_chainId") == "0x168"
    assert time.monotonic() - began_s >= 0.3


def test_an_endpoint_without_an_answer_holds_nobody_else_up(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, honest = both
    liar.fault("no_answer", ms=600_000)
    with pytest.raises(requests.Timeout):
        requests.post(liar.url, json=liar.question("eth_chainId"), timeout=0.2)
    assert honest.rpc("eth_chainId") == "0x168"


def test_a_dripping_answer_is_whole_in_the_end(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, _ = both
    liar.fault("drip", ms=2)
    began_s = time.monotonic()
    with requests.post(liar.url, json=liar.question("eth_chainId"), timeout=60, stream=True) as answer:
        size = int(answer.headers["Content-Length"])
        assert answer.json()["result"] == "0x168"
    assert time.monotonic() - began_s >= size * 0.002


def test_a_giant_answer_has_the_size_that_is_asked_for(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    liar, _ = both
    liar.fault("giant", n=3_500_000)
    with requests.post(liar.url, json=liar.question("eth_chainId"), timeout=60) as answer:
        assert len(answer.json()["result"]) == 3_500_002


@pytest.mark.parametrize("wrong", [{"kind": "nonsense"}, {"kind": "slow", "rate": 2}, {"kind": "slow", "nothing": 1}])
def test_an_impossible_fault_is_refused(both: tuple[ChainEndpoint, ChainEndpoint], wrong: dict[str, Any]) -> None:
    liar, _ = both
    with pytest.raises(AssertionError, match="error"):
        liar.tell("faults", **wrong)


NO_QUESTIONS: dict[str, tuple[Any, int]] = {
    "no JSON": (b"{", -32700),
    "no object": (7, -32600),
    "no method": ({"id": 1}, -32600),
    "parameters by name": ({"id": 1, "method": "eth_chainId", "params": {"a": 1}}, -32600),
    "an empty batch": ([], -32600),
}


@pytest.mark.parametrize(("content", "code"), NO_QUESTIONS.values(), ids=NO_QUESTIONS)
def test_what_is_no_question_is_an_error(both: tuple[ChainEndpoint, ChainEndpoint], content: Any, code: int) -> None:
    assert both[1].post(content)["error"]["code"] == code


def test_a_batch_answers_each_question_with_its_number(both: tuple[ChainEndpoint, ChainEndpoint]) -> None:
    _, honest = both
    answers = honest.post([{"id": "a", "method": "eth_chainId"}, 7, {"id": "b", "method": "eth_nothing"}])
    assert [answer["id"] for answer in answers] == ["a", None, "b"]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, -32600, -32601]
