"""One settlement as it is conducted: what its auction is to be told, and what is to be sent to the chain.

Pure: the settlement actor passes in each event of the log once, and asks again and again for what is due. What was due
is told once, because its id is kept. What follows from a fact is `ladder`, which the auction applies; this case takes
the outcome from the auction's log.
"""

from collections.abc import Iterable

import msgspec
from eth_hash.auto import keccak

from auction.settlement.calls import Offer, Revoke
from auction.settlement.ladder import Settlement, begin, take
from messages.base import Leader
from messages.commands import AdvanceSettlement, AskNextBidder, AuctionCommand, BeginSettlement
from messages.events import AuctionEvent, SettlementAdvanced, SettlementBegun, WatermarkMoved
from messages.settlement import (
    Announced,
    Level,
    OfferGone,
    OfferMade,
    OfferReorged,
    OfferSent,
    PaymentReorged,
    PaymentSeen,
    SettlementFact,
    Stage,
    Terms,
    TimePassed,
)

# In these the buyer's turn is over, and an offer to the buyer has to end before the next bidder is asked.
_LATE = (Stage.EXPIRED, Stage.DECLINED)


class SaleLog(msgspec.Struct, frozen=True, array_like=True):
    """A log of the sale contract about this auction: what it says (`kind`: Offered, Sold, Revoked) of which offer, the
    block that holds it, and that block's time (UTC ms)."""

    kind: str
    offer: int
    block_hash: str
    log_index: int
    transaction_hash: str
    at_ms: int

    @property
    def id(self) -> str:
        """The log's place in the chain."""
        return f"{self.block_hash}:{self.log_index}"


class Case(msgspec.Struct, array_like=True):
    """A sold lot. `logs` are those of the contract whose blocks are part of the chain. `told` has the ids of what was
    due and was told. `watermark_ms` (UTC ms) is up to when all replies are known."""

    auction_id: str
    token_id: int
    winner: Leader
    terms: Terms
    settlement: Settlement | None = None
    watermark_ms: int = 0
    logs: list[SaleLog] = []
    told: set[str] = set()

    @property
    def key(self) -> str:
        """The auction's name in the contract: the Keccak-256 of its id, as hex with 0x."""
        return f"0x{keccak(self.auction_id.encode()).hex()}"

    @property
    def asking(self) -> str:
        """The name of the post that asks the bidder whose turn it is to name a wallet and to pay."""
        return f"asked:{self.auction_id}:{len(self.settlement.asked) if self.settlement else 1}"

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow any more."""
        return self.settlement is not None and self.settlement.stage in (Stage.FINAL, Stage.UNSOLD)

    def on_event(self, event: AuctionEvent) -> None:
        """Take in an event of the auction."""
        match event:
            case SettlementBegun():
                self.settlement = begin(event.terms, self.winner)
            case SettlementAdvanced() if self.settlement:
                self.settlement = take(self.settlement, event.fact)
            case WatermarkMoved():
                self.watermark_ms = max(self.watermark_ms, event.watermark_ms)

    # ---- what the auction is to be told

    def begin(self) -> list[AuctionCommand]:
        """The command that begins the settlement."""
        return self._once(f"begin:{self.auction_id}", BeginSettlement(message_id=self._id("begin"), terms=self.terms))

    def announced(self, post_id: int, at_ms: int) -> list[AuctionCommand]:
        """The buyer was asked in public, by this post."""
        return self._tell(f"announced:{post_id}", Announced(at_ms=at_ms, bidder_id=self._buyer_id))

    def passed(self, facts: Iterable[tuple[str, SettlementFact]]) -> list[AuctionCommand]:
        """Facts that concern every settlement, each with its id: something went down or came back."""
        return [command for what, fact in facts for command in self._tell(what, fact)]

    def seen(self, log: SaleLog) -> list[AuctionCommand]:
        """A log of the contract is in a block."""
        self.logs.append(log)
        about = {"at_ms": log.at_ms, "bidder_id": self._buyer_id}
        match log.kind:
            case "Offered":
                return self._tell(f"made:{log.id}", OfferMade(**about, offer=log.offer))
            case "Sold":
                return self._paid(log, Level.UNSAFE)
        return []

    def revoked(self, log_id: str, at_ms: int) -> list[AuctionCommand]:
        """The block of this log is not part of the chain any more, as was found out at `at_ms` (UTC ms)."""
        gone = [log for log in self.logs if log.id == log_id]
        self.logs = [log for log in self.logs if log.id != log_id]
        about = {"at_ms": at_ms, "bidder_id": self._buyer_id}
        commands: list[AuctionCommand] = []
        for log in gone:
            if log.kind == "Sold":
                commands += self._tell(f"unpaid:{log.id}", PaymentReorged(**about))
            elif log.kind == "Offered":
                commands += self._tell(f"unmade:{log.id}", OfferReorged(**about, offer=log.offer))
        return commands

    def confirmed(self, level: Level, block_hash: str) -> list[AuctionCommand]:
        """This block has reached this level."""
        commands: list[AuctionCommand] = []
        for log in self.logs:
            if log.block_hash != block_hash:
                continue
            if log.kind == "Sold":
                commands += self._paid(log, level)
            elif log.kind == "Revoked" and level is Level.FINALIZED:
                gone = OfferGone(at_ms=log.at_ms, bidder_id=self._buyer_id, offer=log.offer)
                commands += self._tell(f"gone:{log.id}", gone)
        return commands

    def dropped(self, decision: str, at_ms: int) -> list[AuctionCommand]:
        """No call of this decision was mined with success, and none can be any more."""
        if decision != self._offering:
            return []
        return self._tell(f"dropped:{decision}", OfferGone(at_ms=at_ms, bidder_id=self._buyer_id))

    def due(self, now_ms: int, known_to_ms: int, banned: Iterable[int]) -> list[AuctionCommand]:
        """What the time brings at `now_ms`. All payments up to `known_to_ms` are known (both UTC ms); `banned` are the
        bidders who are banned by now."""
        it = self.settlement
        if it is None or self.is_over:
            return []
        place = f"{len(it.asked)}:{it.sendings}"
        buyer = {"at_ms": now_ms, "bidder_id": self._buyer_id}
        if it.deadline_ms is not None and min(self.watermark_ms, known_to_ms) >= it.deadline_ms:
            return self._tell_once(f"over:{place}:{it.deadline_ms}", TimePassed(at_ms=it.deadline_ms))
        if it.stage is Stage.NEXT_BIDDER:
            ask = AskNextBidder(message_id=self._id(f"next:{place}"), banned=tuple(sorted(banned)), at_ms=now_ms)
            return self._once(f"next:{place}", ask)
        if it.stage in _LATE and not it.sent:
            return self._tell_once(f"none:{place}", OfferGone(**buyer))
        # A reply that corrects the wallet in time may be found late. Past the deadline by our clock it waits too, since
        # a fact of a later time ends the buyer's turn.
        is_awaited = it.offer_from_ms is None or min(now_ms, self.watermark_ms) < it.offer_from_ms
        if not is_awaited and it.deadline_ms is not None and now_ms < it.deadline_ms:
            until_ms = it.deadline_ms + it.terms.offer_outlives_ms
            return self._tell_once(f"send:{place}", OfferSent(**buyer, until_ms=until_ms))
        return []

    # ---- what is to be sent to the chain

    def calls(self, block_ms: int) -> dict[str, Offer | Revoke | None]:
        """The calls that are wanted now, by the ids of their decisions; None: a call that is not wanted any more.
        `block_ms` is the time of the newest block that was read (UTC ms)."""
        it = self.settlement
        if it is None or not it.sent:
            return {}
        if it.offer:
            is_over = it.stage in _LATE or (it.stage is Stage.OFFERED and block_ms > it.offer_until_ms)
            return {f"revoke:{self.auction_id}:{it.offer}": Revoke(offer=it.offer)} if is_over else {}
        if it.stage in _LATE or block_ms > it.offer_until_ms:
            return {self._offering: None}  # too late, or past the end that stands in the call itself
        offer = Offer(
            auction_id=self.auction_id,
            token_id=self.token_id,
            to=it.wallet,
            price_wei=it.buyer.amount_wei,
            deadline_s=it.offer_until_ms // 1000,
        )
        return {self._offering: offer}

    def has_decided(self, decision: str) -> bool:
        """Whether the decision with this id is one of this case."""
        return decision.split(":", 1)[-1].rsplit(":", 1)[0] == self.auction_id

    def is_ours(self, to: str, price_wei: int) -> bool:
        """Whether an offer on chain is the one that this settlement has sent: `to` is the address in lower case."""
        it = self.settlement
        return it is not None and it.sent and it.wallet.lower() == to and it.buyer.amount_wei == price_wei

    # ---- the buyer, and commands with their ids

    @property
    def _buyer_id(self) -> int:
        return self.settlement.buyer.bidder_id if self.settlement else self.winner.bidder_id

    @property
    def _offering(self) -> str:
        return f"offer:{self.auction_id}:{self.settlement.sendings if self.settlement else 0}"

    def _paid(self, log: SaleLog, level: Level) -> list[AuctionCommand]:
        paid = PaymentSeen(
            at_ms=log.at_ms, bidder_id=self._buyer_id, level=level, transaction_hash=log.transaction_hash
        )
        return self._tell(f"paid:{log.id}:{level.name.lower()}", paid)

    def _tell(self, what: str, fact: SettlementFact) -> list[AuctionCommand]:
        """The command that tells a fact which an event of the log has brought, each time: the chain may go back to a
        block that it has left."""
        return [AdvanceSettlement(message_id=self._id(what), fact=fact)]

    def _tell_once(self, what: str, fact: SettlementFact) -> list[AuctionCommand]:
        return self._once(what, AdvanceSettlement(message_id=self._id(what), fact=fact))

    def _once(self, what: str, command: AuctionCommand) -> list[AuctionCommand]:
        if what in self.told:
            return []
        self.told.add(what)
        return [command]

    def _id(self, what: str) -> str:
        return f"settle:{self.auction_id}:{what}"
