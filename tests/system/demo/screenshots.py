"""Pictures of the stage page in every phase of a demo day, in the sizes that matter: `make screenshots`.

The day is a real one, played by the demo in a process of its own; only two things are helped along: a last bid that
extends the end, and a search of X that fails for as long as "checking the last bids" is being photographed.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from simulator.launch import ask_x
from tests.harness.browser import browsing
from tests.harness.processes import end_world
from tests.harness.running_demo import RunningDemo

FOLDER = Path("build/screenshots")
SIZES = [(1920, 1080), (1280, 720), (390, 844)]
SHOTS = ["1-live", "2-extended", "3-checking-the-last-bids", "4-sold", "5-before-the-opening"]
DAY_S = 150  # its window is 90 s: long enough to be seen before its last minute
WAIT_MS = DAY_S * 1000


class Camera:
    """One page for each size, watching the same day."""

    def __init__(self, browser: Browser, address: str, progress: Progress, task: TaskID) -> None:
        self.pages: list[Page] = []
        self._progress, self._task = progress, task
        for width, height in SIZES:
            small = width < 500
            page = browser.new_page(
                viewport={"width": width, "height": height}, is_mobile=small, device_scale_factor=2 if small else 1
            )
            page.goto(address)
            self.pages.append(page)

    def shoot(self, name: str, element: str, text: str) -> None:
        """Wait until every page shows the text, and take its picture."""
        self._progress.update(self._task, description=f"waiting for: {name}")
        for page in self.pages:
            expect(page.locator(element)).to_contain_text(text, timeout=WAIT_MS)
        for page, (width, height) in zip(self.pages, SIZES, strict=True):
            page.screenshot(path=FOLDER / f"{name}-{width}x{height}.png", animations="disabled")
            self._progress.advance(self._task)
        self._progress.console.print(f"{FOLDER / name}-*.png")


@contextmanager
def demo_day() -> Iterator[tuple[str, int]]:
    """The address of the stage page of a running demo, and the port of its simulated X."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        data_dir = Path(folder) / "demo"
        try:
            with RunningDemo(data_dir, "--days", "2", "--day-seconds", str(DAY_S), "--seed", "7") as demo:
                demo.until("stage page", lambda: demo.count("status ") == 1)
                [line] = [line for line in demo.lines if line.startswith("stage page")]
                yield line.split()[-1], int((data_dir / "simulated-x.port").read_text())
        finally:
            end_world(data_dir)


def extend(page: Page, x_port: int) -> None:
    """Bid as the page says, twice what is needed, when the end is near."""
    expect(page.locator("#time")).to_have_text("00:05", timeout=WAIT_MS)
    hashtag, amount, unit = page.locator("#example").inner_text().split()
    truth = ask_x(x_port, "GET", "/_sim/truth")
    opening = next(post for post in truth["posts"] if post["author"] == truth["account"])
    bid = {"author": "night_owl", "text": f"{float(amount) * 2:.4f} {unit} {hashtag}", "reply_to": opening["id"]}
    ask_x(x_port, "POST", "/_sim/post", bid)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with (
        Progress(*columns, console=Console(stderr=True, highlight=False)) as progress,
        browsing() as browser,
        demo_day() as (address, x_port),
    ):
        camera = Camera(browser, address, progress, progress.add_task("", total=len(SHOTS) * len(SIZES)))
        live, extended, checking, sold, before = SHOTS
        camera.shoot(live, "#bids li:nth-child(5) time", ":")
        extend(camera.pages[0], x_port)
        camera.shoot(extended, "#extended", "Extended by a late bid")
        ask_x(x_port, "POST", "/_sim/faults", {"kind": "http_503", "rate": 1, "path": "/2/tweets/search"})
        camera.shoot(checking, "#badge", "Checking the last bids")
        ask_x(x_port, "DELETE", "/_sim/faults")
        camera.shoot(sold, "#badge", "Sold")
        camera.shoot(before, "#time-label", "Opens in")


if __name__ == "__main__":
    main()
