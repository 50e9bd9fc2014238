"""The bidders: what they post below each auction post, when, and what they take back. All of it drawn from the seed.

Texts come with what they mean (`simulator.x.wording`); no text is ever read here. Amounts answer the highest bid that
stands at the moment, which the crowd sees without delay.
"""

from random import Random

from messages.base import Refusal, Rules, Wei
from simulator.x import wording
from tests.system.simulation.world import START_MS, World
from tests.system.simulation.x import Meaning, Post, X

DAY_MS = 86_400_000
BIDDERS = tuple(f"bidder_{n}" for n in range(7))


class Crowd:
    """Bids in every auction that opens. `closes_at_ms` is by day, UTC ms."""

    def __init__(self, world: World, x: X, rules: Rules, closes_at_ms: dict[int, int]) -> None:
        self._world, self._x, self._rules, self._closes_at_ms = world, x, rules, closes_at_ms
        self._random = world.random("crowd")
        self._serial = 0
        x.on_own_post = self.see

    def see(self, post: Post) -> None:
        """The account has posted: if it opens an auction, there will be bids."""
        if "Bid by replying" not in post.text:
            return
        day = int(post.text.removeprefix("Day ").partition(":")[0])
        closes_ms = float(self._closes_at_ms[day] - START_MS)
        window_ms = max(closes_ms - self._world.now_ms, 100.0)
        for _ in range(self._random.randint(0, 45)):
            draw = self._random.random()
            if draw < 0.55:
                at_ms = closes_ms - window_ms * self._random.random()
            elif draw < 0.85:
                at_ms = closes_ms - self._random.uniform(0, 1_500)
            else:
                at_ms = closes_ms + self._random.uniform(0, self._rules.soft_close_cap_ms + 1_000)
            self._world.at(at_ms, self._act, post, Random(self._random.random()))

    def _act(self, auction: Post, random: Random) -> None:
        author = random.choice(BIDDERS)
        leading = self._leading(auction)
        draw = random.random()
        if draw < 0.10:
            refusal, text = wording.no_bid(self._rules.hashtag, random.getrandbits(32))
            self._post(random, author, text, auction, {"refusal": refusal})
        elif draw < 0.14:
            text = wording.untagged(self._minimum(leading), self._rules.hashtag, random.getrandbits(32))
            self._post(random, author, text, auction, {"refusal": Refusal.NO_HASHTAG})
        elif draw < 0.18:
            replies = self._x.conversations[auction.id]
            self._bid(random, author, random.choice(replies) if replies else auction, self._minimum(leading))
        elif draw < 0.22:
            self._serial += 1
            self._bid(random, f"newcomer_{self._serial}", auction, self._minimum(leading), age_ms=DAY_MS)
        elif draw < 0.27 and leading:
            self._bid(random, leading.author, auction, self._minimum(leading))
        elif draw < 0.37:
            self._bid(random, author, auction, Wei(max(1, self._minimum(leading) - random.choice((1, 10**15)))))
        elif draw < 0.47:
            # Two with the same amount within the same ms: the earlier one wins.
            amount = self._minimum(leading)
            for one in random.sample(BIDDERS, 2):
                self._bid(random, one, auction, amount)
        else:
            self._bid(random, author, auction, Wei(self._minimum(leading) + random.choice((0, 0, 10**15, 10**17))))

    def _leading(self, auction: Post) -> Post | None:
        standing = [
            post
            for post in self._x.conversations[auction.id]
            if post.parent is auction and post.deleted_ms is None and "amount_wei" in (post.meaning or {})
            and not post.author.startswith("newcomer")
        ]  # fmt: skip
        return max(standing, key=lambda post: (int((post.meaning or {})["amount_wei"]), -post.id), default=None)

    def _minimum(self, leading: Post | None) -> Wei:
        if leading is None:
            return self._rules.reserve_wei
        amount = int((leading.meaning or {})["amount_wei"])
        return Wei(
            amount + max(int(self._rules.increment_wei), -(-amount * self._rules.increment_basis_points // 10_000))
        )

    def _bid(self, random: Random, author: str, parent: Post, amount: Wei, age_ms: int = 400 * DAY_MS) -> None:
        text = wording.bid(amount, self._rules.hashtag, random.getrandbits(32))
        self._post(random, author, text, parent, {"amount_wei": str(int(amount))}, age_ms)

    def _post(
        self, random: Random, author: str, text: str, parent: Post, meaning: Meaning, age_ms: int = 400 * DAY_MS
    ) -> None:
        post = self._x.make(author, text, parent, meaning, age_ms)
        self._world.note("x", f"@{author} posts {text!r}")
        draw = random.random()
        if 0.2 < draw < 0.25:
            self._world.after(random.uniform(0, 10_000), self._x.rename, post.author_id)
        if draw < 0.12:
            # Soon, so that the withdrawal may be found before the post, or long after it was decided.
            self._world.after(random.choice((20, 1_000, 8_000)) * random.random(), self._x.delete, post)
        elif draw < 0.15:
            self._world.after(random.uniform(50, 3_000), self._edit, post)

    def _edit(self, post: Post) -> None:
        """An edit makes a new post and takes the old one away, at the same moment."""
        if post.deleted_ms is None:
            self._x.delete(post)
            age_ms = self._world.utc_ms() - post.author_created_at_ms
            self._x.make(post.author, post.text, post.parent, post.meaning, age_ms, edited_from=post)
            self._world.note("x", f"@{post.author} has edited {post.text!r}")
