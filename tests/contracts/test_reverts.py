"""Every reason for which the sale contract refuses a call, in a table; a refused call keeps no wei and logs nothing."""

import re
from collections.abc import Callable

import pytest
from eth_abi import encode

from contracts.artifact import SOURCE, sale_contract
from tests.harness.anvil import Anvil
from tests.harness.sale import (
    BASE_URI,
    DAY_S,
    FRIEND,
    NAME,
    NOBODY,
    OPERATOR,
    OWNER,
    RUNNER_UP,
    STRANGER,
    SYMBOL,
    WINNER,
    Done,
    Sale,
    auction_hash,
    reason_of,
)

pytestmark = pytest.mark.requirement("CHN-6")

DEAF = "0x" + "de" * 20  # whose code reverts whatever it is called with
PRICE = 10**18
MOST = 2**256 - 1
SILENT = ""  # the call names no function that takes it

REVERTS: list[tuple[str, str, Callable[[Sale], Done]]] = [
    # offer; the offer 1 is of auction m-01 and token 1
    ("offer by the owner", "only the operator", lambda sale: sale.offer("m-02", 2, by=OWNER)),
    ("offer by a stranger", "only the operator", lambda sale: sale.offer("m-02", 2, by=STRANGER)),
    ("offer again", "auction has an open offer", lambda sale: sale.offer("m-01", 1)),
    ("offer another token", "auction has an open offer", lambda sale: sale.offer("m-01", 2)),
    ("offer after the deadline", "auction has an open offer", lambda sale: late(sale).offer("m-01", 1)),
    ("offer a sold auction", "auction is sold", lambda sale: paid(sale).offer("m-01", 2)),
    ("offer a sold token", "token exists", lambda sale: paid(sale).offer("m-02", 1)),
    ("offer an offered token", "token has an open offer", lambda sale: sale.offer("m-02", 1)),
    ("offer to nobody", "wallet cannot own the token", lambda sale: sale.offer("m-02", 2, to=NOBODY)),
    ("offer to itself", "wallet cannot own the token", lambda sale: sale.offer("m-02", 2, to=sale.address)),
    ("offer for nothing", "price is zero", lambda sale: sale.offer("m-02", 2, price=0)),
    ("offer of the past", "deadline has passed", lambda sale: sale.offer("m-02", 2, seconds=-1)),
    ("offer until now", "deadline has passed", lambda sale: sale.offer("m-02", 2, seconds=0)),
    ("offer for too long", "deadline is too far away", lambda sale: sale.offer("m-02", 2, seconds=91 * DAY_S)),
    (
        "deadline in milliseconds",
        "deadline is too far away",
        lambda sale: sale.send(
            OPERATOR, "offer", auction_hash("m-02"), 2, WINNER, PRICE, (sale.anvil.now_s() + DAY_S) * 1000
        ),
    ),
    (
        "deadline at the end of time",
        "deadline is too far away",
        lambda sale: sale.send(OPERATOR, "offer", auction_hash("m-02"), 2, WINNER, PRICE, MOST),
    ),
    # purchase
    ("pay no offer", "offer is not open", lambda sale: pay(sale, offer=2)),
    ("pay offer zero", "offer is not open", lambda sale: pay(sale, offer=0)),
    ("pay the greatest offer", "offer is not open", lambda sale: pay(sale, offer=MOST)),
    ("pay twice", "offer is not open", lambda sale: pay(paid(sale))),
    ("pay a revoked offer", "offer is not open", lambda sale: pay(revoked(sale))),
    ("pay after the deadline", "offer has expired", lambda sale: pay(late(sale))),
    ("pay a wei too little", "price must be exact", lambda sale: pay(sale, value=PRICE - 1)),
    ("pay a wei too much", "price must be exact", lambda sale: pay(sale, value=PRICE + 1)),
    ("pay double", "price must be exact", lambda sale: pay(sale, value=2 * PRICE)),
    ("pay nothing", "price must be exact", lambda sale: pay(sale, value=0)),
    # revoke
    ("revoke no offer", "offer is not open", lambda sale: sale.send(OPERATOR, "revoke", 2)),
    ("revoke a sold offer", "offer is not open", lambda sale: paid(sale).send(OPERATOR, "revoke", 1)),
    ("revoke twice", "offer is not open", lambda sale: revoked(sale).send(OPERATOR, "revoke", 1)),
    ("revoke by the winner", "only the operator before the deadline", lambda sale: sale.send(WINNER, "revoke", 1)),
    ("revoke by the owner", "only the operator before the deadline", lambda sale: sale.send(OWNER, "revoke", 1)),
    # roles
    ("withdraw by the operator", "only the owner", lambda sale: paid(sale).send(OPERATOR, "withdraw", OPERATOR)),
    ("withdraw by a stranger", "only the owner", lambda sale: paid(sale).send(STRANGER, "withdraw", STRANGER)),
    ("withdraw to nobody", "receiver is nobody", lambda sale: paid(sale).send(OWNER, "withdraw", NOBODY)),
    ("withdraw nothing", "nothing to withdraw", lambda sale: sale.send(OWNER, "withdraw", OWNER)),
    ("withdraw to the deaf", "receiver refused the money", lambda sale: paid(sale).send(OWNER, "withdraw", DEAF)),
    (
        "withdraw to itself",
        "receiver refused the money",
        lambda sale: paid(sale).send(OWNER, "withdraw", sale.address),
    ),
    ("operator by the operator", "only the owner", lambda sale: sale.send(OPERATOR, "set_operator", STRANGER)),
    ("operator by a stranger", "only the owner", lambda sale: sale.send(STRANGER, "set_operator", STRANGER)),
    ("operator is the owner", "operator is the owner", lambda sale: sale.send(OWNER, "set_operator", OWNER)),
    # ERC-721
    ("owner of no token", "token does not exist", lambda sale: sale.send(STRANGER, "ownerOf", 1)),
    ("metadata of no token", "token does not exist", lambda sale: sale.send(STRANGER, "tokenURI", 1)),
    ("approved of no token", "token does not exist", lambda sale: sale.send(STRANGER, "getApproved", 1)),
    ("approve no token", "token does not exist", lambda sale: sale.send(WINNER, "approve", FRIEND, 1)),
    ("move no token", "token does not exist", lambda sale: sale.send(WINNER, "transferFrom", WINNER, FRIEND, 1)),
    ("balance of nobody", "owner is nobody", lambda sale: sale.send(STRANGER, "balanceOf", NOBODY)),
    ("approve by a stranger", "only the token's owner", lambda sale: paid(sale).send(FRIEND, "approve", FRIEND, 1)),
    (
        "move by a stranger",
        "caller may not move the token",
        lambda sale: paid(sale).send(STRANGER, "transferFrom", WINNER, STRANGER, 1),
    ),
    (
        "move by the operator",
        "caller may not move the token",
        lambda sale: paid(sale).send(OPERATOR, "transferFrom", WINNER, OPERATOR, 1),
    ),
    (
        "move from another",
        "sender does not own the token",
        lambda sale: paid(sale).send(WINNER, "transferFrom", RUNNER_UP, FRIEND, 1),
    ),
    ("move to nobody", "receiver is nobody", lambda sale: paid(sale).send(WINNER, "transferFrom", WINNER, NOBODY, 1)),
    ("move safely to the deaf", SILENT, lambda sale: paid(sale).send(WINNER, "safeTransferFrom", WINNER, DEAF, 1)),
    (
        "move safely to a contract that answers wrongly",
        "receiver refused the token",
        lambda sale: paid(sale).send(WINNER, "safeTransferFrom", WINNER, wrong_receiver(sale), 1),
    ),
    # what the contract does not have
    ("plain payment", SILENT, lambda sale: sale.send_data(WINNER, b"", PRICE)),
    ("payment of an unknown function", SILENT, lambda sale: sale.send_data(WINNER, b"\x12\x34\x56\x78", PRICE)),
    ("unknown function", SILENT, lambda sale: sale.send_data(WINNER, b"\x12\x34\x56\x78")),
    ("purchase without its argument", SILENT, lambda sale: sale.send_data(WINNER, sale.data("purchase", 1)[:4], PRICE)),
    (
        "offer with ETH",
        SILENT,
        lambda sale: sale.send(
            OPERATOR, "offer", auction_hash("m-02"), 2, WINNER, PRICE, sale.anvil.now_s() + DAY_S, value=1
        ),
    ),
    ("revoke with ETH", SILENT, lambda sale: sale.send(OPERATOR, "revoke", 1, value=1)),
    ("withdraw with ETH", SILENT, lambda sale: paid(sale).send(OWNER, "withdraw", OWNER, value=1)),
    (
        "move with ETH",
        SILENT,
        lambda sale: paid(sale).send(WINNER, "transferFrom", WINNER, FRIEND, 1, value=1),
    ),
]


def pay(sale: Sale, offer: int = 1, value: int = PRICE) -> Done:
    return sale.send(WINNER, "purchase", offer, value=value)


def paid(sale: Sale) -> Sale:
    assert pay(sale).reverted is None
    return sale


def revoked(sale: Sale) -> Sale:
    assert sale.send(OPERATOR, "revoke", 1).reverted is None
    return sale


def late(sale: Sale) -> Sale:
    sale.pass_deadline(1)
    return sale


def wrong_receiver(sale: Sale) -> str:
    """A contract that answers everything with zeros."""
    wrong = "0x" + "1e" * 20
    sale.anvil.rpc("anvil_setCode", wrong, "0x60205ff3")
    return wrong


@pytest.mark.parametrize(("reason", "call"), [row[1:] for row in REVERTS], ids=[row[0] for row in REVERTS])
def test_a_refused_call_says_why_and_changes_nothing(reason: str, call: Callable[[Sale], Done], sale: Sale) -> None:
    sale.anvil.rpc("anvil_setCode", DEAF, "0x5f5ffd")
    assert sale.offer().reverted is None
    done = call(sale)
    assert done.reverted == reason
    assert done.events == []
    received = PRICE if sale.read("sold", auction_hash("m-01")) else 0
    assert sale.anvil.balance(sale.address) == received


@pytest.mark.parametrize(
    ("owner", "operator", "reason"),
    [
        (NOBODY, OPERATOR, "owner is nobody"),
        (OWNER, OWNER, "operator is the owner"),
        (NOBODY, NOBODY, "owner is nobody"),
    ],
)
def test_a_contract_with_wrong_roles_is_not_made(owner: str, operator: str, reason: str, node: Anvil) -> None:
    taken = ["address", "address", "string", "string", "string"]
    arguments = encode(taken, [owner, operator, NAME, SYMBOL, BASE_URI]).hex()
    receipt = node.transact(data=sale_contract().bytecode + arguments)
    assert (receipt["status"], reason_of(node, receipt["transactionHash"])) == ("0x0", reason)


@pytest.mark.parametrize(("place", "longest"), [(2, 64), (3, 16), (4, 256)], ids=["name", "symbol", "base URI"])
def test_a_text_that_is_too_long_is_refused_and_not_cut(place: int, longest: int, node: Anvil) -> None:
    taken = ["address", "address", "string", "string", "string"]
    arguments = [OWNER, OPERATOR, NAME, SYMBOL, BASE_URI]
    for length, status in ((longest, "0x1"), (longest + 1, "0x0")):
        arguments[place] = "x" * length
        receipt = node.transact(data=sale_contract().bytecode + encode(taken, arguments).hex())
        assert receipt["status"] == status


def test_the_table_has_every_reason_of_the_source() -> None:
    in_source = set(re.findall(r'^\s+(?:assert|\)).*, "([^"]+)"$', SOURCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert in_source == {reason for _, reason, _ in REVERTS} - {SILENT}
