"""Plans the crowd's day from seed and day: who posts what and when, and how the stream delivers each post. Pure.

The plan has no amounts: each bid depends on the highest bid so far, which the crowd reads from the ground truth.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from simulator.x.settings import CrowdOptions

_MOODS = ["brave", "calm", "clever", "dusty", "eager", "fuzzy", "gentle", "happy", "lucky", "quiet", "shiny"]
_ANIMALS = ["badger", "crane", "crow", "fox", "gecko", "hare", "ibis", "koala", "lynx", "newt", "otter", "panda"]
_BURST = 4


class Act(StrEnum):
    """What a bidder does."""

    RAISE = "raise"
    TOO_LOW = "too_low"
    EQUAL = "equal"
    SELF_RAISE = "self_raise"
    NO_BID = "no_bid"
    UNTAGGED = "untagged"
    TO_ANOTHER = "to_another"
    NEWCOMER = "newcomer"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True)
class Step:
    """One planned post, `at_ms` after the auction post, by `bidder`, or by `other` if `bidder` leads already.

    `choice` picks the wording and the amount of the raise; after `gone_after_ms` the post is withdrawn.
    """

    at_ms: int
    act: Act
    bidder: str
    other: str
    choice: int
    delivery_ms: tuple[int, ...]
    gone_after_ms: int | None = None


# The share of each act; all other posts are raises.
_SHARES = {
    Act.TOO_LOW: 0.10,
    Act.EQUAL: 0.04,
    Act.SELF_RAISE: 0.04,
    Act.NO_BID: 0.12,
    Act.UNTAGGED: 0.04,
    Act.TO_ANOTHER: 0.04,
    Act.NEWCOMER: 0.04,
    Act.TAKEN_BACK: 0.03,
}


def regulars(count: int) -> list[str]:
    """Returns the handles of the bidders who bid every day."""
    names = [f"{mood}_{animal}" for animal in _ANIMALS for mood in _MOODS]
    return [names[n % len(names)] + (str(n // len(names)) if n >= len(names) else "") for n in range(count)]


def plan_day(seed: int, day: int, options: CrowdOptions, latency_ms: int) -> list[Step]:
    """Returns the day's steps, in the order of their times."""
    random = Random(f"{seed}:{day}")
    handles = regulars(options.bidders)
    acts = _acts(random, options.bids)
    times = _times(random, options)
    steps = []
    for n, (at_ms, act) in enumerate(zip(times, acts, strict=True)):
        bidder, other = random.sample(handles, 2)
        gone_after_ms = None
        if act in (Act.NEWCOMER, Act.TAKEN_BACK):
            # Each such post has a new account, so nobody collects strikes and newcomers' accounts stay young.
            bidder = other = f"{'new' if act is Act.NEWCOMER else 'shy'}_{day}_{n}"
        if act is Act.TAKEN_BACK and at_ms < options.window_ms * 0.9:
            left = options.window_ms - at_ms
            gone_after_ms = round(random.uniform(0.1, 0.3) * left)  # well before the end, even if the day opened late
        delivery_ms = (latency_ms,) if gone_after_ms is not None else _delivery(random, options, latency_ms)
        steps.append(Step(at_ms, act, bidder, other, random.getrandbits(32), delivery_ms, gone_after_ms))
    return steps


def _acts(random: Random, bids: int) -> list[Act]:
    rare = [act for act, share in _SHARES.items() for _ in range(max(1, round(share * bids)))]
    random.shuffle(rare)
    # At least half of a short day raises.
    acts = rare[: bids // 2]
    acts += [Act.RAISE] * (bids - 1 - len(acts))
    random.shuffle(acts)
    # Bids that are withdrawn come early, so that there is time to withdraw them before the end.
    early = [place for place, act in enumerate(acts[: bids // 2]) if act is not Act.TAKEN_BACK]
    late = [place for place, act in enumerate(acts) if act is Act.TAKEN_BACK and place >= bids // 2]
    for place, other in zip(late, random.sample(early, min(len(early), len(late))), strict=False):
        acts[place], acts[other] = acts[other], acts[place]
    # The first bid of the day is below the reserve.
    return [Act.TOO_LOW, *acts][:bids]


def _times(random: Random, options: CrowdOptions) -> list[int]:
    """Draws the times: most within the window, some in bursts of one ms, many at its end, a few after it."""
    window = options.window_ms
    early = 0.92 - options.rush
    times: list[int] = []
    while len(times) < options.bids:
        kind = random.random()
        if kind < early * 6 / 7:
            times.append(round(random.uniform(0.02, 0.95) * window))
        elif kind < early:
            times += [round(random.uniform(0.05, 0.98) * window)] * _BURST
        elif kind < 0.92 or not options.after_close_ms:
            times.append(round(random.uniform(0.95, 1.0) * window))
        else:
            times.append(window + round(random.uniform(0.0, 0.8) * options.after_close_ms))
    return sorted(times[: options.bids])


def _delivery(random: Random, options: CrowdOptions, latency_ms: int) -> tuple[int, ...]:
    usual = round(latency_ms * random.uniform(0.5, 1.5))
    kind = random.random()
    if kind < 0.05:
        return ()
    if kind < 0.10:
        return (usual + options.late_ms,)
    if kind < 0.15:
        return (usual, usual + round(random.uniform(0, 1) * options.late_ms))
    if kind < 0.25:
        # Late enough for a later post to be delivered first.
        return (usual + round(random.uniform(1, 5) * latency_ms) + 1,)
    return (usual,)
