"""What is posted while a lot is settled: each post once, whatever crashes or is lost, and the buyer is answered."""

import itertools

import pytest
from msgspec.structs import replace

from actors.announcer.actor import Announcer
from actors.announcer.outbox import MOST_SALES, Outbox, Posting
from actors.announcer.sales import ANSWERS_A_BUYER
from actors.twitter.following import REPLIES_FOLLOWED_MS, forget_posts
from adapters.x.client import XClient
from auction.post_budget import LIMIT_A_WINDOW
from auction.settlement.ladder import Settlement
from messages.base import Wei
from messages.commands import (
    AdvanceSettlement,
    AskNextBidder,
    AuctionCommand,
    BeginSettlement,
    ConfirmAuctionPost,
    PlaceBid,
)
from messages.events import PostAttempted, PostMade, PostRefused, ResultNamed, SettlementFactRefused
from messages.settlement import (
    Announced,
    CameBack,
    Level,
    OfferGone,
    OfferMade,
    OfferReorged,
    OfferSent,
    PaymentReorged,
    PaymentSeen,
    SettlementFact,
    Terms,
    TimePassed,
    WalletNamed,
    WentDown,
)
from messages.x_ids import first_id_at
from tests.harness.builders import swept
from tests.harness.privates import day_of
from tests.harness.shown_auction import named, prepared
from tests.harness.stage import SETTLE_MS, MakeClient, Stage
from tests.harness.x_process import SimulatedX

pytestmark = pytest.mark.requirement("X-5", "CHN-5")

HOUR_MS = 3_600_000
POSTING = {"method": "POST", "path": "/2/tweets"}
# A day that has used up its posts: a settlement is told all the same.
SETTLED = Posting(receipts=False, posts_a_day=1, public_url="https://auction.example.org")
WALLET = f"0x{'1' * 38}ab"
_serial = itertools.count(1)


class Sold:
    """The lot of day 1, which ann has won with 1 ETH before bob's 0.9 a moment ago, and an announcer on X."""

    def __init__(self, stage: Stage, x: SimulatedX, make_client: MakeClient, crashes: bool = False) -> None:
        self.stage, self.x, self._make_client, self._crashes = stage, x, make_client, crashes
        self._facts, serial, now_ms = itertools.count(1), next(_serial), stage.clock()
        self.bob, self.ann = f"bob{serial}", f"ann{serial}"
        stage.clock.goes_on(-HOUR_MS)
        self.auction = stage.prepared()
        post = first_id_at(stage.clock())
        confirm = ConfirmAuctionPost(message_id="confirm", post_id=post)
        bids = (self._bid(self.bob, post + 1, "0.9"), self._bid(self.ann, post + 2, "1"))
        stage.tell(self.auction, confirm, *(replace(bid, replied_to_id=post) for bid in bids))
        stage.clock.now_ms = now_ms
        stage.step(self.auction)
        stage.tell(self.auction, swept(int(stage.current()["ends_at_ms"])))
        [result] = stage.logged(ResultNamed)
        assert result.winner.bidder_handle == self.ann
        self.announcer = self.enter()
        self.announce()

    def enter(self, kind: type[XClient] = XClient) -> Announcer:
        """The announcer comes, again."""
        return self.stage.announcer(self._make_client(kind), SETTLED)

    def _bid(self, who: str, post_id: int, amount: str) -> PlaceBid:
        """A bid of an account that is on X, too."""
        return self._found(who, post_id, f"{amount} ETH #AuctionDay", self.x.post(who, f"gm from {who}"))

    def _found(self, who: str, post_id: int, text: str, known_by: int) -> PlaceBid:
        posts = self.x.ask("truth")["posts"]
        author = next(int(post["author_id"]) for post in posts if post["id"] == str(known_by))
        return PlaceBid(
            message_id=f"tweet:{post_id}", post_id=post_id, author_id=author, author_handle=who,
            author_created_at_ms=0, replied_to_id=None, text=text, hashtags=None, source="stream",
            found_at_ms=self.stage.clock(),
        )  # fmt: skip

    def says(self, text: str) -> int:
        """The buyer replies to what was posted last; the reply."""
        handle = self._settlement.buyer.bidder_handle
        at = self.x.reply(handle, text, self.posted[-1].post_id)
        self.tells(self._found(handle, at, text, at))
        return at

    def tells(self, *commands: AuctionCommand) -> None:
        """The auction decides, and the announcer posts what follows. Two posts of a second might say the same."""
        self.stage.clock.goes_on(1_000)
        self.stage.tell(self.auction, *commands)
        self.announce()

    def fact(self, fact: SettlementFact) -> None:
        self.tells(AdvanceSettlement(message_id=f"fact:{next(self._facts)}", fact=fact))

    def about(self, kind: type, **more: object) -> None:
        """A fact of this kind about the buyer."""
        self.fact(kind(at_ms=self.stage.clock(), bidder_id=self._settlement.buyer.bidder_id, **more))

    def begins(self) -> None:
        terms = Terms(
            reserve_wei=Wei(1), payment_ms=24 * HOUR_MS, acceptance_ms=12 * HOUR_MS, runners_up=2,
            runner_up_basis_points=8_000, wallet_wait_ms=0,
        )  # fmt: skip
        self.tells(BeginSettlement(message_id="begin", terms=terms))
        self.asked()

    def asked(self) -> None:
        """The buyer was asked by the last post, with which the time begins."""
        self.about(Announced)

    def announce(self) -> None:
        if self._crashes:
            self.announcer = self.enter()
        self.stage.step(*[self.announcer] * 4)

    @property
    def _settlement(self) -> Settlement:
        settlement = day_of(self.auction).settlement
        assert settlement
        return settlement

    @property
    def deadline_ms(self) -> int:
        deadline_ms = self._settlement.deadline_ms
        assert deadline_ms
        return deadline_ms

    def left(self, ms: int) -> None:
        """So much of the buyer's time is left; all replies are known up to then."""
        self.tells(swept(self.deadline_ms - ms))

    @property
    def posted(self) -> list[PostMade]:
        """The posts about the settlement."""
        made = self.stage.logged(PostMade, writer="announcer")
        return [one for one in made if not one.job.startswith(("auction-post", "result"))]

    @property
    def jobs(self) -> list[str]:
        return [made.job.replace(":m-01", "") for made in self.posted]

    def text(self, made: PostMade) -> str:
        """A post as it stands on X, once."""
        [post] = [post for post in self.x.ask("truth")["posts"] if post["id"] == str(made.post_id)]
        return str(post["text"])

    @property
    def last(self) -> str:
        return self.text(self.posted[-1])


@pytest.fixture(params=["", "crashing"])
def sold(request: pytest.FixtureRequest, stage: Stage, x: SimulatedX, x_client: MakeClient) -> Sold:
    """The lot; `crashing`: the announcer crashes and comes again before whatever it does."""
    return Sold(stage, x, x_client, crashes=bool(request.param))


def wallet_named(sold: Sold) -> None:
    """The buyer names a wallet, and the offer to it is on its way."""
    sold.about(WalletNamed, wallet=WALLET)
    sold.about(OfferSent)


def test_without_a_settlement_the_result_is_all_that_is_posted(sold: Sold) -> None:
    sold.tells(swept(sold.stage.clock() + 30 * HOUR_MS))
    assert sold.jobs == []


def test_a_winner_is_asked_offered_thanked_and_named_as_owner_of_the_token(sold: Sold) -> None:
    sold.begins()
    assert f"@{sold.ann} has won for 1 ETH. To do within 24 h: reply to this post with your wallet" in sold.last
    wallet_named(sold)
    sold.about(OfferMade, offer=1)
    assert f"@{sold.ann}: offered to {WALLET} for 1 ETH until " in sold.last
    assert "\nPay here: https://auction.example.org/pay/m-01\n" in sold.last
    sold.about(PaymentSeen, level=Level.UNSAFE)
    assert "There is nothing more to do" in sold.last
    sold.about(PaymentSeen, level=Level.SAFE)
    sold.about(PaymentSeen, level=Level.FINALIZED)
    assert f"is final. The token belongs to {WALLET} now." in sold.last
    sold.announce()
    assert sold.jobs == ["asked:1", "offered:1", "paid:1", "final"]
    assert sold.stage.logged(PostRefused, SettlementFactRefused) == []


def test_a_buyer_without_a_wallet_is_reminded_twice_and_then_the_next_one_is_asked(sold: Sold) -> None:
    sold.begins()
    sold.left(12 * HOUR_MS + 1)
    assert sold.jobs == ["asked:1"]
    sold.left(12 * HOUR_MS)
    sold.left(12 * HOUR_MS - 60_000)
    sold.left(2 * HOUR_MS)
    sold.left(HOUR_MS)
    assert sold.jobs == ["asked:1", "reminder:1:2", "reminder:1:12"]
    assert f"@{sold.ann}, we still need your wallet. Reply to this post" in sold.last
    at_ms = sold.deadline_ms
    sold.fact(TimePassed(at_ms=at_ms))
    sold.stage.clock.now_ms = at_ms
    sold.about(OfferGone)
    sold.tells(AskNextBidder(message_id="next", banned=(), at_ms=at_ms))
    assert f"@{sold.bob}, nobody before you paid, so it is yours at your bid of 0.9 ETH. Within 12 h" in sold.last
    sold.asked()
    sold.left(6 * HOUR_MS)
    sold.left(HOUR_MS)
    assert sold.jobs[3:] == ["asked:2", "reminder:2:2", "reminder:2:12"]
    sold.fact(TimePassed(at_ms=sold.deadline_ms))
    sold.about(OfferGone)
    sold.tells(AskNextBidder(message_id="nobody", banned=(), at_ms=at_ms))
    assert "It was not paid for and remains unsold." in sold.last
    assert sold.jobs[6:] == ["unsold"]


def test_after_an_outage_only_the_reminder_that_is_due_now_is_posted(sold: Sold) -> None:
    sold.begins()
    sold.left(HOUR_MS)
    sold.left(HOUR_MS // 2)
    assert sold.jobs == ["asked:1", "reminder:1:12"]


def test_a_buyer_whose_time_stands_still_is_not_reminded(sold: Sold) -> None:
    sold.begins()
    at_ms = sold.stage.clock()
    sold.fact(WentDown(at_ms=at_ms, what="chain"))
    sold.tells(swept(at_ms + 23 * HOUR_MS))
    assert sold.jobs == ["asked:1"]
    sold.fact(CameBack(at_ms=at_ms + 23 * HOUR_MS, what="chain"))
    sold.left(12 * HOUR_MS)
    assert sold.jobs == ["asked:1", "reminder:1:2"]


def test_who_waits_for_the_offer_is_not_reminded_and_who_has_not_paid_is_given_the_link(sold: Sold) -> None:
    sold.begins()
    wallet_named(sold)
    sold.tells(swept(sold.stage.clock() + 6 * HOUR_MS))
    assert sold.jobs == ["asked:1"]
    sold.about(OfferMade, offer=1)
    sold.left(11 * HOUR_MS)
    sold.left(2 * HOUR_MS)
    assert sold.jobs == ["asked:1", "offered:1", "reminder:1:2", "reminder:1:12"]
    assert "1 ETH is still to be paid by " in sold.last
    assert "/pay/m-01\n" in sold.last


def test_what_a_reorganisation_undoes_is_not_announced_a_second_time(sold: Sold) -> None:
    sold.begins()
    wallet_named(sold)
    sold.about(OfferMade, offer=1)
    sold.about(OfferReorged, offer=1)
    sold.about(OfferMade, offer=2)
    sold.about(PaymentSeen, level=Level.UNSAFE)
    sold.about(PaymentReorged)
    sold.about(PaymentSeen, level=Level.FINALIZED)
    assert sold.jobs == ["asked:1", "offered:1", "paid:1", "final"]
    assert sold.stage.logged(SettlementFactRefused) == []


def test_a_reply_without_a_wallet_is_answered_once_with_what_to_post(sold: Sold) -> None:
    sold.begins()
    at = sold.says(f"{sold.ann}.eth")
    [answer] = [post for post in sold.x.ask("truth")["posts"] if post["replied_to"] == str(at)]
    assert f"@{sold.ann} I do not look names up" in answer["text"]
    sold.announce()
    assert sold.jobs == ["asked:1", f"wallet:{at}"]
    assert len([post for post in sold.x.ask("truth")["posts"] if post["replied_to"] == str(at)]) == 1


def test_a_buyer_who_never_names_a_wallet_is_not_answered_for_ever(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    sold = Sold(stage, x, x_client)
    sold.begins()
    for number in range(ANSWERS_A_BUYER + 2):
        sold.says(f"my wallet is number {number}")
    assert len([job for job in sold.jobs if job.startswith("wallet")]) == ANSWERS_A_BUYER < LIMIT_A_WINDOW


def test_an_answer_of_unknown_fate_is_not_sent_again_even_if_the_checkpoint_is_lost(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    sold = Sold(stage, x, x_client)
    sold.begins()
    x.tell("faults", kind="response_lost", count=1, **POSTING)
    at = sold.says("who are you?")
    stage.lose_checkpoints("announcer", both=True)
    stage.clock.goes_on(SETTLE_MS)
    sold.announcer = sold.enter()
    sold.announce()
    assert [event.job for event in stage.logged(PostAttempted)].count(f"wallet:m-01:{at}") == 1


@pytest.mark.requirement("SUP-3", "RED-4")
@pytest.mark.parametrize("checkpoints", ["sound", "newest lost", "both lost"])
def test_the_post_of_the_offer_whose_answer_is_lost_stands_on_x_once_with_its_link(
    checkpoints: str, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    sold = Sold(stage, x, x_client)
    sold.begins()
    sold.left(12 * HOUR_MS)
    wallet_named(sold)
    x.tell("faults", kind="response_lost", count=1, **POSTING)
    sold.about(OfferMade, offer=1)
    assert sold.jobs == ["asked:1", "reminder:1:2"]
    if checkpoints != "sound":
        stage.lose_checkpoints("announcer", both=checkpoints == "both lost")
    for _ in range(4):
        sold.announcer = sold.enter()
        sold.announce()
        stage.clock.goes_on(SETTLE_MS)
    assert sold.jobs == ["asked:1", "reminder:1:2", "offered:1"]
    offers = [post for post in x.ask("truth")["posts"] if f"@{sold.ann}: offered to" in post["text"]]
    assert len(offers) == 1


def test_while_x_is_away_nothing_is_posted_late_that_has_become_useless(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    sold = Sold(stage, x, x_client)
    sold.begins()
    x.tell("faults", kind="http_429", count=1, reset_s=60, **POSTING)
    sold.left(12 * HOUR_MS)
    wallet_named(sold)
    sold.about(OfferMade, offer=1)
    sold.about(PaymentSeen, level=Level.UNSAFE)
    assert sold.jobs == ["asked:1"]
    stage.clock.goes_on(61_000)
    sold.announce()
    assert sold.jobs == ["asked:1", "paid:1"]
    assert [event.job for event in stage.logged(PostRefused)] == ["reminder:m-01:1:2", "offered:m-01:1"]


def test_posts_that_ask_the_buyer_are_remembered_for_replies_until_the_settlement_is_over(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    sold = Sold(stage, x, x_client)
    sold.begins()
    sold.left(12 * HOUR_MS)
    asking = {made.post_id for made in sold.posted}

    def kept() -> set[int]:
        """What is left of them long after, when the next auction opens."""
        stage.prepared(day=2)
        stage.step(*[sold.announcer] * 3)
        return {int(post) for post in stage.client.hkeys(stage.keys.own_posts)}

    stage.clock.goes_on(2 * REPLIES_FOLLOWED_MS)
    assert asking < kept()
    wallet_named(sold)
    sold.about(OfferMade, offer=1)
    sold.about(PaymentSeen, level=Level.FINALIZED)
    assert sold.jobs[-1] == "final"
    forget_posts(stage.client, stage.keys, {"m-02"}, stage.clock())
    assert asking.isdisjoint(map(int, stage.client.hkeys(stage.keys.own_posts)))


def test_lots_that_are_sold_without_a_chain_are_not_kept_for_ever() -> None:
    outbox = Outbox()
    for day in range(1, MOST_SALES + 10):
        for event in (prepared(day), named(1, day)):
            outbox.on_event(f"m-{day:02d}", event, SETTLED, "UTC")
    assert list(outbox.sales) == [f"m-{day:02d}" for day in range(10, MOST_SALES + 10)]
