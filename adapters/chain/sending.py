"""What the transaction sender asks the nodes of the chain, and the sending of raw transactions to all of them.

Each question is over within its time, whatever a node sends. What nodes say is handed on as values; what follows from
it is decided elsewhere. Addresses of nodes, which may hold a key, stand in no error.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import requests

from adapters.bounded_http import BoundedAdapter
from adapters.chain.rpc import ANSWER_BYTES, NodeUnavailable
from messages.chain import Quote, Receipt, Reply, View

T = TypeVar("T")

# Providers bound how many questions one request may hold.
QUESTIONS_AT_ONCE = 10
# An estimate may be used up to the last unit: this much more is allowed.
GAS_RESERVE_NUMERATOR, GAS_RESERVE_DENOMINATOR = 6, 5
# The predeploy of OP chains that knows the fees beside gas; other chains have nothing there.
GAS_PRICE_ORACLE = "0x420000000000000000000000000000000000000F"
L1_FEE_UPPER_BOUND, OPERATOR_FEE = "0xf1c7a58b", "0x275aedd2"  # getL1FeeUpperBound(uint256), getOperatorFee(uint256)
OWNER = "0x8da5cb5b"  # owner()
# Bytes of a signed transaction beside its data: at most.
ENVELOPE_BYTES = 200
REVERTED = 3  # the code of a call that the contract refuses


class CallRefused(Exception):
    """The node has refused to estimate the gas of a call. `reply` is its error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.words)
        self.reply = reply


class Question(NamedTuple):
    """A method of JSON-RPC with its arguments."""

    method: str
    arguments: tuple[Any, ...] = ()


class SendingNodes:
    """The nodes of one chain, as the sender needs them. For one thread."""

    def __init__(self, rpc_urls: Sequence[str], timeout_s: float) -> None:
        self._endpoints = [_Endpoint(url, timeout_s) for url in rpc_urls]

    def chain_id(self) -> int:
        """The id of the chain. Raises NodeUnavailable."""
        return self._first(lambda node: _number(node.answers(Question("eth_chainId"))[0]))

    def has_code(self, contract: str) -> bool:
        """Whether there is a contract at this address. Raises NodeUnavailable."""
        return self._first(lambda node: _text(node.answers(Question("eth_getCode", (contract, "latest")))[0]) != "0x")

    def owner(self, contract: str) -> str:
        """The owner that the contract names, in lower case; empty where it names none. Raises NodeUnavailable."""
        question = Question("eth_call", ({"to": contract, "data": OWNER}, "latest"))
        return self._first(lambda node: _address(node.ask(question)[0]))

    def look(self, sender: str, hashes: Sequence[str]) -> tuple[View, ...]:
        """What each node that answers says of the key and of these transactions. Raises NodeUnavailable if none
        answers."""
        return tuple(self._all(lambda node: _view(node, sender, hashes)))

    def quote(self, sender: str, to: str, data: str, gas: int | None = None) -> Quote:
        """What a transaction would need now, says the first node that answers; where `gas` is None, the node estimates
        it. Raises CallRefused, NodeUnavailable."""
        return self._first(lambda node: _quote(node, sender, to, data, gas))

    def send(self, raw: str) -> list[Reply]:
        """Send a signed transaction to all nodes, and return what each has answered."""
        return [_sent(node, raw) for node in self._endpoints]

    def close(self) -> None:
        """Close the connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def _first(self, ask: Callable[["_Endpoint"], T]) -> T:
        faults = []
        for endpoint in self._endpoints:
            try:
                return ask(endpoint)
            except NodeUnavailable as fault:
                faults.append(fault)
        raise faults[0]

    def _all(self, ask: Callable[["_Endpoint"], T]) -> list[T]:
        found, faults = [], []
        for endpoint in self._endpoints:
            try:
                found.append(ask(endpoint))
            except NodeUnavailable as fault:
                faults.append(fault)
        if not found:
            raise faults[0]
        return found


class _Endpoint:
    """One address at which a node answers JSON-RPC."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._session = BoundedAdapter(timeout_s, ANSWER_BYTES).mounted(requests.Session())
        self._ids = itertools.count(1)

    def answers(self, *questions: Question) -> list[Any]:
        """The results. Raises NodeUnavailable also where the node answers one of them with an error."""
        answers = self.ask(*questions)
        for question, answer in zip(questions, answers, strict=True):
            if isinstance(answer, Reply):
                raise NodeUnavailable(f"the node refuses {_told(question)}: {answer.code} {answer.words}"[:300])
        return answers

    def ask(self, *questions: Question) -> list[Any]:
        """The result of each question, or its error as a Reply. Raises NodeUnavailable."""
        found: list[Any] = []
        for first in range(0, len(questions), QUESTIONS_AT_ONCE):
            found += self._ask_at_once(questions[first : first + QUESTIONS_AT_ONCE])
        return found

    def _ask_at_once(self, questions: Sequence[Question]) -> list[Any]:
        ids = [next(self._ids) for _ in questions]
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": question.method, "params": question.arguments}
            for number, question in zip(ids, questions, strict=True)
        ]
        what = _told(questions[0])
        try:
            response = self._session.post(self._url, json=batch)
            told = response.json()
        except (requests.RequestException, ValueError, RecursionError) as fault:
            # The address may hold a key, and most errors quote the address: only their kind is told.
            raise NodeUnavailable(f"the node did not answer {what}: {type(fault).__name__}") from None
        if isinstance(told, dict) and "error" in told:  # one error for the whole batch
            reply = _error(told["error"])
            raise NodeUnavailable(f"the node refuses {what}: {reply.code} {reply.words}"[:300])
        by_id = {each.get("id"): each for each in told if isinstance(each, dict)} if isinstance(told, list) else {}
        if not all(number in by_id and ("error" in by_id[number] or "result" in by_id[number]) for number in ids):
            raise NodeUnavailable(f"the node did not answer {what} as it should: HTTP {response.status_code}")
        return [
            _error(by_id[number]["error"]) if by_id[number].get("error") else by_id[number]["result"] for number in ids
        ]

    def post(self, question: Question) -> Reply:
        """Ask one question that changes something, which is therefore not asked again here."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": question.method, "params": question.arguments}
        try:
            response = self._session.post(self._url, json=body)
        except requests.RequestException as fault:
            return Reply(False, None, type(fault).__name__)
        try:
            told = response.json()
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, dict) and told.get("error"):
            return _error(told["error"])
        is_taken = isinstance(told, dict) and isinstance(told.get("result"), str) and response.status_code == 200
        return Reply(True) if is_taken else Reply(False, response.status_code, "no answer of JSON-RPC")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _view(node: _Endpoint, sender: str, hashes: Sequence[str]) -> View:
    head, final, nonce, final_nonce, *receipts = node.answers(
        Question("eth_blockNumber"),
        Question("eth_getBlockByNumber", ("finalized", False)),
        Question("eth_getTransactionCount", (sender, "latest")),
        Question("eth_getTransactionCount", (sender, "finalized")),
        *(Question("eth_getTransactionReceipt", (asked,)) for asked in hashes),
    )
    final_number = _number(_field(final, "number"))
    found = [_receipt(receipt, asked) for asked, receipt in zip(hashes, receipts, strict=True) if receipt is not None]
    settled = sorted({receipt.block_number for receipt in found if receipt.block_number <= final_number})
    blocks = node.answers(*(Question("eth_getBlockByNumber", (hex(number), False)) for number in settled))
    canonical = {_text(_field(block, "hash")) for block in blocks}
    return View(
        sender,
        _number(head),
        _number(nonce),
        _number(final_nonce),
        tuple(receipt._replace(final=receipt.block_hash in canonical) for receipt in found),
    )


def _quote(node: _Endpoint, sender: str, to: str, data: str, gas: int | None) -> Quote:
    size = len(data) // 2 + ENVELOPE_BYTES
    call = {"from": sender, "to": to, "data": data, "value": "0x0"}
    block, tip, balance, l1_fee, *estimates = node.ask(
        Question("eth_getBlockByNumber", ("latest", False)),
        Question("eth_maxPriorityFeePerGas"),
        Question("eth_getBalance", (sender, "latest")),
        _of_the_oracle(L1_FEE_UPPER_BOUND, size),
        *([Question("eth_estimateGas", (call,))] if gas is None else []),
    )
    for answer in (block, tip, balance):
        if isinstance(answer, Reply):
            raise NodeUnavailable(f"the node names no fees: {answer.code} {answer.words}"[:300])
    for estimate in estimates:
        if isinstance(estimate, Reply):
            raise CallRefused(estimate)
        gas = _number(estimate) * GAS_RESERVE_NUMERATOR // GAS_RESERVE_DENOMINATOR
    gas = gas or 0
    [operator_fee] = node.ask(_of_the_oracle(OPERATOR_FEE, gas))
    return Quote(
        gas, _number(_field(block, "baseFeePerGas")), _number(tip), _number(balance), _fee(l1_fee), _fee(operator_fee)
    )


def _sent(node: _Endpoint, raw: str) -> Reply:
    return node.post(Question("eth_sendRawTransaction", (raw,)))


def _of_the_oracle(selector: str, argument: int) -> Question:
    return Question("eth_call", ({"to": GAS_PRICE_ORACLE, "data": f"{selector}{argument:064x}"}, "latest"))


def _fee(answer: Any) -> int | None:
    """The fee that the oracle names; None where there is no oracle, or one that does not know this fee yet."""
    if isinstance(answer, Reply):
        if answer.code == REVERTED or "revert" in answer.words.lower():
            return None
        raise NodeUnavailable(f"the node does not tell the fees beside gas: {answer.code} {answer.words}"[:300])
    return None if answer == "0x" else _number(answer)


def _receipt(told: Any, asked: str) -> Receipt:
    if _text(_field(told, "transactionHash")) != asked:
        raise NodeUnavailable("the node answered with the receipt of another transaction")
    number, status = _number(_field(told, "blockNumber")), _number(_field(told, "status"))
    return Receipt(asked, number, _text(_field(told, "blockHash")), status == 1, final=False)


def _error(told: Any) -> Reply:
    code, words = (told.get("code"), told.get("message")) if isinstance(told, dict) else (None, told)
    printable = "".join(sign if sign.isprintable() else " " for sign in str(words)[:300])
    return Reply(False, code if isinstance(code, int) else None, printable)


def _address(told: Any) -> str:
    return f"0x{told[-40:].lower()}" if isinstance(told, str) and len(told) == 66 else ""


def _field(told: Any, name: str) -> Any:
    if not isinstance(told, dict) or name not in told:
        raise NodeUnavailable(f"the node answered without the {name}")
    return told[name]


def _number(told: Any) -> int:
    try:
        return int(_text(told), 16)
    except ValueError:
        raise NodeUnavailable("the node answered with no number") from None


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise NodeUnavailable("the node answered with something else than a text")
    return told.lower()


def _told(question: Question) -> str:
    """The method, and the tag of a block among its arguments."""
    tags = [argument for argument in question.arguments if argument in ("latest", "safe", "finalized")]
    return " ".join([question.method, *tags])
