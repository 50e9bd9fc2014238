"""Measures what each call of the sale contract costs, in gas, on a real node; writes the table of docs/contract.md."""

import sys
import tempfile
from pathlib import Path

from contracts.artifact import sale_contract
from tests.harness import ROOT
from tests.harness.anvil import Anvil
from tests.harness.sale import FRIEND, OPERATOR, OWNER, RUNNER_UP, WINNER, Sale

DOCUMENT = ROOT / "docs" / "contract.md"
BEGIN, END = "<!-- gas: begin -->\n", "<!-- gas: end -->\n"
PRICE = 10**18


def measured(anvil: Anvil) -> dict[str, int]:
    """The gas of each call."""
    sale = Sale.on(anvil)
    [deployment] = anvil.rpc("eth_getBlockReceipts", "latest")
    gas = {"deploy": int(deployment["gasUsed"], 16)}
    gas["offer, the first one of an auction"] = sale.offer().gas
    gas["revoke"] = sale.send(OPERATOR, "revoke", 1).gas
    gas["offer, a further one of the same auction"] = sale.offer(to=RUNNER_UP).gas
    sale.send(RUNNER_UP, "purchase", 2, value=PRICE)
    sale.offer("m-02", 2, to=WINNER)
    gas["purchase"] = sale.send(FRIEND, "purchase", 3, value=PRICE).gas
    gas["transfer"] = sale.send(WINNER, "transferFrom", WINNER, FRIEND, 2).gas
    gas["withdraw"] = sale.send(OWNER, "withdraw", OWNER).gas
    gas["set_operator"] = sale.send(OWNER, "set_operator", FRIEND).gas
    return gas


def table(gas: dict[str, int]) -> str:
    """The gas as it stands in the document, with the size of the code."""
    rows = [f"| {call} | {used:,} |" for call, used in gas.items()]
    size = len(sale_contract().runtime) // 2 - 1
    return "\n".join(["| call | gas |", "|---|---:|", *rows, "", f"The contract has {size:,} bytes of code."]) + "\n"


def written() -> str:
    """The table in the document."""
    return DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="anvil-") as folder:
        anvil = Anvil(Path(folder))
        try:
            new = table(measured(anvil))
        finally:
            anvil.kill()
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(text.replace(f"{BEGIN}{written()}{END}", f"{BEGIN}{new}{END}"), encoding="utf-8")
    print(new, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
