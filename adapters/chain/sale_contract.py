"""The sale contract on the chain, for commands: deploys a new one, and reads the state of one that exists.

Each question is asked once, of one node, and its answer is taken as it comes; no actor uses this module. A deployment
is a single transaction of a key that does nothing else, so nothing is kept about it.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import requests

from adapters.bounded_http import BoundedAdapter
from adapters.chain.lazy_web3 import web3_module
from contracts.artifact import sale_contract

ANSWER_BYTES = 4 * 2**20
POLL_S = 0.5
OPEN = 1  # the state of an offer

# The predeployed contract of the chains of the OP stack that tells the fees on top of gas; elsewhere it is not there.
FEE_ORACLE = "0x420000000000000000000000000000000000000F"
TRANSACTION_BYTES = 200  # what a transaction has beside its data, at the most

Answer = TypeVar("Answer")


class NodeFault(Exception):
    """The node did not answer a question, or not as it should; whether it did what was asked is unknown."""


class NodeRefused(NodeFault):
    """The node refused what was asked, and has not done it."""


class Plan(NamedTuple):
    """A deployment that is not sent yet. Amounts are wei."""

    deployer: str
    nonce: int
    contract: str
    gas: int
    gas_price: int
    """The most that is paid for a unit of gas; most of the time it is half of that."""
    tip: int
    chain_fee: int
    """What the chain takes on top of gas, at the most. A transaction cannot limit it."""
    balance: int

    @property
    def cost(self) -> int:
        """The most that the deployment costs."""
        return self.gas * self.gas_price + self.chain_fee


class Deployed(NamedTuple):
    """A contract in a block of the chain."""

    contract: str
    block: int
    gas: int


class OpenOffer(NamedTuple):
    """An offer that is neither sold nor revoked. The price is wei, the deadline unix seconds."""

    offer: int
    auction: str
    token_id: int
    to: str
    price: int
    deadline: int


class State(NamedTuple):
    """The state of a sale contract as of a block, whose time is unix seconds. The balance is wei."""

    block: int
    at_s: int
    owner: str
    operator: str
    events: int
    balance: int
    open_offers: list[OpenOffer]


class SaleContracts:
    """The sale contracts on the chain of one node. Each question is over within `timeout_s`, and raises NodeFault."""

    def __init__(self, rpc_url: str, timeout_s: float) -> None:
        web3 = web3_module()
        self._session = BoundedAdapter(timeout_s, ANSWER_BYTES).mounted(requests.Session())
        provider = web3.HTTPProvider(rpc_url, session=self._session, exception_retry_configuration=None)
        middleware = [(web3.middleware.ExtraDataToPOAMiddleware, "longer headers")]
        self._web3 = web3.Web3(provider, middleware=middleware)
        self._artifact = sale_contract()

    def chain_id(self) -> int:
        """The id of the chain that the node is on."""
        return self._asked("its chain id", lambda: int(self._web3.eth.chain_id))

    def has_our_code(self, contract: str) -> bool | None:
        """Whether the code at an address is that of the artifact; None where there is no code."""
        code = self._asked("the code", lambda: self._web3.eth.get_code(self._web3.to_checksum_address(contract)))
        return code.to_0x_hex() == self._artifact.runtime if code else None

    # ---- deploying

    def planned(self, key: str, owner: str, operator: str, name: str, symbol: str, base_uri: str) -> tuple[Plan, str]:
        """A deployment by the account of this private key, and its signed transaction as hex. Nothing is sent."""
        from web3.utils.address import get_create_address

        eth = self._web3.eth
        account = eth.account.from_key(key)
        factory = eth.contract(abi=self._artifact.abi, bytecode=self._artifact.bytecode)
        data = factory.constructor(owner, operator, name, symbol, base_uri).data_in_transaction
        balance = self._asked("the balance", lambda: int(eth.get_balance(account.address)))
        # Without money the node would refuse to estimate; without `from` it has no account to look at.
        needed = self._asked("an estimate", lambda: int(eth.estimate_gas({"data": data})))
        nonce = self._asked("the nonce", lambda: int(eth.get_transaction_count(account.address, "latest")))
        tip = self._asked("a tip", lambda: int(eth.max_priority_fee))
        base_fee = self._asked("the newest block", lambda: int(eth.get_block("latest")["baseFeePerGas"]))
        gas, size = needed * 6 // 5, len(data) // 2 + TRANSACTION_BYTES
        l1_fee, operator_fee = self._oracle("getL1FeeUpperBound", size), self._oracle("getOperatorFee", gas)
        made = get_create_address(account.address, nonce)
        plan = Plan(
            deployer=account.address,
            nonce=nonce,
            contract=made,
            gas=gas,
            gas_price=2 * base_fee + tip,
            tip=tip,
            chain_fee=l1_fee + operator_fee,
            balance=balance,
        )
        signed = account.sign_transaction(
            {
                "chainId": self.chain_id(),
                "nonce": nonce,
                "data": data,
                "value": 0,
                "gas": gas,
                "maxFeePerGas": plan.gas_price,
                "maxPriorityFeePerGas": tip,
            }
        )
        return plan, signed.raw_transaction.to_0x_hex()

    def hash_of(self, signed: str) -> str:
        """The hash of a signed transaction, by which it is found."""
        return str(self._web3.keccak(hexstr=signed).to_0x_hex())

    def send(self, signed: str) -> None:
        """Sends a signed transaction. After a NodeFault it may be under way all the same, after NodeRefused not."""
        self._asked("the transaction", lambda: self._web3.eth.send_raw_transaction(signed))

    def mined(self, transaction: str, within_s: float) -> Deployed | None:
        """What a transaction has made; None where no block has it in time. Raises NodeRefused where it failed."""
        not_found = web3_module().exceptions.TransactionNotFound
        deadline_s = time.monotonic() + within_s

        def receipt() -> Any:
            try:
                return self._web3.eth.get_transaction_receipt(transaction)
            except not_found:
                return None

        while True:
            try:
                found = self._asked("the receipt", receipt)
            except NodeFault:
                found = None  # the next question may be answered
            if found and found["status"] != 1:
                raise NodeRefused(f"the transaction {transaction} failed in block {found['blockNumber']}")
            if found:
                return Deployed(str(found["contractAddress"]), int(found["blockNumber"]), int(found["gasUsed"]))
            if time.monotonic() > deadline_s:
                return None
            time.sleep(POLL_S)

    def _oracle(self, name: str, amount: int) -> int:
        """A fee (wei) that the chain's oracle tells for an amount; 0 where the chain has no such fee."""
        logic_error = web3_module().exceptions.ContractLogicError
        data = "0x" + self._web3.keccak(text=f"{name}(uint256)")[:4].hex() + f"{amount:064x}"

        def fee() -> int:
            try:
                return int.from_bytes(self._web3.eth.call({"to": FEE_ORACLE, "data": data}), "big")
            except logic_error:
                return 0

        return self._asked("the fee of L1", fee)

    # ---- reading

    def state(self, contract: str) -> State:
        """The state of a sale contract, all of it as of the newest block."""
        block = self._asked("the newest block", lambda: self._web3.eth.get_block("latest"))
        its = self._web3.eth.contract(address=self._web3.to_checksum_address(contract), abi=self._artifact.abi)
        functions, number = its.functions, int(block["number"])

        def read(function: str, *arguments: int) -> Any:
            return self._asked(function, lambda: functions[function](*arguments).call(block_identifier=number))

        offers = ((offer, read("offers", offer)) for offer in range(1, read("offer_count") + 1))
        return State(
            block=number,
            at_s=int(block["timestamp"]),
            owner=read("owner"),
            operator=read("operator"),
            events=read("count"),
            balance=self._asked("the balance", lambda: int(self._web3.eth.get_balance(its.address, number))),
            open_offers=[
                OpenOffer(offer, "0x" + auction.hex(), *rest)
                for offer, (auction, *rest, state) in offers
                if state == OPEN
            ],
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _asked(self, what: str, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except Exception as fault:  # web3 raises any kind of error for a wrong answer
            # The address may hold a key, and most errors quote the address: only what the node itself said is told.
            said = getattr(fault, "rpc_response", None) or {}
            if isinstance(error := said.get("error"), dict):
                told = f"{error.get('code')} {error.get('message')}"
                raise NodeRefused(f"the node refused {what}: {told:.200}") from None
            status = getattr(getattr(fault, "response", None), "status_code", "")
            kind = f"{type(fault).__name__} {status}".rstrip()
            raise NodeFault(f"the node did not answer as it should about {what}: {kind}") from None
