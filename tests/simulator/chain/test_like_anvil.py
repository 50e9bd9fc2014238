"""The simulated chain beside a real node, anvil: both answer the same questions to the real web3 alike.

What must differ is named here: hashes, places and times of blocks, whose randomness and clock are each chain's own; the
words of refusals, which are geth's, where anvil has its own; and a few fields that only one of them has.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from web3 import Web3
from web3.exceptions import Web3RPCError

from tests.harness.anvil import CONTRACT, OTHER_CONTRACT, PLAIN_CODE, Anvil
from tests.harness.chain_process import ADDRESSES, GWEI, KEYS, Asked, signed, simulated_chain

REVERTING, NOBODY, RECEIVER = "0x" + "aa" * 20, "0x" + "77" * 20, "0x" + "5e" * 20
REVERT_CODE = (
    "7f08c379a000000000000000000000000000000000000000000000000000000000"  # PUSH32 selector of Error(string)
    "600052" "6020600452" "6004602452"  # MSTORE at 0, 4 (offset 32) and 36 (length 4)
    "7f4e6f706500000000000000000000000000000000000000000000000000000000"  # PUSH32 "Nope"
    "604452" "60646000fd"  # MSTORE at 68; REVERT with 100 bytes
)  # fmt: skip
INIT_CODE = "0x600160005360016000f3"  # makes a contract whose code is 01
ORPHAN = "0x" + "11" * 32
TRANSFER_7 = "0x" + "00" * 31 + "07"

# Randomness, clock and accounts of each chain, and what follows from them. anvil's size leaves out the withdrawals.
OWN = {
    "size",
    "hash",
    "blockHash",
    "parentHash",
    "mixHash",
    "stateRoot",
    "timestamp",
    "blockTimestamp",
    "miner",
    "chainId",
}
ONLY_ANVIL = {"totalDifficulty", "blobGasPrice", "blockTimestamp"}
ONLY_OURS = {"l1Fee", "blockTimestamp"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web3, Web3]]:
    """Both chains with the same accounts, code, base fee and transactions: two logs in block 2, a creation, a payment
    and a failure in block 3. Block 1 of both is without transactions."""
    anvil = Anvil(tmp_path_factory.mktemp("anvil"))
    try:
        with simulated_chain(tmp_path_factory.mktemp("ours"), base_fee_wei=GWEI) as (ours,):
            theirs = Asked(anvil.url)
            for address, code in {CONTRACT: PLAIN_CODE, OTHER_CONTRACT: PLAIN_CODE, REVERTING: REVERT_CODE}.items():
                anvil.rpc("anvil_setCode", address, "0x" + code)
                ours.take_code(address, code)
            for address in ADDRESSES:
                anvil.rpc("anvil_setBalance", address, hex(10_000 * 10**18))
            anvil.rpc("evm_setAutomine", False)

            def mine() -> None:
                anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
                anvil.mine(1)
                ours.mine()

            mine()
            for raws in BLOCKS:
                for raw in raws:
                    assert theirs.rpc("eth_sendRawTransaction", raw) == ours.rpc("eth_sendRawTransaction", raw)
                mine()
            yield ours.web3(), theirs.web3()
    finally:
        anvil.kill()


DELEGATION = Account.from_key(KEYS[1]).sign_authorization(
    {"chainId": 360, "address": bytes.fromhex(CONTRACT[2:]), "nonce": 0}
)
LIST = [{"address": "0x" + "22" * 20, "storageKeys": ["0x" + "00" * 32]}]
BLOCKS = [
    [
        signed(to=CONTRACT, data=TRANSFER_7, gas=100_000),
        signed(nonce=1, to=CONTRACT, data="0x" + "00" * 31 + "08", gas=100_000, type=None, gasPrice=2 * GWEI),
        signed(nonce=2, to=OTHER_CONTRACT, data=TRANSFER_7, gas=100_000, type=1, gasPrice=2 * GWEI, accessList=LIST),
    ],
    [
        signed(nonce=3, to="", data=INIT_CODE, gas=100_000),
        signed(nonce=4, to=RECEIVER, value=5),
        signed(nonce=5, to=REVERTING, gas=100_000),
        signed(nonce=6, to=ADDRESSES[1], gas=100_000, type=4, data="0x", authorizationList=[DELEGATION]),
    ],
]

Ask = Callable[[Web3], Any]


def block_hash(web3: Web3) -> Any:
    return web3.eth.get_block(2)["hash"]


def transaction_hash(raw: str) -> Any:
    return Web3.keccak(hexstr=raw)


def receipt(raw: str) -> Ask:
    return lambda web3: web3.eth.get_transaction_receipt(transaction_hash(raw))


def state(web3: Web3, address: str, at: Any) -> tuple[int, bytes]:
    own = Web3.to_checksum_address(address)
    return web3.eth.get_transaction_count(own, at), web3.eth.get_code(own, at)


def logs(web3: Web3, **asked: Any) -> Any:
    return web3.eth.get_logs(asked)


def fee_history(web3: Web3) -> Any:
    found = web3.eth.fee_history(2, 3, [10.0, 50.0, 90.0])
    next_base_fees = found["baseFeePerGas"][2:]  # each chain has its own rule for the next base fee
    return found["oldestBlock"], found["baseFeePerGas"][:2], len(next_base_fees), found["gasUsedRatio"], found["reward"]


def batch(web3: Web3) -> Any:
    known = block_hash(web3)
    with web3.batch_requests() as asked:
        asked.add(web3.eth.get_block(2))
        asked.add(web3.eth.get_logs({"blockHash": known}))
        asked.add(web3.eth.get_transaction_receipt(transaction_hash(BLOCKS[0][1])))
        return asked.execute()


CALL = {"to": Web3.to_checksum_address(CONTRACT), "from": ADDRESSES[0], "data": TRANSFER_7}
MADE = "0x" + Web3.keccak(hexstr="0xd694" + ADDRESSES[0][2:] + "03").hex()[-40:]

QUESTIONS: dict[str, Ask] = {
    "chain id": lambda web3: (web3.eth.chain_id, web3.net.version),
    "newest number": lambda web3: web3.eth.block_number,
    "block 0": lambda web3: web3.eth.get_block(0)["number"],
    "earliest": lambda web3: web3.eth.get_block("earliest")["number"],
    "empty block": lambda web3: web3.eth.get_block(1),
    "block with logs": lambda web3: web3.eth.get_block(2),
    "block with whole transactions": lambda web3: web3.eth.get_block(2, True),
    "block with a failure": lambda web3: web3.eth.get_block("latest", True),
    "block by hash": lambda web3: web3.eth.get_block(block_hash(web3)),
    "receipts by number": lambda web3: web3.eth.get_block_receipts(2),
    "receipts by hash": lambda web3: web3.eth.get_block_receipts(block_hash(web3)),
    "receipts of an empty block": lambda web3: web3.eth.get_block_receipts(1),
    **{f"receipt of {raw[-6:]}": receipt(raw) for raws in BLOCKS for raw in raws},
    "transaction": lambda web3: web3.eth.get_transaction(transaction_hash(BLOCKS[0][0])),
    "logs by hash": lambda web3: logs(web3, blockHash=block_hash(web3)),
    "logs by hash and address": lambda web3: logs(web3, blockHash=block_hash(web3), address=CALL["to"]),
    "logs by hash of nobody": lambda web3: logs(web3, blockHash=block_hash(web3), address=ADDRESSES[0]),
    "logs by topic": lambda web3: logs(web3, fromBlock=0, topics=[None, None, None, [TRANSFER_7, "0x" + "09" * 32]]),
    "logs by range": lambda web3: logs(web3, fromBlock=1, toBlock=3),
    "logs of a range without": lambda web3: logs(web3, fromBlock=0, toBlock=1),
    "state by tag": lambda web3: [state(web3, one, "latest") for one in (CONTRACT, NOBODY, *ADDRESSES, MADE)],
    "state by number": lambda web3: [state(web3, one, 2) for one in (ADDRESSES[0], MADE)],
    "nonce with those that wait": lambda web3: web3.eth.get_transaction_count(ADDRESSES[0], "pending"),
    "balance": lambda web3: [web3.eth.get_balance(Web3.to_checksum_address(one)) for one in (RECEIVER, NOBODY)],
    "call": lambda web3: web3.eth.call(CALL),
    "call by number": lambda web3: web3.eth.call(CALL, 1),
    "call of nobody": lambda web3: web3.eth.call({"to": Web3.to_checksum_address(NOBODY)}),
    "estimate": lambda web3: web3.eth.estimate_gas(CALL),
    "estimate of a payment": lambda web3: web3.eth.estimate_gas({"to": ADDRESSES[1], "from": ADDRESSES[0], "value": 1}),
    "estimate of a creation": lambda web3: web3.eth.estimate_gas({"from": ADDRESSES[0], "data": INIT_CODE}),
    "fee history": fee_history,
    "batch": batch,
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_both_chains_answer_a_question_alike(both: tuple[Web3, Web3], ask: Ask) -> None:
    ours, theirs = (ask(chain) for chain in both)
    assert without_own(ours, ONLY_OURS) == without_own(theirs, ONLY_ANVIL)
    assert form(ours, ONLY_OURS) == form(theirs, ONLY_ANVIL)


def without_own(answer: Any, extra: set[str]) -> Any:
    """The answer without what each chain has of its own."""
    if isinstance(answer, list):
        return [without_own(each, extra) for each in answer]
    if hasattr(answer, "items"):
        return {name: without_own(value, extra) for name, value in answer.items() if name not in OWN | extra}
    return answer


def form(answer: Any, extra: set[str]) -> Any:
    """The fields of the answer, and the types that web3 makes of them."""
    if isinstance(answer, list | tuple):
        return [form(each, extra) for each in answer]
    if hasattr(answer, "items"):
        return {name: form(value, extra) for name, value in answer.items() if name not in extra}
    return type(answer)


# Each refusal with its code at ours; anvil's is the same, where no second one stands.
REFUSALS: dict[str, tuple[tuple[str, list[Any]], tuple[int, ...], str]] = {
    "unknown method": (("eth_nothing", []), (-32601,), ""),
    "missing argument": (("eth_getBalance", []), (-32602,), ""),
    "short address": (("eth_getBalance", ["0x12", "latest"]), (-32602,), ""),
    "no tag": (("eth_getBalance", [NOBODY, "newest"]), (-32602,), ""),
    "short hash": (("eth_getTransactionReceipt", ["0x12"]), (-32602,), ""),
    "logs of an unknown block": (("eth_getLogs", [{"blockHash": ORPHAN}]), (-32000,), "unknown block"),
    "logs by hash and range": (
        ("eth_getLogs", [{"blockHash": ORPHAN, "fromBlock": "0x0"}]),
        (-32602,),
        "cannot specify both blockHash and fromBlock/toBlock",
    ),
    "logs by five topics": (("eth_getLogs", [{"fromBlock": "0x0", "topics": [None] * 5}]), (-32602,), "topics"),
    "logs beyond the head": (("eth_getLogs", [{"fromBlock": "0x9"}]), (-32602,), ""),
    "revert": (("eth_call", [{"to": REVERTING}, "latest"]), (3,), "execution reverted: Nope"),
    "revert when estimated": (("eth_estimateGas", [{"to": REVERTING}]), (3,), "execution reverted: Nope"),
    "nonce": (("eth_sendRawTransaction", [signed(value=1)]), (-32000, -32003), "nonce too low"),
    "mined already": (("eth_sendRawTransaction", [BLOCKS[0][0]]), (-32000, -32003), "nonce too low"),
    "funds": (
        ("eth_sendRawTransaction", [signed(nonce=7, value=10**30)]),
        (-32000, -32003),
        "insufficient funds for gas * price + value",
    ),
    "funds for a call": (
        ("eth_call", [{"to": CONTRACT, "from": NOBODY, "value": "0x1"}, "latest"]),
        (-32000, -32003),
        "insufficient funds for gas * price + value",
    ),
    "gas": (("eth_sendRawTransaction", [signed(nonce=7, gas=20_999)]), (-32000,), "intrinsic gas too low"),
    "much gas": (("eth_sendRawTransaction", [signed(nonce=7, gas=30_000_001)]), (-32000,), ""),
    "tip over fee": (
        ("eth_sendRawTransaction", [signed(nonce=7, maxPriorityFeePerGas=3 * GWEI)]),
        (-32000, -32003),
        "max priority fee per gas higher than max fee per gas",
    ),
    "other chain": (
        ("eth_sendRawTransaction", [signed(nonce=7, chainId=1)]),
        (-32000, -32003),
        "invalid chain id for signer",
    ),
    "no transaction": (("eth_sendRawTransaction", ["0x00"]), (-32602,), ""),
}


@pytest.mark.parametrize(("question", "codes", "words"), REFUSALS.values(), ids=REFUSALS)
def test_both_chains_refuse_alike(
    both: tuple[Web3, Web3], question: tuple[str, list[Any]], codes: tuple[int, ...], words: str
) -> None:
    found = [error_of(chain, *question) for chain in both]
    assert [error["code"] for error in found] == [codes[0], codes[-1]]
    assert [words.lower() in error["message"].lower() for error in found] == [True, True], found
    assert [error.get("data") for error in found] == [found[0].get("data")] * 2


def error_of(chain: Web3, method: str, params: list[Any]) -> Any:
    with pytest.raises(Web3RPCError) as caught:
        chain.manager.request_blocking(method, params)
    assert caught.value.rpc_response is not None
    return caught.value.rpc_response["error"]


NOTHING = {
    "unknown number": ("eth_getBlockByNumber", ["0xff", False]),
    "unknown hash": ("eth_getBlockByHash", [ORPHAN, False]),
    "unknown transaction": ("eth_getTransactionByHash", [ORPHAN]),
    "receipt of an unknown transaction": ("eth_getTransactionReceipt", [ORPHAN]),
    "receipts of an unknown block": ("eth_getBlockReceipts", ["0xff"]),
}


@pytest.mark.parametrize(("method", "params"), NOTHING.values(), ids=NOTHING)
def test_both_chains_answer_null_for_what_they_have_not(
    both: tuple[Web3, Web3], method: str, params: list[Any]
) -> None:
    for chain in both:
        answer = chain.provider.make_request(method, params)
        assert answer["result"] is None
