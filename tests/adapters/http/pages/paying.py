"""What the tests of the page to pay on share: a lot that is really sold on a real chain, and a wallet to pay with."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace
from playwright.sync_api import Page

from adapters.event_loop import LoopThread
from adapters.http.auth import Operators
from adapters.http.paying import SaleContract
from adapters.http.reads import StoreReads
from adapters.http.server import HttpSettings
from adapters.http.views import Reads
from adapters.redis.client import connect_async
from auction.day import AuctionDay
from auction.day_view import day_view
from messages.base import Lot
from messages.commands import AdvanceSettlement, AskNextBidder, AuctionCommand, BeginSettlement, OpenAuction
from messages.settlement import Announced, Level, OfferMade, OfferSent, PaymentSeen, SettlementFact, Terms
from tests.adapters.http.pages.house import Clock, Visit
from tests.harness import shown_auction
from tests.harness.anvil import CHAIN_ID, Anvil, NodeRefused
from tests.harness.builders import CLOSES_MS, OPENING, OPENS_MS, RULES, reply, swept
from tests.harness.sale import FRIEND, WINNER, Sale
from tests.harness.shown_auction import House
from tests.harness.store import Store

HOUR_MS = 3_600_000
NAMED_MS = CLOSES_MS + RULES.delivery_allowance_ms
ANN, BOB = 1, 2
AUCTION, PRICE = "m-01", 10**18
TERMS = Terms(
    reserve_wei=RULES.reserve_wei,
    payment_ms=24 * HOUR_MS,
    acceptance_ms=12 * HOUR_MS,
    runners_up=2,
    runner_up_basis_points=8_000,
    offer_outlives_ms=24 * HOUR_MS,
)


class SoldLot:
    """A day that ann wins with 1 ETH, before bob's 0.9; its view is in the store, and its `clock` is the server's."""

    def __init__(
        self, store: Store, title: str = "Harbour at first light", handle: str = "ann", eth: str = "1"
    ) -> None:
        self.clock, self.day, self._store, self._ids = Clock(NAMED_MS), AuctionDay(AUCTION), store, itertools.count()
        opening, post = OPENING
        assert isinstance(opening, OpenAuction)
        self.tell(replace(opening, auction_id=AUCTION, lot=Lot(token_id=1, title=title)), post, at_ms=OPENS_MS)
        winning = replace(reply(3, ANN, eth), author_handle=handle)
        self.tell(replace(reply(2, BOB, "0.9"), author_handle="bob"), winning, at_ms=OPENS_MS)

    def tell(self, *commands: AuctionCommand, at_ms: int = NAMED_MS) -> None:
        self.day.decide(commands, at_ms)
        self._store.client.hset(self._store.keys.day(1), mapping=day_view(self.day))  # type: ignore[arg-type]

    def close(self) -> None:
        """The day ends, and ann is named."""
        self.day.tick(NAMED_MS)
        self.tell(swept(CLOSES_MS))

    def begin(self) -> None:
        """The day ends, and ann is asked for a wallet."""
        self.close()
        self.ask()

    def ask(self) -> None:
        """Ann, who is named, is asked for a wallet."""
        self.tell(BeginSettlement(message_id="begin", terms=TERMS))
        self.fact(Announced(at_ms=NAMED_MS, bidder_id=ANN))

    def fact(self, fact: SettlementFact) -> None:
        self.tell(AdvanceSettlement(message_id=f"fact:{next(self._ids)}", fact=fact))

    def name_wallet(self) -> None:
        self.tell(reply(NAMED_MS - OPENS_MS + 1_000, ANN, WINNER))

    def decline(self) -> None:
        self.tell(reply(NAMED_MS - OPENS_MS + 5_000, ANN, "I decline"))

    def offered(self) -> None:
        """Ann names a wallet, and the offer to it is on chain."""
        self.name_wallet()
        self.offer()

    def offer(self) -> None:
        """The offer to ann's wallet, the contract's first, is on chain."""
        until_ms = NAMED_MS + 48 * HOUR_MS
        self.fact(OfferSent(at_ms=NAMED_MS + 2_000, bidder_id=ANN, until_ms=until_ms))
        self.fact(OfferMade(at_ms=NAMED_MS + 2_000, bidder_id=ANN, offer=1))

    def ask_next(self, *banned: int) -> None:
        self.tell(AskNextBidder(message_id="next", banned=banned, at_ms=NAMED_MS + 25 * HOUR_MS))


def paid(level: Level) -> PaymentSeen:
    """The payment for ann's offer is in a block of this level."""
    return PaymentSeen(at_ms=NAMED_MS + HOUR_MS, bidder_id=ANN, level=level)


@contextmanager
def selling(store: Store, clock: Clock, contract: str, chain_id: int = CHAIN_ID, port: int = 0) -> Iterator[House]:
    """A server that shows the store's auctions, and says that this contract sells their lots."""
    client = connect_async(store.url)

    async def receipts(*_: Any) -> list[Any]:
        return []

    def reads(_: LoopThread) -> Reads:
        return StoreReads(client, store.keys, 3, receipts).reads()

    settings = HttpSettings(
        public_port=port, operators=Operators(is_local=True), contract=SaleContract(chain_id, contract)
    )
    with shown_auction.serving(settings, reads=reads, clock=clock) as house:
        try:
            yield house
        finally:
            house.loop.submit(client.aclose()).result(5)


class Refusal(Exception):
    """What a wallet answers instead."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.answer = {"code": code, "message": message}


REJECTED = Refusal(4001, "User rejected the request.")


class Wallet:
    """A wallet that does what it is asked, but for what it `refuses`; `prompts` are what its owner has agreed to.

    It is on `chain`, has heard of those in `knows`, and its node is a real one.
    """

    def __init__(self, anvil: Anvil, account: str = FRIEND) -> None:
        self._anvil, self.account = anvil, account
        self.chain, self.knows = CHAIN_ID, {1, CHAIN_ID}
        self.refuses: dict[str, Refusal] = {}
        self.prompts: list[str] = []
        self.added: list[Any] = []

    def request(self, text: str) -> str:
        """What the page's provider passes on: a question in JSON, and its answer."""
        asked = json.loads(text)
        try:
            return json.dumps({"result": self._answer(asked["method"], asked.get("params", []))})
        except Refusal as refusal:
            return json.dumps({"error": refusal.answer})
        except NodeRefused as refused:
            return json.dumps({"error": refused.answer["error"]})

    def _answer(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(self.chain)
            case "eth_requestAccounts":
                self._prompt(method)
                return [self.account]
            case "wallet_switchEthereumChain":
                wanted = int(params[0]["chainId"], 16)
                if wanted not in self.knows:
                    raise Refusal(4902, "Unrecognized chain ID")
                self._prompt(method)
                self.chain = wanted
            case "wallet_addEthereumChain":
                self._prompt(method)
                self.added.append(params[0])
                self.knows.add(int(params[0]["chainId"], 16))
            case "eth_sendTransaction":
                self._prompt(method)
                assert int(params[0].pop("chainId"), 16) == self.chain == CHAIN_ID
                return self._anvil.rpc(method, params[0] | {"gas": hex(200_000)})
            case _:
                assert self.chain == CHAIN_ID, f"{method} on a chain that has no node here"
                return self._anvil.rpc(method, *params)
        return None

    def _prompt(self, method: str) -> None:
        if method in self.refuses:
            raise self.refuses[method]
        self.prompts.append(method)


PROVIDER = """(() => {
  const provider = { async request(asked) {
    const { result, error } = JSON.parse(await window.%(name)s(JSON.stringify(asked)));
    if (error) throw Object.assign(new Error(error.message), error);
    return result;
  } };
  %(place)s
})()"""
INJECTED = "window.ethereum = provider;"
ANNOUNCED = """const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider",
    { detail: { info: { rdns: %(rdns)s, name: %(shown)s }, provider } }));
  addEventListener("eip6963:requestProvider", announce);"""


def pay_page(visit: Visit, house: House, *wallets: tuple[Wallet, str], **options: Any) -> Page:
    """The page to pay on, in a browser with these wallets; one without a name is injected as `window.ethereum`."""
    page = visit("about:blank", **options)
    for number, (wallet, name) in enumerate(wallets):
        page.expose_function(f"wallet{number}", wallet.request)
        place = ANNOUNCED % {"rdns": json.dumps(f"wallet.{number}"), "shown": json.dumps(name)} if name else INJECTED
        page.add_init_script(PROVIDER % {"name": f"wallet{number}", "place": place})
    page.goto(f"{house.public}/pay/{AUCTION}")
    return page


def polled(page: Page) -> None:
    """Two seconds pass for the page: it asks the server again."""
    page.clock.run_for(2_000)


def owner_of(sale: Sale, token: int = 1) -> str | None:
    """Who has the token; None before it is sold."""
    try:
        return str(sale.read("ownerOf", token))
    except NodeRefused:
        return None


def buttons(page: Page) -> list[str]:
    """What the buttons say that pay."""
    return page.locator("#buttons button").all_text_contents()
