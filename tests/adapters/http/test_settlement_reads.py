"""The API of a settlement: what it says in each state, the call that pays, and its QR code."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from adapters.http.paying import PURCHASE, SaleContract, qr_code, settlement_of
from adapters.http.server import HttpSettings
from adapters.http.views import NotFound
from contracts.artifact import sale_contract
from tests.harness import ROOT
from tests.harness.asking import ask
from tests.harness.builders import ETH, OPENS_MS
from tests.harness.sale import Contract
from tests.harness.shown_auction import NO_READS, serving

pytestmark = pytest.mark.requirement("CHN-7")

CONTRACT = "0x" + "c0" * 20
SHAPE = SaleContract(360, CONTRACT)
DAY: dict[str, Any] = {
    "auction_id": "m-01",
    "day": 1,
    "phase": "COMPLETED",
    "outcome": "sold",
    "lot_title": "Harbour",
    "lot_token_id": str(2**80),
    "lot_image": None,
    "leader_injected": False,
}
OFFERED: dict[str, Any] = DAY | {
    "settlement": "OFFERED",
    "buyer_id": str(2**62),
    "buyer_handle": "ann",
    "price_wei": str(ETH + 1),
    "price": "1.000000000000000001 ETH",
    "wallet": "0x" + "ab" * 20,
    "pay_by_ms": OPENS_MS,
    "offer": "7",
    "offer_until_ms": OPENS_MS + 1,
    "payment_level": None,
    "down": None,
}


def answers(auction: dict[str, Any] | None, *paths: str, contract: SaleContract = SHAPE) -> list[tuple[int, Any, Any]]:
    """Status, headers and body of each path, where this is the only auction."""

    async def read(auction_id: str) -> Any:
        if auction is None or auction_id != "m-01":
            raise NotFound("there is no such auction, or it has not begun")
        return auction

    reads = replace(NO_READS, auction=read)
    with serving(HttpSettings(contract=contract), reads=lambda _: reads, clock=lambda: OPENS_MS) as house:
        return [ask(house.public + path) for path in paths]


def test_an_open_offer_is_shown_with_exact_amounts_and_the_call_that_pays() -> None:
    [(status, headers, body)] = answers(OFFERED, "/api/auctions/m-01/settlement")
    assert (status, headers["Access-Control-Allow-Origin"], headers["Cache-Control"]) == (200, "*", "no-store")
    assert (body["stage"], body["price_wei"], body["price"]) == ("OFFERED", str(ETH + 1), "1.000000000000000001 ETH")
    assert (body["buyer_id"], body["lot_token_id"], body["offer"]) == (str(2**62), str(2**80), "7")
    assert (body["pay_by_ms"], body["server_time_ms"], body["down"]) == (OPENS_MS, OPENS_MS, [])
    assert body["chain"] == {
        "id": 360,
        "name": "Shape",
        "rpc_url": "https://mainnet.shape.network",
        "explorer_url": "https://shapescan.xyz",
    }
    assert body["payment"] == {
        "to": CONTRACT,
        "value_wei": str(ETH + 1),
        "data": f"0x{PURCHASE}{7:064x}",
        "uri": f"ethereum:{CONTRACT}@360/purchase?uint256=7&value={ETH + 1}",
    }


def test_before_a_settlement_there_is_no_stage_and_without_an_auction_a_reason() -> None:
    nothing, *others = answers(
        DAY, *(f"/api/auctions/{one}/settlement" for one in ("m-01", "m-02", "m", "m-01/settlement"))
    )
    assert (nothing[0], nothing[2]["stage"], nothing[2]["payment"], nothing[2]["down"]) == (200, None, None, [])
    assert [(status, bool(body["reason"])) for status, _, body in others] == [(404, True)] * 3
    [(status, _, body)] = answers(DAY, "/api/auctions/m-01/settlement?stage=1")
    assert (status, body["error"]) == (400, "UNKNOWN_KEY")


NO_PAYMENT: list[tuple[str, dict[str, Any], SaleContract]] = [
    *((stage, {"settlement": stage}, SHAPE) for stage in ("AWAITING_WALLET", "PAID", "FINAL", "EXPIRED", "DECLINED")),
    ("no offer yet", {"offer": None}, SHAPE),
    ("no contract", {}, SaleContract()),
]


@pytest.mark.parametrize(("fields", "contract"), [row[1:] for row in NO_PAYMENT], ids=[row[0] for row in NO_PAYMENT])
def test_nobody_is_shown_how_to_pay_what_is_not_offered(fields: dict[str, Any], contract: SaleContract) -> None:
    assert settlement_of(OFFERED | fields, contract)["payment"] is None
    [(status, _, body)] = answers(OFFERED | fields, "/pay/m-01/code.svg", contract=contract)
    assert (status, body["error"]) == (404, "NOT_FOUND")


def test_what_is_down_is_a_list() -> None:
    assert settlement_of(OFFERED | {"down": "chain,x"}, SHAPE)["down"] == ["chain", "x"]


@pytest.mark.parametrize(
    ("chain_id", "name", "rpc_url"),
    [(11011, "Shape Sepolia", "https://sepolia.shape.network"), (31337, "chain 31337", None)],
)
def test_each_chain_has_a_name_and_a_known_one_its_addresses(chain_id: int, name: str, rpc_url: str | None) -> None:
    chain = settlement_of(OFFERED, SaleContract(chain_id, CONTRACT))["chain"]
    assert (chain["name"], chain["rpc_url"]) == (name, rpc_url)


def test_the_calls_are_those_of_the_sale_contract(make_anvil: Callable[..., Any]) -> None:
    contract = Contract(make_anvil(), CONTRACT, sale_contract().abi)
    assert contract.data("purchase", 7).hex() == f"{PURCHASE}{7:064x}"
    wallet = (ROOT / "adapters" / "http" / "pages" / "wallet.js").read_text()
    assert f'const OFFERS = "0x{contract.data("offers", 7)[:4].hex()}"' in wallet


def test_the_code_is_a_picture_of_its_own_with_the_payment_in_it() -> None:
    uri = settlement_of(OFFERED, SHAPE)["payment"]["uri"]
    [(status, headers, picture)] = answers(OFFERED, "/pay/m-01/code.svg?offer=7")
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "image/svg+xml", "no-store")
    assert picture == qr_code(uri) != qr_code(uri + "0")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert not re.search(rb"<script|href|style=", picture)


def test_the_page_is_there_for_every_auction_and_for_nothing_else() -> None:
    here, foreign, none = answers(None, "/pay/m-01?from=x", "/pay/m-77", "/pay/m")
    assert (here[0], here[1]["Content-Type"], foreign[2]) == (200, "text/html; charset=utf-8", here[2])
    assert none[0] == 404
