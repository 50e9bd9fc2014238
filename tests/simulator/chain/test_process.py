"""The process: its clock and its blocks, what it tells of the truth, and how long it lives."""

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from simulator import launch
from tests.harness import ROOT
from tests.harness.anvil import CONTRACT, PLAIN_CODE
from tests.harness.chain_process import ADDRESSES, KEYS, ChainEndpoint, command
from tests.harness.waiting import until
from tests.simulator.chain.conftest import Start

# Answers the 32 bytes of its address to any call, as if that were the owner of each token.
OWNING_CODE = "305f5260205ff3"
OWNING = "0x" + "0a" * 20


def times(endpoint: ChainEndpoint) -> list[int]:
    return [block["at_s"] for block in endpoint.ask("truth")["blocks"]]


def test_blocks_come_by_themselves_with_the_time_of_their_slots(start: Start) -> None:
    (chain,) = start(block_ms=50, genesis_s=0)
    until(lambda: chain.head() >= 40)
    found = times(chain)
    assert found == sorted(found)
    assert abs(found[-1] - time.time()) < 30


def test_missed_slots_are_made_up_for_with_times_of_the_past(start: Start) -> None:
    (chain,) = start(block_ms=2_000, genesis_s=0, behind_ms=7_200_000, safe_ms=300_000)
    before = chain.tell("conditions", forward_ms=600_000)["head"]
    until(lambda: chain.head() >= before + 300)
    blocks = chain.ask("truth")["blocks"][before + 1 : before + 301]
    assert {after["at_s"] - block["at_s"] for block, after in pairwise(blocks)} == {2}
    # They are new: neither safe nor finalized, however old they say they are.
    assert chain.ask("truth")["safe"] <= before


def test_skipped_slots_stay_empty(start: Start) -> None:
    (chain,) = start(block_ms=2_000, genesis_s=0, behind_ms=7_200_000)
    before = chain.tell("conditions", forward_ms=600_000, skip=True)["head"]
    until(lambda: chain.head() > before)
    found = times(chain)
    assert found[before + 1] - found[before] >= 590
    assert len(found) < before + 100


def test_a_halted_chain_makes_no_block_until_it_goes_on(start: Start) -> None:
    (chain,) = start(block_ms=20, genesis_s=0)
    until(lambda: chain.head() > 2)
    halted = chain.tell("conditions", halted=True)["head"]
    chain.tell("conditions", forward_ms=1_000)
    assert chain.head() == halted
    chain.tell("conditions", halted=False)
    until(lambda: chain.head() >= halted + 50)


def test_the_truth_tells_blocks_transactions_logs_balances_and_owners(start: Start) -> None:
    chain, _ = start(endpoints=2)
    chain.take_code(CONTRACT, PLAIN_CODE)
    chain.take_code(OWNING, OWNING_CODE)
    chain.mine()
    sent = chain.send(KEYS[1], to=CONTRACT, data="0x" + "00" * 31 + "07", gas=100_000)
    chain.tell("account", address=OWNING, balance_wei="12")
    chain.mine()
    chain.fault("old_head", n=2)
    truth = chain.ask(f"truth?after=1&contract={CONTRACT}&address={OWNING}")
    assert (truth["head"], truth["safe"], truth["balances"]) == (2, 0, {OWNING: "12"})
    (block,) = truth["blocks"]
    assert block["transactions"] == [
        {"hash": sent, "from": ADDRESSES[1].lower(), "to": CONTRACT, "nonce": 0, "value_wei": "0", "succeeded": True}
    ]
    assert [log["transactionHash"] for log in block["logs"]] == [sent]
    assert chain.ask(f"truth?contract={OWNING}&token=7&token=8")["owners"] == {"7": OWNING, "8": OWNING}
    assert chain.ask(f"truth?contract={CONTRACT}&token=7")["owners"] == {"7": None}


def test_a_reorganisation_on_request_replaces_blocks_for_all_endpoints(start: Start) -> None:
    chain, other = start(endpoints=2)
    chain.mine(5)
    old = other.rpc("eth_getBlockByNumber", "0x5", False)["hash"]
    assert chain.tell("reorganise", depth=2)["head"] == 5
    assert other.rpc("eth_getBlockByNumber", "0x5", False)["hash"] != old
    assert chain.tell("reorganise", depth=2, blocks=0)["head"] == 3
    with pytest.raises(AssertionError, match="block 0 stays"):
        chain.tell("reorganise", depth=4)


def test_fees_hold_from_the_next_block_on(start: Start) -> None:
    (chain,) = start()
    web3 = chain.web3()
    chain.tell("conditions", base_fee_wei="5000000000", l1_fee_wei="123")
    chain.mine()
    assert web3.eth.get_block("latest")["baseFeePerGas"] == 5 * 10**9
    assert web3.eth.gas_price == 5 * 10**9 + web3.eth.max_priority_fee
    sent = chain.send(maxFeePerGas=10**10)
    chain.mine()
    assert chain.rpc("eth_getTransactionReceipt", sent)["l1Fee"] == hex(123)


def test_a_restart_keeps_nothing_and_the_same_seed_begins_anew_alike(start: Start) -> None:
    first = start()[0]
    first.mine(3)
    begun = first.rpc("eth_getBlockByNumber", "0x0", False)["hash"]
    second = start()[0]
    assert second.head() == 0
    assert second.rpc("eth_getBlockByNumber", "0x0", False)["hash"] == begun
    second.mine(3)
    newest = [chain.rpc("eth_getBlockByNumber", "0x3", False)["hash"] for chain in (first, second)]
    assert newest[0] == newest[1]


def test_the_accounts_are_told_with_their_keys(start: Start) -> None:
    (chain,) = start(accounts=3)
    assert chain.ask("accounts") == [
        {"address": address.lower(), "key": "0x" + key.hex()} for address, key in zip(ADDRESSES, KEYS, strict=True)
    ]
    assert chain.web3().eth.get_balance(ADDRESSES[2]) == 10_000 * 10**18


def test_it_outlives_who_has_launched_it_and_the_next_one_finds_it(tmp_path: Path) -> None:
    def launched() -> list[str]:
        program = "from pathlib import Path; from simulator import launch; "
        program += f"print(*launch.ensure(launch.CHAIN, Path({str(tmp_path)!r}), ['--endpoints', '2']))"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.split()

    port, begun = launched()
    try:
        assert begun == "True"
        assert launched() == [port, "False"]
        assert launch.port_of(tmp_path, launch.CHAIN) == int(port)
        assert launch.port_of(tmp_path, launch.X) is None
    finally:
        launch.ask_x(int(port), "POST", "/_sim/stop", {})
    until(lambda: not launch.lives(tmp_path, launch.CHAIN))
    assert launch.port_of(tmp_path, launch.CHAIN) is None


def test_nobody_else_imports_the_evm() -> None:
    program = "import supervisor, simulator.launch, simulator.chain.settings, sys; sys.exit('eth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
def test_it_ends_on_a_signal_or_when_nobody_asks(tmp_path: Path, end: signal.Signals | None) -> None:
    port_file = tmp_path / "port"
    idle_exit_s = 60 if end else 0.2
    process = subprocess.Popen(command(port_file, idle_exit_s=idle_exit_s), cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        if end:
            until(port_file.exists)
            process.send_signal(end)
        assert process.wait(60) == 0
        assert not port_file.exists()
    finally:
        process.kill()


@pytest.mark.parametrize("options", [["--endpoints", "0"], ["--nothing", "1"]])
def test_impossible_options_are_refused(options: list[str], tmp_path: Path) -> None:
    refused = subprocess.run([*command(tmp_path / "port"), *options], cwd=ROOT, capture_output=True, check=False)
    assert refused.returncode == 2
