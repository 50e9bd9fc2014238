"""`kill -9` around every step of a post: exactly one stands on X, whatever else goes wrong for the successor."""

import signal
import subprocess
import sys

import pytest

from adapters.x.client import XClient
from messages.base import Phase
from messages.events import PostMade
from tests.actors.announcer.dying_announcer import STEPS
from tests.harness import ROOT
from tests.harness.stage import SETTLE_MS, MakeClient, Stage
from tests.harness.x_process import SimulatedX


class Lagging(XClient):
    """X's timeline lags: as often as an announcer looks before it posts again, it does not show what was made."""

    looks = 2

    def own_posts(self, since_ms: int, token: str | None = None) -> tuple[list[tuple[int, str]], str | None]:
        found = super().own_posts(since_ms, token)
        self.looks -= 1
        return ([], None) if self.looks >= 0 else found


@pytest.mark.requirement("X-5", "SUP-3", "LIFE-3")
@pytest.mark.parametrize("step", STEPS)
def test_an_announcer_killed_at_any_step_leaves_exactly_one_post(
    step: str, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction = stage.prepared()
    process = subprocess.run(
        [sys.executable, "-m", "tests.actors.announcer.dying_announcer", step, stage.store.url, stage.keys.marathon_id,
         stage.store.token, x.base_url],
        cwd=ROOT, timeout=90, check=False,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL
    client = x_client(Lagging)
    x.tell("faults", kind="response_lost", count=1, method="POST", path="/2/tweets")
    stage.clock.goes_on(1_000)  # the dead one had a clock that went on

    actor = stage.announcer(client)
    for _ in range(12):
        stage.step(actor, auction)
        stage.clock.goes_on(SETTLE_MS)
    title = stage.current()["lot_title"]
    posts = [post for post in x.ask("truth")["posts"] if title in post["text"]]
    assert [post["id"] for post in posts] == [str(event.post_id) for event in stage.logged(PostMade)]
    assert len(posts) == 1
    assert (stage.current()["phase"], stage.current()["post_id"]) == (Phase.ACTIVE, posts[0]["id"])
