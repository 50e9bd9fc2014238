"""What the house answers a buyer whose reply names no wallet: what was wrong, and what to post."""

from auction.settlement.wallets import WalletFault

_POST = "Reply with the address alone: 0x and 40 characters."
_WRONG = {
    WalletFault.NO_ADDRESS: "I found no wallet address in your reply.",
    WalletFault.SEVERAL_ADDRESSES: "Your reply names more than one address.",
    WalletFault.MALFORMED_ADDRESS: "What you posted is no whole address: characters are missing, added or changed.",
    WalletFault.WRONG_CHECKSUM: "Its upper and lower case do not fit each other: a character may be wrong.",
    WalletFault.ZERO_ADDRESS: "The zero address belongs to nobody.",
    WalletFault.HIDDEN_CHAR: "Your reply has invisible characters in it.",
    WalletFault.NAME: "I do not look names up: a name can lead to another address on each chain.",
    WalletFault.OTHER_CHAIN: "Your reply names another chain, but the lot is on Shape.",
    WalletFault.LINK: "I do not read addresses out of links.",
    WalletFault.DENIED: "Your reply may say which wallet it is not.",
    WalletFault.BURN_ADDRESS: "What is sent to this address is burnt.",
    WalletFault.PRECOMPILE: "This address belongs to the chain itself.",
    WalletFault.PREDEPLOY: "This address is a contract of the chain itself.",
    WalletFault.NOBODYS_ADDRESS: "This address is a contract that everybody uses; nobody can hold the lot there.",
    WalletFault.OUR_ADDRESS: "This address is the auction house's own.",
}


def what_to_post(fault: WalletFault) -> str:
    """The answer to a reply that names no wallet: what was wrong, and what to post."""
    return f"{_WRONG[fault]} {_POST}"
