"""The report of a demo: the results of its days, beside the results that follow from the simulator's ground truth.

Both sides count the posts made before the final end, which the watermark says are all found. Verdicts AFTER_CLOSE are
not counted, because later posts may or may not be found. Verdicts WITHDRAWN are not counted, because a deleted post may
never have been found, and the recheck does not ask for posts that never led.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import redis
from rich.table import Table
from rich.text import Text

from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.day import AuctionDay
from commands.audit import audit
from commands.report_settlement import Settled, expected_settlement, settled
from messages.base import Outcome, Refusal, Wei
from messages.events import AuctionOpened, AuctionResumed, EndExtended, PostAttempted
from messages.money import format_eth
from messages.settlement import Stage
from messages.x_ids import posted_at_ms
from simulator.oracle import is_gone, is_taken_back, judge

EXPECTED = ("outcome", "winner", "amount_wei", "accepted", "refused", "settlement")
UNCOUNTED = {Refusal.AFTER_CLOSE, Refusal.WITHDRAWN}


class DayReport(msgspec.Struct, frozen=True):
    """One day: its result, and in `expected` the same fields by the ground truth. `moved_ms` is how far the end moved
    beyond the scheduled one. `settlement` says who has paid; it is None where nothing was to be paid."""

    day: int
    outcome: str | None
    winner: str | None
    amount_wei: str | None
    accepted: int
    refused: dict[str, int]
    expected: dict[str, Any]
    moved_ms: int = 0
    settlement: Settled | None = None

    @property
    def right(self) -> bool:
        return {name: getattr(self, name) for name in EXPECTED} == self.expected


class Report(msgspec.Struct, frozen=True):
    """The whole marathon. `right` says that every day is as expected, the audit is ok and every post was made once."""

    seed: int
    days: list[DayReport]
    audit: str
    posts: str
    right: bool


def report_of(client: redis.Redis, keys: Keys, seed: int, truth: Mapping[str, Any]) -> Report:
    """Replays the whole log and compares it with the ground truth, as /_sim/truth of the simulated X
    lists it; its field `chain` is that of the simulated chain, where there is one."""
    found, (ends, sent) = audit(client, keys), _logged(client, keys)
    begun = [day for day in found.days.values() if day.prepared is not None]
    days = [_day_report(day, truth, ends.get(day.auction_id, 0)) for day in begun]
    days += [_voided(day) for day in found.voided]
    days.sort(key=lambda day: day.day)
    audited = found.difference or "ok"
    posts = _posts_made(list(found.days.values()), truth, sent)
    right = audited == "ok" and posts == "ok" and len(begun) == len(found.days) and all(day.right for day in days)
    return Report(seed, days, audited, posts, right)


def _day_report(day: AuctionDay, truth: Mapping[str, Any], published_ms: int) -> DayReport:
    assert day.prepared is not None, "a day that was started was prepared"
    number = day.prepared.day
    if day.result and day.result.outcome is Outcome.VOID:
        return _voided(number)
    if day.standings is None or day.post_id is None:
        return DayReport(number, None, None, None, 0, {}, {})
    ends_at_ms = day.standings.ends_at_ms
    conversation = [post for post in truth["posts"] if post["conversation_id"] == str(day.post_id)]
    # A deleted post that the manager never found cannot count.
    known = [post for post in conversation if day.knows(int(post["id"])) or not is_gone(post)]
    in_time = [post for post in known if post["posted_at_ms"] < ends_at_ms]
    taken_back = {int(post["id"]) for post in in_time if is_taken_back(post, ends_at_ms, day.bound)}
    vouched_for = [verdict for verdict in day.standings.verdicts() if posted_at_ms(verdict.bid.post_id) < ends_at_ms]
    reasons = Counter(one.refusal for one in vouched_for if one.refusal is None or one.bid.post_id not in taken_back)
    opened_at_ms = day.standings.controls.opened_at_ms
    rules = day.prepared.rules
    expected = judge(in_time, rules, {day.post_id}, opened_at_ms, ends_at_ms, day.bound)
    if not _end_is_explained(day, conversation, published_ms):
        expected["outcome"] = f"no bid explains the end at {ends_at_ms}"

    def without(bidders: Sequence[str]) -> dict[str, Any]:
        others = [post for post in in_time if post["author"] not in bidders]
        return judge(others, rules, {day.post_id or 0}, opened_at_ms, ends_at_ms)

    expected["settlement"] = expected_settlement(day, expected, without, truth)
    expected["refused"] = {reason: n for reason, n in expected["refused"].items() if reason not in UNCOUNTED}
    result = day.result
    winner = result.winner if result else None
    return DayReport(
        day=number,
        outcome=str(result.outcome) if result else None,
        winner=winner.bidder_handle if winner else None,
        amount_wei=str(int(winner.amount_wei)) if winner else None,
        accepted=reasons.pop(None, 0),
        refused={str(reason): n for reason, n in sorted(reasons.items()) if reason not in UNCOUNTED},
        expected=expected,
        moved_ms=ends_at_ms - day.prepared.latest_end_ms + day.prepared.rules.soft_close_cap_ms,
        settlement=settled(day),
    )


def _voided(day: int) -> DayReport:
    """The report of a void day: nobody can have won, whatever was posted."""
    nothing: dict[str, Any] = {"outcome": "void", "winner": None, "amount_wei": None, "accepted": 0, "refused": {}}
    return DayReport(day=day, **nothing, expected=nothing | {"settlement": None})


def _logged(client: redis.Redis, keys: Keys) -> tuple[dict[str, int], dict[str, str]]:
    """Returns the end (UTC ms) of each auction as its opening, orders and outages set it, without the soft close; and
    the text of each announcement as it was sent, which an earlier version of the program may have worded."""
    ends: dict[str, int] = {}
    sent: dict[str, str] = {}
    for entry in LogReader(client, keys).entries():
        for event in entry.events():
            match event:
                case AuctionOpened() | AuctionResumed() | EndExtended(is_ordered=True):
                    ends[entry.writer] = event.ends_at_ms
                case PostAttempted():
                    sent[event.job] = event.text
    return ends, sent


def _end_is_explained(day: AuctionDay, posts: list[dict[str, Any]], published_ms: int) -> bool:
    """Whether the day ended at its published end, or one soft close after some post, within the cap."""
    assert day.prepared is not None, "a day that was held was prepared"
    assert day.standings is not None, "a day that was held has standings"
    latest_ms, ends_at_ms = day.standings.controls.latest_end_ms, day.standings.ends_at_ms
    moved = {min(post["posted_at_ms"] + day.prepared.rules.soft_close_ms, latest_ms) for post in posts}
    return published_ms <= ends_at_ms <= max(latest_ms, published_ms) and ends_at_ms in {published_ms, *moved}


def _posts_made(days: list[AuctionDay], truth: Mapping[str, Any], sent: Mapping[str, str]) -> str:
    """Returns "ok" if each auction post and result is on X once, and no result of an injected bid; else a fault."""
    made = Counter(post["text"] for post in truth["posts"] if post["author"] == truth["account"])
    for day in days:
        if day.prepared is None or day.result is None:
            continue
        for what, job in (("auction post", "auction-post"), ("result", "result")):
            wanted = 0 if job == "result" and day.result.is_of_a_test else 1
            if (times := made[sent.get(f"{job}:{day.auction_id}", "")]) != wanted:
                return f"the {what} of day {day.prepared.day} was posted {times} times"
    return "ok"


def table_of(report: Report) -> Table:
    """Returns the report as a table."""
    table = Table(title=f"seed {report.seed}: audit {report.audit}, posts {report.posts}")
    for column in ("day", "outcome", "winner", "amount", "accepted", "refused", "paid by", "as expected"):
        table.add_column(column, justify="right" if column in ("day", "amount", "accepted", "refused") else "left")
    for day in report.days:
        amount = format_eth(Wei(day.amount_wei)) if day.amount_wei else ""
        refused = sum(day.refused.values())
        verdict = Text("yes", style="green") if day.right else Text(f"NO: {day.expected}", style="bold red")
        counts = str(day.accepted), str(refused)
        table.add_row(str(day.day), day.outcome or "", day.winner or "", amount, *counts, _payer(day), verdict)
    return table


def _payer(day: DayReport) -> str:
    """Returns who has paid which price, or how far the settlement is."""
    if day.settlement is None:
        return ""
    stage, buyer, price_wei = (day.settlement[name] for name in ("stage", "buyer", "price_wei"))
    return f"{buyer}, {format_eth(Wei(price_wei))}" if stage == Stage.FINAL and price_wei else f"{stage}"
