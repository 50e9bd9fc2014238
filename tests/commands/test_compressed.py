"""The settings of a compressed day: what is posted on it can be told apart."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bootstrap
from auction.wording.posts import closing_post
from commands.compressed import DemoPlan, chain_options, demo_settings, on_chain, x_options
from messages.events import ClosingSoon
from settings import load
from simulator.buyers import buyer
from tests.harness.builders import opened_day

SHIPPED = load(None, {})
ENDS_MS = 1_800_000_000_000


@pytest.mark.requirement("X-5")
@given(
    st.floats(1, 600), st.sampled_from([SHIPPED.rules.closing_soon_ms, (70_000, 61_000, 60_000), (900_000, 899_999)])
)
def test_no_two_closing_posts_of_a_day_have_the_same_text(day_seconds: float, distances: tuple[int, ...]) -> None:
    rules = msgspec.structs.replace(SHIPPED.rules, closing_soon_ms=distances)
    plan = DemoPlan(seed=1, days=1, day_seconds=day_seconds, bidders=2, first_opens_at_ms=0)
    settings = demo_settings(msgspec.structs.replace(SHIPPED, rules=rules), plan, Path("unused"), 0)
    prepared = opened_day().prepared
    assert prepared
    told = [
        closing_post(prepared, ClosingSoon(message_id="c", at_ms=0, left_ms=ms, ends_at_ms=ENDS_MS), "UTC")
        for ms in settings.rules.closing_soon_ms
    ]
    assert len(set(told)) == len(told)
    assert not any(" in 0 s" in text for text in told)


@pytest.mark.requirement("CHN-5")
@pytest.mark.parametrize("day_seconds", [5, 40, 3_600, 86_400])
def test_the_time_to_pay_scales_with_the_day_and_leaves_room_for_all_that_is_to_be_done(day_seconds: float) -> None:
    plan = DemoPlan(seed=1, days=2, day_seconds=day_seconds, bidders=4, first_opens_at_ms=0)
    settings = demo_settings(load(None, {}), plan, Path("data"), 0)
    terms, chain = settings.settlement, chain_options(settings, plan)
    assert terms.payment_ms >= max(10_000, 0.4 * day_seconds * 1000)
    assert terms.payment_ms >= terms.acceptance_ms > terms.wallet_wait_ms
    block_ms, final_ms, pays_ms = (int(str(chain[name])) for name in ("block-ms", "finalized-ms", "payment-ms"))
    assert 4 * block_ms + final_ms + pays_ms + terms.wallet_wait_ms < terms.acceptance_ms / 2
    assert int(str(x_options(settings, plan)["answer-ms"])) < terms.acceptance_ms / 4


def test_a_demo_on_a_chain_asks_both_endpoints_and_has_the_key_of_an_account_that_owns_nothing_else() -> None:
    plan = DemoPlan(seed=3, days=1, day_seconds=20, bidders=4, first_opens_at_ms=0, contract="0x" + "ab" * 20)
    bare = demo_settings(load(None, {}), plan, Path("data"), 0)
    assert bootstrap.operators_key(bare) is None
    settings = on_chain(bare, plan, [1, 2])
    assert settings.chain.rpc_urls == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    signer = bootstrap.operators_key(settings)
    assert signer
    wallets = {buyer(plan.seed, number).wallet.lower() for number in range(12)}
    assert signer.address not in wallets | {plan.contract}
