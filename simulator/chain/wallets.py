"""The wallets of the buyers (`simulator.buyers`) in block 0: those that pay have money, smart accounts have code."""

from simulator.buyers import Buyer, Role, buyer
from simulator.chain.evm import Write

WEALTH_WEI = 10**24  # more than any bid of the crowd

# The code of a smart account, of which only the owner may make use. The first word of a call to the account is whom it
# calls, the second with which value, and the rest is the data. If that call fails, so does the one to the account.
_ONLY_OWNER = "73{owner}3303603357"  # PUSH20 owner, CALLER, SUB, jump to the REVERT
_FORWARD = "604036038060405f375f5f825f6020355f355af1"  # CALLDATACOPY what follows the two words, CALL
_END = "15603357005b5f5ffd"  # STOP, or REVERT, at 0x33, if the call has failed


def buyers_of(seed: int, count: int) -> list[Buyer]:
    """Returns the buyers whom the chain knows."""
    return [buyer(seed, number) for number in range(count)]


def wallets(buyers: list[Buyer]) -> list[Write]:
    """Returns the accounts of these buyers, as block 0 has them."""
    writes = []
    for it in buyers:
        writes.append(Write(it.payer, WEALTH_WEI))
        if it.role is Role.SMART_ACCOUNT:
            code = bytes.fromhex(_ONLY_OWNER.format(owner=it.payer.hex()) + _FORWARD + _END)
            writes.append(Write(bytes.fromhex(it.wallet[2:]), WEALTH_WEI, code))
    return writes
