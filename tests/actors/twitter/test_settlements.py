"""While a lot is settled, its buyer's replies are found and the watermark moves on; nothing else is asked of X."""

from typing import Any

import pytest
from msgspec.structs import replace

from actors.auction.actor import Auction
from actors.twitter.completeness import SETTLING_INTERVALS
from adapters import alarms
from adapters.x.client import XClient
from messages.base import Phase, Wei
from messages.commands import AdvanceSettlement, BeginSettlement, ConfirmAuctionPost
from messages.events import BidRefused, ResultNamed, SettlementAdvanced, WalletRefused, WatermarkMoved
from messages.settlement import Announced, Declined, NextChosen, OfferGone, SettlementFact, Terms, WalletNamed
from messages.x_ids import first_id_at, posted_at_ms
from tests.actors.twitter.entrance import Entrance
from tests.actors.twitter.sweeping import ahead, bids, goes_on
from tests.harness.builders import reply, swept
from tests.harness.stage import HOUR_MS, TIMING, MakeClient, OpenOnX, Stage
from tests.harness.x_process import SimulatedX

pytestmark = pytest.mark.requirement("X-3", "CHN-5")

WALLET = f"0x{'1' * 38}ab"


class CountingClient(XClient):
    """Remembers what X was asked."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.asked: list[str] = []

    def search(self, *args: Any) -> Any:
        self.asked.append("search")
        return super().search(*args)

    def mentions(self, *args: Any) -> Any:
        self.asked.append("mentions")
        return super().mentions(*args)

    def lookup(self, *args: Any) -> Any:
        self.asked.append("lookup")
        return super().lookup(*args)

    def users(self, *args: Any) -> Any:
        self.asked.append("users")
        return super().users(*args)


class Sold:
    """The lot of day 1, which ann has won a moment ago, and the post on X that asks her for a wallet. The auction post
    and the bids are older than this X, which knows nothing of them."""

    def __init__(self, stage: Stage, x: SimulatedX) -> None:
        self.stage, self.x, now_ms = stage, x, stage.clock()
        stage.clock.goes_on(-HOUR_MS)
        self.auction: Auction = stage.prepared()
        post = first_id_at(stage.clock())
        self.ann = f"ann_{x.post('somebody', 'gm')}"[:15]
        known = x.post(self.ann, "gm")
        author = next(int(post["author_id"]) for post in x.ask("truth")["posts"] if post["id"] == str(known))
        bid = replace(reply(0, author, "1"), post_id=post + 1, replied_to_id=post, author_created_at_ms=0)
        stage.tell(self.auction, ConfirmAuctionPost(message_id="confirm", post_id=post), bid)
        stage.clock.now_ms = now_ms
        stage.step(self.auction)
        assert stage.current()["phase"] == Phase.PROCESSING
        self.bidder_id = author

    def settled(self) -> int:
        """The result is named, and its settlement begins at once; the post that asks the winner."""
        stage = self.stage
        terms = Terms(
            reserve_wei=Wei(1), payment_ms=HOUR_MS, acceptance_ms=HOUR_MS, runners_up=2, runner_up_basis_points=8_000
        )
        stage.tell(
            self.auction,
            swept(int(stage.current()["ends_at_ms"])),
            BeginSettlement(message_id="begin", terms=terms),
        )
        assert stage.logged(ResultNamed)[0].winner.bidder_id == self.bidder_id
        asked = self.x.create(f"@{self.ann} has won. {stage.keys.marathon_id}")
        stage.client.hset(stage.keys.own_posts, mapping={str(asked): "m-01"})
        self.fact(Announced(at_ms=posted_at_ms(asked), bidder_id=self.bidder_id))
        return asked

    def fact(self, fact: SettlementFact) -> None:
        self.stage.tell(self.auction, AdvanceSettlement(message_id=f"fact:{fact}", fact=fact))

    @property
    def wallets(self) -> list[int]:
        """The replies that have named a wallet."""
        facts = [event.fact for event in self.stage.logged(SettlementAdvanced)]
        return [fact.post_id for fact in facts if isinstance(fact, WalletNamed)]

    @property
    def watermark_ms(self) -> int:
        return int(self.stage.logged(WatermarkMoved)[-1].watermark_ms)


@pytest.fixture
def sold(stage: Stage, x: SimulatedX) -> Sold:
    return Sold(stage, x)


def test_a_reply_of_the_buyer_that_only_a_sweep_finds_is_taken_and_proven(
    sold: Sold, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    asked = sold.settled()
    wrong = x.reply(sold.ann, f"{sold.ann}.eth", asked, delivery_ms=[])
    right = x.reply(sold.ann, WALLET, wrong, delivery_ms=[])
    x.reply("somebody", f"take mine: {WALLET} #AuctionDay", asked, delivery_ms=[])
    ahead(stage)
    looking = stage.reconciler(x_client())
    goes_on(stage, looking, sold.auction)
    assert sold.wallets == [right]
    assert sold.watermark_ms < posted_at_ms(wrong)
    goes_on(stage, looking, sold.auction, ms=TIMING.lag_ms)
    assert sold.watermark_ms > posted_at_ms(right)
    assert [event.post_id for event in stage.logged(WalletRefused)] == [wrong]
    assert len(stage.logged(BidRefused)) == 1
    assert stage.current()["phase"] == Phase.COMPLETED


def test_a_reply_of_the_buyer_comes_by_the_stream_as_long_as_the_settlement_is_on(
    sold: Sold, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    asked = sold.settled()
    entrance = Entrance(stage, x, x_client)
    ingest = entrance.enter()
    stage.until(lambda: f"conversation_id:{asked}" in x.rules(), ingest)
    entrance.connected()
    made = x.reply(sold.ann, WALLET, asked)
    stage.until(lambda: sold.wallets == [made], ingest, sold.auction)
    stage.clock.goes_on(10 * HOUR_MS)
    stage.step(ingest)
    assert f"conversation_id:{asked}" in x.rules()
    ends(sold)
    stage.until(lambda: not x.rules(), ingest)


def ends(sold: Sold) -> None:
    """The buyer declines, and nobody else is to be asked."""
    at_ms = sold.stage.clock()
    sold.fact(Declined(at_ms=at_ms, bidder_id=sold.bidder_id))
    sold.fact(OfferGone(at_ms=at_ms, bidder_id=sold.bidder_id))
    sold.fact(NextChosen(at_ms=at_ms, bidder=None))
    assert sold.stage.current()["settlement"] == "UNSOLD"


def test_the_watermark_moves_on_with_few_searches_and_nothing_else_is_asked_of_x(
    sold: Sold, stage: Stage, x_client: MakeClient
) -> None:
    sold.settled()
    ahead(stage)
    client, rounds = x_client(CountingClient), 4
    looking = stage.reconciler(client)
    goes_on(stage, looking, sold.auction)
    client.asked.clear()
    seen = []
    for _ in range(rounds):
        for _ in range(SETTLING_INTERVALS):
            goes_on(stage, looking, sold.auction)
        seen.append(sold.watermark_ms)
    assert seen == sorted(set(seen))
    assert stage.clock() - seen[-1] <= (SETTLING_INTERVALS + 2) * TIMING.interval_ms
    # The account's mentions are those of all tests on this X, which may be several pages.
    assert client.asked.count("search") == 2 * rounds
    assert set(client.asked) == {"search", "mentions"}


def test_a_settlement_that_is_over_is_not_searched_any_more(sold: Sold, stage: Stage, x_client: MakeClient) -> None:
    sold.settled()
    ahead(stage)
    client = x_client(CountingClient)
    looking = stage.reconciler(client)
    goes_on(stage, looking, sold.auction)
    ends(sold)
    client.asked.clear()
    for _ in range(2 * SETTLING_INTERVALS):
        goes_on(stage, looking, sold.auction)
    assert client.asked == []


def test_what_was_in_doubt_about_bids_is_forgotten_with_its_alarm_when_the_settlement_begins(
    sold: Sold, stage: Stage, x_client: MakeClient
) -> None:
    client = x_client(CountingClient)
    looking = stage.reconciler(client)
    for _ in range(3):
        goes_on(stage, looking)
    assert "auction_post:m-01" in alarms.sounding()
    sold.settled()
    client.asked.clear()
    goes_on(stage, looking, sold.auction)
    assert "auction_post:m-01" not in alarms.sounding()
    assert "lookup" not in client.asked


def test_a_crash_of_the_reconciler_costs_no_reply_and_takes_no_proof_back(
    sold: Sold, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    asked = sold.settled()
    made = x.reply(sold.ann, WALLET, asked, delivery_ms=[])
    ahead(stage)
    seen = []
    for _ in range(4):
        goes_on(stage, stage.reconciler(x_client()), sold.auction)
        seen.append(sold.watermark_ms)
    assert sold.wallets == [made]
    assert seen == sorted(seen)
    assert seen[-1] > posted_at_ms(made)


def test_replies_below_the_auction_post_make_the_stream_not_deaf_since_none_gets_a_verdict(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX
) -> None:
    _, post = open_on_x()
    stage.leave("m-01")
    stage.client.hset(stage.keys.day(1), mapping={"phase": "COMPLETED", "settlement": "AWAITING_WALLET"})
    made = [x.reply("ann", f"{WALLET} #AuctionDay {number}", post, delivery_ms=[]) for number in range(2)]
    ahead(stage)
    goes_on(stage, stage.reconciler(x_client()))
    assert bids(stage) == made
    assert "deaf_stream:m-01" not in alarms.sounding()
