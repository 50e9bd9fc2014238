"""Wrong results, planted into the log of a sound day as a forger would who repairs its hash chain afterwards:

    python -m tests.auction.wrong_results

The audit decides the day again from what was seen, and has to find each of them. What it cannot find is what was never
written: a forger who leaves a post out and decides the rest again without it is found by the history of bids, which
`tests/commands/test_audit.py` tries, and by X itself.
"""

import sys
from collections.abc import Callable
from typing import Any

import msgspec

from auction.audit import Auditor
from messages.base import Refusal, Wei
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidderRenamed,
    BidRefused,
    BidWithdrawn,
    ClosingSoon,
    EndExtended,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
    StrikeGiven,
    WatermarkMoved,
)
from tests.auction.script import Played
from tests.harness.builders import AUCTION, ETH, OPENS_MS, RULES

Log = list[list[AuctionEvent]]
Forge = Callable[[Log], None]

DAY = """
    10:00 ann bids 0.2
    11:00 ann bids 0.3
    20:00 bob bids 0.25
    21:00 bob bids 0.26
    30:00 eve bids 50
    15:00 bob bids 0.24
    40:00 ann bids 60
    41:00 ann deletes 40:00
    59:00 tick
    59:30 bob bids 70
    64:00 bob deletes 59:30 missed 63:50
    then eve leads with 50 until 69:00
    69:01 eve deletes 30:00
    69:10 ann bids 80
    69:10 tick
    69:30 tick
    69:40 eve is called eve_2
    70:00 swept
    then eve wins with 50
    then the result names eve_2
"""


def sound_log() -> Log:
    """A day with everything that can be forged: it ends as it must, and passes the audit."""
    rules = msgspec.structs.replace(RULES, closing_soon_ms=(60_000,))
    return [batch for batch in Played(rules).play(DAY).log if batch]


def change(kind: type[Any], nth: int = 0, **fields: Any) -> Forge:
    """The nth event of this kind says something else."""

    def forge(log: Log) -> None:
        batch, place = find(log, kind, nth)
        batch[place] = msgspec.structs.replace(batch[place], **fields)

    return forge


def leave_out(kind: type[Any], nth: int = 0) -> Forge:
    def forge(log: Log) -> None:
        batch, place = find(log, kind, nth)
        del batch[place]

    return forge


def repeat(kind: type[Any], nth: int = 0) -> Forge:
    def forge(log: Log) -> None:
        batch, place = find(log, kind, nth)
        log.append([batch[place]])

    return forge


def find(log: Log, kind: type[Any], nth: int) -> tuple[list[AuctionEvent], int]:
    return [(batch, at) for batch in log for at, event in enumerate(batch) if isinstance(event, kind)][nth]


def accept(nth: int) -> Forge:
    """The nth refusal becomes an accepted bid, with what belongs to it."""

    def forge(log: Log) -> None:
        batch, place = find(log, BidRefused, nth)
        seen = msgspec.structs.asdict(batch[place])
        kept = {name: value for name, value in seen.items() if name in BidAccepted.__struct_fields__}
        amount = seen["amount_wei"]
        batch[place] = BidAccepted(**kept | {"minimum_wei": Wei(amount + 1), "ends_at_ms": seen["at_ms"] + 1})

    return forge


def refuse(nth: int, reason: Refusal) -> Forge:
    def forge(log: Log) -> None:
        batch, place = find(log, BidAccepted, nth)
        seen = msgspec.structs.asdict(batch[place])
        kept = {name: value for name, value in seen.items() if name in BidRefused.__struct_fields__}
        batch[place] = BidRefused(**kept, reason=reason)

    return forge


def winner(**fields: Any) -> Forge:
    def forge(log: Log) -> None:
        batch, place = find(log, ResultNamed, 0)
        result = batch[place]
        assert isinstance(result, ResultNamed)
        assert result.winner is not None
        batch[place] = msgspec.structs.replace(result, winner=msgspec.structs.replace(result.winner, **fields))

    return forge


def name_early(log: Log) -> None:
    """The result is named while the sweeps have not proven the end yet."""
    batch, place = find(log, WatermarkMoved, 0)
    moved = batch[place]
    assert isinstance(moved, WatermarkMoved)
    batch[place] = msgspec.structs.replace(moved, watermark_ms=find_end(log) - 1)


def freeze_early(log: Log) -> None:
    """The end is frozen by a clock that is ahead, before what was posted in time can have been delivered."""
    change(EndFrozen, at_ms=find_end(log) + RULES.delivery_allowance_ms - 1)(log)


def find_end(log: Log) -> int:
    batch, place = find(log, EndFrozen, 0)
    frozen = batch[place]
    assert isinstance(frozen, EndFrozen)
    return frozen.ends_at_ms


def lead_on(log: Log) -> None:
    """Whoever follows a leader who has taken back his bid is not who bid most after him."""
    batch, place = find(log, StandingsRevised, 1)
    revised = batch[place]
    assert isinstance(revised, StandingsRevised)
    assert revised.leader is not None
    batch[place] = msgspec.structs.replace(
        revised, leader=msgspec.structs.replace(revised.leader, bidder_id=2, bidder_handle="user2")
    )


def keep(log: Log) -> None:
    """The withdrawal of a leader is not to have happened, nor what came of it."""
    for batch in log:
        if any(isinstance(event, StrikeGiven) for event in batch):
            batch.clear()
            return


WRONG: dict[str, Forge] = {
    "wrong winner": winner(bidder_id=1, bidder_handle="user1"),
    "wrong price": winner(amount_wei=Wei(ETH)),
    "the handle of the bid": winner(bidder_handle="user3"),
    "a handle that was not seen": leave_out(BidderRenamed),
    "another handle than was seen": change(BidderRenamed, handle="user1"),
    "nobody is to have won": change(ResultNamed, winner=None),
    "an operator is to have decided": change(ResultNamed, by="alice", why="because", outcome="void"),
    "a late bid counted": accept(-1),
    "a missing extension": leave_out(EndExtended),
    "an extension too long": change(EndExtended, ends_at_ms=OPENS_MS + 3_900_000),
    "no extension for a lost lead": leave_out(EndExtended, 1),
    "a withdrawn leader kept": keep,
    "a bid taken out that binds": change(BidWithdrawn, -1, binds=False),
    "a bid kept that was taken back in time": change(BidWithdrawn, 1, binds=True),
    "a bid counted twice": repeat(BidAccepted, 0),
    "a lost bid": leave_out(BidAccepted, 2),
    "a wrong runner-up": lead_on,
    "a wrong clock: frozen early": freeze_early,
    "a wrong clock: named before the end was proven": name_early,
    "a wrong clock: missed before the end": change(BidWithdrawn, -1, missed_at_ms=OPENS_MS + 3_000_000),
    "a wrong clock: another opening": change(AuctionOpened, opened_at_ms=OPENS_MS + 1),
    "a wrong clock: said to close too early": change(ClosingSoon, at_ms=OPENS_MS + 1_000_000),
    "a changed verdict": refuse(1, Refusal.BELOW_MINIMUM),
    "a changed reason": change(BidRefused, 0, reason=Refusal.BANNED),
    "a changed text": change(BidAccepted, 2, text="5 ETH #AuctionDay"),
    "a changed bidder": change(BidAccepted, 2, bidder_id=1),
    "a forged receipt": change(BidRefused, 2, required_wei=Wei(ETH)),
    "another minimum": change(BidAccepted, 1, minimum_wei=Wei(ETH)),
    "a strike too few": leave_out(StrikeGiven),
    "a strike of somebody else": change(StrikeGiven, bidder_id=2),
    "other rules": change(AuctionPrepared, rules=msgspec.structs.replace(RULES, soft_close_ms=1)),
}


def found(forge: Forge) -> str:
    """Where and how the audit finds what was forged; empty where it does not."""
    log, auditor = sound_log(), Auditor(AUCTION)
    forge(log)
    for number, batch in enumerate(log):
        try:
            difference = auditor.check(batch)
        except Exception as fault:  # as `audit` does: impossible events have not been decided
            difference = f"this cannot have been decided: {fault!r}"
        if difference:
            return f"batch {number}: {difference}"
    return ""


def main() -> int:
    findings = {name: found(forge) for name, forge in WRONG.items()}
    for name, finding in findings.items():
        print(f"{'found ' if finding else 'MISSED'}  {name}: {finding:.150}")
    print(f"{len(WRONG)} planted, {sum(map(bool, findings.values()))} found")
    return 0 if all(findings.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
