"""Puts events into words: the host's canned lines and the lines of the log. Pure; nothing here is sent.

`receipts` has the words for the verdict on a bid, `posts` the posts on X.
"""

from auction.receipts import next_words
from auction.standings import Standings
from auction.wording.moments import utc
from auction.wording.sale_lines import SaleEvent, sale_line
from messages.base import Leader, Outcome, Wei
from messages.events import (
    AnyEvent,
    AuctionOpened,
    AuctionPaused,
    AuctionPrepared,
    AuctionResumed,
    BidAccepted,
    BidderBarred,
    BidderRenamed,
    BidderUnbarred,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    CharacterSpoke,
    CloseOverdue,
    ClosingSoon,
    DayAdded,
    DayDelayed,
    DayStarted,
    DayVoided,
    EndExtended,
    EndFrozen,
    LetterDiscarded,
    MarathonEnded,
    MarathonStarted,
    OutageNoticed,
    PostAttempted,
    PostMade,
    PostRefused,
    ResultNamed,
    StandingsRevised,
    StrikeGiven,
    StrikeLifted,
    WatermarkMoved,
)
from messages.money import format_eth


def host_line(event: AnyEvent) -> str | None:
    """The host's canned line about an event, said where the ElizaOS character does not answer; None for other events.

    Of the events of one commit only the last that names a leader names the one who leads after the commit.
    """
    match event:
        case AuctionPrepared():
            return f"Day {event.day}: {event.lot.title}. The auction opens in a moment."
        case AuctionOpened():
            return "The auction is open. Reply to the auction post to bid."
        case BidAccepted():
            return f"{_leads(event)} {next_words(event.minimum_wei)}"
        case StandingsRevised(leader=leader):
            return f"{_leads(leader) if leader else 'Nobody leads now.'} {next_words(event.minimum_wei)}"
        case EndExtended(by=by) if by:
            return "The end has moved."
        case EndExtended(lead_lost=True):
            return "The bid that led counts no more: the end has moved, so that everybody can answer."
        case EndExtended():
            return "A bid in the last minutes: the end has moved."
        case ClosingSoon():
            return f"{time_left(left_ms(event))} left to bid."
        case AuctionPaused():
            return "The auction is paused. What is posted now does not count."
        case AuctionResumed():
            return "The auction goes on. The end has moved by the length of the pause."
        case EndFrozen():
            return "Bidding has closed. We are checking the last bids."
        case ResultNamed(winner=winner) if winner and winner.injected:
            return f"A test is over: @{winner.bidder_handle}'s bid of {format_eth(winner.amount_wei)} was not real."
        case ResultNamed(winner=winner) if winner:
            return f"Sold! @{winner.bidder_handle} wins with {format_eth(winner.amount_wei)}."
        case ResultNamed(outcome=Outcome.VOID):
            return "The day is void: nothing is sold today."
        case ResultNamed():
            return "No bid reached the reserve today."
        case _:
            return None


def _leads(bid: BidAccepted | Leader) -> str:
    what = "test bid" if bid.injected else "bid"
    return f"@{bid.bidder_handle}'s {what} of {format_eth(bid.amount_wei)} leads so far."


def log_line(event: AnyEvent) -> str:
    """An event of the log as one printable line, even where it quotes what bidders wrote."""
    return one_line(_line_of(event))


def one_line(text: str) -> str:
    """The text with all characters escaped that break a line, are invisible or control the terminal."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def left_ms(closing: ClosingSoon) -> int:
    """The time to the end (ms) when the event was decided, rounded up to a second: less than `closing.left_ms` where
    the event came late."""
    return min(closing.left_ms, -(-(closing.ends_at_ms - closing.at_ms) // 1000) * 1000)


def time_left(left_ms: int) -> str:
    """A duration in minutes and whole seconds, such as "10 min" or "1 min 30 s"."""
    minutes, seconds = divmod(left_ms // 1000, 60)
    parts = [f"{minutes} min"] * bool(minutes) + [f"{seconds} s"] * bool(seconds or not minutes)
    return " ".join(parts)


def _line_of(event: AnyEvent) -> str:
    if isinstance(event, SaleEvent):
        return sale_line(event)
    what = type(event).__name__
    match event:
        case BidAccepted():
            amount, minimum = format_eth(event.amount_wei), format_eth(event.minimum_wei)
            return f"accepted  @{event.bidder_handle} {amount} (next {minimum}){injected_mark(event)}"
        case BidRefused():
            amount = f" {format_eth(event.amount_wei)}" if event.amount_wei is not None else ""
            required = f", {format_eth(event.required_wei)} is needed" if event.required_wei is not None else ""
            return f"refused   @{event.bidder_handle}{amount}: {event.reason}{required}{injected_mark(event)}"
        case BidWithdrawn():
            return f"withdrawn {event.post_id} ({event.cause}{', but the bid binds' if event.binds else ''})"
        case BidRestored():
            return f"restored  {event.post_id}"
        case BidderRenamed():
            return f"renamed   {event.bidder_id} is @{event.handle} now"
        case StandingsRevised(leader=Leader() as leader):
            leads = f"@{leader.bidder_handle} leads with {format_eth(leader.amount_wei)}"
            return f"revised   {leads}{injected_mark(leader)}"
        case StandingsRevised():
            return "revised   nobody leads"
        case ResultNamed():
            winner = event.winner
            named = f"@{winner.bidder_handle} wins with {format_eth(winner.amount_wei)}" if winner else event.outcome
            mark = injected_mark(winner) if winner else ""
            return f"result    {named}{mark}{_ordered(event.by, event.why) if event.by else ''}"
        case CharacterSpoke():
            return f"host      {event.text}"
        case DayStarted():
            return f"{what} {event.day}: {event.auction_id}"
        case DayVoided():
            return f"{what} {event.day}: {event.why}" + (f" (by {event.by})" if event.by else "")
        case DayDelayed():
            return f"{what} {event.day} by {event.lost_ms // 1000} s, until {utc(event.closes_at_ms)}"
        case DayAdded():
            return f"{what} {event.day}: {event.lot.title} of day {event.of_day}, from {utc(event.opens_at_ms)}"
        case OutageNoticed():
            return f"{what}: {event.what} from {utc(event.from_ms)} to {utc(event.to_ms)}"
        case LetterDiscarded():
            return f"{what} {event.letter_id}: {event.size} bytes, {event.error} (by {event.by}: {event.why})"
        case AuctionPrepared():
            rules = f"reserve {format_eth(event.rules.reserve_wei)}, rules {event.rules_hash[:16]}"
            return f"{what} {event.day}: {event.lot.title}, until {utc(event.closes_at_ms)}, {rules}"
        case AuctionOpened():
            return f"{what} by post {event.post_id}, until {utc(event.ends_at_ms)}"
        case EndExtended() if event.by:
            return f"{what} to {utc(event.ends_at_ms)}{_ordered(event.by, event.why)}"
        case EndExtended():
            cause = "since the lead was lost by" if event.lead_lost else "by"
            return f"{what} to {utc(event.ends_at_ms)} {cause} {event.by_post_id}"
        case ClosingSoon():
            return f"{what}: {event.left_ms // 1000} s or less to {utc(event.ends_at_ms)}"
        case AuctionPaused():
            return f"{what} from {utc(event.from_ms)}{_ordered(event.by, event.why)}"
        case AuctionResumed():
            return f"{what} at {utc(event.until_ms)}, until {utc(event.ends_at_ms)}{_ordered(event.by, event.why)}"
        case BidderBarred():
            return f"{what} {event.bidder_id} from {utc(event.from_ms)}, {event.reason}{_ordered(event.by, event.why)}"
        case BidderUnbarred():
            return f"{what} {event.bidder_id} from {utc(event.from_ms)}{_ordered(event.by, event.why)}"
        case StrikeGiven():
            return f"{what} to {event.bidder_id}: {event.cause} ({event.post_id})"
        case StrikeLifted():
            return f"{what} from {event.bidder_id} ({event.post_id})"
        case EndFrozen():
            return f"{what} at {utc(event.ends_at_ms)}"
        case WatermarkMoved():
            return f"{what} to {utc(event.watermark_ms)}"
        case CloseOverdue():
            return f"{what}: bids known up to {utc(event.watermark_ms)}, the end was {utc(event.ends_at_ms)}"
        case PostMade():
            return f"{what} {event.job} as {event.post_id}"
        case PostRefused():
            return f"{what} {event.job}: {event.why}"
        case PostAttempted():
            return f"{what} {event.job}"
        case MarathonStarted():
            return f"{what}: {event.days} days"
        case MarathonEnded():
            if not event.sold + event.unsold + event.void:
                return what
            days = f"{event.sold} sold for {format_eth(event.total_wei)}, {event.unsold} unsold, {event.void} void"
            return f"{what}: {days}"
        case _:  # an order that has no words of its own
            about = getattr(event, "post_id", None) or getattr(event, "bidder_id", "")
            return f"{what} {about}".rstrip() + _ordered(event.by, event.why)


def injected_mark(bid: BidAccepted | BidRefused | Leader) -> str:
    """The mark " [test bid]" for a bid that a test has made up, else an empty text."""
    return " [test bid]" if bid.injected else ""


def leader_in_words(standings: Standings | None) -> str:
    """The leader, the leading amount and its post in words."""
    if standings is None or standings.leader is None:
        return "nobody leads"
    bid = standings.leader.bid
    return one_line(f"@{bid.bidder_handle} leads with {format_eth(Wei(bid.amount_wei or 0))} (post {bid.post_id})")


def _ordered(by: str, why: str) -> str:
    return f" (ordered by {by}: {why})"
