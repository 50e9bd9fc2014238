"""The control plane, /_sim/*: tests and demos move the chain and its clock, set faults, and read the ground truth.

It needs no credentials, because the process listens on loopback only. Clients of a chain never use it. Faults are those
of the endpoint on whose port they are set; all else concerns the chain, on whichever port it is asked.
"""

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from simulator.chain import shapes
from simulator.chain.chain import Chain
from simulator.chain.clock import Clock
from simulator.chain.errors import RpcError
from simulator.chain.evm import Block, Call, Write
from simulator.chain.faults import Fault, Faults
from simulator.chain.oracle import ORACLE, fee_slots
from simulator.chain.payers import Payers
from simulator.chain.settings import GAS_LIMIT
from simulator.chain.view import octets
from simulator.lifetime import Lifetime

TRUTH_PAGE = 10_000
OWNER_OF = bytes.fromhex("6352211e")  # the selector of ownerOf(uint256)
_Wei = Annotated[str, Meta(pattern=r"\A\d{1,78}\Z")]
_Address = Annotated[str, Meta(pattern=r"\A0x[0-9a-fA-F]{40}\Z")]
_Count = Annotated[int, Meta(ge=0, le=100_000)]


class _Blocks(msgspec.Struct, forbid_unknown_fields=True):
    blocks: _Count = 1
    at_s: Annotated[int, Meta(ge=0, le=2**40)] | None = None


class _Reorganisation(msgspec.Struct, forbid_unknown_fields=True):
    depth: Annotated[int, Meta(ge=1, le=100_000)]
    blocks: _Count | None = None
    transactions: Literal["again", "later", "dropped"] = "again"


class _Conditions(msgspec.Struct, forbid_unknown_fields=True):
    halted: bool | None = None
    forward_ms: Annotated[int, Meta(ge=0, le=10**11)] = 0
    skip: bool = False
    safe_stalled: bool | None = None
    finalized_stalled: bool | None = None
    base_fee_wei: _Wei | None = None
    l1_fee_wei: _Wei | None = None
    operator_fee_wei: _Wei | None = None


class _Account(msgspec.Struct, forbid_unknown_fields=True):
    address: _Address
    balance_wei: _Wei | None = None
    code: Annotated[str, Meta(pattern=r"\A0x([0-9a-fA-F]{2})*\Z")] | None = None


class Control:
    """The endpoints below /_sim on one port."""

    def __init__(self, chain: Chain, clock: Clock, payers: Payers, faults: Faults, life: Lifetime) -> None:
        self._chain, self._clock, self._payers, self._faults, self._life = chain, clock, payers, faults, life

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes of the control plane."""
        return [
            web.get("/_sim/faults", self.show_faults),
            web.post("/_sim/faults", self.add_fault),
            web.delete("/_sim/faults", self.clear_faults),
            web.post("/_sim/mine", self.mine),
            web.post("/_sim/reorganise", self.reorganise),
            web.post("/_sim/conditions", self.change_conditions),
            web.post("/_sim/account", self.change_account),
            web.get("/_sim/accounts", self.accounts),
            web.get("/_sim/truth", self.truth),
            web.get("/_sim/health", self.health),
            web.post("/_sim/stop", self.stop),
        ]

    async def show_faults(self, _request: web.Request) -> web.Response:
        """Shows the faults that still hold."""
        return _json({"faults": self._faults.all()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Adds a fault."""
        self._faults.add(await _read(request, Fault))
        return _json({"faults": self._faults.all()})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Ends all faults."""
        self._faults.clear()
        return _json({})

    async def mine(self, request: web.Request) -> web.Response:
        """Adds blocks by hand; `at_s` is the time of the first."""
        wanted = await _read(request, _Blocks)
        for number in range(wanted.blocks):
            self._chain.add_block(wanted.at_s if number == 0 else None)
        return self._where()

    async def reorganise(self, request: web.Request) -> web.Response:
        """Replaces the newest blocks by others, as many unless `blocks` says another number."""
        wanted = await _read(request, _Reorganisation)
        if wanted.depth >= len(self._chain.blocks):
            raise msgspec.ValidationError(f"there are only {len(self._chain.blocks)} blocks, and block 0 stays")
        blocks = wanted.depth if wanted.blocks is None else wanted.blocks
        self._chain.reorganise(wanted.depth, blocks, wanted.transactions)
        return self._where()

    async def change_conditions(self, request: web.Request) -> web.Response:
        """Halts the chain, moves its clock forward, stalls its levels, or sets its fees from the next block on."""
        wanted = await _read(request, _Conditions)
        self._clock.change(halted=wanted.halted, forward_ms=wanted.forward_ms, skip=wanted.skip)
        self._chain.stall(safe=wanted.safe_stalled, finalized=wanted.finalized_stalled)
        if wanted.base_fee_wei is not None:
            self._chain.base_fee_wei = int(wanted.base_fee_wei)
        self._chain.change(Write(ORACLE, slots=fee_slots(_wei(wanted.l1_fee_wei), _wei(wanted.operator_fee_wei))))
        return self._where()

    async def change_account(self, request: web.Request) -> web.Response:
        """Sets balance or code of an account in the next block."""
        wanted = await _read(request, _Account)
        code = None if wanted.code is None else octets(wanted.code)
        self._chain.change(Write(octets(wanted.address), _wei(wanted.balance_wei), code))
        return self._where()

    async def accounts(self, _request: web.Request) -> web.Response:
        """Lists the accounts that block 0 funds, with their keys."""
        found = self._chain.accounts()
        return _json([{"address": shapes.in_hex(own), "key": shapes.in_hex(key)} for own, key in found])

    async def truth(self, request: web.Request) -> web.Response:
        """Lists the canonical blocks after `?after=`, a page of them, each with its transactions and the logs of
        `?contract=`; the balance of each `?address=` and the owner of each `?token=` of the contract; the offers to
        buyers."""
        asked = request.query
        contract = octets(asked["contract"], 20) if "contract" in asked else None
        after = int(asked.get("after", -1))
        state = self._chain.evm.state(self._chain.head.header)
        return _json(
            {
                "now_ms": self._chain.now_ms(),
                "head": self._chain.head.number,
                "safe": self._chain.level("safe"),
                "finalized": self._chain.level("finalized"),
                "blocks": [_told(block, contract) for block in self._chain.blocks[after + 1 : after + 1 + TRUTH_PAGE]],
                "balances": {own: str(state.get_balance(octets(own, 20))) for own in asked.getall("address", [])},
                "owners": {token: self._owner(contract, int(token)) for token in asked.getall("token", []) if contract},
                "offers": self._payers.truth(),
            }
        )

    async def health(self, _request: web.Request) -> web.Response:
        """Shows that the process runs."""
        return self._where()

    async def stop(self, _request: web.Request) -> web.Response:
        """Ends the process."""
        self._life.stop()
        return _json({})

    def _where(self) -> web.Response:
        head = self._chain.head
        return _json({"head": head.number, "hash": shapes.in_hex(head.hash), "at_s": head.header.timestamp})

    def _owner(self, contract: bytes, token: int) -> str | None:
        asked = Call(bytes(20), contract, OWNER_OF + token.to_bytes(32, "big"), 0, GAS_LIMIT)
        try:
            output, _ = self._chain.evm.call(self._chain.head, asked)
        except RpcError:
            return None
        return shapes.in_hex(output[12:]) if len(output) == 32 else None


def _told(block: Block, contract: bytes | None) -> dict[str, Any]:
    return {
        "number": block.number,
        "hash": shapes.in_hex(block.hash),
        "at_s": block.header.timestamp,
        "made_at_ms": block.made_at_ms,
        "transactions": [
            {
                "hash": shapes.in_hex(each.transaction.hash),
                "from": shapes.in_hex(each.transaction.sender),
                "to": shapes.in_hex(each.transaction.to),
                "nonce": each.transaction.nonce,
                "value_wei": str(each.transaction.value),
                "succeeded": each.succeeded,
            }
            for each in block.receipts
        ],
        "logs": [log for log in shapes.log_objects(block) if contract and octets(log["address"]) == contract],
    }


def _wei(text: str | None) -> int | None:
    return None if text is None else int(text)


async def _read(request: web.Request, kind: Any) -> Any:
    return msgspec.json.decode(await request.read() or b"{}", type=kind)


def _json(content: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")
