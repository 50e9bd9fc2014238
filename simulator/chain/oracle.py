"""The GasPriceOracle of an OP chain, as far as senders ask it: contract code whose answers are fees that can be set.

The code answers each function with the storage at the function's selector, so a function without a fee answers 0.
"""

from typing import Any

from eth_hash.auto import keccak

ORACLE = bytes.fromhex("420000000000000000000000000000000000000f")
# PUSH0 CALLDATALOAD PUSH1 224 SHR SLOAD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
CODE = bytes.fromhex("5f3560e01c545f5260205ff3")


def _slot(function: str) -> int:
    return int.from_bytes(keccak(function.encode())[:4], "big")


_L1_FEE, _UPPER_BOUND = _slot("getL1Fee(bytes)"), _slot("getL1FeeUpperBound(uint256)")
_OPERATOR_FEE = _slot("getOperatorFee(uint256)")


def fee_slots(l1_fee_wei: int | None, operator_fee_wei: int | None) -> tuple[tuple[int, int], ...]:
    """Returns the storage that states these fees; None leaves a fee as it is."""
    slots = [] if l1_fee_wei is None else [(_L1_FEE, l1_fee_wei), (_UPPER_BOUND, l1_fee_wei)]
    return (*slots, *([] if operator_fee_wei is None else [(_OPERATOR_FEE, operator_fee_wei)]))


def l1_fee_of(state: Any) -> int:
    """Returns the L1 fee that each transaction pays in this state, in wei."""
    return int(state.get_storage(ORACLE, _L1_FEE))
