"""The crowd is asked for wallets: each bidder answers as the role says, and nobody else does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.buyers import Role, buyer
from simulator.x.plan import regulars
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x

SILENT_SEED = next(seed for seed in range(50) if buyer(seed, 0).role is Role.SILENT)
NAMING_SEED = next(seed for seed in range(50) if buyer(seed, 0).role is Role.DOES_NOT_PAY)
DAY = {"bids": 60, "window_ms": 1_000, "after_close_ms": 0, "bidders": 8, "answer_ms": 50}
ASK = "@{} you have won: reply with a wallet address. ({})"


class Asking:
    """An X whose crowd has bid once, and the posts that ask its bidders."""

    def __init__(self, x: SimulatedX) -> None:
        self.x, self._asked = x, 0
        x.create("A lot #AuctionDay")
        until(lambda: len({post["author"] for post in self._posts()} & {*regulars(8)}) == 8)
        until(lambda: not x.ask("health")["crowd_busy"])

    def _posts(self) -> list[dict[str, Any]]:
        posts: list[dict[str, Any]] = self.x.ask("truth")["posts"]
        return posts

    def ask(self, handle: str, **more: Any) -> int:
        self._asked += 1
        return self.x.create(ASK.format(handle, self._asked), **more)

    def replies(self, to: int) -> list[dict[str, Any]]:
        return [post for post in self._posts() if post["replied_to"] == str(to)]

    def answer(self, to: int) -> dict[str, Any]:
        until(lambda: self.replies(to))
        [answer] = self.replies(to)
        return answer

    def has_no_answer(self, to: int) -> bool:
        """Whether nobody answers this post, though another bidder answers a later one."""
        self.answer(self.ask(regulars(8)[7]))
        return self.replies(to) == []


@pytest.fixture
def asking(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Asking]:
    seed = getattr(request, "param", SILENT_SEED)
    with simulated_x(tmp_path, seed=seed, **DAY) as x:
        yield Asking(x)


def test_the_first_who_is_asked_stays_silent_and_the_others_name_their_wallets(asking: Asking) -> None:
    seed, (ann, bob, eve, joe, *_) = SILENT_SEED, regulars(8)
    first = asking.ask(ann)
    for number, handle in enumerate((bob, eve, joe), start=1):
        it = buyer(seed, number)
        answer = asking.answer(asking.ask(handle))
        assert answer["author"] == handle
        assert (it.wallet in answer["text"]) is (it.role is not Role.NAME_FIRST)
        assert (f"{handle}.eth" in answer["text"]) is (it.role is Role.NAME_FIRST)
    assert asking.has_no_answer(first)
    told = asking.x.ask("truth")["asked"]
    assert [one["bidder"] for one in told[:4]] == [ann, bob, eve, joe]
    assert [one["wallet"] for one in told[:4]] == [buyer(seed, number).wallet for number in range(4)]
    assert [one["pays"] for one in told[:4]] == [False, True, True, True]


@pytest.mark.parametrize("asking", [NAMING_SEED], indirect=True)
def test_with_another_seed_the_first_names_a_wallet_that_will_not_pay(asking: Asking) -> None:
    it = buyer(NAMING_SEED, 0)
    assert it.wallet in asking.answer(asking.ask(regulars(8)[0]))["text"]


def test_who_says_a_name_first_says_the_address_when_asked_again_in_reply(asking: Asking) -> None:
    handles = regulars(8)
    asking.ask(handles[0])
    asking.ask(handles[1])
    number, handle = 2, handles[2]
    named = asking.answer(asking.ask(handle))
    again = asking.ask(handle, in_reply_to_tweet_id=int(named["id"]))
    answer = asking.answer(again)
    assert buyer(SILENT_SEED, number).wallet in answer["text"]
    assert asking.has_no_answer(asking.ask(handle, in_reply_to_tweet_id=int(answer["id"]))), "it has the address"
    reminder = asking.ask(handle)
    assert buyer(SILENT_SEED, number).wallet in asking.answer(reminder)["text"]


def test_only_bidders_of_the_crowd_who_are_asked_for_a_wallet_answer(asking: Asking) -> None:
    asking.x.post("guest", "hello")
    handle = regulars(8)[5]
    asking.ask(regulars(8)[0])
    for number, text in enumerate([f"@{handle} leads", "@guest your wallet please", "a wallet is an account"]):
        assert asking.has_no_answer(asking.x.create(f"{text} {number}"))
    stranger = asking.x.post("stranger", f"@{handle} your wallet please")
    assert asking.has_no_answer(stranger)


def test_who_does_not_pay_bids_no_more(asking: Asking) -> None:
    first = regulars(8)[0]
    asking.ask(first)
    before = len(asking.x.ask("truth")["posts"])
    asking.x.create("Another lot #AuctionDay")
    until(lambda: len(asking.x.ask("truth")["posts"]) > before + 30 and not asking.x.ask("health")["crowd_busy"])
    authors = [post["author"] for post in asking.x.ask("truth")["posts"][before:]]
    assert first not in authors
    assert len({*authors} & {*regulars(8)}) > 3
