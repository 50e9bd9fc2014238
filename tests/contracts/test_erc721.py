"""The tokens of the sale contract are ERC-721: who moves them, what is logged, and which interfaces are announced."""

from collections.abc import Callable

import pytest

from tests.harness.sale import (
    BASE_URI,
    FRIEND,
    NAME,
    NOBODY,
    OPERATOR,
    RUNNER_UP,
    STRANGER,
    SYMBOL,
    WINNER,
    Contract,
    Event,
    Sale,
)

pytestmark = pytest.mark.requirement("CHN-6")

TOKEN = 7
TOKEN_RECEIVED = bytes.fromhex("150b7a02")
NOT_MOVED = "caller may not move the token"


@pytest.fixture
def sold(sale: Sale) -> Sale:
    """A contract whose token 7 is the winner's."""
    sale.offer(token=TOKEN)
    sale.send(WINNER, "purchase", 1, value=10**18)
    return sale


@pytest.mark.parametrize(
    ("interface", "has"),
    [
        ("01ffc9a7", True),  # ERC-165
        ("80ac58cd", True),  # ERC-721
        ("5b5e139f", True),  # ERC-721, metadata
        ("780e9d63", False),  # ERC-721, enumerable
        ("2a55205a", False),  # ERC-2981, royalties
        ("00000000", False),
        ("ffffffff", False),  # which ERC-165 demands to be refused
    ],
)
def test_the_interfaces_are_told_by_their_ids(interface: str, has: bool, sale: Sale) -> None:
    assert sale.read("supportsInterface", bytes.fromhex(interface)) is has


def test_the_metadata_is_below_the_base_that_was_given(sold: Sale) -> None:
    assert (sold.read("name"), sold.read("symbol")) == (NAME, SYMBOL)
    assert sold.read("tokenURI", TOKEN) == f"{BASE_URI}{TOKEN}"


@pytest.mark.parametrize("token", [0, 1, 10**20, 2**256 - 1])
def test_a_token_has_any_number(token: int, sale: Sale) -> None:
    sale.offer(token=token)
    assert sale.send(WINNER, "purchase", 1, value=10**18).reverted is None
    assert sale.read("ownerOf", token) == WINNER
    assert sale.read("tokenURI", token) == f"{BASE_URI}{token}"


def test_its_owner_moves_a_token(sold: Sale) -> None:
    done = sold.send(WINNER, "transferFrom", WINNER, FRIEND, TOKEN)
    assert done.events == [Event("Transfer", {"sender": WINNER, "receiver": FRIEND, "token_id": TOKEN})]
    assert sold.read("ownerOf", TOKEN) == FRIEND
    assert [sold.read("balanceOf", each) for each in (WINNER, FRIEND)] == [0, 1]
    assert sold.send(WINNER, "transferFrom", FRIEND, WINNER, TOKEN).reverted == NOT_MOVED


def test_a_token_that_is_moved_to_its_owner_stays(sold: Sale) -> None:
    assert sold.send(WINNER, "transferFrom", WINNER, WINNER, TOKEN).reverted is None
    assert (sold.read("ownerOf", TOKEN), sold.read("balanceOf", WINNER)) == (WINNER, 1)


def test_an_approved_address_moves_one_token_once(sold: Sale) -> None:
    sold.offer("m-02", 8)
    sold.send(WINNER, "purchase", 2, value=10**18)
    done = sold.send(WINNER, "approve", FRIEND, TOKEN)
    assert done.events == [Event("Approval", {"owner": WINNER, "approved": FRIEND, "token_id": TOKEN})]
    assert sold.read("getApproved", TOKEN) == FRIEND
    assert sold.send(FRIEND, "transferFrom", WINNER, FRIEND, 8).reverted == NOT_MOVED
    assert sold.send(FRIEND, "approve", STRANGER, TOKEN).reverted == "only the token's owner"
    assert sold.send(FRIEND, "transferFrom", WINNER, RUNNER_UP, TOKEN).reverted is None
    assert sold.read("getApproved", TOKEN) == NOBODY
    assert sold.send(FRIEND, "transferFrom", RUNNER_UP, FRIEND, TOKEN).reverted == NOT_MOVED


def test_an_approval_is_taken_back(sold: Sale) -> None:
    sold.send(WINNER, "approve", FRIEND, TOKEN)
    sold.send(WINNER, "approve", NOBODY, TOKEN)
    assert sold.send(FRIEND, "transferFrom", WINNER, FRIEND, TOKEN).reverted == NOT_MOVED


def test_who_is_approved_for_all_moves_and_approves_until_it_is_taken_back(sold: Sale) -> None:
    done = sold.send(WINNER, "setApprovalForAll", FRIEND, True)
    assert done.events == [Event("ApprovalForAll", {"owner": WINNER, "operator": FRIEND, "approved": True})]
    assert sold.read("isApprovedForAll", WINNER, FRIEND)
    assert not sold.read("isApprovedForAll", FRIEND, WINNER)
    assert sold.send(FRIEND, "approve", STRANGER, TOKEN).reverted is None
    assert sold.send(FRIEND, "transferFrom", WINNER, RUNNER_UP, TOKEN).reverted is None
    assert sold.send(FRIEND, "transferFrom", RUNNER_UP, FRIEND, TOKEN).reverted == NOT_MOVED
    sold.send(RUNNER_UP, "transferFrom", RUNNER_UP, WINNER, TOKEN)
    sold.send(WINNER, "setApprovalForAll", FRIEND, False)
    assert sold.send(FRIEND, "transferFrom", WINNER, FRIEND, TOKEN).reverted == NOT_MOVED


def test_the_operator_of_the_sale_has_no_right_to_any_token(sold: Sale) -> None:
    assert sold.send(OPERATOR, "transferFrom", WINNER, OPERATOR, TOKEN).reverted == NOT_MOVED
    assert sold.send(OPERATOR, "approve", OPERATOR, TOKEN).reverted == "only the token's owner"


@pytest.mark.parametrize("data", [[], [b"\x01\x02\x03"], [bytes(1024)]], ids=["without data", "data", "most data"])
def test_a_contract_that_says_so_is_given_a_token_safely(
    data: list[bytes], sold: Sale, make_puppet: Callable[[], Contract]
) -> None:
    receiver = make_puppet()
    receiver.send(STRANGER, "when_called", NOBODY, b"", TOKEN_RECEIVED, False)
    assert sold.send(WINNER, "safeTransferFrom", WINNER, receiver.address, TOKEN, *data).reverted is None
    assert sold.read("ownerOf", TOKEN) == receiver.address
    assert receiver.read("was_told") == (WINNER, WINNER, TOKEN, data[0] if data else b"")


def test_a_wallet_without_code_is_given_a_token_safely(sold: Sale) -> None:
    assert sold.send(WINNER, "safeTransferFrom", WINNER, FRIEND, TOKEN).reverted is None
    assert sold.read("ownerOf", TOKEN) == FRIEND


@pytest.mark.parametrize(("answer", "is_deaf"), [(bytes(4), False), (b"\xff" * 4, False), (TOKEN_RECEIVED, True)])
def test_a_token_that_its_receiver_refuses_stays_where_it_is(
    answer: bytes, is_deaf: bool, sold: Sale, make_puppet: Callable[[], Contract]
) -> None:
    receiver = make_puppet()
    receiver.send(STRANGER, "when_called", NOBODY, b"", answer, is_deaf)
    done = sold.send(WINNER, "safeTransferFrom", WINNER, receiver.address, TOKEN)
    assert done.reverted == ("" if is_deaf else "receiver refused the token")
    assert sold.read("ownerOf", TOKEN) == WINNER
