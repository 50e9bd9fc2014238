"""How many viewers and connections there are where so many files may be open."""

import subprocess
import sys

import pytest

from adapters.open_files import Room, room_within

ROOMS = [(20_000, Room(2_667, 2_000)), (2**31 - 1, Room(2_667, 2_000)), (1_024, Room(768, 576)), (400, Room(144, 108))]


@pytest.mark.requirement("LIV-4")
@pytest.mark.parametrize(("limit", "room"), ROOMS)
def test_what_the_house_needs_is_left_to_it_and_strangers_share_the_rest(limit: int, room: Room) -> None:
    assert room_within(limit, 2_000) == room


def test_where_the_house_itself_has_not_enough_it_is_refused_in_one_line() -> None:
    with pytest.raises(OSError, match=r"only 256 files may be open, and the house needs 384") as refused:
        room_within(256, 2_000)
    assert "\n" not in str(refused.value)


def limited(soft: int, hard: int) -> "subprocess.CompletedProcess[str]":
    """What a process with these limits makes of 2,000 viewers, and what may be open then."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from adapters.open_files import room_for\n"
        "print(room_for(2_000).seats, resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_the_limit_is_raised_as_far_as_may_be_and_fewer_seats_than_wished_are_told() -> None:
    enough, too_few = limited(256, 4_096), limited(256, 1_024)
    assert (enough.stdout, enough.stderr) == ("2000 4096\n", "")
    assert too_few.stdout == "576 1024\n"
    assert too_few.stderr == "only 1024 files may be open: 576 viewers, not 2000; `ulimit -n 2923`\n"
