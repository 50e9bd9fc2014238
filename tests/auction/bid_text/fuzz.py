"""Compares the reader with its oracle on many texts: python -m tests.auction.bid_text.fuzz --count 1000000 --seed 1"""

import argparse
from collections import Counter

from rich.console import Console
from rich.progress import track

from auction.bid_text.reading import read_bid, read_by_the_rules
from messages.base import Refusal
from tests.auction.bid_text.oracle import oracle
from tests.harness.bid_texts import texts

TAG = "AuctionDay"


def disagreement(text: str) -> str | None:
    """What the readers make of the text, if they do not agree."""
    # X's own list of tags comes along with every fourth.
    given = (text, TAG, None if len(text) % 4 else ("gm", "auctionday"))
    short, long, expected = read_bid(*given), read_by_the_rules(*given), oracle(*given)
    if short == long == expected:
        return None
    return f"{text!a} is {short}, by the rules {long}, for the oracle {expected}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console = Console()
    verdicts: Counter[str] = Counter()
    differing = 0
    stream = track(texts(arguments.seed, arguments.count), "Comparing", total=arguments.count, console=console)
    for text in stream:
        verdict = read_bid(text, TAG)
        verdicts[verdict.value if isinstance(verdict, Refusal) else "accepted"] += 1
        found = disagreement(text)
        if found:
            differing += 1
            if differing <= 20:
                console.print(found, markup=False, highlight=False, soft_wrap=True)
    for name, number in verdicts.most_common():
        console.print(f"{number:>9,} {name}", highlight=False)
    console.print(f"{differing:>9,} disagreements", highlight=False)
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
