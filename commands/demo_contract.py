"""Puts the sale contract of a demo on its simulated chain, with keys of accounts that the chain funds."""

from eth_keys.datatypes import PrivateKey

from adapters.chain.sale_contract import NodeFault, SaleContracts
from commands.common import CommandError
from commands.compressed import DEPLOYER, OPERATOR, OWNER
from simulator.chain.settings import private_key

ASK_S, MINED_S = 5.0, 60.0


def deployed(rpc_url: str, seed: int) -> str:
    """Deploys a sale contract on the simulated chain of this seed; returns the address. Raises CommandError."""
    owner, operator = (PrivateKey(private_key(seed, number)).public_key for number in (OWNER, OPERATOR))
    texts = "Demo lots", "LOT", "ipfs://demo/"
    try:
        contracts = SaleContracts(rpc_url, ASK_S)
        try:
            key = private_key(seed, DEPLOYER).hex()
            plan, signed = contracts.planned(key, owner.to_checksum_address(), operator.to_checksum_address(), *texts)
            contracts.send(signed)
            if contracts.mined(contracts.hash_of(signed), MINED_S) is None:
                raise CommandError(f"the simulated chain has not mined the sale contract in {MINED_S:.0f} s")
        finally:
            contracts.close()
    except NodeFault as fault:
        raise CommandError(f"the simulated chain does not take the sale contract: {fault}") from None
    return plan.contract
