"""The crowd of bidders: plays the plan of a day below each new auction post.

The crowd adds posts to the world and deletes posts; the stream delivers them. Amounts follow from the highest bid in
the ground truth, never from what the manager says.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from messages.base import Refusal, Wei
from simulator.x import wording
from simulator.x.asked import AskedBidders
from simulator.x.clock import now_ms
from simulator.x.faults import Faults, Kind
from simulator.x.plan import Act, Step, plan_day
from simulator.x.settings import ACCOUNT_ID, CrowdOptions, Settings
from simulator.x.texts import hashtags
from simulator.x.world import Meaning, Post, User, World, WorldFull

_DAY_MS = 86_400_000
_NEAT_WEI = 10**15
# Nobody raises above this amount, so that every amount stays within the bid grammar.
_MOST_WEI = 10**23
MAX_DAYS_AT_ONCE = 100


class Crowd:
    """All bidders. `options` may be replaced at any time and hold from the next auction post on."""

    def __init__(self, world: World, settings: Settings, options: CrowdOptions, faults: Faults) -> None:
        self.options = options
        self.day = 0
        self._world = world
        self._settings = settings
        self._started_ms = now_ms()
        self._days: set[asyncio.Task[None]] = set()
        self._faults = faults
        self._newest: _Day | None = None
        self.asked = AskedBidders(world, settings)
        world.on_post.append(self._notice)
        faults.on_add.append(self._edit)

    @property
    def busy(self) -> bool:
        """Whether a day is being played."""
        return bool(self._days)

    async def stop(self) -> None:
        """Stops playing all days."""
        days = list(self._days)
        for day in days:
            day.cancel()
        await asyncio.gather(*days, return_exceptions=True)

    def _notice(self, post: Post) -> None:
        tags = {tag.casefold() for tag in hashtags(post.text)}
        if post.author.id != ACCOUNT_ID or post.parent or self.options.hashtag.casefold() not in tags:
            return
        self.day += 1
        if len(self._days) < MAX_DAYS_AT_ONCE:
            steps = plan_day(self._settings.seed, self.day, self.options, self._settings.stream_latency_ms)
            task = asyncio.get_running_loop().create_task(self._play(post, steps, self.options))
            self._days.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._days.discard(task)
        if not task.cancelled():
            # Raises the error that ended the day too early, so that the event loop reports it.
            task.result()

    async def _play(self, auction: Post, steps: list[Step], options: CrowdOptions) -> None:
        day = self._newest = _Day(self._world, auction, options, self._account, self.asked.has_left)
        start_ms = auction.posted_at_ms
        # A heap: an entry without a post is a step to be made, an entry with a post is the withdrawal of that post.
        todo: list[tuple[int, int, Step, Post | None]] = [(step.at_ms, n, step, None) for n, step in enumerate(steps)]
        while todo:
            due_ms, n, step, made = heappop(todo)
            await asyncio.sleep(max(0, start_ms + due_ms - now_ms()) / 1000)
            late_ms = now_ms() - start_ms
            if auction.gone or late_ms > options.window_ms + options.after_close_ms:
                return
            if made is None:
                try:
                    made = day.perform(step)
                except WorldFull:
                    return
                if step.gone_after_ms is not None:
                    heappush(todo, (step.at_ms + step.gone_after_ms, n, step, made))
            elif late_ms < options.window_ms:
                # No bid is withdrawn after the close: the result would depend on when X is asked.
                self._take_away(made, step.choice)

    def _edit(self) -> None:
        if self._newest and self._faults.strikes(Kind.EDITED):
            self._newest.edit(self._settings.stream_latency_ms)

    def _take_away(self, post: Post, choice: int) -> None:
        """Withdraws a bid: deletes its post or suspends its account, which the plan has made for this bid only."""
        if Random(choice).random() < self.options.suspended:
            self._world.suspend(post.author)
        else:
            self._world.delete(post)

    def _account(self, handle: str, is_new: bool) -> User:
        """Returns the account of this handle, which is created at its first post; its age follows from the seed."""
        known = self._world.user(handle)
        if known:
            return known
        random = Random(f"{self._settings.seed}:{handle}")
        least_ms = self.options.minimum_account_age_ms
        if is_new:
            created_at_ms = now_ms() - round(random.uniform(0.05, 0.8) * least_ms)
        else:
            created_at_ms = self._started_ms - round(random.uniform(2, 20) * least_ms) - _DAY_MS
        user = self._world.add_user(handle, created_at_ms)
        self.asked.join(user)
        return user


class _Day:
    """One auction as the crowd sees it."""

    def __init__(
        self,
        world: World,
        auction: Post,
        options: CrowdOptions,
        account: Callable[[str, bool], User],
        has_left: Callable[[User], bool],
    ) -> None:
        self._world = world
        self._auction = auction
        self._options = options
        self._account = account
        self._has_left = has_left
        # A heap of the direct replies that bid: highest first, then earliest. `_last` is the last reply of any kind.
        self._standing: list[tuple[int, int, Post]] = []
        self._last: Post | None = None

    def perform(self, step: Step) -> Post:
        """Makes the step's post. Raises WorldFull."""
        leading = self._leading()
        highest = leading.meaning if leading else None
        author = self._account(step.bidder, step.act is Act.NEWCOMER)
        if leading and author is leading.author and step.act is not Act.SELF_RAISE:
            author = self._account(step.other, False)
        if leading and step.act is Act.SELF_RAISE:
            author = leading.author
        if self._has_left(author):
            author = self._account(step.bidder if author.handle == step.other else step.other, False)
        parent = self._auction
        if step.act is Act.TO_ANOTHER and self._last:
            parent = self._last
        meaning, text = self._say(step, highest if isinstance(highest, Wei) else None)
        post = self._world.post(author, text, parent=parent, meaning=meaning, delivery_ms=step.delivery_ms)
        self._last = post
        if isinstance(meaning, Wei) and parent is self._auction and step.act is not Act.NEWCOMER:
            heappush(self._standing, (-meaning, post.id, post))
        return post

    def edit(self, delivery_ms: int) -> None:
        """Lets the leader edit his post: the new version has an id of its own and bids more, and the old one is gone.
        Nobody edits after the close, because the result would depend on when X is asked."""
        leading = self._leading()
        is_over = now_ms() - self._auction.posted_at_ms >= self._options.window_ms
        if leading is None or not isinstance(leading.meaning, Wei) or is_over:
            return
        amount = Wei(leading.meaning + _NEAT_WEI)
        meaning, text = amount, wording.bid(amount, self._options.hashtag, leading.id)
        delivery = (delivery_ms,)
        post = self._world.post(
            leading.author, text, parent=leading.parent, meaning=meaning, delivery_ms=delivery, edits=leading
        )
        heappush(self._standing, (-amount, post.id, post))

    def _leading(self) -> Post | None:
        """Returns the highest bid whose post exists, the earlier of two equal ones."""
        while self._standing and (self._standing[0][2].gone or not self._standing[0][2].is_newest):
            heappop(self._standing)
        return self._standing[0][2] if self._standing else None

    def _say(self, step: Step, highest: Wei | None) -> tuple[Meaning, str]:
        tag = self._options.hashtag
        if step.act is Act.NO_BID:
            return wording.no_bid(tag, step.choice)
        amount = self._amount(step, highest)
        if step.act is Act.UNTAGGED:
            return Refusal.NO_HASHTAG, wording.untagged(amount, tag, step.choice)
        return amount, wording.bid(amount, tag, step.choice)

    def _amount(self, step: Step, highest: Wei | None) -> Wei:
        """Returns the amount of a step: the minimum, a round amount above it, the leading amount, or too little."""
        options = self._options
        random = Random(step.choice)
        if highest is None:
            minimum = int(options.reserve_wei)
        else:
            relative = -(-highest * options.increment_basis_points // 10_000)
            minimum = highest + max(options.increment_wei, relative, 1)
        if highest is not None and (step.act is Act.EQUAL or minimum > _MOST_WEI):
            return highest
        if step.act is Act.TOO_LOW and minimum > 1:
            return Wei(random.choice((minimum - 1, minimum // 2, max(1, minimum * 9 // 10))))
        if random.random() < 0.3:
            return Wei(max(1, minimum))
        neat = -(-minimum // _NEAT_WEI) * _NEAT_WEI
        return Wei(neat + random.randrange(4) * max(1, int(options.increment_wei)))
