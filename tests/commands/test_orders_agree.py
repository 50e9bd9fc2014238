"""Every order in every moment of a day: HTTP, the dry run of the command line, and whoever executes it say the same."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from actors.auction.receipts import ReceiptReader
from actors.scheduler.actor import HOUSE, Scheduler
from adapters import process_file
from adapters.http.auth import Operators
from adapters.http.private import Identity
from adapters.http.server import HttpSettings
from adapters.process_file import ProcessFile
from adapters.redis.client import connect_async
from adapters.redis.queue import START, Queue
from adapters.redis.writes import HashSet
from api.orders import ordered
from api.process_api import ProcessApi
from auction.day import AuctionDay
from auction.day_view import day_view
from auction.orders import ORDERS, event_of
from messages.base import Refusal
from messages.codec import to_json, unpack_commands
from messages.commands import BarBidder, Order, PauseAuction
from messages.events import BidderBarred, BidderUnbarred, DayStarted, DayVoided
from supervision import Supervisor
from tests.commands.line import Line
from tests.harness.asking import ask
from tests.harness.builders import CLOSES_MS, OPENING, OPENS_MS, swept
from tests.harness.shown_auction import serving
from tests.harness.stage import Clock, Stage, day_plan
from tests.harness.store import Store

AUCTION, BANNED, WHY = "m-01", 7, "because"
LATER_MS = CLOSES_MS + 600_000

# no: it may not be given, and changes nothing. idle: it may be given, and changes nothing; noted: people are told so.
TABLE = """
order         field                  to-come  pending  active  paused  processing  completed
pause         -                      no       no       yes     noted   no          no
resume        -                      no       no       no      yes     no          no
extend        ends_at_ms=LATER       no       no       yes     yes     no          no
void          -                      no       yes      yes     yes     yes         no
name-result   -                      no       no       no      no      yes         no
invalidate    post_id=12             no       yes      yes     yes     yes         no
hold          post_id=12             no       yes      yes     yes     yes         no
release       post_id=12             no       yes      yes     yes     yes         no
ban           bidder_id=42           yes      yes      yes     yes     yes         yes
ban           bidder_id=7            idle     idle     idle    idle    idle        idle
unban         bidder_id=42           idle     idle     idle    idle    idle        idle
unban         bidder_id=7            yes      yes      yes     yes     yes         yes
skip          day=1                  yes      no       no      no      no          no
"""
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    pytest.param(row[0], row[1], moment, answer, id=f"{moment}: {row[0]} {row[1]}")
    for row in ROWS
    for moment, answer in zip(HEADER[2:], row[2:], strict=True)
]


@dataclass
class Marathon:
    """A store in which day 1 has come so far, as its house and its auction have left it. One bidder is banned."""

    store: Store
    day: AuctionDay
    now_ms: int


def marathon_in(moment: str, store: Store) -> Marathon:
    now_ms = {"to-come": OPENS_MS - 60_000, "processing": CLOSES_MS + 60_000, "completed": CLOSES_MS + 60_000}
    made = Marathon(store, AuctionDay(AUCTION), now_ms.get(moment, OPENS_MS + 60_000))
    store.client.set(store.keys.config, to_json([day_plan(1), day_plan(2, LATER_MS), day_plan(3, 2 * LATER_MS)]))
    house, journal, day = store.journal(HOUSE), store.journal(AUCTION), made.day
    said: Any = {"by": "alice", "why": WHY, "said_at_ms": OPENS_MS - 90_000}
    ban = BarBidder(message_id="ban", bidder_id=BANNED, from_ms=OPENS_MS - 90_000, reason=Refusal.BANNED, **said)
    house.begin()
    house.commit([event_of(ban, OPENS_MS - 90_000)])
    if moment == "to-come":
        return made
    house.commit([DayStarted(message_id="start", at_ms=OPENS_MS, auction_id=AUCTION, day=1)])
    said["said_at_ms"] = OPENS_MS + 30_000
    batches = [day.decide([OPENING[0], ban], OPENS_MS)]
    if moment != "pending":
        batches.append(day.decide([OPENING[1]], OPENS_MS))
    if moment == "paused":
        batches.append(day.decide([PauseAuction(message_id="pause", **said)], OPENS_MS + 30_000))
    if moment in ("processing", "completed"):
        batches.append(day.tick(CLOSES_MS + 30_000))
    if moment == "completed":
        batches.append(day.decide([swept(CLOSES_MS + 1)], CLOSES_MS + 40_000))
    journal.begin()
    for events in batches:
        journal.commit(events, [HashSet(key, day_view(day)) for key in (store.keys.day(1), store.keys.current)])
    return made


def foretells_a_change(line: Line, made: Marathon, name: str, field: str) -> bool:
    """What --dry-run says. Of people it knows what the auction on stage will make of it."""
    given = "10 min" if name == "extend" else field.rpartition("=")[2].strip("-")
    auction = [] if ORDERS[name].is_for_house else ["--auction", AUCTION]
    said = line(name, *([given] if given else []), *auction, "--why", WHY, "--dry-run")
    assert said.code in (0, 1), said
    return said.code == 0 and "would change nothing" not in said.out


def take(made: Marathon, name: str, order: Order) -> bool:
    """Whether whoever executes the order makes anything of it."""
    if not ORDERS[name].is_for_house:
        return bool(deepcopy(made.day).decide([order], made.now_ms))
    stage = Stage(made.store, Clock(made.now_ms))
    plan = [day_plan(1), day_plan(2, LATER_MS), day_plan(3, 2 * LATER_MS)]
    try:
        kinds = BidderBarred, BidderUnbarred, DayVoided
        before = len(stage.logged(*kinds, writer=HOUSE))
        stage.step(
            stage.enter("scheduler", lambda context: Scheduler(context, plan, stage.access, stage.clock, print, ()))
        )
        return len(stage.logged(*kinds, writer=HOUSE)) > before
    finally:
        stage.close()


@pytest.mark.requirement("LIFE-3", "LIFE-8")
@pytest.mark.parametrize(("name", "field", "moment", "answer"), CELLS)
def test_whoever_is_asked_gives_the_same_answer(
    name: str, field: str, moment: str, answer: str, line: Line, marathon: Store, tmp_path: Path
) -> None:
    made = marathon_in(moment, marathon)
    key, _, value = field.partition("=")
    fields: dict[str, Any] = {"why": WHY} | ({key: LATER_MS if value == "LATER" else int(value)} if value else {})
    fields |= {} if ORDERS[name].is_for_house else {"auction_id": AUCTION}
    client, identity = connect_async(marathon.url), Identity("m", "ab" * 32)
    reader = ReceiptReader(marathon.client, marathon.keys)
    supervisor = Supervisor([], last_resort_s=None)
    api = ProcessApi(supervisor, client, marathon.keys, [AUCTION], {}, lambda: made.now_ms, reader, "UTC")
    settings = HttpSettings(operators=Operators(is_local=True), identity=identity)
    with serving(settings, operate=api.operate, status=api.status) as house:
        try:
            port = int(house.private.rpartition(":")[2])
            process_file.write(tmp_path, ProcessFile("m", 1, port, secret=identity.secret))
            foretold = foretells_a_change(line, made, name, field)
            status, _, told = ask(f"{house.private}/operator/{name}", "POST", json=fields)
        finally:
            house.loop.submit(client.aclose()).result(5)
    queue, order = ordered(name, fields, "local", made.now_ms, AUCTION)
    queued = Queue(marathon.client, marathon.keys).read(queue, START, 10)
    assert (status, "note" in told) == (409 if answer == "no" else 202, answer == "noted"), told
    assert [each for _, data in queued for each in unpack_commands(data)] == ([] if answer == "no" else [order])
    if answer == "no":
        Queue(marathon.client, marathon.keys).append(queue, [order])  # it was given just before the day went on
    assert take(made, name, order) == (answer == "yes")
    if "bidder_id" in fields:
        passed_on = bool(deepcopy(made.day).decide([order], made.now_ms))
        assert passed_on == (answer == "yes" and moment not in ("to-come", "completed"))
        assert foretold == passed_on
    else:
        assert foretold == (answer == "yes")


def test_the_table_is_of_every_order() -> None:
    assert {row[0] for row in ROWS} == set(ORDERS)
