"""The outbox of the announcer: the posts that are still to be made, in which order, and the attempts. Nothing is sent
here.

A job is a post that announces something: its text is fixed, it comes before all notices, and it is posted exactly once.
A notice tells a bidder something (`notices`): its text is made when its turn comes, within the budget, and it is sent
at most once.
"""

import msgspec

from actors.announcer.jobs import Job
from actors.announcer.notices import DayNotices, Notice
from actors.announcer.sales import Sale
from auction.post_budget import PostBudget
from auction.wording.posts import (
    added_post,
    auction_post,
    closing_post,
    delayed_post,
    ended_post,
    moved_post,
    result_post,
    voided_post,
)
from auction.wording.settlement_posts import PayPage, SoldLot
from messages.base import Outcome
from messages.events import (
    AnyEvent,
    AuctionEvent,
    AuctionPaused,
    AuctionPrepared,
    ClosingSoon,
    DayAdded,
    DayDelayed,
    DayVoided,
    EndExtended,
    EndFrozen,
    MarathonEnded,
    PostAttempted,
    PostMade,
    PostRefused,
    ResultNamed,
)


class Posting(msgspec.Struct, frozen=True):
    """How much may be posted: whether bidders get receipts, how many posts a UTC day may have (jobs are posted
    beyond that too), and the least time (ms) between two notices of a day's standing. `public_url` is the address of
    the public pages, for the link to pay; without it posts have no link."""

    receipts: bool = True
    posts_a_day: int = 100
    standing_interval_ms: int = 60_000
    public_url: str = ""


DEFAULTS = Posting()
MOST_SALES = 16  # sold lots kept for a settlement to begin; where there is no chain, none ever does


class Outbox(msgspec.Struct, array_like=True):
    """The announcer's checkpoint: the jobs, oldest first, the open days, the sold lots that are not settled, and the
    position in the log from which all of them follow."""

    position: int = 0
    outbox: list[Job] = []
    prepared: dict[str, AuctionPrepared] = {}
    days: dict[str, DayNotices] = {}
    budget: PostBudget = msgspec.field(default_factory=PostBudget)
    sales: dict[str, Sale] = {}

    @property
    def answered(self) -> set[str]:
        """The auctions to whose posts replies matter: those without a result, and those whose settlement is on."""
        return {*self.prepared, *(auction_id for auction_id, sale in self.sales.items() if sale.settlement)}

    def on_event(self, writer: str, event: AnyEvent, posting: Posting, time_zone: str) -> bool:
        """Take in an event of the log. Returns whether it has made a job."""
        if isinstance(event, AuctionPrepared):
            self.prepared[event.auction_id] = event
            if posting.receipts:
                reserve_wei = event.rules.reserve_wei
                self.days[event.auction_id] = DayNotices(event.auction_id, event.day, reserve_wei)
        elif writer in self.days and isinstance(event, AuctionEvent):
            self.days[writer].on_event(event)
        if isinstance(event, EndExtended | AuctionPaused | EndFrozen | ResultNamed):
            for waiting in self.outbox:
                if waiting.name.startswith(_closing(writer)):
                    waiting.useless_from_ms = event.at_ms  # the end that its text names has moved or passed
        if writer in self.sales and isinstance(event, AuctionEvent):
            job = self._settle(writer, event, PayPage(posting.public_url, time_zone))
        else:
            job = self._job(writer, event, time_zone)
        if job:
            self.outbox.append(job)
        if isinstance(event, ResultNamed):
            self._end_day(event)
        return job is not None

    def _end_day(self, result: ResultNamed) -> None:
        prepared = self.prepared.pop(result.auction_id)
        self.days.pop(result.auction_id, None)
        if result.outcome is not Outcome.SOLD or result.winner is None or result.is_of_a_test:
            return
        lot = SoldLot(prepared.auction_id, prepared.day, prepared.lot.title)
        self.sales[result.auction_id] = Sale(lot, result.winner)
        waiting = [auction_id for auction_id, sale in self.sales.items() if sale.settlement is None]
        for auction_id in waiting[:-MOST_SALES]:
            del self.sales[auction_id]

    def _settle(self, auction_id: str, event: AuctionEvent, page: PayPage) -> Job | None:
        sale = self.sales[auction_id]
        before = sale.settlement.stage if sale.settlement else None
        job = sale.on_event(event, page)
        if lapsed := sale.lapsed(before):
            for waiting in self.outbox:
                if waiting.name.startswith(lapsed):
                    waiting.useless_from_ms = event.at_ms
        if sale.is_over:
            del self.sales[auction_id]
        return job

    def _job(self, writer: str, event: AnyEvent, time_zone: str) -> Job | None:
        match event:
            case AuctionPrepared():
                text = auction_post(event, time_zone)
                return Job(f"auction-post:{event.auction_id}", text, opens=event.auction_id)
            case ClosingSoon():
                text = closing_post(self.prepared[writer], event, time_zone)
                # Posted later, the text would name more time than is left.
                useless_from_ms = (event.at_ms + event.ends_at_ms) // 2
                return Job(f"{_closing(writer)}{event.left_ms}", text, useless_from_ms=useless_from_ms)
            case EndExtended(by=by) if by:
                text = moved_post(self.prepared[writer], event, time_zone)
                return Job(f"moved:{writer}:{event.ends_at_ms}", text, useless_from_ms=event.ends_at_ms)
            case ResultNamed() if not event.is_of_a_test:
                return Job(f"result:{event.auction_id}", result_post(self.prepared[event.auction_id], event))
            case DayVoided():
                return Job(f"voided:{event.auction_id}", voided_post(event))
            case DayDelayed():
                return Job(f"delayed:{event.auction_id}", delayed_post(event, time_zone))
            case DayAdded():
                return Job(f"added:{event.auction_id}", added_post(event, time_zone))
            case MarathonEnded():
                return Job("marathon-ended", ended_post(event))
        return None

    def notice(self, now_ms: int, posting: Posting, time_zone: str) -> Notice | None:
        """The next notice, if one is due and the budget allows it; it counts as sent from here on. An answer to a
        buyer, whose time runs, is sent whatever the budget says: they are few."""
        if answer := next(filter(None, (sale.take_answer() for sale in self.sales.values())), None):
            return answer
        if not self.budget.allows(now_ms, posting.posts_a_day):
            return None
        told = (day.due(now_ms, posting.standing_interval_ms, time_zone) for day in self.days.values())
        return next(filter(None, told), None)

    def recall(self, event: AnyEvent) -> bool:
        """Take in an event that an earlier incarnation of the announcer has logged. Returns whether it was news to
        the checkpoint."""
        if not isinstance(event, PostAttempted | PostMade | PostRefused):
            return False
        is_attempt = isinstance(event, PostAttempted)
        if is_attempt and event.at_ms > self.budget.last_ms:
            self.budget.spend(event.at_ms)
        job = next((job for job in self.outbox if job.name == event.job), None)
        if job is None:
            for day in self.days.values() if is_attempt else ():
                day.recall(event.job, event.at_ms)
            for sale in self.sales.values() if is_attempt else ():
                sale.recall(event.job)
            return is_attempt
        if not is_attempt:
            self.outbox.remove(job)
        elif event.at_ms <= job.last_attempt_ms:
            return False
        else:
            job.attempted(event.at_ms)
        return True


def _closing(auction_id: str) -> str:
    return f"closing:{auction_id}:"
