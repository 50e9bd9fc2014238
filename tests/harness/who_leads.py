"""Whether anything that was shown or said names a leader who does not lead: the lines of the host, and the frames of a
viewer, held against the log.

Who leads after a commit is what the auction's rules make of its chain, not what listeners have heard.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auction.day import AuctionDay
from ledger.entry import LogEntry
from messages.base import Leader
from messages.events import AuctionEvent, AuctionPrepared, CharacterSpoke
from messages.money import format_eth

LEADS = re.compile(r"@(\S+)'s bid of (\S+ ETH) leads so far\.")
SOLD = re.compile(r"Sold! @(\S+) wins with (\S+ ETH)\.")

Who = tuple[str, str] | None
"""A handle and an amount, or nobody."""


@dataclass(frozen=True)
class Standing:
    """How things stand after the commit that ends at `seq`: the auction on stage, who leads or has won it, its end."""

    seq: int
    auction_id: str
    leader: Who
    result: str


def standings(entries: Iterable[LogEntry]) -> list[Standing]:
    """After each commit of a log, from its beginning."""
    days: dict[str, AuctionDay] = {}
    on_stage, told = "", []
    for entry in entries:
        events = [event for event in entry.events() if isinstance(event, AuctionEvent)]
        if events:
            days.setdefault(entry.writer, AuctionDay(entry.writer)).replay(events)
        if any(isinstance(event, AuctionPrepared) for event in events):
            on_stage = entry.writer
        told.append(_standing(entry.last_seq, on_stage, days.get(on_stage)))
    return told


def _standing(seq: int, on_stage: str, day: AuctionDay | None) -> Standing:
    if day is None:
        return Standing(seq, on_stage, None, "")
    if day.result:
        return Standing(seq, on_stage, _who(day.result.winner), day.result.outcome)
    lead = day.standings.leader if day.standings else None
    if lead is None:
        return Standing(seq, on_stage, None, "")
    assert lead.bid.amount_wei is not None
    return Standing(seq, on_stage, (lead.bid.bidder_handle, format_eth(lead.bid.amount_wei)), "")


def _who(leader: Leader | None) -> Who:
    return (leader.bidder_handle, format_eth(leader.amount_wei)) if leader else None


def wrong_lines(entries: Sequence[LogEntry]) -> Iterator[str]:
    """The lines of the host that name somebody who does not lead, or has not won, after the commit that they are about;
    and all that call nobody the leader where somebody is."""
    told = standings(entries)
    for line in (event for entry in entries for event in entry.events() if isinstance(event, CharacterSpoke)):
        stands = told[bisect_left(told, line.about_seq, key=lambda standing: standing.seq)]
        named = _named(line.text)
        if (named or line.text.startswith("Nobody leads")) and named != stands.leader:
            yield f"about seq {line.about_seq}: {line.text!r}, but {stands}"


def _named(text: str) -> Who:
    found = LEADS.search(text) or SOLD.search(text)
    return (found[1], found[2]) if found else None


def wrong_frames(frames: Iterable[dict[str, Any]], entries: Sequence[LogEntry]) -> Iterator[str]:
    """What a viewer who merges these frames is shown that did not stand so after a commit: after the one of the frame
    where that names a leader itself, and else after that or the one before."""
    told = standings(entries)
    seqs = [standing.seq for standing in told]
    stage: dict[str, Any] = {}
    character: dict[str, Any] | None = None
    for frame in frames:
        body = frame["body"]
        if "stage" not in body:
            continue
        is_whole = frame["type"] == "snapshot"
        stage = body["stage"] if is_whole else stage | body["stage"]
        character = body["character"] if is_whole or "character" in body else character
        place = bisect_left(seqs, frame["seq"])
        stands, before = told[place], told[max(place - 1, 0)]
        shown = stage["leader"] and (stage["leader"]["handle"], stage["leader"]["amount"])
        if stage["auction_id"] == stands.auction_id:
            names_one = is_whole or "leader" in body["stage"] or before.auction_id != stands.auction_id
            allowed = [stands.leader] if names_one else [stands.leader, before.leader]
            if shown not in allowed:
                yield f"seq {frame['seq']} ({frame['type']}) shows {shown}, but {stands}"
        named = LEADS.search(character["text"]) if character else None
        if named and (named[1], named[2]) != shown:
            yield f"seq {frame['seq']} ({frame['type']}) shows {shown} beside {character and character['text']!r}"
