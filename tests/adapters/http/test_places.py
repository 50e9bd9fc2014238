"""Whose a request is, who finds a place, and how often each may ask."""

from contextlib import suppress
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict

from adapters.http.clients import Client, Clients
from adapters.http.places import Places
from adapters.http.shares import NAMES, WINDOW_S, Shares
from adapters.http.views import Refused

CLIENTS = Clients(proxies=(ip_network("10.0.0.0/24"),), kept=(ip_network("127.0.0.0/8"), ip_network("9.9.9.9")))
ANN, BEN, OBS = Client("1.1.1.1"), Client("2.2.2.2"), Client("127.0.0.1", is_kept=True)

WHOSE: list[tuple[str, str, list[str], Client]] = [
    ("a stranger", "1.1.1.1", [], ANN),
    ("a stranger who names another", "1.1.1.1", ["9.9.9.9"], ANN),
    ("through our proxy", "10.0.0.5", ["1.1.1.1"], ANN),
    ("through two of ours", "10.0.0.5", ["1.1.1.1, 10.0.0.7"], ANN),
    ("in two lines", "10.0.0.5", ["9.9.9.9", "1.1.1.1"], ANN),
    ("who names another to our proxy", "10.0.0.5", ["9.9.9.9, 1.1.1.1"], ANN),
    ("our proxy itself", "10.0.0.5", [], Client("10.0.0.5", is_proxy=True)),
    ("the broadcast", "127.0.0.1", [], OBS),
    ("the broadcast through our proxy", "10.0.0.5", ["9.9.9.9"], Client("9.9.9.9", is_kept=True)),
    ("a proxy here that nobody has named", "127.0.0.1", ["1.1.1.1"], Client("127.0.0.1", is_proxy=True)),
    ("an address of IPv6 that is one of IPv4", "::ffff:1.1.1.1", [], ANN),
    ("IPv6, of which everybody has 2^64", "2001:db8::1", [], Client("2001:db8::/64")),
    ("no address at all", "10.0.0.5", ["unknown"], Client("unknown")),
]


@pytest.mark.parametrize(("what", "peer", "forwarded", "whose"), WHOSE, ids=[row[0] for row in WHOSE])
def test_a_request_is_of_its_peer_or_of_whom_our_proxy_names(
    what: str, peer: str, forwarded: list[str], whose: Client
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    request: Any = SimpleNamespace(remote=peer, headers=headers)
    assert CLIENTS.of_request(request) == whose


def test_one_client_has_its_share_and_no_more_until_it_gives_back() -> None:
    places = Places("seats", for_all=3, each=2)
    assert [places.take(ANN) for _ in range(3)] == [True, True, False]
    assert [places.take(BEN) for _ in range(2)] == [True, False]
    places.give_back(ANN)
    assert places.take(BEN)


def test_places_are_kept_for_some_whatever_others_take() -> None:
    places = Places("seats", for_all=2, each=2, kept=1)
    assert [places.take(who) for who in (ANN, BEN, ANN, OBS, OBS)] == [True, True, False, True, False]


def test_a_proxy_speaks_for_many_but_has_no_kept_place() -> None:
    places = Places("seats", for_all=3, each=1, kept=1)
    proxy = Client("10.0.0.5", is_proxy=True)
    assert [places.take(proxy) for _ in range(4)] == [True, True, True, False]


def test_a_place_is_given_back_whatever_happens_in_it() -> None:
    places = Places("seats", for_all=1, each=1)
    with suppress(ZeroDivisionError), places.held(ANN):
        with pytest.raises(Refused, match="too many seats at once") as refused, places.held(BEN):
            pass
        assert (refused.value.status, refused.value.error) == (503, "BUSY")
        raise ZeroDivisionError
    assert places.take(BEN)


def test_requests_are_shared_among_those_who_ask_and_each_has_the_least_in_any_case() -> None:
    shares = Shares(for_all=6, least=2)
    assert [shares.take(ANN, 1.0) for _ in range(4)] == [True] * 4
    assert [shares.take(BEN, 1.0) for _ in range(4)] == [True, True, True, False]  # half of six is left to each
    assert not shares.take(ANN, 1.0)
    others = [Client(str(number)) for number in range(10)]
    assert [[shares.take(other, 1.0) for _ in range(3)] for other in others[5:]] == [[True, True, False]] * 5
    assert shares.take(ANN, 1.0 + WINDOW_S)


def test_the_broadcast_and_proxies_ask_as_often_as_they_like() -> None:
    shares = Shares(for_all=1, least=1)
    assert all(shares.take(who, 1.0) for who in (OBS, Client("10.0.0.5", is_proxy=True)) for _ in range(100))
    assert [shares.take(ANN, 1.0) for _ in range(2)] == [True, False]


def test_however_many_addresses_ask_a_bounded_number_is_remembered() -> None:
    shares = Shares(for_all=1, least=1)
    assert all(shares.take(Client(str(number)), 1.0) for number in range(NAMES))
    assert [shares.take(ANN, 1.0) for _ in range(2)] == [True, False]
    assert shares.take(Client("0"), 1.0)  # all have begun anew
