"""The bidders who are asked for a wallet: each answers after a while, as the role in `simulator.buyers` says.

A post of the auction account asks the bidders of the crowd whom it mentions when it says "wallet". A reply to an answer
that has the address asks for nothing, so no two answers follow on each other without end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

from simulator.buyers import Buyer, Role, buyer
from simulator.x.settings import ACCOUNT_ID, Settings
from simulator.x.texts import mentions
from simulator.x.world import Post, User, World, WorldFull

_THANKS = ("Here it is: {}", "{} please", "my wallet is {}", "Send it to {}, thanks!", "{}")


class AskedBidders:
    """All bidders who were asked, in the order in which they were asked first."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world, self._settings = world, settings
        self._crowd: set[int] = set()
        self._buyers: dict[User, Buyer] = {}
        self._named: set[User] = set()  # who has said the name of a wallet, and will say the address when asked again
        self._with_address: set[int] = set()  # the answers that have the address
        world.on_post.append(self._notice)

    def join(self, bidder: User) -> None:
        """Lets an account answer when it is asked; no others do."""
        self._crowd.add(bidder.id)

    def has_left(self, bidder: User) -> bool:
        """Whether the bidder does not bid any more: who has not paid has left."""
        known = self._buyers.get(bidder)
        return known is not None and not known.role.pays

    def truth(self) -> list[dict[str, Any]]:
        """Lists who was asked, with the wallet and whether the bidder pays, as plain values."""
        return [
            {"bidder": user.handle, "wallet": it.wallet, "role": it.role.value, "pays": it.role.pays}
            for user, it in self._buyers.items()
        ]

    def _notice(self, post: Post) -> None:
        if post.author.id != ACCOUNT_ID or "wallet" not in post.text.casefold():
            return
        if post.parent and post.parent.id in self._with_address:
            return
        for bidder in self._mentioned(post):
            if bidder not in self._buyers:
                self._buyers[bidder] = buyer(self._settings.seed, len(self._buyers))
            if self._buyers[bidder].role is not Role.SILENT:
                share = Random(f"{self._settings.seed}:{bidder.handle}:answer").uniform(0.2, 1)
                delay_s = share * self._settings.answer_ms / 1000
                asyncio.get_running_loop().call_later(delay_s, self._answer, bidder, post)

    def _mentioned(self, post: Post) -> Iterator[User]:
        for handle in dict.fromkeys(name.casefold() for name in mentions(post.text)):
            user = self._world.user(handle)
            if user and user.id in self._crowd:
                yield user

    def _answer(self, bidder: User, asked: Post) -> None:
        it = self._buyers[bidder]
        says_name = it.role is Role.NAME_FIRST and bidder not in self._named
        self._named.add(bidder)
        words = Random(f"{self._settings.seed}:{asked.id}").choice(_THANKS)
        text = f"{bidder.handle}.eth" if says_name else words.format(it.wallet)
        with suppress(WorldFull):
            latency = (self._settings.stream_latency_ms,)
            answer = self._world.post(bidder, text, parent=asked, delivery_ms=latency)
            if not says_name:
                self._with_address.add(answer.id)
