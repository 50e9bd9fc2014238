"""Starting a simulated chain for a test, and asking it as web3 and the control plane do."""

import itertools
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3

import loopback
from simulator.chain.settings import private_key
from tests.harness import ROOT
from tests.harness.waiting import PATIENCE_S, until

SEED = 7
KEYS = [private_key(SEED, number) for number in range(3)]
ADDRESSES = [Account.from_key(key).address for key in KEYS]
GWEI = 10**9


@dataclass
class Asked:
    """An address to which questions are posted."""

    url: str
    ids: Iterator[int] = field(default_factory=itertools.count)

    def web3(self) -> Web3:
        """The real web3, without its retries."""
        return Web3(Web3.HTTPProvider(self.url, exception_retry_configuration=None))

    def post(self, content: object) -> Any:
        """What the address answers to any JSON."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        request = urllib.request.Request(self.url, sent, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def question(self, method: str, *params: Any) -> dict[str, Any]:
        """A question with a number of its own."""
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}

    def full(self, method: str, *params: Any) -> Any:
        """The whole answer to a question, whether a result or an error."""
        return self.post(self.question(method, *params))

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a question; an error fails the test."""
        answer = self.full(method, *params)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method: str, *params: Any) -> tuple[int, str]:
        """Code and message of the error to a question; a result fails the test."""
        answer = self.full(method, *params)
        assert "error" in answer, answer
        return answer["error"]["code"], answer["error"]["message"]


@dataclass
class ChainEndpoint(Asked):
    """One endpoint of a running simulated chain, and its control plane."""

    port: int = 0

    def tell(self, what: str, **body: Any) -> Any:
        status, content = loopback.exchange(self.port, "POST", f"/_sim/{what}", body, within_s=PATIENCE_S)
        assert status == 200, content
        return content

    def ask(self, what: str) -> Any:
        status, content = loopback.exchange(self.port, "GET", f"/_sim/{what}", within_s=PATIENCE_S)
        assert status == 200, content
        return content

    def fault(self, kind: str, **more: Any) -> None:
        """From now on the fault happens each time."""
        self.tell("faults", kind=kind, **({"rate": 1} | more))

    def rest(self) -> None:
        """No fault is left."""
        loopback.exchange(self.port, "DELETE", "/_sim/faults", within_s=PATIENCE_S)

    def mine(self, blocks: int = 1, **more: Any) -> int:
        """Adds blocks; the number of the newest."""
        return int(self.tell("mine", blocks=blocks, **more)["head"])

    def head(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def send(self, key: bytes = KEYS[0], **fields: Any) -> str:
        """Sends a transaction; its hash."""
        return str(self.rpc("eth_sendRawTransaction", signed(key, **fields)))

    def take_code(self, contract: str, code: str) -> None:
        """A contract stands at this address from the next block on."""
        self.tell("account", address=contract, code="0x" + code)


def signed(key: bytes = KEYS[0], *, to: str | None = None, **fields: Any) -> str:
    """The raw bytes of a transaction, in hex: the sender's first, of nothing to himself. None leaves a field out."""
    account = Account.from_key(key)
    usual = {"type": 2, "chainId": 360, "nonce": 0, "value": 0, "gas": 21_000}
    fees = {} if "gasPrice" in fields else {"maxFeePerGas": 2 * GWEI, "maxPriorityFeePerGas": 10**6}
    receiver = bytes.fromhex((account.address if to is None else to)[2:])
    whole = usual | fees | {"to": receiver} | fields
    sent = {name: value for name, value in whole.items() if value is not None}
    return str(account.sign_transaction(sent).raw_transaction.to_0x_hex())


def command(port_file: Path, **options: Any) -> list[str]:
    arguments = [sys.executable, "-m", "simulator.chain", "--port-file", str(port_file)]
    for name, value in options.items():
        arguments += ["--" + name.replace("_", "-"), str(value)]
    return arguments


@contextmanager
def simulated_chain(folder: Path, **options: Any) -> Iterator[list[ChainEndpoint]]:
    """The endpoints of a simulated chain whose blocks are made by hand, except as the options say."""
    usual = {"seed": SEED, "block_ms": 0, "genesis_s": 1_900_000_000, "safe_ms": 4_000, "finalized_ms": 8_000}
    port_file, errors = folder / "chain.port", folder / "chain.stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command(port_file, **(usual | {"idle_exit_s": 60} | options)), cwd=ROOT, stderr=stderr
        )
    try:
        until(lambda: port_file.exists() or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        ports = [int(line) for line in port_file.read_text().splitlines()]
        yield [ChainEndpoint(f"http://127.0.0.1:{port}/v2/key", port=port) for port in ports]
    finally:
        process.terminate()
        status = process.wait(10)
    said = errors.read_text().splitlines()
    assert (status, len(said)) == (0, 1), said
