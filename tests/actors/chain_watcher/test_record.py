"""The record of what was read: which hashes are kept, and that it follows from the events alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.chain_watcher.following import after, seen
from actors.chain_watcher.record import FAR, NEAR, HeldBlock, HeldLog, Mark, Record
from adapters.chain.node import Block, Log
from messages.chain_events import ChainConfirmed, ChainEvent, ChainLogRevoked, ChainWentDown
from messages.codec import pack, unpack
from tests.harness.anvil import REVOKED

pytestmark = pytest.mark.requirement("CHN-1")


def hash_of(number: int, branch: int = 0) -> str:
    return f"0x{branch:02x}{number:062x}"


def block(number: int, branch: int = 0) -> Block:
    return Block(number, hash_of(number, branch), hash_of(number - 1), number * 2000, 0, 0)


def log(number: int, n: int, index: int = 0) -> Log:
    return Log(number, hash_of(number), hash_of(n, 9), index, (REVOKED, hash_of(0), hash_of(0)), f"0x{n:064x}{n:064x}")


BEGUN = Record().begun(Mark(0, hash_of(0)), 0)


@given(st.lists(st.integers(1, 120), max_size=30))
def test_the_newest_blocks_are_all_marks_and_no_stretch_of_the_older_ones_is_long(steps: list[int]) -> None:
    record, at = BEGUN, 0
    for step in steps:
        record = record.moved([block(number) for number in range(at + 1, at + step + 1)])
        at += step
    numbers = [mark.number for mark in record.marks]
    assert numbers[0] == 0
    assert numbers[-1] == at
    assert set(range(max(at - NEAR + 1, 0), at + 1)) <= set(numbers)
    assert all(before < later <= before + FAR for before, later in pairwise(numbers))
    assert len(numbers) <= 2 + NEAR + 2 * at / FAR
    assert all(mark.hash == hash_of(mark.number) for mark in record.marks)


@pytest.mark.parametrize(
    ("held", "new", "gap"),
    [
        ((), (), None),
        ((), (1, 2, 3), None),
        ((1, 2), (3,), None),
        ((1, 3), (2,), None),
        ((), (2,), 0),
        ((1, 2), (4,), 2),
        ((1, 2), (2, 3), 2),
        ((1,), (1,), 1),
        ((1, 3), (), 1),
    ],
)
def test_a_missing_or_a_repeated_number_is_a_gap(held: tuple[int, ...], new: tuple[int, ...], gap: int | None) -> None:
    blocks = [block(number) for number in range(1, 9)]
    record = after(BEGUN.moved(blocks), seen([log(n, n) for n in held], blocks, 0))
    assert record.gap_after([log(n + 4, n) for n in new]) == gap


def test_the_count_goes_on_from_what_is_finalized() -> None:
    record = Record().begun(Mark(5, hash_of(5)), 7)
    assert record.gap_after([log(6, 8), log(7, 9)]) is None
    assert record.gap_after([log(6, 9)]) == 7


EVENTS: list[ChainEvent] = [
    *seen([log(3, 1), log(3, 2, 1), log(4, 3), log(4, 4, 1), log(6, 5)], [block(3), block(4), block(6)], 0),
    ChainLogRevoked(
        message_id="r", at_ms=0, block_number=6, block_hash=hash_of(6), transaction_hash=hash_of(5, 9), log_index=0
    ),
    ChainConfirmed(message_id="s", at_ms=0, level="safe", block_number=4, block_hash=hash_of(4)),
    ChainConfirmed(message_id="f", at_ms=0, level="finalized", block_number=3, block_hash=hash_of(3)),
    ChainWentDown(message_id="d", at_ms=0, head_at_ms=0),
]


def test_the_record_follows_from_the_events_where_both_checkpoints_are_lost() -> None:
    record = after(Record(), EVENTS)
    logs = HeldLog(0, hash_of(3, 9), 3), HeldLog(1, hash_of(4, 9), 4)
    assert record == Record((Mark(3, hash_of(3)),), (HeldBlock(4, hash_of(4), logs, True),), 2, True)
    assert unpack(pack(record), Record) == record


def test_what_is_held_is_not_new() -> None:
    record = after(BEGUN, EVENTS)
    assert record.new_logs([log(4, 3), log(4, 4, 1), log(6, 5)]) == [log(6, 5)]


def test_the_place_goes_back_to_a_mark_and_what_is_finalized_stays() -> None:
    record = BEGUN.moved([block(number) for number in range(1, 10)]).finalized_to(Mark(4, hash_of(4)))
    assert record.walked_back(Mark(6, hash_of(6))).place == Mark(6, hash_of(6))
    assert record.walked_back(Mark(4, hash_of(4))).place == record.finalized == Mark(4, hash_of(4))
    assert record.mark_below(100).number == 9
    assert record.mark_below(2) == record.finalized
