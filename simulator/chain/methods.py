"""The methods of JSON-RPC that the simulated chain answers, as geth answers them."""

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from simulator.chain import shapes
from simulator.chain.errors import INVALID_PARAMS, NO_METHOD, RpcError
from simulator.chain.evm import Block, Call
from simulator.chain.settings import GAS_LIMIT
from simulator.chain.shapes import quantity
from simulator.chain.view import View, number, octets

TIP_WEI = 1_000_000  # the tip that op-geth suggests at least
MOST_TOPICS = 4
FEE_HISTORY = 1_024  # blocks at most

Method = Callable[..., object]


def answer(view: View, method: str, params: list[Any]) -> object:
    """Returns the result of one question. Raises RpcError."""
    asked = METHODS.get(method)
    if asked is None:
        raise RpcError(f"the method {method} does not exist/is not available", NO_METHOD)
    function, least, most = asked
    if len(params) < least:
        raise RpcError(f"missing value for required argument {len(params)}", INVALID_PARAMS)
    if len(params) > most:
        raise RpcError(f"too many arguments, want at most {most}", INVALID_PARAMS)
    return function(view, *params)


def _block_by_number(view: View, name: object, full: object = False) -> object:
    return _block(view.named(name), full)


def _block_by_hash(view: View, block_hash: object, full: object = False) -> object:
    return _block(view.of_hash(block_hash), full)


def _block(block: Block | None, full: object) -> object:
    return None if block is None else shapes.block_object(block, bool(full))


def _block_receipts(view: View, name: object) -> object:
    if isinstance(name, str) and len(name) == 66:
        name = {"blockHash": name}
    block = view.of_hash(name.get("blockHash")) if isinstance(name, dict) else view.named(name)
    return None if block is None else [shapes.receipt_object(block, index) for index in range(len(block.receipts))]


def _receipt(view: View, transaction_hash: object) -> object:
    place = view.place(transaction_hash)
    return None if place is None else shapes.receipt_object(*place)


def _transaction(view: View, transaction_hash: object) -> object:
    if place := view.place(transaction_hash):
        return shapes.transaction_object(*place)
    waiting = view.chain.pool.find(octets(transaction_hash, 32))
    return None if waiting is None else shapes.waiting_object(waiting)


def _logs(view: View, asked: Any) -> object:
    if not isinstance(asked, dict):
        raise RpcError("invalid argument 0: no filter", INVALID_PARAMS)
    addresses = [octets(one, 20) for one in _listed(asked.get("address"))]
    topics = [[octets(one, 32) for one in _listed(choice)] for choice in _listed(asked.get("topics"))]
    if len(topics) > MOST_TOPICS:
        raise RpcError("exceed max topics", INVALID_PARAMS)
    return [
        log
        for block in _blocks_of(view, asked)
        for log in shapes.log_objects(block)
        if not addresses or octets(log["address"]) in addresses
        if len(topics) <= len(log["topics"])
        if all(not any_of or octets(had) in any_of for any_of, had in zip(topics, log["topics"], strict=False))
    ]


def _blocks_of(view: View, asked: dict[str, Any]) -> list[Block]:
    if "blockHash" in asked:
        if "fromBlock" in asked or "toBlock" in asked:
            raise RpcError("cannot specify both BlockHash and FromBlock/ToBlock", INVALID_PARAMS)
        block = view.of_hash(asked["blockHash"])
        if block is None:
            raise RpcError("unknown block")
        return [block]
    first, last = (view.named(asked.get(end) or "latest") for end in ("fromBlock", "toBlock"))
    if first is None or last is None:
        raise RpcError("block range extends beyond current head block", INVALID_PARAMS)
    if first.number > last.number:
        raise RpcError("invalid block range params", INVALID_PARAMS)
    if last.number - first.number >= view.chain.settings.range_limit:
        raise RpcError(f"exceed maximum block range: {view.chain.settings.range_limit}", INVALID_PARAMS)
    return view.chain.blocks[first.number : last.number + 1]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _state(view: View, name: object) -> Any:
    return view.chain.evm.state(view.state_block(name).header)


def _nonce(view: View, address: object, name: object = "latest") -> object:
    sender = octets(address, 20)
    nonce = _state(view, "latest" if name == "pending" else name).get_nonce(sender)
    return quantity(view.chain.pool.next_nonce(sender, nonce) if name == "pending" else nonce)


def _balance(view: View, address: object, name: object = "latest") -> object:
    return quantity(_state(view, name).get_balance(octets(address, 20)))


def _code(view: View, address: object, name: object = "latest") -> object:
    return shapes.in_hex(_state(view, name).get_code(octets(address, 20)))


def _call(view: View, asked: Any, name: object = "latest") -> object:
    output, _ = view.chain.evm.call(view.state_block(name), _call_of(asked))
    return shapes.in_hex(output)


def _estimate(view: View, asked: Any, name: object = "latest") -> object:
    return quantity(view.chain.evm.estimate(view.state_block(name), _call_of(asked)))


def _call_of(asked: Any) -> Call:
    if not isinstance(asked, dict):
        raise RpcError("invalid argument 0: no call", INVALID_PARAMS)
    return Call(
        sender=octets(asked.get("from") or "0x" + "00" * 20, 20),
        to=octets(asked["to"], 20) if asked.get("to") else b"",
        data=octets(asked.get("input") or asked.get("data") or "0x"),
        value_wei=number(asked.get("value") or "0x0"),
        gas=min(GAS_LIMIT, number(asked.get("gas") or hex(GAS_LIMIT))),
    )


def _fee_history(view: View, count: Any, newest: object, percents: list[float] | None = None) -> object:
    last = view.state_block(newest)
    wanted = count if isinstance(count, int) else number(count)
    blocks = view.chain.blocks[: last.number + 1][-max(1, min(wanted, FEE_HISTORY)) :]
    after = view.at(last.number + 1)
    next_base_fee_wei = after.header.base_fee_per_gas if after else view.chain.base_fee_wei
    history = {
        "oldestBlock": quantity(blocks[0].number),
        "baseFeePerGas": [quantity(block.header.base_fee_per_gas) for block in blocks] + [quantity(next_base_fee_wei)],
        "gasUsedRatio": [block.header.gas_used / GAS_LIMIT for block in blocks],
    }
    return history | ({"reward": [_rewards(block, percents) for block in blocks]} if percents else {})


def _rewards(block: Block, percents: list[float]) -> list[str]:
    """The tips up to which transactions have used these percents of the block's gas."""
    tips = sorted((each.price_wei - block.header.base_fee_per_gas, each.gas_used) for each in block.receipts)
    used = [*accumulate(gas for _, gas in tips)]
    return [quantity(tips[bisect_left(used, percent / 100 * used[-1])][0] if used else 0) for percent in percents]


def _head(view: View) -> Block:
    return view.chain.blocks[view.head]


# The methods by their names: the function that answers, and how many arguments it takes at least and at most.
METHODS: dict[str, tuple[Method, int, int]] = {
    "eth_chainId": (lambda view: quantity(view.chain.settings.chain_id), 0, 0),
    "net_version": (lambda view: str(view.chain.settings.chain_id), 0, 0),
    "web3_clientVersion": (lambda _view: "simulated-chain", 0, 0),
    "eth_blockNumber": (lambda view: quantity(view.head), 0, 0),
    "eth_gasPrice": (lambda view: quantity(_head(view).header.base_fee_per_gas + TIP_WEI), 0, 0),
    "eth_maxPriorityFeePerGas": (lambda _view: quantity(TIP_WEI), 0, 0),
    "eth_feeHistory": (_fee_history, 2, 3),
    "eth_getBlockByNumber": (_block_by_number, 1, 2),
    "eth_getBlockByHash": (_block_by_hash, 1, 2),
    "eth_getBlockReceipts": (_block_receipts, 1, 1),
    "eth_getTransactionReceipt": (_receipt, 1, 1),
    "eth_getTransactionByHash": (_transaction, 1, 1),
    "eth_getLogs": (_logs, 1, 1),
    "eth_getTransactionCount": (_nonce, 1, 2),
    "eth_getBalance": (_balance, 1, 2),
    "eth_getCode": (_code, 1, 2),
    "eth_call": (_call, 1, 2),
    "eth_estimateGas": (_estimate, 1, 2),
    "eth_sendRawTransaction": (lambda view, raw: shapes.in_hex(view.chain.send(octets(raw))), 1, 1),
}
