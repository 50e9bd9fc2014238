"""The compiled sale contract, read from the file that `contracts.build` writes. Nothing is compiled here."""

from pathlib import Path
from typing import Any

import msgspec

SOURCE = Path(__file__).parent / "AuctionSale.vy"
FILE = SOURCE.with_suffix(".json")


class Artifact(msgspec.Struct, frozen=True):
    """What the compiler made of the source. Code is hex with 0x."""

    compiler: str
    evm_version: str
    source_sha256: str
    abi: list[dict[str, Any]]
    bytecode: str
    """The code that creates the contract; the encoded arguments of the constructor follow it."""
    runtime: str
    """The code of the contract on the chain, byte for byte, whatever the arguments were."""


def sale_contract() -> Artifact:
    """The artifact of the sale contract."""
    return msgspec.json.decode(FILE.read_bytes(), type=Artifact)
