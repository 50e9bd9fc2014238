"""Settlements conducted by the real actors on a real store and a real chain: auction, settlement, sender, watcher."""

from collections.abc import Iterator

import pytest

from actors.announcer.outbox import DEFAULTS, Outbox
from actors.auction.actor import Auction
from actors.chain_watcher.actor import ChainWatcher, Watched
from actors.settlement.actor import SettlementActor
from actors.settlement.sender import Sending, SendTransaction, TransactionSender
from actors.twitter.following import open_conversations
from adapters import alarms
from adapters.chain.keys import Signer
from adapters.chain.node import Node
from adapters.chain.sending import SendingNodes
from adapters.redis.log import LogReader
from auction.downtime_policy import HOUSE
from auction.settlement.calls import Revoke
from messages.chain_events import TransactionDropped
from messages.events import (
    AuctionPrepared,
    OutageNoticed,
    PostMade,
    PostRefused,
    ResultNamed,
    SettlementAdvanced,
    SettlementBegun,
    SettlementFactRefused,
    StrikeGiven,
)
from messages.settlement import Terms
from messages.x_ids import first_id_at
from tests.harness.anvil import CHAIN_ID, Anvil
from tests.harness.builders import CLOSES_MS, ETH, OPENS_MS, reply, swept
from tests.harness.privates import day_of
from tests.harness.sale import FRIEND, OPERATOR, RUNNER_UP, WINNER, Sale
from tests.harness.stage import Clock, Stage
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S

pytestmark = pytest.mark.requirement("CHN-3", "CHN-5")

# Of the account OPERATOR that anvil has, and that its documentation publishes.
KEY = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"
ANN, BOB, EVE = 1, 2, 3
HOUR_MS = 3_600_000
REVOKED = 3  # the state of an offer


def terms_of(prepared: AuctionPrepared) -> Terms:
    return Terms(
        reserve_wei=prepared.rules.reserve_wei,
        payment_ms=24 * HOUR_MS,
        acceptance_ms=12 * HOUR_MS,
        runners_up=2,
        runner_up_basis_points=8_000,
        wallet_wait_ms=600_000,
    )


class Conducted:
    """The sale of a lot that ann has won with 1 ETH before bob's 0.9, told as steps. The chain's time follows ours."""

    def __init__(self, stage: Stage, anvil: Anvil, is_crashing: bool, is_posted: bool = True) -> None:
        self.stage, self.anvil, self.sale, self._is_crashing = stage, anvil, Sale.on(anvil), is_crashing
        self.auction: Auction = stage.opened()
        self.enter()
        self.pass_time(0)
        stage.tell(self.auction, reply(1, EVE, "0.8"), reply(2, BOB, "0.9"), reply(3, ANN, "1"))
        stage.clock.now_ms = CLOSES_MS + 60_000
        stage.step(self.auction)
        stage.tell(self.auction, swept(CLOSES_MS))
        [result] = stage.logged(ResultNamed)
        assert result.winner.bidder_id == ANN
        job = f"asked:{self.auction.auction_id}:1"
        if is_posted:
            self.made(job)
        else:
            refused = PostRefused(message_id=f"refused:{job}", at_ms=stage.clock(), job=job, why="X says no")
            stage.commit("announcer", refused)
        self.pass_time(0)

    def enter(self) -> None:
        stage, contract = self.stage, self.sale.address
        enter, access, clock = stage.enter, stage.access, stage.clock
        self.actors = [
            enter(
                "settlement",
                lambda context: SettlementActor(context, access, clock, terms_of, "transaction_sender"),
            ),
            enter(
                "transaction_sender",
                lambda context: TransactionSender(
                    context,
                    access,
                    clock,
                    lambda: SendingNodes([self.anvil.url], PATIENCE_S),
                    Signer(KEY, contract, CHAIN_ID),
                    Sending(CHAIN_ID, contract, 10**15, 1_000),
                    ("settlement",),
                ),
            ),
            enter(
                "chain_watcher",
                lambda context: ChainWatcher(
                    context,
                    access,
                    clock,
                    lambda: [Node(self.anvil.url, PATIENCE_S)],
                    Watched(CHAIN_ID, contract, 1_000),
                    ("settlement",),
                ),
            ),
        ]

    def pass_time(self, ms: int, blocks: int = 1) -> None:
        """Time passes, here and on the chain, and all replies up to then become known; then all come to rest."""
        self.stage.clock.goes_on(ms + 1000)
        now_ms = self.stage.clock()
        self.anvil.rpc("evm_setNextBlockTimestamp", max(now_ms // 1000, self.anvil.now_s() + 1))
        self.anvil.mine(blocks)
        if ms:
            self.stage.queues.append(self.auction.auction_id, [swept(now_ms)])
        self.come_to_rest()

    def come_to_rest(self) -> None:
        """All actors do what is to be done."""
        if self._is_crashing:
            self.enter()
        for _ in range(6):
            self.stage.step(self.auction, *self.actors)
            self.anvil.settle()

    def made(self, job: str) -> None:
        """The announcer has made this post."""
        now_ms = self.stage.clock()
        event = PostMade(message_id=f"made:{job}", at_ms=now_ms, job=job, post_id=first_id_at(now_ms))
        self.stage.commit("announcer", event)

    def says(self, bidder: int, text: str) -> None:
        """The bidder replies now."""
        self.stage.tell(self.auction, reply(self.stage.clock() - OPENS_MS, bidder, text))
        self.pass_time(0)

    def pay(self, payer: str, offer: int, price: int) -> None:
        """The payer buys the offer, in a block of its own."""
        assert self.sale.send(payer, "purchase", offer, value=price).reverted is None
        self.pass_time(0)

    def finalize(self) -> None:
        self.pass_time(0, blocks=8)
        self.pass_time(0)

    @property
    def at(self) -> str:
        """The stage of the settlement."""
        found = self.stage.logged(SettlementAdvanced)
        return found[-1].stage.value if found else "AWAITING_WALLET"

    @property
    def deadline_ms(self) -> int:
        """When the time of the buyer is over (UTC ms)."""
        settlement = day_of(self.auction).settlement
        assert settlement
        assert settlement.deadline_ms
        return settlement.deadline_ms

    @property
    def strikes(self) -> list[int]:
        """Who got a strike."""
        return [event.bidder_id for event in self.stage.logged(StrikeGiven)]

    @property
    def refused(self) -> list[str]:
        return [event.why for event in self.stage.logged(SettlementFactRefused)]


@pytest.fixture(params=["", "crashing"])
def conducted(request: pytest.FixtureRequest, store: Store, anvil: Anvil) -> Iterator[Conducted]:
    """The sale; `crashing`: settlement actor, sender and watcher crash and come again whenever time passes."""
    stage = Stage(store, Clock(OPENS_MS))
    try:
        yield Conducted(stage, anvil, is_crashing=bool(request.param))
    finally:
        stage.close()


def test_a_winner_names_a_wallet_pays_and_the_sale_is_final(conducted: Conducted) -> None:
    it = conducted
    assert len(it.stage.logged(SettlementBegun)) == 1
    it.says(ANN, f"here: {WINNER}")
    assert it.at == "WALLET_NAMED"
    it.pass_time(600_000)
    assert it.at == "OFFERED"
    it.pay(WINNER, 1, ETH)
    assert it.at == "PAID"
    it.finalize()
    assert it.at == "FINAL"
    assert (it.sale.read("ownerOf", 1), it.refused, it.strikes) == (WINNER, [], [])


def test_a_winner_without_a_wallet_is_struck_and_the_next_one_pays_his_own_bid(conducted: Conducted) -> None:
    it = conducted
    it.pass_time(24 * HOUR_MS)
    assert (it.at, it.strikes) == ("AWAITING_WALLET", [ANN])
    it.made("asked:m-01:2")
    it.pass_time(0)
    it.says(BOB, RUNNER_UP)
    it.pass_time(600_000)
    assert it.sale.read("offers", 1)[2:4] == (RUNNER_UP, 9 * ETH // 10)
    it.pay(FRIEND, 1, 9 * ETH // 10)  # anybody may pay
    it.finalize()
    assert (it.at, it.sale.read("ownerOf", 1), it.refused) == ("FINAL", RUNNER_UP, [])


def test_an_offer_that_is_not_paid_is_revoked_for_good_before_the_next_bidder_is_asked(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    it.pass_time(24 * HOUR_MS)
    assert (it.at, it.sale.read("offers", 1)[5], it.strikes) == ("EXPIRED", REVOKED, [])
    it.finalize()
    assert (it.at, it.strikes) == ("AWAITING_WALLET", [ANN])
    assert it.sale.send(WINNER, "purchase", 1, value=ETH).reverted == "offer is not open"


def test_who_declines_makes_room_at_once(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, "I decline")
    assert (it.at, it.strikes) == ("AWAITING_WALLET", [ANN])
    it.made("asked:m-01:2")
    it.says(BOB, "decline")
    it.made("asked:m-01:3")
    it.says(EVE, "decline")
    assert (it.at, it.strikes, it.refused) == ("UNSOLD", [ANN], [])


def test_a_payment_in_the_block_before_the_deadline_counts_though_it_is_found_after_it(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    it.anvil.rpc("evm_setNextBlockTimestamp", it.deadline_ms // 1000 - 1)
    assert it.sale.send(WINNER, "purchase", 1, value=ETH).reverted is None
    it.pass_time(24 * HOUR_MS)  # a day in which nobody looked
    it.finalize()
    assert (it.at, it.strikes, it.refused) == ("FINAL", [], [])


def test_a_payment_that_is_mined_before_the_revocation_counts_after_the_deadline(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    it.anvil.rpc("evm_setNextBlockTimestamp", it.deadline_ms // 1000 + 1)
    it.stage.clock.goes_on(24 * HOUR_MS)
    assert it.sale.send(WINNER, "purchase", 1, value=ETH).reverted is None
    it.pass_time(1)
    it.finalize()
    it.finalize()
    assert (it.at, it.sale.read("ownerOf", 1), it.strikes) == ("FINAL", WINNER, [])


def test_a_payment_that_is_reorganised_away_may_come_again(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    it.pay(WINNER, 1, ETH)
    assert it.at == "PAID"
    it.anvil.rpc("anvil_reorg", 2, [])
    it.stage.clock.goes_on(61_000)  # the only node has to say so three times in a minute
    it.come_to_rest()
    assert it.at in ("OFFERED", "WALLET_NAMED")
    it.pass_time(0)
    it.pay(WINNER, 1, ETH)
    it.finalize()
    assert (it.at, it.refused) == ("FINAL", [])


def test_while_the_chain_is_down_no_time_passes(conducted: Conducted) -> None:
    it = conducted
    before_ms = it.deadline_ms
    it.stage.clock.goes_on(30 * HOUR_MS)  # without a block
    it.stage.queues.append("m-01", [swept(it.stage.clock())])
    it.come_to_rest()
    assert it.at == "AWAITING_WALLET"
    it.pass_time(0)
    assert it.deadline_ms - before_ms > 29 * HOUR_MS
    it.pass_time(it.deadline_ms - it.stage.clock() + 1)
    assert it.strikes == [ANN]


@pytest.mark.parametrize("what", ["the house", "X"])
def test_nobody_is_late_while_an_outage_may_still_be_told(conducted: Conducted, what: str) -> None:
    it = conducted
    from_ms = it.deadline_ms - HOUR_MS
    key = it.stage.keys.alive if what == "the house" else it.stage.keys.x_away
    it.stage.client.set(key, from_ms)  # the last sign of life, or since when X is away
    it.pass_time(24 * HOUR_MS)
    assert it.strikes == []
    now_ms = it.stage.clock()
    told = OutageNoticed(message_id="outage", at_ms=now_ms, from_ms=from_ms, to_ms=now_ms, what=what)
    it.stage.commit(HOUSE, told)
    it.stage.client.delete(key)
    it.come_to_rest()
    assert (it.deadline_ms, it.strikes) == (now_ms + HOUR_MS, [])


def test_a_buyer_whom_x_lets_nobody_ask_is_an_alarm(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, "I decline")
    refused = PostRefused(message_id="refused", at_ms=it.stage.clock(), job="asked:m-01:2", why="HTTP 403")
    it.stage.commit("announcer", refused)
    it.pass_time(48 * HOUR_MS)
    assert "the buyer of m-01 is not asked" in alarms.sounding()["settlement:m-01"]
    assert it.at == "AWAITING_WALLET"


def test_an_offer_that_the_house_has_not_made_is_an_alarm(conducted: Conducted) -> None:
    it = conducted
    it.sale.offer("m-01", 1, to=FRIEND, price=1, by=OPERATOR)
    it.pass_time(0)
    assert "is not one of ours" in alarms.sounding()["settlement:m-01"]
    assert it.at == "AWAITING_WALLET"


def test_a_sale_by_an_offer_that_the_house_has_not_made_is_no_payment(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    assert it.sale.send(OPERATOR, "revoke", 1).reverted is None
    it.sale.offer("m-01", 1, to=FRIEND, price=1, by=OPERATOR)
    assert it.sale.send(FRIEND, "purchase", 2, value=1).reverted is None
    it.pass_time(0)
    assert "is not one of ours" in alarms.sounding()["settlement:m-01"]
    it.finalize()
    assert it.at not in ("PAID", "FINAL")


def test_a_revocation_that_a_payment_has_forestalled_is_given_up_once_the_payment_is_final(
    conducted: Conducted,
) -> None:
    it = conducted
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    it.pay(WINNER, 1, ETH)
    sender = it.actors[1]
    sender.handle(SendTransaction("revoke:m-01:1", Revoke(offer=1)))  # it was ordered just before the payment was read
    it.pass_time(0)
    assert "offer is not open" in alarms.sounding()["sending:held"]
    it.finalize()
    it.pass_time(0)
    assert (it.at, [each.decision for each in it.stage.logged(TransactionDropped)]) == ("FINAL", ["revoke:m-01:1"])
    assert "sending:held" not in alarms.sounding()


@pytest.mark.parametrize("both", [False, True])
def test_a_settlement_actor_without_its_checkpoint_tells_nothing_again(conducted: Conducted, both: bool) -> None:
    it = conducted
    it.pass_time(0)
    now_ms = it.stage.clock()
    for at_ms in (now_ms - 60_000, now_ms - 30_000):
        outage = OutageNoticed(message_id=f"{at_ms}", at_ms=now_ms, from_ms=at_ms, to_ms=at_ms + 20_000, what="X")
        it.stage.commit(HOUSE, outage)
    it.pass_time(24 * HOUR_MS + 60_000)
    it.made("asked:m-01:2")
    it.pass_time(0)
    it.says(BOB, RUNNER_UP)
    it.pass_time(600_000)
    it.pay(FRIEND, 1, 9 * ETH // 10)
    told = it.stage.logged(SettlementBegun, SettlementAdvanced, SettlementFactRefused)
    it.stage.lose_checkpoints("settlement", both)
    it.enter()
    it.come_to_rest()
    assert it.stage.logged(SettlementBegun, SettlementAdvanced, SettlementFactRefused) == told
    it.finalize()
    assert (it.at, it.strikes, it.refused) == ("FINAL", [ANN], [])


def test_replies_to_a_sold_lot_are_swept_until_its_settlement_is_over(conducted: Conducted) -> None:
    it = conducted
    assert open_conversations(it.stage.client, it.stage.keys, 1)
    it.says(ANN, WINNER)
    it.pass_time(600_000)
    it.pay(WINNER, 1, ETH)
    it.finalize()
    assert not open_conversations(it.stage.client, it.stage.keys, 1)


def test_the_announcer_asks_the_runner_up_by_the_post_that_begins_his_time(conducted: Conducted) -> None:
    it = conducted
    it.says(ANN, "decline")
    outbox = Outbox()
    for entry in LogReader(it.stage.client, it.stage.keys).read(0, 10_000):
        for event in entry.events():
            outbox.on_event(entry.writer, event, DEFAULTS, "UTC")
    assert "asked:m-01:2" in [job.name for job in outbox.outbox]


def test_a_result_that_x_refuses_to_post_does_not_hold_up_the_marathon(store: Store, anvil: Anvil) -> None:
    stage = Stage(store, Clock(OPENS_MS))
    it = Conducted(stage, anvil, is_crashing=False, is_posted=False)
    it.pass_time(24 * HOUR_MS)
    it.pass_time(24 * HOUR_MS)
    settlement = day_of(it.auction).settlement
    stage.close()
    assert settlement
    assert len(settlement.asked) > 1 or settlement.begins_ms or alarms.sounding()
