"""The reference sale contract on a real EVM node, called as its ABI says."""

from typing import Any, NamedTuple

from eth_abi import decode, encode
from eth_hash.auto import keccak

from contracts.artifact import sale_contract
from tests.harness.anvil import Anvil

# Accounts that anvil unlocks and pays.
DEPLOYER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
OWNER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
OPERATOR = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"
WINNER = "0x90f79bf6eb2c4f870365e785982e1f101e93b906"
RUNNER_UP = "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65"
FRIEND = "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc"
STRANGER = "0x976ea74026e726554db657fa54763abd0c3a0aa9"
NOBODY = "0x" + "00" * 20

NAME, SYMBOL, BASE_URI = "Daily Lots", "LOT", "ipfs://lots/"
DAY_S = 24 * 60 * 60


class Event(NamedTuple):
    """A log of the contract, read by its ABI."""

    name: str
    fields: dict[str, Any]


class Done(NamedTuple):
    """What a transaction has come to: its events, or the reason why it reverted, which may be empty."""

    events: list[Event]
    reverted: str | None
    gas: int
    hash: str


def auction_hash(auction_id: str) -> bytes:
    """The auction's id as the contract knows it."""
    return bytes(keccak(auction_id.encode()))


def type_of(parameter: dict[str, Any]) -> str:
    """The type as it stands in signatures, where a struct is a tuple of its parts."""
    if parameter["type"] != "tuple":
        return str(parameter["type"])
    return f"({','.join(map(type_of, parameter['components']))})"


def reason_of(anvil: Anvil, transaction: str) -> str:
    """The reason that a reverted transaction gave, which may be empty. Fails where it ended otherwise."""
    trace = anvil.rpc("debug_traceTransaction", transaction, {"tracer": "callTracer"})
    assert trace["error"] == "execution reverted", trace  # and not out of gas
    answer = bytes.fromhex(trace.get("output", "0x")[2:])
    return str(decode(["string"], answer[4:])[0]) if answer else ""


class Contract:
    """A contract at an address, called by the names of its ABI."""

    def __init__(self, anvil: Anvil, address: str, abi: list[dict[str, Any]]) -> None:
        self.anvil, self.address = anvil, address
        self._functions = {(each["name"], len(each["inputs"])): each for each in abi if each["type"] == "function"}
        self._events = {"0x" + keccak(_signature(each)).hex(): each for each in abi if each["type"] == "event"}

    @classmethod
    def deployed(cls, anvil: Anvil, abi: list[dict[str, Any]], bytecode: str, *arguments: Any) -> "Contract":
        """A new contract. Fails where its constructor reverts."""
        taken = next((list(map(type_of, each["inputs"])) for each in abi if each["type"] == "constructor"), [])
        receipt = anvil.transact(data=bytecode + encode(taken, arguments).hex())
        assert receipt["status"] == "0x1", receipt
        return cls(anvil, receipt["contractAddress"], abi)

    def data(self, function: str, *arguments: Any) -> bytes:
        """The data of a call."""
        its = self._functions[function, len(arguments)]
        return bytes(keccak(_signature(its))[:4] + encode(list(map(type_of, its["inputs"])), arguments))

    def read(self, function: str, *arguments: Any) -> Any:
        """What a function answers, in the newest block. Raises NodeRefused where it reverts."""
        call = {"to": self.address, "data": "0x" + self.data(function, *arguments).hex()}
        answer = bytes.fromhex(self.anvil.rpc("eth_call", call, "latest")[2:])
        returned = self._functions[function, len(arguments)]["outputs"]
        [value] = decode(list(map(type_of, returned)), answer)
        return value

    def send(self, sender: str, function: str, *arguments: Any, value: int = 0) -> Done:
        """Calls a function in a transaction."""
        return self.send_data(sender, self.data(function, *arguments), value)

    def send_data(self, sender: str, data: bytes, value: int = 0) -> Done:
        """Sends this data in a transaction, and this many wei."""
        receipt = self.anvil.transact(
            **{"from": sender}, to=self.address, data="0x" + data.hex(), value=hex(value), gas=hex(1_000_000)
        )
        reverted = None if receipt["status"] == "0x1" else reason_of(self.anvil, receipt["transactionHash"])
        return Done(self.events(receipt), reverted, int(receipt["gasUsed"], 16), receipt["transactionHash"])

    def events(self, receipt: dict[str, Any]) -> list[Event]:
        """The contract's events in a receipt."""
        return [self._event(log) for log in receipt["logs"] if log["address"] == self.address]

    def _event(self, log: dict[str, Any]) -> Event:
        its = self._events[log["topics"][0]]
        indexed = [each for each in its["inputs"] if each["indexed"]]
        plain = [each for each in its["inputs"] if not each["indexed"]]
        values = {
            each["name"]: decode([each["type"]], bytes.fromhex(topic[2:]))[0]
            for each, topic in zip(indexed, log["topics"][1:], strict=True)
        }
        in_data = decode([each["type"] for each in plain], bytes.fromhex(log["data"][2:]))
        return Event(its["name"], values | {each["name"]: one for each, one in zip(plain, in_data, strict=True)})


class Sale(Contract):
    """The sale contract, with the calls that most tests make."""

    @classmethod
    def on(cls, anvil: Anvil, owner: str = OWNER, operator: str = OPERATOR) -> "Sale":
        """A new sale contract."""
        artifact = sale_contract()
        arguments = owner, operator, NAME, SYMBOL, BASE_URI
        return cls(anvil, cls.deployed(anvil, artifact.abi, artifact.bytecode, *arguments).address, artifact.abi)

    def offer(
        self,
        auction_id: str = "m-01",
        token: int = 1,
        to: str = WINNER,
        price: int = 10**18,
        seconds: int = DAY_S,
        by: str = OPERATOR,
    ) -> Done:
        """Makes an offer that is open for this many seconds of the chain."""
        return self.send(by, "offer", auction_hash(auction_id), token, to, price, self.anvil.now_s() + seconds)

    def pass_deadline(self, offer: int) -> None:
        """Moves the chain's time to the first second in which the offer sells no more."""
        self.anvil.rpc("evm_setNextBlockTimestamp", self.read("offers", offer)[4] + 1)
        self.anvil.mine(1)


def _signature(its: dict[str, Any]) -> bytes:
    return f"{its['name']}({','.join(map(type_of, its['inputs']))})".encode()
