"""The settlement of a sold day: commands about it in, events out. The part of a day that comes after its result.

What follows from a fact is `settlement/ladder`, which wallet a reply names `settlement/wallets`, and who is asked next
`settlement/runner_up`. That a fact is true (a payment above all) has been proven by whoever tells it.
"""

from html import unescape

from auction.bidding import Bidding
from auction.settlement.ladder import IllegalStep, UnfitFact, take
from auction.settlement.runner_up import runner_up
from auction.settlement.wallets import WalletFault, declines, read_wallet
from messages.base import Outcome
from messages.commands import AskNextBidder, BeginSettlement, PlaceBid
from messages.events import (
    AuctionEvent,
    SettlementAdvanced,
    SettlementBegun,
    SettlementFactRefused,
    StrikeGiven,
    WalletRefused,
)
from messages.settlement import Declined, NextChosen, SettlementFact, WalletNamed
from messages.x_ids import posted_at_ms

NOT_PAID = "did not pay"  # the cause of a strike


class Settling(Bidding):
    """A day as far as its settlement is concerned."""

    @property
    def is_to_be_settled(self) -> bool:
        """Whether somebody has won the lot who can be asked to pay: not a bid that a test has made up."""
        return self.result is not None and self.result.outcome is Outcome.SOLD and not self.result.is_of_a_test

    def _decide_settlement(self, command: BeginSettlement, now_ms: int) -> list[AuctionEvent]:
        ids = {"message_id": self._id("settlement"), "correlation_id": command.message_id}
        return [self._applied(SettlementBegun(**ids, at_ms=now_ms, terms=command.terms))]

    def _decide_next_bidder(self, command: AskNextBidder, now_ms: int) -> list[AuctionEvent]:
        assert self.settlement is not None, "only a settlement that has begun has a next bidder"
        passed = {bidder.bidder_id for bidder in self.settlement.asked} | {*command.banned}
        fact = NextChosen(at_ms=command.at_ms, bidder=runner_up(self, passed), banned=command.banned)
        return self._decide_fact(fact, command.message_id, now_ms)

    def _is_about_settlement(self, reply: PlaceBid) -> bool:
        """Whether the reply is one of the buyer, made after the end: it may name a wallet, and is no bid."""
        if self.settlement is None or reply.injected or reply.author_id != self.settlement.buyer.bidder_id:
            return False
        return posted_at_ms(reply.post_id) >= self.ends_at_ms

    def _decide_buyers_reply(self, reply: PlaceBid, now_ms: int) -> list[AuctionEvent]:
        """What the buyer's reply says: a wallet, that the buyer declines, or nothing that can be taken for either."""
        assert self.settlement is not None, "only who is asked to pay is a buyer"
        if reply.post_id in self.answered:
            return []
        at_ms, post_id, text = posted_at_ms(reply.post_id), reply.post_id, reply.text
        shown = unescape(text)
        if declines(shown):
            declined = Declined(at_ms=at_ms, bidder_id=reply.author_id, post_id=post_id, text=text)
            return self._decide_fact(declined, reply.message_id, now_ms)
        wallet = read_wallet(shown, self.settlement.terms.own_addresses)
        if not isinstance(wallet, WalletFault):
            named = WalletNamed(at_ms=at_ms, bidder_id=reply.author_id, post_id=post_id, text=text, wallet=wallet)
            return self._decide_fact(named, reply.message_id, now_ms)
        if self.settlement.wallet and wallet is WalletFault.NO_ADDRESS:
            return []  # whoever has named a wallet may also say thank you
        refused = WalletRefused(
            message_id=f"wallet:{reply.message_id}",
            correlation_id=reply.message_id,
            at_ms=now_ms,
            bidder_id=reply.author_id,
            post_id=post_id,
            text=text,
            fault=wallet,
        )
        return [self._applied(refused)]

    def _decide_fact(self, fact: SettlementFact, cause_id: str, now_ms: int) -> list[AuctionEvent]:
        before = self.settlement
        assert before is not None, "facts are told of a settlement that has begun"
        ids = {"message_id": f"settlement:{cause_id}", "correlation_id": cause_id}
        try:
            after = take(before, fact)
        except (IllegalStep, UnfitFact) as why:
            return [self._applied(SettlementFactRefused(**ids, at_ms=now_ms, fact=fact, why=str(why)))]
        if after == before:
            return []
        events: list[AuctionEvent] = [SettlementAdvanced(**ids, at_ms=now_ms, fact=fact, stage=after.stage)]
        if after.struck and not before.struck:
            events.append(
                StrikeGiven(
                    message_id=self._id("unpaid"),
                    at_ms=now_ms,
                    bidder_id=after.struck.bidder_id,
                    post_id=after.struck.post_id,
                    cause=NOT_PAID,
                )
            )
        return [self._applied(event) for event in events]
