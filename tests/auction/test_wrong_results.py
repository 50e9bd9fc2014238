"""The audit finds each wrong result that was planted into a sound log."""

import pytest

from auction.audit import Auditor
from tests.auction.wrong_results import WRONG, found, sound_log
from tests.harness.builders import AUCTION

pytestmark = pytest.mark.requirement("RED-5")


def test_the_log_is_sound_before_anything_is_planted() -> None:
    auditor = Auditor(AUCTION)
    assert [auditor.check(batch) for batch in sound_log()] == [None] * len(sound_log())


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_result_is_found(name: str) -> None:
    assert found(WRONG[name])
