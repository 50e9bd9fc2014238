"""The transaction sender on a real node and a real store: each decision is mined once, whatever happens."""

import traceback
from collections.abc import Callable

import pytest

from actors.settlement.sender import BALANCE, HELD, WRITER, WrongKey
from adapters import alarms
from adapters.chain.node import NodeUnavailable
from adapters.chain.sending import GAS_PRICE_ORACLE
from auction.settlement.transactions import STUCK_MS
from messages.chain_events import (
    KeyStopped,
    TransactionAttempted,
    TransactionDropped,
    TransactionMined,
    TransactionOrdered,
)
from tests.actors.settlement.sending import (
    KEY,
    L1_FEE_CAP_WEI,
    POINTS,
    SENDER,
    Clock,
    Driven,
    crash_and_recover,
    logged,
    offer,
    offers,
    transactions,
)
from tests.harness.anvil import CONTRACT, FINALIZED_LAG, Anvil
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-4")

Drive = Callable[..., Driven]
# The second account of anvil.
OTHER_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
OTHER_SENDER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
AUCTION = "m-01"


def attempts(store: Store) -> list[TransactionAttempted]:
    return logged(store, TransactionAttempted)


def test_an_offer_is_ordered_sent_mined_and_final(anvil: Anvil, drive: Drive, store: Store) -> None:
    sender = drive(anvil)
    decision = sender.order(AUCTION)
    sender.poll(4)
    anvil.mine(FINALIZED_LAG)
    sender.poll(4)
    assert offers(anvil, AUCTION) == 1
    ordered, attempted, mined, final = logged(store, object)
    assert isinstance(ordered, TransactionOrdered)
    assert isinstance(attempted, TransactionAttempted)
    receipt = anvil.rpc("eth_getTransactionReceipt", attempted.transaction_hash)
    for event in (mined, final):
        assert isinstance(event, TransactionMined)
        assert (event.decision, event.nonce, event.succeeded, event.empty) == (decision, 0, True, False)
        assert (event.transaction_hash, event.block_hash) == (attempted.transaction_hash, receipt["blockHash"])
    assert (mined.final, final.final) == (False, True)
    gas_used = int(receipt["gasUsed"], 16)
    assert gas_used <= attempted.gas <= gas_used * 2


def test_many_decisions_are_mined_in_their_order_one_at_a_time(anvil: Anvil, drive: Drive, store: Store) -> None:
    sender = drive(anvil)
    auctions = [f"m-{n:02}" for n in range(1, 6)]
    for auction in auctions:
        sender.order(auction)
        sender.order(auction)  # said twice
    sender.poll(12)
    assert [offers(anvil, auction) for auction in auctions] == [1] * 5
    assert [attempt.nonce for attempt in attempts(store)] == [0, 1, 2, 3, 4]
    assert [attempt.decision for attempt in attempts(store)] == [f"offer:{auction}:1" for auction in auctions]


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_point_of_an_offer_loses_and_doubles_nothing(
    point: str, anvil: Anvil, store: Store, clock: Clock
) -> None:
    crash_and_recover(store, anvil, clock, AUCTION, point)


def test_a_send_that_never_arrived_fifty_times_in_a_row_leaves_no_gap(
    anvil: Anvil, drive: Drive, store: Store, clock: Clock
) -> None:
    sender = drive(anvil)
    sender.is_cut = True
    sender.order(AUCTION)
    for _ in range(50):
        sender.poll(3)
        clock.now_ms += 30_000
    assert transactions(anvil) == 0
    sender.is_cut = False
    sender.poll(2)
    sender.order("m-02")
    sender.poll(3)
    assert (offers(anvil, AUCTION), offers(anvil, "m-02")) == (1, 1)
    assert [attempt.nonce for attempt in attempts(store)] == [0, 1]


def stuck(anvil: Anvil, sender: Driven) -> None:
    """An offer that waits in the pool, since the base fee has risen above its fee."""
    anvil.rpc("evm_setAutomine", False)
    sender.order(AUCTION)
    sender.poll(3)
    base_fee = int(anvil.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(base_fee * 4))
    anvil.rpc("evm_mine")
    assert transactions(anvil) == 0


def test_a_stuck_transaction_is_replaced_and_mined(anvil: Anvil, drive: Drive, store: Store, clock: Clock) -> None:
    sender = drive(anvil)
    stuck(anvil, sender)
    clock.now_ms += STUCK_MS
    sender.poll()
    anvil.rpc("evm_mine")
    sender.poll()
    first, second = attempts(store)
    assert second.max_fee_wei * 8 >= first.max_fee_wei * 9
    assert second.tip_wei * 8 >= first.tip_wei * 9
    assert [event.transaction_hash for event in logged(store, TransactionMined)] == [second.transaction_hash]
    assert offers(anvil, AUCTION) == 1


def test_at_the_cap_it_is_held_with_an_alarm(anvil: Anvil, drive: Drive, store: Store, clock: Clock) -> None:
    anvil.rpc("evm_setAutomine", False)
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(3)
    for _ in range(20):
        clock.now_ms += STUCK_MS
        sender.poll()
    assert "5 times the suggested" in alarms.sounding()[HELD]
    fees = [attempt.max_fee_wei for attempt in attempts(store)]
    assert 5 * fees[0] * 8 / 9 < fees[-1] <= 5 * fees[0]
    anvil.rpc("evm_mine")
    sender.poll()
    assert HELD not in alarms.sounding()
    assert [event.transaction_hash for event in logged(store, TransactionMined)] == [
        attempts(store)[-1].transaction_hash
    ]


def test_the_first_attempt_mined_after_three_replacements_is_one_offer_with_its_own_hash(
    anvil: Anvil, drive: Drive, store: Store, clock: Clock
) -> None:
    anvil.rpc("evm_setAutomine", False)
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(3)
    while len(attempts(store)) < 4:
        clock.now_ms += STUCK_MS
        sender.poll()
    first = attempts(store)[0]
    anvil.rpc("anvil_dropAllTransactions")
    anvil.rpc("eth_sendRawTransaction", first.raw)
    anvil.rpc("evm_mine")
    anvil.mine(FINALIZED_LAG)
    sender.poll(4)
    assert [event.transaction_hash for event in logged(store, TransactionMined)] == [first.transaction_hash] * 2
    assert (offers(anvil, AUCTION), transactions(anvil)) == (1, 1)


def test_a_lapsed_offer_is_replaced_by_an_empty_transfer_to_oneself(anvil: Anvil, drive: Drive, store: Store) -> None:
    anvil.rpc("evm_setAutomine", False)
    sender = drive(anvil)
    decision = sender.order(AUCTION)
    sender.poll(3)
    sender.lapse(decision)
    sender.poll()
    anvil.rpc("evm_mine")
    anvil.mine(FINALIZED_LAG)
    sender.poll(4)
    empty = anvil.rpc("eth_getTransactionByHash", attempts(store)[-1].transaction_hash)
    assert (empty["to"], empty["input"], int(empty["value"], 16)) == (SENDER, "0x", 0)
    assert [event.decision for event in logged(store, TransactionDropped)] == [decision]
    assert (offers(anvil, AUCTION), transactions(anvil)) == (0, 1)


def test_a_reorganised_offer_is_sent_again_with_the_same_bytes(
    anvil: Anvil, drive: Drive, store: Store, clock: Clock
) -> None:
    anvil.mine(3)
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(4)
    anvil.reorganise(1)
    anvil.rpc("anvil_dropAllTransactions")
    assert offers(anvil, AUCTION) == 0
    clock.now_ms += 30_000
    sender.poll(2)
    assert (offers(anvil, AUCTION), transactions(anvil)) == (1, 1)
    first, again = logged(store, TransactionMined)
    assert first.transaction_hash == again.transaction_hash
    assert first.block_hash != again.block_hash
    assert len(attempts(store)) == 1


def test_a_stranger_who_uses_the_key_stops_it_with_an_alarm(anvil: Anvil, drive: Drive, store: Store) -> None:
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(4)
    anvil.send(1)  # from the same account
    anvil.settle()
    sender.order("m-02")
    sender.poll(4)
    [stop] = logged(store, KeyStopped)
    assert (stop.sender, stop.nonce) == (SENDER, 1)
    assert "somebody else" in alarms.sounding()[HELD]
    assert len(attempts(store)) == 1
    assert "somebody else" in alarms.sounding()[HELD]


def oracle(l1_fee_wei: int) -> str:
    """Code of a predeploy that names this fee on any call."""
    return f"0x7f{l1_fee_wei:064x}60005260206000f3"


def test_an_l1_fee_of_a_hundred_times_its_cap_holds_an_offer_until_it_has_fallen(
    anvil: Anvil, drive: Drive, store: Store
) -> None:
    anvil.rpc("anvil_setCode", GAS_PRICE_ORACLE, oracle(100 * L1_FEE_CAP_WEI))
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(5)
    assert "the fee on L1 is 0.1 ETH, over the cap of 0.001 ETH" in alarms.sounding()[HELD]
    assert attempts(store) == []
    anvil.rpc("anvil_setCode", GAS_PRICE_ORACLE, oracle(L1_FEE_CAP_WEI))
    sender.poll()
    assert offers(anvil, AUCTION) == 1
    assert HELD not in alarms.sounding()


@pytest.mark.parametrize(("balance_wei", "alarm", "sent"), [(10**12, HELD, 0), (3 * 10**14, BALANCE, 1)])
def test_a_balance_that_does_not_cover_an_offer_holds_it_and_one_that_covers_few_is_an_alarm(
    balance_wei: int, alarm: str, sent: int, anvil: Anvil, drive: Drive
) -> None:
    anvil.rpc("anvil_setBalance", SENDER, hex(balance_wei))
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(4)
    assert alarm in alarms.sounding()
    assert offers(anvil, AUCTION) == sent


def test_a_call_that_the_contract_refuses_is_not_sent_and_keeps_no_other_waiting(
    anvil: Anvil, drive: Drive, store: Store
) -> None:
    refuses = "0x" + _refuses_first_word_of(AUCTION) + "60006000fd" + "5b00"
    anvil.rpc("anvil_setCode", CONTRACT, refuses)
    sender = drive(anvil)
    decision = sender.order(AUCTION)
    sender.order("m-02")
    sender.poll(4)
    assert [attempt.decision for attempt in attempts(store)] == ["offer:m-02:1"]
    assert f"the node refuses {decision}: execution reverted" in alarms.sounding()[HELD]


def _refuses_first_word_of(auction_id: str) -> str:
    """Code that goes on behind itself where the call is the offer of this auction, and else jumps over five bytes."""
    word = offer(auction_id).data()[2:66]
    code = f"6000357f{word}1415"  # CALLDATALOAD(0) == word, not
    jump_to = len(code) // 2 + 3 + 5
    return f"{code}60{jump_to:02x}57"


def test_with_two_nodes_one_may_be_dead(anvil: Anvil, make_anvil: Callable[..., Anvil], drive: Drive) -> None:
    dead = make_anvil()
    sender = drive(dead, anvil)
    sender.order(AUCTION)
    sender.poll(1)
    dead.kill()
    sender.poll(4)
    assert offers(anvil, AUCTION) == 1


def test_without_a_node_it_waits_and_its_successor_goes_on(anvil: Anvil, drive: Drive, store: Store) -> None:
    first = drive(anvil, timeout_s=1.0)
    first.order(AUCTION)
    anvil.freeze()
    with pytest.raises(NodeUnavailable):
        first.poll()
    anvil.thaw()
    second = drive(anvil)
    second.poll(4)
    assert offers(anvil, AUCTION) == 1


def test_the_key_of_the_contracts_owner_sends_nothing(anvil: Anvil, drive: Drive, store: Store) -> None:
    anvil.rpc("anvil_setCode", CONTRACT, f"0x73{SENDER[2:]}60005260206000f3")
    with pytest.raises(WrongKey, match="the operator's key is that of the contract's owner"):
        drive(anvil).order(AUCTION)
    assert logged(store, object) == []


def test_an_address_without_a_contract_gets_nothing(anvil: Anvil, drive: Drive, store: Store) -> None:
    anvil.rpc("anvil_setCode", CONTRACT, "0x")
    with pytest.raises(WrongKey, match=f"there is no contract at {CONTRACT} on chain 360"):
        drive(anvil).order(AUCTION)
    assert logged(store, object) == []


def test_a_node_on_another_chain_gets_nothing(make_anvil: Callable[..., Anvil], drive: Drive, store: Store) -> None:
    with pytest.raises(WrongKey, match="on chain 11011, the settings say 360"):
        drive(make_anvil(chain_id=11011)).order(AUCTION)
    assert logged(store, object) == []


def test_another_key_waits_until_what_the_old_one_has_sent_is_final(
    anvil: Anvil, drive: Drive, store: Store, clock: Clock
) -> None:
    anvil.rpc("evm_setAutomine", False)
    first = drive(anvil)
    first.order(AUCTION)
    first.poll(3)
    first.stop()
    second = drive(anvil, key=OTHER_KEY)
    second.order("m-02")
    second.poll(4)
    assert f"a transaction of the key {SENDER} is not mined yet" in alarms.sounding()[HELD]
    anvil.rpc("evm_mine")
    anvil.rpc("evm_setAutomine", True)
    anvil.mine(FINALIZED_LAG)
    second.poll(8)
    assert [(attempt.sender, attempt.nonce) for attempt in attempts(store)] == [(SENDER, 0), (OTHER_SENDER, 0)]
    assert (offers(anvil, AUCTION), offers(anvil, "m-02")) == (1, 1)


def test_after_a_stop_a_new_key_goes_on_and_what_the_stranger_has_prevented_is_dropped(
    anvil: Anvil, drive: Drive, store: Store
) -> None:
    anvil.rpc("evm_setAutomine", False)
    first = drive(anvil)
    decision = first.order(AUCTION)
    first.order("m-02")
    first.poll(3)
    anvil.rpc("anvil_dropAllTransactions")
    anvil.send(1)  # with the same nonce
    anvil.rpc("evm_mine")
    anvil.rpc("evm_setAutomine", True)
    first.poll(4)
    first.stop()
    second = drive(anvil, key=OTHER_KEY)
    second.poll(4)
    assert f"the key of {SENDER}" in alarms.sounding()[HELD]
    anvil.mine(FINALIZED_LAG)
    second.poll(8)
    assert [event.sender for event in logged(store, KeyStopped)] == [SENDER]
    assert [event.decision for event in logged(store, TransactionDropped)] == [decision]
    assert (offers(anvil, AUCTION), offers(anvil, "m-02")) == (0, 1)


@pytest.mark.requirement("RED-4")
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_makes_nothing_forgotten_or_sent_twice(
    damaged: int, anvil: Anvil, drive: Drive, store: Store
) -> None:
    anvil.rpc("evm_setAutomine", False)
    first = drive(anvil)
    first.order(AUCTION)
    first.order("m-02")
    first.poll(3)
    first.stop()
    for key in [store.keys.checkpoint(WRITER), store.keys.previous_checkpoint(WRITER)][:damaged]:
        store.client.set(key, b"damaged")
    second = drive(anvil)
    anvil.rpc("evm_setAutomine", True)
    anvil.rpc("evm_mine")
    second.order(AUCTION)
    second.poll(4)
    assert (offers(anvil, AUCTION), offers(anvil, "m-02")) == (1, 1)
    assert [attempt.nonce for attempt in attempts(store)] == [0, 1]


def test_the_key_stands_in_nothing_that_is_written(
    anvil: Anvil, drive: Drive, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    sender = drive(anvil)
    sender.order(AUCTION)
    sender.poll(4)
    anvil.kill()
    with pytest.raises(NodeUnavailable) as fault:
        sender.poll(20)
    written = "".join(traceback.format_exception(fault.value)) + caplog.text + repr(logged(store, object))
    assert KEY[2:] not in written
