"""Plays random calls on the sale contract on a real node; after each one reason and events must be those of the model.

At the end the whole state is compared, and the contract's own events must be numbered from 1 without a gap.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.contracts.model import OPEN, SOLD, Call, Model, Refused
from tests.harness.anvil import Anvil
from tests.harness.sale import (
    FRIEND,
    NOBODY,
    OPERATOR,
    OWNER,
    RUNNER_UP,
    STRANGER,
    WINNER,
    Event,
    Sale,
    auction_hash,
)

DEAF = "0x" + "de" * 20
PEOPLE = [OWNER, OPERATOR, WINNER, RUNNER_UP, FRIEND, STRANGER]
OFTEN = {
    "offer": 30, "purchase": 30, "revoke": 12, "withdraw": 4, "set_operator": 3,
    "transferFrom": 10, "safeTransferFrom": 5, "approve": 4, "setApprovalForAll": 3,
}  # fmt: skip


def play(anvil: Anvil, calls: int, seed: int) -> Counter[tuple[str, str | None]]:
    """How often each function came to each outcome: a reason, or None. Fails at the first difference."""
    chance = random.Random(seed)
    anvil.rpc("anvil_setCode", DEAF, "0x5f5ffd")
    sale = Sale.on(anvil)
    first_block = anvil.head()
    model = Model(sale.address, frozenset({DEAF, sale.address}))
    outcomes: Counter[tuple[str, str | None]] = Counter()
    now_s = anvil.now_s()
    for number in range(calls):
        now_s += chance.choice([1, 2, 5, 40])
        anvil.rpc("evm_setNextBlockTimestamp", now_s)
        call = drawn(chance, model, now_s)
        reason, events = foretold(model, call)
        done = sale.send(call.sender, call.function, *call.arguments, value=call.value)
        assert (done.reverted, done.events) == (reason, events), f"seed {seed}, call {number}: {call}"
        outcomes[call.function, reason] += 1
    compare(sale, model)
    logged = anvil.rpc("eth_getLogs", {"address": sale.address, "fromBlock": hex(first_block), "toBlock": "latest"})
    numbers = [event.fields["n"] for event in sale.events({"logs": logged}) if "n" in event.fields]
    assert numbers == list(range(1, model.count + 1)), f"seed {seed}"
    return outcomes


def foretold(model: Model, call: Call) -> tuple[str | None, list[Event]]:
    """The reason for which the model refuses the call, or the events of it."""
    try:
        return None, model.take(call)
    except Refused as refused:
        return str(refused), []


def drawn(chance: random.Random, model: Model, now_s: int) -> Call:
    """A call that is often right and sometimes wrong in one part."""
    [function] = chance.choices([*OFTEN], weights=[*OFTEN.values()])
    sender, value, somebody = chance.choice(PEOPLE), 0, chance.choice([*PEOPLE, DEAF, NOBODY, model.address])
    latest, sold = len(model.offers), list(model.owner_of)
    unpaid = [number for number, offer in enumerate(model.offers, start=1) if offer.state == OPEN]
    arguments: tuple[Any, ...]
    if function == "offer":
        sender = mostly(chance, model.operator if model.operator in PEOPLE else sender, sender)
        auction, token = (max(0, 3 * latest + chance.randint(-6, 3)) for _ in range(2))  # often a fresh one
        seconds = mostly(chance, chance.randint(1, 500), chance.choice([-1, 0, 10**9, 2**255]))
        price = mostly(chance, chance.choice([1, 2, 10**18]), 0)
        arguments = auction_hash(f"m-{auction}"), token, somebody, price, now_s + seconds
    elif function in ("purchase", "revoke"):
        number = mostly(chance, chance.choice(unpaid or [latest]), max(0, latest + chance.randint(-4, 1)))
        arguments = (number,)
        if function == "purchase":
            price = model.offers[number - 1].price if 1 <= number <= latest else 1
            value = mostly(chance, price, chance.choice([0, price - 1, price + 1, 2 * price]))
    elif function in ("withdraw", "set_operator"):
        sender = mostly(chance, OWNER, sender)
        arguments = (mostly(chance, chance.choice(PEOPLE), somebody),)
    elif function == "setApprovalForAll":
        arguments = somebody, chance.random() < 0.3
    else:
        token = chance.choice(sold[-5:]) if sold and chance.random() < 0.9 else latest + 1000
        owner = model.owner_of.get(token, sender)
        sender = mostly(chance, owner if owner in PEOPLE else sender, sender)
        arguments = (somebody, token) if function == "approve" else (mostly(chance, owner, WINNER), somebody, token)
    return Call(sender, function, arguments, value, now_s)


def mostly(chance: random.Random, right: Any, wrong: Any) -> Any:
    return right if chance.random() < 0.8 else wrong


def compare(sale: Sale, model: Model) -> None:
    """Compares all that the contract tells of its state."""
    plain = [sale.read(name) for name in ("owner", "operator", "count", "offer_count")]
    assert plain == [OWNER, model.operator, model.count, len(model.offers)]
    assert sale.anvil.balance(sale.address) == model.balance
    for number, offer in enumerate(model.offers, start=1):
        assert sale.read("offers", number) == (*vars(offer).values(),)
    for auction in {offer.auction for offer in model.offers}:
        mine = [number for number, offer in enumerate(model.offers, start=1) if offer.auction == auction]
        assert sale.read("last_offer", auction) == mine[-1]
        assert sale.read("sold", auction) == any(model.offers[number - 1].state == SOLD for number in mine)
    for token, owner in model.owner_of.items():
        assert sale.read("ownerOf", token) == owner
        assert sale.read("getApproved", token) == model.approved.get(token, NOBODY)
    held = Counter(model.owner_of.values())
    assert [sale.read("balanceOf", each) for each in (*PEOPLE, DEAF)] == [held[each] for each in (*PEOPLE, DEAF)]
    for owner in PEOPLE:
        for other in PEOPLE:
            assert sale.read("isApprovedForAll", owner, other) == ((owner, other) in model.approved_for_all)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.contracts.random_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anvil-") as folder:
        anvil = Anvil(Path(folder))
        try:
            outcomes = play(anvil, args.calls, args.seed)
        finally:
            anvil.kill()
    for (function, reason), often in sorted(outcomes.items(), key=str):
        print(f"{often:6,}  {function:18} {'done' if reason is None else reason or 'refused by the receiver'}")
    print(f"{args.calls:6,}  calls with seed {args.seed}: reasons, events and state are the model's, n has no gap")
    return 0


if __name__ == "__main__":
    sys.exit(main())
