"""Days told as text, so that a case reads as what happened. Times are minutes and seconds of a one-hour window.

    10:00 ann bids 0.5                  a post of that time, found now
    59:10 ann deletes 10:00             known now, and missed now, unless it says: missed 59:00
    59:20 ann restores 10:00            the post is there again
    20:00 pause                         and: resume, void, name-result, extend 70:00, ban bob 15:00, unban bob,
    20:00 hold ann 10:00                     invalidate, hold and release, each of a bid
    60:30 tick                          the clock says so
    60:40 ann is called ann_2           what her account is called by now
    61:00 swept                         everything up to there was found and looked up again
    05:00 … & 06:00 …                   in one batch
    then ann leads with 0.5 until 60:00

What else can stand after "then" are the cases of `holds`. Every day that was played also passes the audit, and its log
alone gives it again.
"""

from typing import Any

import msgspec

from auction.audit import Auditor
from auction.day import AuctionDay
from messages.base import Outcome, Refusal, Rules
from messages.commands import (
    AuctionCommand,
    BarBidder,
    ExtendAuction,
    HoldBid,
    InvalidateBid,
    NameResult,
    PauseAuction,
    ReleaseBid,
    ResumeAuction,
    UnbarBidder,
    VoidAuction,
)
from messages.events import AuctionEvent, BidAccepted, StandingsRevised, StrikeGiven
from messages.money import format_eth
from messages.x_ids import posted_at_ms
from tests.harness.builders import AUCTION, OPENING, OPENS_MS, RULES, back, called, gone, post_id, reply, swept

BIDDERS = {"ann": 1, "bob": 2, "eve": 3}
NAMES = {f"user{number}": name for name, number in BIDDERS.items()}
ORDERS: dict[str, type[Any]] = {
    "pause": PauseAuction,
    "resume": ResumeAuction,
    "void": VoidAuction,
    "name-result": NameResult,
    "extend": ExtendAuction,
    "invalidate": InvalidateBid,
    "hold": HoldBid,
    "release": ReleaseBid,
    "ban": BarBidder,
    "unban": UnbarBidder,
}


def after_ms(time: str) -> int:
    """The ms after the opening that "59:30" is."""
    minutes, _, seconds = time.partition(":")
    return (int(minutes) * 60 + int(seconds)) * 1000


def time_of(at_ms: int) -> str:
    minutes, seconds = divmod((at_ms - OPENS_MS) // 1000, 60)
    return f"{minutes:02}:{seconds:02}"


def read(line: str) -> AuctionCommand:
    """The command that a line means."""
    time, *words = line.split()
    match words:
        case [name, "bids", amount]:
            return reply(after_ms(time), BIDDERS[name], amount, BIDDERS[name])
        case [name, "deletes", posted, *missed]:
            missed_at_ms = OPENS_MS + after_ms(missed[1]) if missed else 0
            return gone(reply(after_ms(posted), BIDDERS[name], "0", BIDDERS[name]), missed_at_ms)
        case [name, "restores", posted]:
            return back(reply(after_ms(posted), BIDDERS[name], "0", BIDDERS[name]))
        case [name, "is", "called", handle]:
            return called(BIDDERS[name], handle)
        case ["swept"]:
            return swept(OPENS_MS + after_ms(time))
    order, *about = words
    said_at_ms = OPENS_MS + after_ms(time)
    fields: dict[str, Any] = {
        "message_id": f"{order}:{time}",
        "by": "alice",
        "why": "because",
        "said_at_ms": said_at_ms,
    }
    match order, about:
        case "extend", [until]:
            fields["ends_at_ms"] = OPENS_MS + after_ms(until)
        case "invalidate" | "hold" | "release", [name, posted]:
            fields["post_id"] = post_id(after_ms(posted), BIDDERS[name])
        case "ban" | "unban", [name, *since]:
            fields |= {"bidder_id": BIDDERS[name], "from_ms": OPENS_MS + after_ms(since[0]) if since else said_at_ms}
            if order == "ban":
                fields["reason"] = Refusal.BANNED
    return ORDERS[order](**fields)  # type: ignore[no-any-return]


def told_leader(log: list[list[AuctionEvent]]) -> int | None:
    """The post that leads as far as the log has told: the bid accepted last, or what a revision says."""
    told = None
    for event in (event for batch in log for event in batch):
        if isinstance(event, BidAccepted):
            told = event.post_id
        elif isinstance(event, StandingsRevised):
            told = event.leader.post_id if event.leader else None
    return told


class Played:
    """A day and its log, one list of events for each batch."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.day, self.log, self.now_ms = AuctionDay(AUCTION), list[list[AuctionEvent]](), OPENS_MS
        prepare, confirm = OPENING
        self.take([msgspec.structs.replace(prepare, rules=rules)])
        self.take([confirm])

    def take(self, commands: list[AuctionCommand]) -> None:
        self.log.append(self.day.decide(commands, self.now_ms))

    def play(self, script: str) -> "Played":
        """Line by line; what stands after "then" is asserted."""
        for line in filter(None, (line.strip() for line in script.splitlines())):
            if line.startswith("then "):
                assert self.holds(line.removeprefix("then ").split()), f"not so: {line}; but {self.told()}"
                continue
            parts = line.split("&")
            self.now_ms = max(self.now_ms, *(OPENS_MS + after_ms(part.split()[0]) for part in parts))
            if line.endswith(" tick"):
                self.log.append(self.day.tick(self.now_ms))
            else:
                self.take([read(part) for part in parts])
        self.check()
        return self

    def holds(self, claim: list[str]) -> bool:
        day, standings = self.day, self.day.standings
        assert standings is not None, "a script begins with an open auction"
        match claim:
            case [name, "leads", *_, amount, "until", end]:
                return self.leading() == (name, amount) and time_of(standings.ends_at_ms) == end
            case ["nobody", "leads", "until", end]:
                return not standings.leader and time_of(standings.ends_at_ms) == end
            case [name, "wins", "with", amount]:
                return day.result is not None and day.result.winner is not None and self.leading() == (name, amount)
            case ["the", "result", "names", handle]:
                return bool(day.result and day.result.winner and day.result.winner.bidder_handle == handle)
            case ["the", "day", "is", outcome]:
                found = day.result.outcome if day.result and not day.result.winner else day.phase
                return found == (outcome if outcome in list(Outcome) else outcome.upper())
            case [name, posted, "is", verdict]:
                return self.verdicts().get(f"{name} {posted}") == verdict
            case ["strikes:", *names]:
                return self.strikes() == names
            case ["nothing", "was", "said"]:
                return self.log[-1] == []
            case ["this", "was", "said:", *kinds]:
                return [type(event).__name__ for event in self.log[-1]] == kinds
        raise ValueError(f"not understood: {' '.join(claim)}")

    def leading(self) -> tuple[str, str] | None:
        leader = self.day.standings.leader if self.day.standings else None
        if leader is None or leader.bid.amount_wei is None:
            return None
        return NAMES[leader.bid.bidder_handle], format_eth(leader.bid.amount_wei).removesuffix(" ETH")

    def verdicts(self) -> dict[str, str]:
        assert self.day.standings is not None
        return {
            f"{NAMES[bid.bidder_handle]} {time_of(posted_at_ms(bid.post_id))}": refusal or "ACCEPTED"
            for bid, refusal in ((verdict.bid, verdict.refusal) for verdict in self.day.standings.verdicts())
        }

    def strikes(self) -> list[str]:
        strikes = [event for batch in self.log for event in batch if isinstance(event, StrikeGiven)]
        return [NAMES[f"user{strike.bidder_id}"] for strike in strikes]

    def told(self) -> str:
        end = time_of(self.day.ends_at_ms)
        return f"{self.leading()} until {end}, {self.day.phase}, {self.verdicts()}, strikes {self.strikes()}"

    def check(self) -> None:
        """The log alone gives the day, passes the audit, and tells who leads to whoever only listens."""
        leader = self.day.standings.leader if self.day.standings else None
        assert told_leader(self.log) == (leader.bid.post_id if leader else None)
        auditor, again = Auditor(AUCTION), AuctionDay(AUCTION)
        for batch in self.log:
            assert auditor.check(batch) is None
        again.replay(event for batch in self.log for event in batch)
        assert again.state() == self.day.state()
