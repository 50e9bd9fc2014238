"""What the page to pay on is told: an auction's settlement as JSON, the call that pays, and that call as a QR code.

Nothing here asks the chain: the store's view of the day says where the settlement stands.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import segno

from adapters.http.views import Json

# The first four bytes of a call of the sale contract's `purchase(uint256)`.
PURCHASE = "efef39a1"
# What a wallet needs to know before it can add a chain: name, public RPC, explorer.
KNOWN_CHAINS = {
    360: ("Shape", "https://mainnet.shape.network", "https://shapescan.xyz"),
    11011: ("Shape Sepolia", "https://sepolia.shape.network", "https://sepolia.shapescan.xyz"),
}

_OF_THE_DAY = "auction_id", "day", "phase", "outcome", "lot_title", "lot_token_id", "lot_image", "leader_injected"
_OF_THE_SETTLEMENT = (
    "buyer_id",
    "buyer_handle",
    "price_wei",
    "price",
    "wallet",
    "pay_by_ms",
    "offer",
    "offer_until_ms",
    "payment_level",
)


@dataclass(frozen=True, slots=True)
class SaleContract:
    """Where the lots are sold: the chain's id, and the contract's address, which is empty where there is no chain."""

    chain_id: int = 360
    address: str = ""


def settlement_of(auction: Mapping[str, Json], contract: SaleContract) -> dict[str, Json]:
    """The settlement of an auction as the API shows it; `stage` is None where there is nothing to be settled.

    `payment` is the call that pays; None unless an offer is open and its buyer's turn lasts.
    """
    name, rpc_url, explorer_url = KNOWN_CHAINS.get(contract.chain_id, (f"chain {contract.chain_id}", None, None))
    return {
        **{field: auction.get(field) for field in _OF_THE_DAY},
        "stage": auction.get("settlement"),
        **{field: auction.get(field) for field in _OF_THE_SETTLEMENT},
        "down": auction["down"].split(",") if auction.get("down") else [],
        "chain": {"id": contract.chain_id, "name": name, "rpc_url": rpc_url, "explorer_url": explorer_url},
        "contract": contract.address or None,
        "payment": _payment(auction, contract),
    }


def _payment(auction: Mapping[str, Json], contract: SaleContract) -> Json:
    offer, price_wei = auction.get("offer"), auction.get("price_wei")
    if auction.get("settlement") != "OFFERED" or not offer or not contract.address:
        return None
    return {
        "to": contract.address,
        "value_wei": price_wei,
        "data": f"0x{PURCHASE}{int(offer):064x}",
        # EIP-681, which wallets read from QR codes and links.
        "uri": f"ethereum:{contract.address}@{contract.chain_id}/purchase?uint256={offer}&value={price_wei}",
    }


@lru_cache(maxsize=16)  # drawing takes milliseconds, in which the event loop answers nobody
def qr_code(text: str) -> bytes:
    """The text as a QR code: an SVG that scales to any size, black on white."""
    drawing = io.BytesIO()
    segno.make_qr(text, error="m").save(drawing, kind="svg", xmldecl=False, light="#fff", omitsize=True)
    return drawing.getvalue()
