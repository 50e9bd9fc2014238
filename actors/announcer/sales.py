"""The posts about the settlements of sold lots: what is posted when, each once (CHN-5).

All of it follows from the auction's log. The clock of the reminders is the watermark, which moves on after the result
too: so no reminder is lost in a restart or made twice. Pure; `auction/wording/settlement_posts` makes the texts.
"""

import msgspec

from actors.announcer.jobs import Job
from actors.announcer.notices import Notice
from auction.settlement.ladder import Settlement, begin, take
from auction.wording.settlement_posts import (
    PayPage,
    SoldLot,
    asked_post,
    final_post,
    offered_post,
    paid_post,
    reminder_post,
    unsold_post,
    wallet_answer,
)
from messages.base import Leader
from messages.events import AuctionEvent, SettlementAdvanced, SettlementBegun, WalletRefused, WatermarkMoved
from messages.settlement import Stage

# A buyer is reminded when a half of the time is left, and a twelfth: 12 h and 2 h of 24 h.
REMINDERS = (2, 12)
ANSWERS_A_BUYER = 10  # replies that name no wallet and are answered; each answer costs a post

_DONE = (Stage.PAID, Stage.FINAL, Stage.EXPIRED, Stage.DECLINED)  # in these there is nothing to pay for the buyer


class Sale(msgspec.Struct, array_like=True):
    """A sold lot, and its settlement once that has begun. `said` names the jobs that were made. `answer` is to be sent
    to the buyer, who was sent `answers` in this turn. The last reminder of this turn was at a `reminded`th of the time.
    """

    lot: SoldLot
    winner: Leader
    settlement: Settlement | None = None
    said: set[str] = set()
    reminded: int = 0
    answers: int = 0
    answer: Notice | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be posted."""
        return self.settlement is not None and self.settlement.stage in (Stage.FINAL, Stage.UNSOLD)

    # ---- what is announced

    def on_event(self, event: AuctionEvent, page: PayPage) -> Job | None:
        """Take in an event of the auction. Returns the job that it makes, if any."""
        match event:
            case SettlementBegun():
                self.settlement = begin(event.terms, self.winner)
                return self._asked(self.settlement, event.at_ms)
            case SettlementAdvanced() if self.settlement:
                before, self.settlement = self.settlement, take(self.settlement, event.fact)
                return self._advanced(before, self.settlement, page, event.at_ms)
            case WatermarkMoved() if self.settlement:
                return self._reminder(self.settlement, page, event)
            case WalletRefused() if self.settlement and self.answers < ANSWERS_A_BUYER:
                text = wallet_answer(self.lot, self.settlement.buyer, event.fault, event.at_ms)
                self.answer = Notice(f"wallet:{self.lot.auction_id}:{event.post_id}", text, event.post_id)
        return None

    def lapsed(self, before: Stage | None) -> tuple[str, ...]:
        """The beginnings of the names of jobs that tell nothing any more, since the stage was `before`."""
        if self.settlement is None or self.settlement.stage is before:
            return ()
        kinds = ["reminder", "offered"] if self.settlement.stage in _DONE else ["reminder"]
        return tuple(f"{kind}:{self.lot.auction_id}:" for kind in kinds)

    def _advanced(self, before: Settlement, now: Settlement, page: PayPage, at_ms: int) -> Job | None:
        lot, turn = self.lot, len(now.asked)
        if turn > len(before.asked):
            self.reminded, self.answers, self.answer = 0, 0, None
            return self._asked(now, at_ms)
        match now.stage:
            case Stage.OFFERED:
                return self._once(f"offered:{lot.auction_id}:{now.sendings}", offered_post(lot, now, page, at_ms))
            case Stage.PAID:
                return self._once(f"paid:{lot.auction_id}:{turn}", paid_post(lot, now, at_ms))
            case Stage.FINAL:
                return self._once(f"final:{lot.auction_id}", final_post(lot, now, at_ms))
            case Stage.UNSOLD:
                return self._once(f"unsold:{lot.auction_id}", unsold_post(lot, at_ms))
        return None

    def _asked(self, settlement: Settlement, at_ms: int) -> Job | None:
        name = f"asked:{self.lot.auction_id}:{len(settlement.asked)}"
        return self._once(name, asked_post(self.lot, settlement, at_ms))

    def _reminder(self, settlement: Settlement, page: PayPage, moved: WatermarkMoved) -> Job | None:
        deadline_ms, turn, terms = settlement.deadline_ms, len(settlement.asked), settlement.terms
        if deadline_ms is None or moved.watermark_ms >= deadline_ms:
            return None
        whole_ms = terms.payment_ms if turn == 1 else terms.acceptance_ms
        due = [part for part in REMINDERS if moved.watermark_ms >= deadline_ms - whole_ms // part]
        if not due or due[-1] <= self.reminded:
            return None
        self.reminded = due[-1]
        if settlement.stage is Stage.WALLET_NAMED:
            return None  # the buyer waits for us
        text = reminder_post(self.lot, settlement, page, moved.at_ms)
        job = self._once(f"reminder:{self.lot.auction_id}:{turn}:{self.reminded}", text)
        if job:
            job.useless_from_ms = deadline_ms
        return job

    def _once(self, name: str, text: str) -> Job | None:
        if name in self.said:
            return None
        self.said.add(name)
        return Job(name, text)

    # ---- what the buyer is answered

    def take_answer(self) -> Notice | None:
        """The answer to the buyer's last reply, if one is due; it counts as sent from here on."""
        answer, self.answer = self.answer, None
        if answer:
            self.answers += 1
        return answer

    def recall(self, name: str) -> None:
        """Note that the answer of this name was sent by an earlier incarnation."""
        if self.answer and self.answer.name == name:
            self.take_answer()
