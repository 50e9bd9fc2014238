"""The short form of `make siege`: what does not hang on how fast the machine is."""

from pathlib import Path

import pytest
from rich.progress import Progress

from tests.harness.hostile import Mood
from tests.system.siege.siege import STORE, WELL_AGAIN_S, Siege, Size

TURNS = (("x", Mood.HANG_UP), ("chain", Mood.DRIP), ("chain", Mood.FLOOD), (STORE, Mood.HANG_UP))
LOG_LINES = 1_000
CHAIN_AGAIN_S = 10  # a question and a poll take 7 s


@pytest.mark.timeout(400)
@pytest.mark.requirement("LIV-4", "LIV-1", "BID-9", "OBS-1")
def test_a_day_under_siege_ends_right_and_the_broadcast_keeps_its_seat(tmp_path: Path) -> None:
    size = Size(day_s=40, share=0.3, turn_s=1.5, calm=0.1, strangers=0.3, turns=TURNS)
    seen = Siege(size, tmp_path, Progress(disable=True)).run()
    said = "\n".join(seen.log[-40:])
    assert seen.exit_code == 0, said
    assert seen.report["right"] is True, seen.report
    assert seen.seats
    assert all(took_s < float("inf") for _, took_s in seen.seats)
    assert len(seen.turns) == len(TURNS)
    assert all(took_s < WELL_AGAIN_S for _, took_s in seen.turns), seen.turns
    assert all(took_s < CHAIN_AGAIN_S for turn, took_s in seen.turns if turn.startswith("chain")), seen.turns
    assert len(seen.log) <= LOG_LINES, said
    assert not any("Traceback" in line for line in seen.log), said
