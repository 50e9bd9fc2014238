"""The sale contract as a plain model in Python, which foretells the outcome of every call (docs/contract.md)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.sale import DAY_S, NOBODY, OPERATOR, OWNER, Event

OPEN, SOLD, REVOKED = 1, 2, 3


class Refused(Exception):
    """The call reverts; the text is the reason."""


@dataclass
class Offer:
    auction: bytes
    token_id: int
    to: str
    price: int
    deadline: int
    state: int = OPEN


@dataclass
class Call:
    sender: str
    function: str
    arguments: tuple[Any, ...]
    value: int
    at_s: int  # the time of its block


def need(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(reason)


@dataclass
class Model:
    """A contract at `address` that was just made. `deaf` are addresses that refuse money and tokens."""

    address: str
    deaf: frozenset[str]
    operator: str = OPERATOR
    count: int = 1
    balance: int = 0
    offers: list[Offer] = field(default_factory=list)
    owner_of: dict[int, str] = field(default_factory=dict)
    approved: dict[int, str] = field(default_factory=dict)
    approved_for_all: set[tuple[str, str]] = field(default_factory=set)

    def take(self, call: Call) -> list[Event]:
        """The events of a call. Raises Refused, and then nothing has changed."""
        decide: Callable[..., list[Event]] = getattr(self, f"_{call.function}")
        events = decide(call, *call.arguments)
        for event in events:
            if event.name in ("Offered", "Revoked", "Sold", "Withdrawn", "OperatorChanged"):
                self.count += 1
                event.fields["n"] = self.count
        self.balance += call.value
        return events

    def _offer(self, call: Call, auction: bytes, token_id: int, to: str, price: int, deadline: int) -> list[Event]:
        of_auction = [offer.state for offer in self.offers if offer.auction == auction]
        of_token = [offer.state for offer in self.offers if offer.token_id == token_id]
        need(call.sender == self.operator, "only the operator")
        need(SOLD not in of_auction, "auction is sold")
        need(OPEN not in of_auction, "auction has an open offer")
        need(SOLD not in of_token, "token exists")
        need(OPEN not in of_token, "token has an open offer")
        need(to not in (NOBODY, self.address), "wallet cannot own the token")
        need(price > 0, "price is zero")
        need(deadline > call.at_s, "deadline has passed")
        need(deadline <= call.at_s + 90 * DAY_S, "deadline is too far away")
        self.offers.append(Offer(auction, token_id, to, price, deadline))
        told = {"offer": len(self.offers), "to": to, "price": price, "deadline": deadline}
        return [Event("Offered", {"auction": auction, "token_id": token_id} | told)]

    def _purchase(self, call: Call, number: int) -> list[Event]:
        offer = self._open(number)
        need(call.at_s <= offer.deadline, "offer has expired")
        need(call.value == offer.price, "price must be exact")
        offer.state = SOLD
        self.owner_of[offer.token_id] = offer.to
        told = {"offer": number, "to": offer.to, "payer": call.sender, "price": offer.price}
        return [
            Event("Transfer", {"sender": NOBODY, "receiver": offer.to, "token_id": offer.token_id}),
            Event("Sold", {"auction": offer.auction, "token_id": offer.token_id} | told),
        ]

    def _revoke(self, call: Call, number: int) -> list[Event]:
        offer = self._open(number)
        allowed = call.sender == self.operator or call.at_s > offer.deadline
        need(allowed, "only the operator before the deadline")
        offer.state = REVOKED
        return [Event("Revoked", {"auction": offer.auction, "token_id": offer.token_id, "offer": number})]

    def _open(self, number: int) -> Offer:
        need(1 <= number <= len(self.offers) and self.offers[number - 1].state == OPEN, "offer is not open")
        return self.offers[number - 1]

    def _withdraw(self, call: Call, to: str) -> list[Event]:
        need(call.sender == OWNER, "only the owner")
        need(to != NOBODY, "receiver is nobody")
        need(self.balance > 0, "nothing to withdraw")
        need(to not in self.deaf, "receiver refused the money")
        amount, self.balance = self.balance, 0
        return [Event("Withdrawn", {"to": to, "amount": amount})]

    def _set_operator(self, call: Call, operator: str) -> list[Event]:
        need(call.sender == OWNER, "only the owner")
        need(operator != OWNER, "operator is the owner")
        self.operator = operator
        return [Event("OperatorChanged", {"operator": operator})]

    def _transferFrom(self, call: Call, sender: str, receiver: str, token_id: int) -> list[Event]:
        owner = self._existing(token_id)
        need(sender == owner, "sender does not own the token")
        is_approved = call.sender == self.approved.get(token_id) or (owner, call.sender) in self.approved_for_all
        need(call.sender == owner or is_approved, "caller may not move the token")
        need(receiver != NOBODY, "receiver is nobody")
        self.owner_of[token_id] = receiver
        self.approved.pop(token_id, None)
        return [Event("Transfer", {"sender": sender, "receiver": receiver, "token_id": token_id})]

    def _safeTransferFrom(self, call: Call, sender: str, receiver: str, token_id: int) -> list[Event]:
        before = self.owner_of.get(token_id), self.approved.get(token_id)
        events = self._transferFrom(call, sender, receiver, token_id)
        if receiver in self.deaf:
            self.owner_of[token_id] = str(before[0])
            if before[1]:
                self.approved[token_id] = before[1]
            raise Refused("")
        return events

    def _approve(self, call: Call, approved: str, token_id: int) -> list[Event]:
        owner = self._existing(token_id)
        allowed = call.sender == owner or (owner, call.sender) in self.approved_for_all
        need(allowed, "only the token's owner")
        self.approved[token_id] = approved
        return [Event("Approval", {"owner": owner, "approved": approved, "token_id": token_id})]

    def _setApprovalForAll(self, call: Call, operator: str, approved: bool) -> list[Event]:
        change = self.approved_for_all.add if approved else self.approved_for_all.discard
        change((call.sender, operator))
        return [Event("ApprovalForAll", {"owner": call.sender, "operator": operator, "approved": approved})]

    def _existing(self, token_id: int) -> str:
        need(token_id in self.owner_of, "token does not exist")
        return self.owner_of[token_id]
