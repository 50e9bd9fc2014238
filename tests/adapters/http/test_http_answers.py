"""The two listeners: what they show, and that whatever is wrong gets a clean answer."""

import logging
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from adapters.http.auth import Operators
from adapters.http.server import HttpServer, HttpSettings
from adapters.http.views import Reads, Views
from adapters.livestream.hub import FeedHub
from tests.harness import ROOT
from tests.harness.asking import PLACE_BID, TOKENS, Injected, ask
from tests.harness.shown_auction import NO_READS, House, nothing, serving

PAGES = ROOT / "adapters" / "http" / "pages"
MARKUP_OR_CODE = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function"


@pytest.mark.requirement("LIV-3", "CHN-7")
@pytest.mark.parametrize("address", ["/?transparent=1", "/pay/m-01"])
def test_a_page_is_served_whole_and_from_here_alone(address: str) -> None:
    with serving() as house:
        status, headers, page = ask(house.public + address)
        assert status == 200
        assert headers["Content-Type"].startswith("text/html")
        for name in re.findall(rb'(?:src|href)="(/[^"]+)"', page):
            status, headers, _ = ask(house.public + name.decode())
            assert status == 200
            assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.requirement("LIV-3", "CHN-7")
def test_the_pages_hold_no_inline_code_no_markup_from_bidders_and_nothing_from_elsewhere() -> None:
    sources = {path: path.read_text() for path in PAGES.iterdir()}
    assert {path.suffix for path in sources} == {".html", ".js", ".css"}
    for path, source in sources.items():
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=|<style", source), path
        if path.suffix == ".js":
            assert not re.search(MARKUP_OR_CODE, source), path
        assert not re.search(r"https?:|//[a-z]+\.[a-z]", source.replace('"https:"', "")), path


def test_every_answer_carries_the_security_headers() -> None:
    with serving() as house:
        for url in (house.public, house.public + "/nowhere", house.private + "/healthz"):
            _, headers, _ = ask(url)
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "aiohttp" not in headers["Server"]


def test_images_come_from_the_configured_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "lot.png").write_bytes(b"png")
    (tmp_path / "images" / "notes.txt").write_text("private")
    (tmp_path / "secret.png").write_bytes(b"secret")
    with serving(HttpSettings(images=tmp_path / "images")) as house:
        assert ask(f"{house.public}/images/lot.png")[2] == b"png"
        for name in ("notes.txt", "..%2Fsecret.png", "%2e%2e/secret.png", "missing.png", ".png", "lot.png%00"):
            assert ask(f"{house.public}/images/{name}")[0] == 404, name


@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
def test_a_date_that_no_calendar_has_is_refused_and_leaves_no_line_in_the_log(
    header: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "lot.png").write_bytes(b"png")
    headers = {header: f"Sat, 01 Jan {10**20} 00:00:00 GMT", "Range": "bytes=0-1"}
    with serving(HttpSettings(images=tmp_path)) as house:
        assert ask(f"{house.public}/images/lot.png", headers=headers)[0] == 400
    assert not caplog.records


WRONG_PUBLIC = [
    ("GET", "/nowhere", {}, 404, "NOT_FOUND"),
    ("POST", "/", {}, 405, "METHOD_NOT_ALLOWED"),
    ("DELETE", "/api/auctions/current", {}, 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/livestream", {}, 426, "UPGRADE_REQUIRED"),
    ("GET", "/livestream?after=yesterday", {}, 400, "BAD_POSITION"),
    ("GET", "/livestream?after=g1.-1", {}, 400, "BAD_POSITION"),
    ("GET", "/livestream?after=g1.1&after=g1.2", {}, 400, "REPEATED_KEY"),
    ("GET", "/livestream?token=1", {}, 400, "UNKNOWN_KEY"),
    ("GET", "/api/auctions?page=2", {}, 400, "UNKNOWN_KEY"),
    ("GET", "/api/auctions/m", {}, 404, "NOT_FOUND"),
    ("GET", "/api/auctions/" + "m" * 5_000 + "-01", {}, 404, "NOT_FOUND"),
    ("GET", "/api/auctions/m-01%0d%0aSet-Cookie:x", {}, 404, "NOT_FOUND"),
    ("GET", "/api/auctions/m-01/bids?limit=0", {}, 400, "BAD_LIMIT"),
    ("GET", "/api/auctions/m-01/bids?limit=201", {}, 400, "BAD_LIMIT"),
    ("GET", "/api/auctions/m-01/bids?limit=1e3", {}, 400, "BAD_LIMIT"),
    ("GET", "/api/auctions/m-01/bids?limit=٣", {}, 400, "BAD_LIMIT"),
    ("GET", "/api/auctions/m-01/bids?after=%5B", {}, 400, "BAD_POSITION"),
    ("GET", "/api/users/ada/bids", {}, 404, "NOT_FOUND"),
    ("GET", "/api/users/-1/bids", {}, 404, "NOT_FOUND"),
    ("GET", "/healthz", {}, 404, "NOT_FOUND"),
    ("POST", "/inject", {"json": PLACE_BID}, 404, "NOT_FOUND"),
]


@pytest.mark.requirement("OBS-1", "SUP-4")
def test_wrong_requests_to_the_public_listener_get_a_reason_as_json() -> None:
    with serving(inject=Injected()) as house:
        for method, path, options, status, error in WRONG_PUBLIC:
            got = ask(house.public + path, method, **options)
            assert (got[0], got[2]["error"]) == (status, error), path
            assert got[2]["reason"]


OPS = {"Authorization": "Bearer correct horse"}
JSON = {**OPS, "Content-Type": "application/json"}
WRONG_INJECTIONS: list[tuple[str, dict[str, Any], int, str]] = [
    ("no token", {"json": PLACE_BID}, 401, "UNAUTHENTICATED"),
    ("wrong token", {"json": PLACE_BID, "headers": {"Authorization": "Bearer correct"}}, 401, "UNAUTHENTICATED"),
    ("empty token", {"json": PLACE_BID, "headers": {"Authorization": "Bearer "}}, 401, "UNAUTHENTICATED"),
    ("other scheme", {"json": PLACE_BID, "headers": {"Authorization": "Basic x"}}, 401, "UNAUTHENTICATED"),
    ("a form", {"data": {"type": "PlaceBid"}, "headers": OPS}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("no body", {"headers": JSON}, 400, "BAD_JSON"),
    ("half a body", {"data": b'{"type": "Pl', "headers": JSON}, 400, "BAD_JSON"),
    ("no UTF-8", {"data": b'{"type": "\xff"}', "headers": JSON}, 400, "BAD_JSON"),
    ("not a number", {"data": b'{"type": "PlaceBid", "post_id": NaN}', "headers": JSON}, 400, "BAD_JSON"),
    ("a list", {"json": [PLACE_BID], "headers": OPS}, 400, "BAD_COMMAND"),
    ("no type", {"json": {"post_id": 1}, "headers": OPS}, 400, "BAD_COMMAND"),
    ("a type that is no text", {"json": {"type": 1}, "headers": OPS}, 400, "BAD_COMMAND"),
    ("unknown key", {"json": {**PLACE_BID, "amont": 1}, "headers": OPS}, 400, "UNKNOWN_KEY"),
    ("unknown command", {"json": {"type": "Nonsense"}, "headers": OPS}, 400, "UNREADABLE"),
    ("refused command", {"json": {"type": "OpenAuction"}, "headers": OPS}, 400, "REFUSED"),
    ("deep", {"data": b'{"type": "x", "y": ' + b"[" * 9 + b"]" * 9 + b"}", "headers": JSON}, 400, "TOO_DEEP"),
    ("very deep", {"data": b'{"type": "x", "y": ' + b"[" * 30_000, "headers": JSON}, 400, "TOO_DEEP"),
    ("huge", {"data": b" " * 70_000, "headers": JSON}, 413, "TOO_LARGE"),
    ("a query", {"json": PLACE_BID, "headers": OPS, "params": {"by": "me"}}, 400, "UNKNOWN_KEY"),
]


@pytest.mark.requirement("SUP-4")
def test_wrong_injections_get_a_reason_as_json_and_reach_nobody() -> None:
    injected = Injected()
    with serving(HttpSettings(operators=Operators(TOKENS)), inject=injected) as house:
        for what, options, status, error in WRONG_INJECTIONS:
            got = ask(house.private + "/inject", "POST", **options)
            assert (got[0], got[2]["error"]) == (status, error), what
            assert got[2]["reason"], what
        status, headers, body = ask(house.private + "/inject")
        assert (status, headers["Allow"], body["error"]) == (405, "POST", "METHOD_NOT_ALLOWED")
    assert injected.taken == []


@pytest.mark.requirement("SUP-4")
def test_an_injection_is_passed_on_whole_with_the_name_of_who_sent_it() -> None:
    injected = Injected()
    with serving(HttpSettings(operators=Operators(TOKENS)), inject=injected) as house:
        headers = {"Authorization": "bearer battery staple"}
        assert ask(house.private + "/inject", "POST", json=PLACE_BID, headers=headers)[0] == 202
    assert injected.taken == [(PLACE_BID, "ci")]


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 202), ({"X-Forwarded-For": "203.0.113.5"}, 403), ({"Host": "attacker.example"}, 421)],
)
def test_without_tokens_only_this_machine_itself_may_inject(headers: dict[str, str], status: int) -> None:
    with serving(inject=Injected()) as house:
        assert ask(house.private + "/inject", "POST", json=PLACE_BID, headers=headers)[0] == status


@pytest.mark.requirement("SUP-4")
def test_where_injection_is_off_it_is_refused() -> None:
    with serving() as house:
        status, _, body = ask(house.private + "/inject", "POST", json=PLACE_BID)
        assert (status, body["error"]) == (403, "INJECTION_OFF")


@pytest.mark.requirement("SUP-4")
def test_tokens_do_not_show_where_settings_are_printed() -> None:
    assert "horse" not in repr(HttpSettings(operators=Operators(TOKENS)))


@pytest.mark.requirement("SUP-5")
def test_status_readiness_and_health_say_how_it_stands() -> None:
    async def status() -> Any:
        return {"groups": [{"name": "core", "children": [{"name": "scheduler", "state": "running"}]}]}

    reasons: list[str] = []
    with serving(status=status, ready=lambda: (not reasons, reasons)) as house:
        assert ask(house.private + "/status")[2]["groups"][0]["children"][0]["name"] == "scheduler"
        assert ask(house.private + "/healthz")[::2] == (200, {"alive": True})
        assert ask(house.private + "/readyz")[::2] == (200, {"ready": True, "reasons": []})
        reasons.append("WAITING_FOR_STORE")
        assert ask(house.private + "/readyz")[::2] == (503, {"ready": False, "reasons": ["WAITING_FOR_STORE"]})
        assert ask(house.private + "/healthz")[0] == 200


@pytest.mark.requirement("OBS-1")
def test_metrics_are_rendered_for_prometheus() -> None:
    with serving() as house:
        ask(house.public + "/nowhere")
        status, headers, body = ask(house.private + "/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=")
        assert b'auction_http_requests_total{listener="public",route="other",status="404"}' in body
        names = re.findall(rb"^# TYPE (\S+)", body, re.MULTILINE)
        assert len(names) == len(set(names)) > 20


@pytest.mark.requirement("OBS-1")
def test_a_store_that_fails_is_a_503_and_a_mistake_of_ours_a_500_without_its_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(*_: object) -> Any:
        raise redis.ConnectionError("10.0.0.7 refused")

    async def broken(*_: object) -> Any:
        raise ZeroDivisionError("secret detail")

    reads = Reads(away, broken, nothing, nothing, nothing, nothing)
    with caplog.at_level(logging.CRITICAL), serving(reads=lambda _: reads) as house:
        status, headers, body = ask(house.public + "/api/auctions/current")
        assert (status, headers["Retry-After"], body["error"]) == (503, "1", "UNAVAILABLE")
        status, _, body = ask(house.public + "/api/auctions")
        assert (status, body["error"]) == (500, "INTERNAL")
        assert "secret" not in body["reason"]


def test_a_port_that_is_taken_is_an_error_at_start_and_leaves_nothing_behind() -> None:
    with serving() as house:
        settings = HttpSettings(private_port=house.server.public_port)
        second = HttpServer(
            settings, Views(NO_READS, nothing, lambda: (True, []), nothing), FeedHub(house.loop.loop, "g1")
        )
        with pytest.raises(OSError, match="ddress already in use"):
            house.loop.submit(second.start()).result(10)
        assert not _listens(house, second.public_port)


def _listens(house: House, port: int) -> bool:
    try:
        ask(f"http://127.0.0.1:{port}/")
    except aiohttp.ClientConnectorError:
        return False
    return True
