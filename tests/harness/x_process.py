"""Starting a simulated X for a test, and pointing the real tweepy at it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import tweepy

from simulator.x import settings
from tests.harness import ROOT
from tests.harness.waiting import until


class Redirect(requests.adapters.HTTPAdapter):
    """Takes what is meant for X to the simulator: the one thing that differs from a real client."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        assert request.url is not None
        request.url = request.url.replace("https://api.twitter.com", self._base_url, 1)
        return super().send(request, **kwargs)


@dataclass
class SimulatedX:
    """A running simulated X and its control plane."""

    process: subprocess.Popen[bytes]
    base_url: str

    def client(self, **credentials: str) -> tweepy.Client:
        known = {
            "bearer_token": settings.BEARER_TOKEN,
            "consumer_key": settings.CONSUMER_KEY,
            "consumer_secret": settings.CONSUMER_SECRET,
            "access_token": settings.ACCESS_TOKEN,
            "access_token_secret": settings.ACCESS_TOKEN_SECRET,
        }
        client = tweepy.Client(**(known | credentials))
        client.session.mount("https://api.twitter.com", Redirect(self.base_url))
        return client

    def streaming(self, kind: type[tweepy.StreamingClient] = tweepy.StreamingClient) -> tweepy.StreamingClient:
        client = kind(settings.BEARER_TOKEN)
        client.session.mount("https://api.twitter.com", Redirect(self.base_url))
        return client

    def rules(self) -> dict[str, str]:
        """The rules of the filtered stream, as tweepy reads them: the tag of each by its value."""
        client = self.streaming()
        try:
            return {rule.value: rule.tag for rule in client.get_rules().data or ()}
        finally:
            client.session.close()

    def tell(self, what: str, **body: Any) -> Any:
        with requests.post(f"{self.base_url}/_sim/{what}", json=body, timeout=60) as response:
            assert response.status_code == 200, response.text
            return response.json()

    def ask(self, what: str) -> Any:
        with requests.get(f"{self.base_url}/_sim/{what}", timeout=60) as response:
            assert response.status_code == 200, response.text
            return response.json()

    def rest(self) -> None:
        """No fault is left, and nobody is on the stream; what was posted is still there."""
        requests.delete(f"{self.base_url}/_sim/faults", timeout=60).close()
        self.until_nobody_streams()

    def until_nobody_streams(self) -> None:
        until(lambda: not self.ask("health")["stream_connected"])

    def post(self, author: str, text: str, **more: Any) -> int:
        return int(self.tell("post", author=author, text=text, **more)["id"])

    def reply(self, author: str, text: str, to: int, **more: Any) -> int:
        return self.post(author, text, reply_to=str(to), **more)

    def create(self, text: str, **more: Any) -> int:
        """A post of the auction account, made as tweepy makes it."""
        client = self.client()
        try:
            return int(client.create_tweet(text=text, **more).data["id"])
        finally:
            client.session.close()


def command(port_file: Path, **options: Any) -> list[str]:
    arguments = [sys.executable, "-m", "simulator.x", "--port", "0", "--port-file", str(port_file)]
    for name, value in options.items():
        arguments += ["--" + name.replace("_", "-"), str(value)]
    return arguments


@contextmanager
def simulated_x(folder: Path, **options: Any) -> Iterator[SimulatedX]:
    """A simulated X without a crowd and without delays, except as the options say."""
    quick = {"bids": 0, "stream_latency_ms": 0, "rules_delay_ms": 0, "index_lag_ms": 0, "search_end_lag_ms": 0}
    port_file = folder / "x.port"
    errors = folder / "x.stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command(port_file, **(quick | {"idle_exit_s": 60} | options)), cwd=ROOT, stderr=stderr
        )
    try:
        until(lambda: port_file.exists() or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        yield SimulatedX(process, f"http://127.0.0.1:{port_file.read_text().strip()}")
    finally:
        process.terminate()
        status = process.wait(10)
    said = errors.read_text().splitlines()
    assert (status, len(said)) == (0, 1), said
