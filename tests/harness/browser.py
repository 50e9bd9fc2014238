"""The browser that looks at the stage page: the system's Chromium, as `scripts/setup-browser` finds or installs it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ON_MACS = Path("/Applications/Chromium.app/Contents/MacOS/Chromium")
# Nothing but what the tests ask for goes over the network, and no graphics card is needed. There is no sandbox, since
# Chromium refuses to have one where everything runs as root; what it shows here is our own page.
OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


def executable() -> str:
    """Where the browser is. Raises FileNotFoundError."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if ON_MACS.exists():
        return str(ON_MACS)
    raise FileNotFoundError("there is no Chromium; scripts/setup-browser installs one")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window, and its end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()
