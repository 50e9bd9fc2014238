"""Nodes that do not tell the truth: what they say is asked again, and never believed on its own."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters import alarms
from messages.chain_events import ChainConfirmed
from tests.harness.anvil import FINALIZED_LAG, OTHER_CONTRACT, SAFE_LAG, TRANSFER, Anvil
from tests.harness.chain_watch import Watch, canonical, logged, seen, tokens
from tests.harness.lying_node import LyingNode
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-1")

MakeWatch = Callable[..., Watch]
MakeLiar = Callable[..., LyingNode]


def is_final(store: Store, token: int) -> bool:
    """Whether the block with this token was confirmed as finalized."""
    final = {e.block_hash for e in logged(store) if isinstance(e, ChainConfirmed) and e.level == "finalized"}
    return any(event.block_hash in final for event in seen(store) if int(event.topics[-1], 16) == token)


def test_a_bloom_that_promises_a_log_which_is_left_out_is_asked_again_by_receipts(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar(logs_left_out=1.0)
    it = watch(node.url)
    it.poll()
    anvil.transfer(1, 2)
    it.poll()
    assert tokens(store) == [1, 2]
    assert node.questions.count("eth_getBlockReceipts") == 1


def test_where_receipts_are_null_another_node_is_asked(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    it = watch(liar(logs_left_out=1.0, receipts_null=1.0).url, anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    assert tokens(store) == [1]


def test_a_promise_that_nobody_keeps_is_asked_for_three_times_and_then_left(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar(bloom_ones=1.0)
    it = watch(node.url)
    it.poll()
    node.questions.clear()
    anvil.mine(1)
    it.poll()
    asked = [method for method in node.questions if method in ("eth_getLogs", "eth_getBlockReceipts")]
    assert asked == ["eth_getLogs", "eth_getBlockReceipts", "eth_getLogs"]
    assert store.client.hget(store.keys.chain, "read_number") == b"1"


def test_while_no_answer_at_all_comes_the_place_does_not_move(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url)
    it.poll()
    anvil.transfer(1)
    node.alter = lambda question, result: None if question["method"] == "eth_getLogs" else result
    it.poll(3)
    assert store.client.hget(store.keys.chain, "read_number") == b"0"
    node.alter = lambda question, result: result
    it.poll()
    assert tokens(store) == [1]


def test_an_empty_bloom_is_not_believed_before_one_has_shown_the_contract(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    it = watch(liar(bloom_zero=1.0).url)
    it.poll()
    for token in (1, 2, 3):
        anvil.transfer(token)
        it.poll()
    assert tokens(store) == [1, 2, 3]


def test_a_bloom_that_has_shown_the_contract_saves_questions(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    node.questions.clear()
    anvil.mine(20)
    it.poll()
    assert node.questions.count("eth_getLogs") == 1, "the block with the log is read again when it is finalized"
    assert store.client.hget(store.keys.chain, "read_number") == b"21"


def empty_bloom(question: dict[str, Any], result: Any) -> Any:
    is_block = question["method"] == "eth_getBlockByNumber"
    return {**result, "logsBloom": "0x" + "00" * 256} if is_block and result else result


def without_the_last_log(question: dict[str, Any], result: Any) -> Any:
    return result[:-1] if question["method"] == "eth_getLogs" else result


def without_any_log(question: dict[str, Any], result: Any) -> Any:
    match question["method"]:
        case "eth_getLogs":
            return []
        case "eth_getBlockReceipts":
            return [{**receipt, "logs": []} for receipt in result]
    return result


@pytest.mark.parametrize("lie", [empty_bloom, without_the_last_log])
@pytest.mark.parametrize("is_alone", [True, False])
def test_a_log_that_was_missed_shows_as_a_gap_and_is_found_before_the_next_one_is_taken(
    lie: Callable[..., Any], is_alone: bool, anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url) if is_alone else watch(node.url, anvil.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    node.alter = lie
    anvil.transfer(2, 3)
    anvil.mine(2)
    it.poll()
    assert tokens(store) == ([1] if lie is empty_bloom else [1, 2])
    node.alter = lambda question, result: result
    anvil.transfer(4)
    it.poll(4)
    assert tokens(store) == [1, 2, 3, 4]
    assert [(event.block_hash, event.log_index) for event in seen(store)] == canonical(anvil.rpc)


def test_a_gap_within_a_block_is_filled_by_its_receipts_at_once(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url)
    it.poll()
    node.alter = lambda question, result: result[1:] if question["method"] == "eth_getLogs" else result
    anvil.transfer(1, 2)
    it.poll()
    assert tokens(store) == [1, 2]


def test_a_gap_that_no_node_can_fill_stops_the_place_and_is_an_alarm_until_it_is_filled(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url)
    it.poll()
    anvil.transfer(1)
    it.poll()

    def hides_the_second(question: dict[str, Any], result: Any) -> Any:
        if question["method"] == "eth_getLogs":
            return [log for log in result if int(log["topics"][-1], 16) != 2]
        if question["method"] == "eth_getBlockReceipts":
            return [
                {**receipt, "logs": hides_the_second({"method": "eth_getLogs"}, receipt["logs"])} for receipt in result
            ]
        return result

    node.alter = hides_the_second
    anvil.transfer(2)
    anvil.transfer(3)
    it.poll(6)
    assert tokens(store) == [1]
    assert alarms.sounding()["chain:gap"].startswith("event 2 of the contract is missing")
    node.alter = lambda question, result: result
    it.poll(2)
    assert tokens(store) == [1, 2, 3]
    assert "chain:gap" not in alarms.sounding()


def test_the_last_log_that_was_missed_is_found_when_its_block_is_finalized(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url)
    it.poll()
    anvil.transfer(1)
    it.poll()
    node.alter = empty_bloom
    anvil.transfer(2)
    it.poll()
    anvil.mine(FINALIZED_LAG)
    it.poll(2)
    assert tokens(store) == [1, 2]
    assert is_final(store, 2)


def test_nothing_is_final_while_the_contract_counts_otherwise(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url)
    it.poll()
    node.alter = lambda question, result: f"0x{7:064x}" if question["method"] == "eth_call" else result
    anvil.transfer(1)
    anvil.mine(FINALIZED_LAG)
    it.poll(3)
    assert tokens(store) == [1]
    assert not is_final(store, 1)
    assert "nothing is final until they agree" in alarms.sounding()["chain:finality"]
    node.alter = lambda question, result: result
    it.poll()
    assert is_final(store, 1)
    assert alarms.sounding() == {}


def test_logs_that_anybody_can_cause_are_not_taken(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    def with_an_approval(question: dict[str, Any], result: Any) -> Any:
        if question["method"] != "eth_getLogs":
            return result
        return [each for log in result for each in (log, {**log, "topics": [TRANSFER], "logIndex": "0xff"})]

    node = liar()
    node.alter = with_an_approval
    it = watch(node.url)
    it.poll()
    anvil.transfer(1)
    anvil.transfer(2)
    it.poll()
    assert tokens(store) == [1, 2]


def test_without_numbers_two_nodes_have_to_agree_on_the_logs_of_a_block(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    node = liar()
    it = watch(node.url, anvil.url, contract=OTHER_CONTRACT, is_numbered=False)
    it.poll()
    node.alter = without_the_last_log
    anvil.transfer(1, 2, contract=OTHER_CONTRACT)
    it.poll(3)
    assert tokens(store) == []
    node.alter = lambda question, result: result
    it.poll()
    assert tokens(store) == [1, 2]


def test_without_numbers_nothing_is_final_whose_logs_are_not_told_again(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    nodes = [liar(), liar()]
    it = watch(*(node.url for node in nodes), contract=OTHER_CONTRACT, is_numbered=False)
    it.poll()
    anvil.transfer(1, 2, contract=OTHER_CONTRACT)
    it.poll()
    for node in nodes:
        node.alter = without_any_log
    anvil.mine(FINALIZED_LAG)
    it.poll(2)
    assert not is_final(store, 1)
    assert tokens(store) == [1, 2]
    for node in nodes:
        node.alter = lambda question, result: result
    it.poll()
    assert is_final(store, 1)


def test_batches_are_made_smaller_until_the_node_takes_them(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    it = watch(liar(most_in_batch=3).url)
    it.poll()
    anvil.transfer(1)
    anvil.mine(40)
    anvil.transfer(2)
    it.poll(3)
    assert tokens(store) == [1, 2]


def test_answers_of_a_batch_in_another_order_are_put_in_order(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    it = watch(liar(reversed_batch=1.0).url)
    it.poll()
    for token in (1, 2, 3):
        anvil.transfer(token)
    it.poll()
    assert tokens(store) == [1, 2, 3]


def test_a_head_that_is_old_is_left_for_the_newer_one_of_another_node(
    anvil: Anvil, watch: MakeWatch, liar: MakeLiar, store: Store
) -> None:
    anvil.rpc("anvil_setBlockTimestampInterval", 2)
    node = liar()
    it = watch(node.url, anvil.url)
    anvil.mine(30)
    it.clock = lambda: int(anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) * 1000
    it.poll()
    node.lies.old_head = 1.0
    anvil.transfer(1)
    anvil.mine(SAFE_LAG)
    it.poll()
    assert tokens(store) == [1]
    assert alarms.sounding() == {}
