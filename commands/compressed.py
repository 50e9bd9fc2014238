"""A marathon compressed to seconds: its plan, settings, days, and the options of its simulators.

All functions are pure; `demo` and `scenario` play the marathon.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

import bootstrap
from actors.scheduler.actor import DayPlan
from actors.scheduler.day_plan import FurtherDay
from auction.calendar import Window
from config import Secret
from messages.base import Lot, Wei
from settings import Settings
from simulator.chain.settings import private_key

MARATHON = "demo"
REAL_WINDOW_MS = 3_600_000
RATE_WINDOW_MS = 900_000
START_MS = 1_500  # until the first day opens: the time that the start of process and simulator takes
LEAST_FURTHER = 3
# The least downtime allowance: a killed supervisor needs this time to restart, however short a day is.
LEAST_ALLOWANCE_MS = 6_000
# A day's time to pay is this share of the demo's day, so that an unpaid lot is settled before the next one is sold. And
# the least time to pay, in which a busy machine asks, answers, offers and pays.
PAYING_SHARE = 0.4
LEAST_PAYMENT_MS = 10_000
REAL_DAY_MS = 86_400_000
REAL_SAFE_MS, REAL_FINALIZED_MS = 300_000, 1_500_000
LEAST_BLOCK_MS, MOST_BLOCK_MS = 300, 2_000
# Accounts of the simulated chain, by their numbers.
DEPLOYER, OPERATOR, OWNER = range(3)


class DemoPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a demo, kept in its data directory: its options, when its first day opens (UTC ms), and the address
    of its sale contract. The last two are unknown, 0 and empty, until the simulators run."""

    seed: int
    days: int
    day_seconds: float
    bidders: int
    first_opens_at_ms: int
    contract: str = ""
    ended: bool = msgspec.field(default=False, name="reported")  # the name in the files of older demos

    @property
    def sells(self) -> bool:
        """Whether lots are paid for on a chain: not in a demo that was begun by a version without one."""
        return bool(self.contract) or not self.first_opens_at_ms


def demo_settings(shipped: Settings, plan: DemoPlan, data_dir: Path, port: int) -> Settings:
    """Returns the shipped settings with every duration scaled to the demo's day, of which six tenths are the window."""
    day_ms = plan.day_seconds * 1000
    window_ms = day_ms * 0.6

    def scaled(real_ms: int, least_ms: int) -> int:
        return max(round(real_ms * window_ms / REAL_WINDOW_MS), least_ms)

    def to_pay(real_ms: int, least_ms: int) -> int:
        return max(round(real_ms * PAYING_SHARE * day_ms / REAL_DAY_MS), least_ms)

    replace, terms = msgspec.structs.replace, shipped.settlement
    rules = replace(
        shipped.rules,
        soft_close_ms=scaled(shipped.rules.soft_close_ms, 1),
        soft_close_cap_ms=round(day_ms * 0.1),
        downtime_allowance_ms=scaled(shipped.rules.downtime_allowance_ms, LEAST_ALLOWANCE_MS),
        delivery_allowance_ms=scaled(shipped.rules.delivery_allowance_ms, 200),
        close_bound_ms=scaled(shipped.rules.close_bound_ms, 30_000),
        # The simulated bidders post fast and bid high, so these two limits are off.
        rate_limit_posts=0,
        hold_above_wei=Wei(0),
        # A closing post names whole seconds, and X refuses a repeated text: so each second is used once, and 0 s never.
        closing_soon_ms=tuple(
            sorted({scaled(ms, 0) // 1000 * 1000 for ms in shipped.rules.closing_soon_ms} - {0}, reverse=True)
        ),
    )
    return replace(
        shipped,
        environment="local",
        data_dir=data_dir,
        marathon=replace(shipped.marathon, id=MARATHON, days=plan.days, first_date=date(2027, 3, 1)),
        rules=rules,
        settlement=replace(
            terms,
            payment_ms=to_pay(terms.payment_ms, LEAST_PAYMENT_MS),
            acceptance_ms=to_pay(terms.acceptance_ms, LEAST_PAYMENT_MS),
            wallet_wait_ms=to_pay(terms.wallet_wait_ms, 300),
            offer_outlives_ms=to_pay(terms.offer_outlives_ms, LEAST_PAYMENT_MS),
        ),
        x=replace(
            shipped.x,
            mode="simulated",
            search_lag_ms=scaled(shipped.x.search_lag_ms, 300),
            sweep_interval_ms=scaled(shipped.x.sweep_interval_ms, 300),
            sweep_lag_ms=scaled(shipped.x.sweep_lag_ms, 300),
            standing_interval_ms=scaled(shipped.x.standing_interval_ms, 1_000),
            request_timeout_ms=2_000,
        ),
        redis=replace(shipped.redis, url=""),
        http=replace(shipped.http, public_port=port, private_port=0, inject_enabled=True),
        livestream=replace(shipped.livestream, timer_interval_ms=500),
        chain=replace(shipped.chain, rpc_urls=()),
    )


def on_chain(settings: Settings, plan: DemoPlan, ports: Sequence[int]) -> Settings:
    """Returns the settings of a demo that sells on the simulated chain whose endpoints have these ports."""
    chain = msgspec.structs.replace(
        settings.chain,
        rpc_urls=tuple(f"http://127.0.0.1:{port}" for port in ports),
        contract=plan.contract,
        poll_ms=_block_ms(plan),
        operator_key=Secret(private_key(plan.seed, OPERATOR).hex()),
    )
    return msgspec.structs.replace(settings, chain=chain)


def days_of(settings: Settings, plan: DemoPlan) -> Sequence[DayPlan]:
    """Returns the days, one after the other, from the first opening on."""
    return [
        DayPlan(
            bootstrap.auction_id(settings, day),
            _window(plan, day),
            Lot(token_id=day, title=f"Demo lot {day}"),
            settings.rules_for(1),
        )
        for day in range(1, plan.days + 1)
    ]


def further_of(settings: Settings, plan: DemoPlan) -> Sequence[FurtherDay]:
    """Returns further dates for lots whose day was not held: as many as there are days, at least LEAST_FURTHER, because
    a further day may be missed too."""
    return [
        FurtherDay(bootstrap.auction_id(settings, day), _window(plan, day))
        for day in range(plan.days + 1, plan.days + max(plan.days, LEAST_FURTHER) + 1)
    ]


def _window(plan: DemoPlan, day: int) -> Window:
    day_ms = round(plan.day_seconds * 1000)
    opens_at_ms = plan.first_opens_at_ms + (day - 1) * day_ms
    closes_at_ms = opens_at_ms + round(day_ms * 0.6)
    return Window(day=day, local_date=date(2027, 3, 1), opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms)


def x_options(settings: Settings, plan: DemoPlan) -> dict[str, object]:
    """Returns the options of the demo's simulated X, with durations scaled like the day."""
    rules = settings.rules_for(1)
    window_ms = round(plan.day_seconds * 600)
    return {
        "seed": plan.seed,
        "rate-window-ms": max(round(RATE_WINDOW_MS * window_ms / REAL_WINDOW_MS), 1_000),
        "rate-day-ms": round(plan.day_seconds * 1000),
        "keepalive-s": 1,
        "stream-latency-ms": 20,
        "rules-delay-ms": 0,
        "index-lag-ms": settings.x.search_lag_ms // 2,
        "search-end-lag-ms": settings.x.search_lag_ms,
        "hashtag": rules.hashtag,
        "window-ms": window_ms,
        "after-close-ms": window_ms // 10,
        "bidders": plan.bidders,
        "bids": 5 * plan.bidders,
        "reserve-wei": int(rules.reserve_wei),
        "increment-wei": int(rules.increment_wei),
        "increment-basis-points": rules.increment_basis_points,
        "minimum-account-age-ms": rules.minimum_account_age_ms,
        "late-ms": window_ms // 20,
        "answer-ms": _reaction_ms(plan),
    }


def chain_options(settings: Settings, plan: DemoPlan) -> dict[str, object]:
    """Returns the options of the demo's simulated chain, with durations scaled like the time to pay."""
    days = len(days_of(settings, plan)) + len(further_of(settings, plan))
    pace = PAYING_SHARE * plan.day_seconds * 1000 / REAL_DAY_MS
    return {
        "seed": plan.seed,
        "chain-id": settings.chain.chain_id,
        "endpoints": 2,
        "block-ms": _block_ms(plan),
        "safe-ms": max(round(REAL_SAFE_MS * pace), LEAST_BLOCK_MS),
        "finalized-ms": max(round(REAL_FINALIZED_MS * pace), 2 * LEAST_BLOCK_MS),
        "payers": days * (1 + settings.settlement.runners_up),
        "payment-ms": _reaction_ms(plan),
    }


def _block_ms(plan: DemoPlan) -> int:
    return min(max(round(plan.day_seconds * 10), LEAST_BLOCK_MS), MOST_BLOCK_MS)


def _reaction_ms(plan: DemoPlan) -> int:
    """How long a bidder needs at most to answer, and a buyer to pay."""
    return max(round(plan.day_seconds * 10), 300)
