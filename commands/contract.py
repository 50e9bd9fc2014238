"""`contract`: deploys the sale contract, and shows the one at chain.contract. Both ask the first of chain.rpc_urls.

The deployer's private key comes from AUCTION_MANAGER_CHAIN_DEPLOYER_KEY, or from the file that
AUCTION_MANAGER_CHAIN_DEPLOYER_KEY_FILE names. The account pays for the deployment and has no rights afterwards.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from adapters.chain.sale_contract import Deployed, NodeFault, NodeRefused, Plan, SaleContracts, State
from auction.settlement.wallets import with_checksum
from commands.common import CommandError
from commands.tables import console, table_on
from messages.money import format_eth
from setting_sections import ChainSettings
from settings import load

EXAMPLE = "auction-manager contract show --json"
TIMEOUT_S = 5.0  # for a question to the node
MINED_S = 120.0  # until a block has the deployment
NOBODY = "0x" + "00" * 20
# How long the texts may be that the contract keeps, in bytes.
NAME_BYTES, SYMBOL_BYTES, URI_BYTES = 64, 16, 256
KEY = "AUCTION_MANAGER_CHAIN_DEPLOYER_KEY"


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="deploy|show", required=True)
    deploy = what.add_parser("deploy", help="put a new contract on the chain", description=__doc__)
    deploy.add_argument("--owner", required=True, type=_address, help="the cold address that withdraws the money")
    deploy.add_argument("--operator", required=True, type=_address, help="the hot address that makes the offers")
    deploy.add_argument("--name", required=True, type=_text(NAME_BYTES), help="the name of the tokens")
    deploy.add_argument("--symbol", required=True, type=_text(SYMBOL_BYTES), help="their symbol, such as LOT")
    deploy.add_argument(
        "--base-uri", required=True, type=_text(URI_BYTES), metavar="URI", help="what precedes a token's number"
    )
    deploy.add_argument("--dry-run", action="store_true", help="show address and cost, and send nothing")
    show = what.add_parser("show", help="show the state of the contract", description="Shows the contract's state.")
    for command in (deploy, show):
        command.add_argument(
            "--config", type=Path, metavar="FILE", help="the settings (default: the shipped config.toml)"
        )
        command.add_argument("--json", action="store_true", help="the answer as JSON")


def _address(text: str) -> str:
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not an address, 0x and 40 hex digits")
    checked = with_checksum(text)
    if text not in (checked, text.lower()):
        raise argparse.ArgumentTypeError(f"{text} has a wrong checksum: is a digit wrong?")
    if text == NOBODY:
        raise argparse.ArgumentTypeError("the zero address is nobody's")
    return checked


def _text(longest: int) -> Any:
    def read(text: str) -> str:
        if not text.isprintable() or not 0 < len(text.encode("utf-8", "replace")) <= longest:
            raise argparse.ArgumentTypeError(f"{text!r:.60} is not a text of 1 to {longest} bytes")
        return text

    return read


def run(args: argparse.Namespace) -> int:
    return deploy(args) if args.what == "deploy" else show(args)


def deploy(args: argparse.Namespace) -> int:
    """Deploys the contract, or shows what that would cost. Raises CommandError, SettingsError."""
    if args.owner == args.operator:
        raise CommandError("owner and operator are the same address: the key that withdraws must be a cold one")
    # The settings need not name a contract yet: this command makes it.
    chain = load(args.config, dict(os.environ) | {"AUCTION_MANAGER__CHAIN__CONTRACT": NOBODY}).chain
    if chain.deployer_key is None:
        raise CommandError(f"the deployer's key is missing: set {KEY} or {KEY}_FILE")
    with _contracts_of(chain) as contracts:
        texts = args.name, args.symbol, args.base_uri
        plan, signed = contracts.planned(chain.deployer_key.reveal(), args.owner, args.operator, *texts)
        if plan.balance < plan.cost:
            raise CommandError(
                f"the deployer {plan.deployer} has {format_eth(plan.balance)}, "
                f"but deploying can cost {format_eth(plan.cost)}"
            )
        if args.dry_run:
            _print_plan(plan, args.json)
            return 0
        transaction = contracts.hash_of(signed)
        print(f"sending {transaction}", file=sys.stderr)
        deployed = _sent(contracts, plan, signed, transaction)
        if not contracts.has_our_code(deployed.contract):
            raise CommandError(f"{deployed.contract} was made by {transaction}, but has other code than the artifact")
    _print_deployed(deployed, transaction, chain, args.json)
    return 0


def _sent(contracts: SaleContracts, plan: Plan, signed: str, transaction: str) -> Deployed:
    """Sends the transaction and waits for its block, also where the node did not say whether it took it."""
    try:
        contracts.send(signed)
    except NodeRefused:
        raise
    except NodeFault as fault:
        print(f"{fault}; looking whether it took it", file=sys.stderr)
    deployed = contracts.mined(transaction, MINED_S)
    if deployed is None:
        raise CommandError(
            f"no block has {transaction} after {MINED_S:.0f} s; it may come yet, and would make {plan.contract}: "
            "look it up before you deploy again"
        )
    return deployed


def show(args: argparse.Namespace) -> int:
    """Shows the contract at chain.contract. Raises CommandError, SettingsError."""
    chain = load(args.config, os.environ).chain
    with _contracts_of(chain) as contracts:
        has_our_code = contracts.has_our_code(chain.contract)
        if not has_our_code:
            found = "no code" if has_our_code is None else "other code than contracts/AuctionSale.json"
            raise CommandError(f"chain.contract {chain.contract} has {found}: it is not this sale contract")
        state = contracts.state(chain.contract)
    if args.json:
        print(json.dumps(_state_data(chain.contract, state), indent=2))
    else:
        _print_state(chain.contract, state)
    return 0


@contextmanager
def _contracts_of(chain: ChainSettings) -> Iterator[SaleContracts]:
    """The contracts of the configured chain; what its node does wrong is raised as CommandError."""
    if not chain.rpc_urls:
        raise CommandError("chain.rpc_urls is empty: it must name a node of the chain")
    try:
        contracts = SaleContracts(chain.addresses()[0].reveal(), TIMEOUT_S)
        try:
            if (found := contracts.chain_id()) != chain.chain_id:
                raise CommandError(f"the node is on the chain {found}, but chain.chain_id is {chain.chain_id}")
            yield contracts
        finally:
            contracts.close()
    except NodeFault as fault:
        raise CommandError(str(fault)) from None


def _print_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        amounts = {f"{name}_wei": str(getattr(plan, name)) for name in ("gas_price", "chain_fee", "cost", "balance")}
        made = {"contract": plan.contract, "deployer": plan.deployer, "nonce": plan.nonce, "gas": plan.gas}
        print(json.dumps(made | amounts | {"sent": False}, indent=2))
        return
    print(f"contract   {plan.contract}")
    print(f"deployer   {plan.deployer}, nonce {plan.nonce}, has {format_eth(plan.balance)}")
    print(f"gas        {plan.gas:,} at most")
    print(f"cost       {format_eth(plan.cost)} at most, of it {format_eth(plan.chain_fee)} for L1; nothing was sent")


def _print_deployed(deployed: Deployed, transaction: str, chain: ChainSettings, as_json: bool) -> None:
    if as_json:
        where = {"contract": deployed.contract, "transaction": transaction, "block": deployed.block}
        print(json.dumps(where | {"gas": deployed.gas, "chain_id": chain.chain_id, "sent": True}, indent=2))
        return
    print(f"contract     {deployed.contract}")
    print(f"transaction  {transaction}")
    print(f"block        {deployed.block}")
    print(f"gas          {deployed.gas:,}")
    print("Write into config.toml:")
    print("[chain]")
    print(f"chain_id = {chain.chain_id}")
    print(f'contract = "{deployed.contract}"')


def _print_state(contract: str, state: State) -> None:
    print(f"contract   {contract}, block {state.block} of {_utc(state.at_s)}")
    print(f"owner      {state.owner}")
    print(f"operator   {state.operator}")
    print(f"events     {state.events}")
    print(f"balance    {format_eth(state.balance)} to withdraw")
    print(f"offers     {len(state.open_offers)} open")
    if state.open_offers:
        out = console()
        table = table_on(out, "offer", "token", "wallet", "price", "until (UTC)", "", right=("offer", "token", "price"))
        for offer in state.open_offers:
            note = "expired, not revoked" if offer.deadline < state.at_s else ""
            price, until = format_eth(offer.price), _utc(offer.deadline)
            row = (str(offer.offer), str(offer.token_id), offer.to, price, until, note)
            table.add_row(*map(Text, row))
        out.print(table)


def _state_data(contract: str, state: State) -> dict[str, Any]:
    """The state for JSON: wei and token ids are strings, because JavaScript would round them as numbers."""
    return {
        "contract": contract,
        "block": state.block,
        "block_at_s": state.at_s,
        "owner": state.owner,
        "operator": state.operator,
        "count": state.events,
        "balance_wei": str(state.balance),
        "open_offers": [
            {
                "offer": offer.offer,
                "auction": offer.auction,
                "token_id": str(offer.token_id),
                "to": offer.to,
                "price_wei": str(offer.price),
                "deadline_s": offer.deadline,
                "expired": offer.deadline < state.at_s,
            }
            for offer in state.open_offers
        ],
    }


def _utc(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%SZ}"
