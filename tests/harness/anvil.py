"""A real EVM node for tests: anvil, and the smallest contracts that a watcher can watch. One numbers its events."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness import ROOT
from tests.harness.waiting import PATIENCE_S, until

CHAIN_ID = 360
SAFE_LAG, FINALIZED_LAG = 2, 4

# The first of the accounts that anvil unlocks.
SENDER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
CONTRACT = "0x" + "c0" * 20
OTHER_CONTRACT = "0x" + "0c" * 20
REVOKED = "0x4c6347483b7f50c364c88d459a3e3fbe150e6e7f4d262cce0356dde6558b9b2d"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

# On any call: emit Transfer(from nobody, to the caller, the token of the first word of the call's data).
PLAIN_CODE = "".join(
    [
        "6000", "35",           # PUSH1 0, CALLDATALOAD: the fourth topic, the token
        "33",                   # CALLER: the third topic, to
        "6000",                 # PUSH1 0: the second topic, from
        "7f", TRANSFER[2:],     # PUSH32: the first topic, keccak("Transfer(address,address,uint256)")
        "6000", "6000", "a4",   # PUSH1 0, PUSH1 0, LOG4: no data at offset 0
        "00",                   # STOP
    ]
)  # fmt: skip

# The same with an event of the sale contract: Revoked(auction 0, the token, n, offer: the token), where n counts the
# events. On a call with four bytes of data, which is count(): return n of the last event.
NUMBERED_CODE = "".join(
    [
        "36", "6004", "14",     # CALLDATASIZE, PUSH1 4, EQ
        "6044", "57",           # PUSH1 the last part, JUMPI
        "6000", "54",           # PUSH1 0, SLOAD: n of the last event
        "6001", "01", "80",     # PUSH1 1, ADD, DUP1: n
        "6000", "55",           # PUSH1 0, SSTORE
        "6000", "52",           # PUSH1 0, MSTORE: n is the first word of the data
        "6000", "35", "80",     # PUSH1 0, CALLDATALOAD, DUP1: the third topic, the token
        "6020", "52",           # PUSH1 32, MSTORE: the token is also the second word
        "6000",                 # PUSH1 0: the second topic, the auction
        "7f", REVOKED[2:],      # PUSH32: the first topic
        "6040", "6000", "a3",   # PUSH1 64, PUSH1 0, LOG3
        "00",                   # STOP
        "5b",                   # JUMPDEST
        "6000", "54",           # PUSH1 0, SLOAD
        "6000", "52",           # PUSH1 0, MSTORE
        "6020", "6000", "f3",   # PUSH1 32, PUSH1 0, RETURN
    ]
)  # fmt: skip


def binary() -> str:
    """The pinned anvil; where it is not made for this machine, the one on PATH."""
    pinned = sorted((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))
    found = str(pinned[0]) if pinned else shutil.which("anvil")
    assert found, "there is no anvil: scripts/setup-node installs it on Linux; elsewhere put anvil 1.7.1 on PATH"
    return found


class NodeRefused(AssertionError):
    """The node answered a question with an error, `answer`. Unexpected, it fails the test."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer)
        self.answer = answer


class Anvil:
    """One node on a free port with CONTRACT, which numbers its events, and OTHER_CONTRACT on its chain; every
    transaction is a block."""

    def __init__(self, folder: Path, chain_id: int = CHAIN_ID, safe_lag: int = SAFE_LAG) -> None:
        self._output = folder / "anvil.log"
        self._ids = itertools.count()
        arguments = ["-p", "0", "--chain-id", str(chain_id), "--slots-in-an-epoch", str(safe_lag)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen([binary(), *arguments], stdout=output, stderr=output)
        try:
            self.url = f"http://127.0.0.1:{self._port()}"
            for contract, code in ((CONTRACT, NUMBERED_CODE), (OTHER_CONTRACT, PLAIN_CODE)):
                self.rpc("anvil_setCode", contract, "0x" + code)
        except BaseException:
            self.kill()
            raise

    def _port(self) -> int:
        deadline_s = time.monotonic() + PATIENCE_S
        while not (said := re.search(r"Listening on 127\.0\.0\.1:(\d+)", self._output.read_text())):
            assert self._process.poll() is None, self._output.read_text()
            assert time.monotonic() < deadline_s, self._output.read_text()
            time.sleep(0.01)
        return int(said[1])

    def rpc(self, method: str, *params: Any) -> Any:
        """What the node answers. Raises NodeRefused."""
        body = json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE_S) as response:
            answer = json.load(response)
        if "result" not in answer:
            raise NodeRefused(answer)
        return answer["result"]

    @contextmanager
    def one_block(self) -> Iterator[None]:
        """Puts all transactions of the block of code into one block of the chain."""
        self.rpc("evm_setAutomine", False)
        yield
        self.rpc("evm_mine")
        self.rpc("evm_setAutomine", True)

    def send(self, token: int, contract: str = CONTRACT) -> None:
        """A transaction that has the contract log this token."""
        self.rpc("eth_sendTransaction", self._call(token, contract))

    def _call(self, token: int, contract: str) -> dict[str, str]:
        return {"from": SENDER, "to": contract, "data": f"0x{token:064x}", "gas": hex(100_000)}

    def transfer(self, *tokens: int, contract: str = CONTRACT) -> None:
        """Has the contract log these tokens, each in a transaction of its own, all in one block."""
        with self.one_block():
            for token in tokens:
                self.send(token, contract)

    def deploy(self) -> str:
        """Deploys another contract that numbers its events, in a block of its own; returns its address."""
        size = len(NUMBERED_CODE) // 2
        # PUSH1 the size, DUP1, PUSH1 11 (where the code begins), PUSH1 0, CODECOPY, PUSH1 0, RETURN
        creation = f"60{size:02x}80600b6000396000f3{NUMBERED_CODE}"
        call = {"from": SENDER, "data": f"0x{creation}", "gas": hex(1_000_000)}
        sent = self.rpc("eth_sendTransaction", call)
        receipt = until(lambda: self.rpc("eth_getTransactionReceipt", sent))
        return str(receipt["contractAddress"])

    def settle(self) -> None:
        """Waits until what was sent is in a block: the node answers before it has mined."""
        until(lambda: not self.rpc("anvil_getAutomine") or self.rpc("txpool_status")["pending"] == "0x0")

    def mine(self, blocks: int) -> None:
        """Adds empty blocks."""
        self.rpc("anvil_mine", hex(blocks))

    def reorganise(self, depth: int, *tokens: int) -> None:
        """Replaces the newest blocks by as many others, empty but for the first, which logs these tokens."""
        self.rpc("anvil_reorg", depth, [[self._call(token, CONTRACT), 0] for token in tokens])

    def head(self) -> int:
        """The number of the newest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    def now_s(self) -> int:
        """The time of the newest block, in unix seconds."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def balance(self, account: str) -> int:
        """The wei of an account."""
        return int(self.rpc("eth_getBalance", account, "latest"), 16)

    def transact(self, **transaction: Any) -> dict[str, Any]:
        """The receipt of a transaction, which is in a block of its own, also where it reverts."""
        receipt: dict[str, Any] = self.rpc(
            "eth_sendTransactionSync", {"from": SENDER, "gas": hex(5_000_000)} | transaction
        )
        return receipt

    def freeze(self) -> None:
        """Lets the node stop to answer, but keep its port and its chain."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # returns once the node has stopped: until then it may answer

    def thaw(self) -> None:
        """Lets the node go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends the node, frozen or not."""
        self._process.kill()
        self._process.wait()
