"""The JSON of blocks, transactions, receipts and logs, as geth writes it; receipts also have op-geth's L1 fee."""

from typing import Any

import rlp

from simulator.chain.evm import Block, Receipt

Json = dict[str, Any]

SET_CODE = 4  # the type of a transaction by EIP-7702


def quantity(number: int) -> str:
    """Returns a number in hex, without leading zeros."""
    return hex(number)


def in_hex(value: bytes | int, size: int | None = None) -> str:
    """Returns bytes in hex; a number is written with `size` bytes."""
    return "0x" + (value.to_bytes(size or 32, "big") if isinstance(value, int) else bytes(value)).hex()


def block_object(block: Block, full: bool) -> Json:
    """Returns a block, with all of its transactions or with their hashes."""
    header = block.header
    places = range(len(block.receipts))
    hashes = [in_hex(receipt.transaction.hash) for receipt in block.receipts]
    wrapped = [_wrapped(receipt.transaction) for receipt in block.receipts]
    return {
        "number": quantity(block.number),
        "hash": in_hex(block.hash),
        "parentHash": in_hex(header.parent_hash),
        "sha3Uncles": in_hex(header.uncles_hash),
        "miner": in_hex(header.coinbase),
        "stateRoot": in_hex(header.state_root),
        "transactionsRoot": in_hex(header.transaction_root),
        "receiptsRoot": in_hex(header.receipt_root),
        "logsBloom": in_hex(header.bloom, 256),
        "difficulty": quantity(header.difficulty),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": in_hex(header.extra_data),
        "mixHash": in_hex(header.mix_hash),
        "nonce": in_hex(header.nonce),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawalsRoot": in_hex(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": in_hex(header.parent_beacon_block_root),
        "requestsHash": in_hex(header.requests_hash),
        "size": quantity(len(rlp.encode([header, wrapped, [], []]))),
        "uncles": [],
        "withdrawals": [],
        "transactions": [transaction_object(block, index) for index in places] if full else hashes,
    }


def transaction_object(block: Block, index: int) -> Json:
    """Returns the transaction at this place of a block."""
    receipt = block.receipts[index]
    return waiting_object(receipt.transaction) | {
        "blockHash": in_hex(block.hash),
        "blockNumber": quantity(block.number),
        "transactionIndex": quantity(index),
        "gasPrice": quantity(receipt.price_wei),
    }


def waiting_object(transaction: Any) -> Json:
    """Returns a transaction that is in no block."""
    kind = transaction.type_id or 0
    found: Json = {
        "type": quantity(kind),
        "hash": in_hex(transaction.hash),
        "from": in_hex(transaction.sender),
        "to": in_hex(transaction.to) if transaction.to else None,
        "nonce": quantity(transaction.nonce),
        "gas": quantity(transaction.gas),
        "value": quantity(transaction.value),
        "input": in_hex(transaction.data),
        "chainId": quantity(transaction.chain_id),
        "gasPrice": quantity(transaction.max_fee_per_gas),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "v": quantity(transaction.y_parity if kind else transaction.v),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    if kind:
        found["yParity"] = quantity(transaction.y_parity)
        found["accessList"] = [
            {"address": in_hex(address), "storageKeys": [in_hex(slot) for slot in slots]}
            for address, slots in transaction.access_list
        ]
    if kind > 1:
        found["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        found["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    if kind == SET_CODE:
        found["authorizationList"] = [
            {
                "chainId": quantity(each.chain_id),
                "address": in_hex(each.address),
                "nonce": quantity(each.nonce),
                "yParity": quantity(each.y_parity),
                "r": quantity(each.r),
                "s": quantity(each.s),
            }
            for each in transaction.authorization_list
        ]
    return found


def receipt_object(block: Block, index: int) -> Json:
    """Returns the receipt of the transaction at this place of a block."""
    receipt = block.receipts[index]
    transaction = receipt.transaction
    return {
        "type": quantity(transaction.type_id or 0),
        "status": quantity(int(receipt.succeeded)),
        "transactionHash": in_hex(transaction.hash),
        "transactionIndex": quantity(index),
        "blockHash": in_hex(block.hash),
        "blockNumber": quantity(block.number),
        "from": in_hex(transaction.sender),
        "to": in_hex(transaction.to) if transaction.to else None,
        "contractAddress": in_hex(receipt.created) if receipt.created else None,
        "gasUsed": quantity(receipt.gas_used),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas),
        "effectiveGasPrice": quantity(receipt.price_wei),
        "l1Fee": quantity(receipt.l1_fee_wei),
        "logsBloom": in_hex(receipt.bloom, 256),
        "logs": log_objects(block, index),
    }


def log_objects(block: Block, only: int | None = None) -> list[Json]:
    """Returns the logs of a block, or those of its transaction at the place `only`."""
    found: list[Json] = []
    count = 0
    for index, receipt in enumerate(block.receipts):
        for log in receipt.logs:
            if only in (None, index):
                found.append(_log_object(block, index, receipt, log) | {"logIndex": quantity(count)})
            count += 1
    return found


def _log_object(block: Block, index: int, receipt: Receipt, log: Any) -> Json:
    return {
        "address": in_hex(log.address),
        "topics": [in_hex(topic) for topic in log.topics],
        "data": in_hex(log.data),
        "blockHash": in_hex(block.hash),
        "blockNumber": quantity(block.number),
        "blockTimestamp": quantity(block.header.timestamp),
        "transactionHash": in_hex(receipt.transaction.hash),
        "transactionIndex": quantity(index),
        "removed": False,
    }


def _wrapped(transaction: Any) -> Any:
    # A typed transaction is a string of bytes in its block; an old one is a list.
    return transaction.encode() if transaction.type_id else transaction
