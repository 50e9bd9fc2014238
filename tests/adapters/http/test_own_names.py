"""The private listener: under which names it answers, for whom anybody may act, and how it shows who it is."""

import http.client
import json
from typing import Any

import pytest

from adapters.http.auth import Operators, check_own_name
from adapters.http.private import Identity
from adapters.http.server import HttpSettings
from adapters.http.views import Refused
from adapters.process_file import proof
from tests.harness.asking import PLACE_BID, TOKENS, Injected, ask
from tests.harness.shown_auction import serving

NONCE = "5a" * 32


def answered(port: int, host: str, path: str = "/healthz") -> tuple[int, Any]:
    """Status and answer to a request that names this host."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    "host", ["a:b", "a:99999999", "", " ", "[::1", "a b", "a/b", "user@a", "[::1]x", "ä", "a" * 300]
)
def test_a_host_that_is_none_is_a_400_on_both_listeners(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as house:
        for port, path in ((house.server.private_port, "/status"), (house.server.public_port, "/api/auctions")):
            status, body = answered(port, host.encode().decode("latin-1"), path)
            assert (status, body["error"]) == (400, "BAD_HOST")
    assert "Traceback" not in caplog.text


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/status", "/metrics", "/proof", "/operator/pause", "/nowhere"]
)
def test_the_private_listener_answers_no_name_but_its_own(path: str) -> None:
    with serving() as house:
        for host in ("attacker.example", "attacker.example:80", "localhost.attacker.example", "203.0.113.5", "0.0.0.0"):
            status, body = answered(house.server.private_port, host, path)
            assert (status, body["error"]) == (421, "WRONG_HOST"), host


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8081", "127.9.9.9", "[::1]:8081"])
def test_it_answers_to_the_names_of_this_machine_whatever_port_a_tunnel_has(host: str) -> None:
    with serving() as house:
        assert answered(house.server.private_port, host) == (200, {"alive": True})


OWN = [
    ("ops.example", "ops.example", True),
    ("ops.example", "OPS.example", False),  # the header is in lower case by then
    ("Ops.Example", "ops.example", True),
    ("10.0.0.7", "10.0.0.7", True),
    ("10.0.0.7", "10.0.0.8", False),
    ("0.0.0.0", "10.0.0.8", True),  # no name can be made to mean an address
    ("::", "2001:db8::1", True),
    ("0.0.0.0", "attacker.example", False),
]


@pytest.mark.parametrize(("listens_on", "host", "is_own"), OWN)
def test_which_names_are_its_own(listens_on: str, host: str, is_own: bool) -> None:
    if is_own:
        check_own_name(host, listens_on)
    else:
        with pytest.raises(Refused):
            check_own_name(host, listens_on)


@pytest.mark.requirement("SUP-4")
def test_outside_of_the_local_environment_nobody_acts_without_a_token() -> None:
    injected = Injected()
    with serving(HttpSettings(operators=Operators()), inject=injected, operate=injected) as house:  # type: ignore[arg-type]
        for path in ("/inject", "/operator/pause"):
            status, _, body = ask(house.private + path, "POST", json=PLACE_BID)
            assert (status, body["error"]) == (403, "NO_OPERATOR")
            assert "http.operator_tokens" in body["reason"]
    assert injected.taken == []


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize("token", ["", "correct", "correct horse battery", "\udcff", "x" * 5_000])
def test_a_token_of_any_length_and_letters_is_compared(token: str) -> None:
    with serving(HttpSettings(operators=Operators(TOKENS)), inject=Injected()) as house:
        connection = http.client.HTTPConnection("127.0.0.1", house.server.private_port, timeout=10)
        headers = {"Authorization": b"Bearer " + token.encode("utf-8", "surrogateescape")}
        connection.request("POST", "/inject", b"{}", headers | {"Content-Type": "application/json"})
        assert connection.getresponse().status == 401
        connection.close()


@pytest.mark.requirement("LIFE-8", "SUP-4")
def test_what_is_meant_for_another_marathon_is_refused() -> None:
    injected = Injected()
    settings = HttpSettings(operators=Operators(is_local=True), identity=Identity("spring"))
    with serving(settings, inject=injected) as house:
        status, _, body = ask(f"{house.private}/inject?marathon=autumn", "POST", json=PLACE_BID)
        assert (status, body["error"]) == (409, "WRONG_MARATHON")
        assert injected.taken == []
        assert ask(f"{house.private}/inject?marathon=spring", "POST", json=PLACE_BID)[0] == 202


@pytest.mark.requirement("SUP-4")
def test_it_proves_that_it_knows_the_secret_for_this_question_marathon_and_port() -> None:
    with serving(HttpSettings(identity=Identity("spring", "the secret"))) as house:
        answer = ask(f"{house.private}/proof?nonce={NONCE}")[2]
        assert answer == {
            "marathon_id": "spring",
            "proof": proof("the secret", NONCE, "spring", house.server.private_port),
        }
        for nonce in ("", "5a", NONCE + "00", NONCE.upper()):
            assert ask(f"{house.private}/proof?nonce={nonce}")[0] == 400
        assert ask(f"{house.public}/proof?nonce={NONCE}")[0] == 404
    assert "secret" not in repr(Identity("spring", "the secret")).replace("secret=", "")
