"""`contract`: puts the sale contract on a real chain, shows it, and refuses in one line what is not right."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from commands import contract
from contracts.artifact import sale_contract
from tests.commands.line import Line, Said
from tests.harness.anvil import CONTRACT, Anvil
from tests.harness.sale import BASE_URI, NAME, OPERATOR, OWNER, SYMBOL, WINNER, Sale, auction_hash
from tests.harness.waiting import PATIENCE_S

pytestmark = pytest.mark.requirement("CHN-6")

KEY = "0x" + "4c" * 32  # of an account that nobody else uses
DEPLOYER = "0xdB00079cad3e665853Bf766eFe26F4C38cdbdCDA"
DEPLOYER_KEY = "AUCTION_MANAGER_CHAIN_DEPLOYER_KEY"
ETH = 10**18
DEPLOY = (
    *("contract", "deploy", "--owner", OWNER, "--operator", OPERATOR),
    *("--name", NAME, "--symbol", SYMBOL, "--base-uri", BASE_URI),
)


@pytest.fixture
def chain(anvil: Anvil, monkeypatch: pytest.MonkeyPatch) -> Anvil:
    """The chain of the settings, with a deployer that has a whole ETH."""
    monkeypatch.setenv("AUCTION_MANAGER__CHAIN__RPC_URLS", f'["{anvil.url}"]')
    monkeypatch.setenv(DEPLOYER_KEY, KEY)
    anvil.rpc("anvil_setBalance", DEPLOYER, hex(ETH))
    return anvil


def refusal(said: Said) -> str:
    """The one line that a refused command has said."""
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
    assert KEY[2:] not in said.err
    return said.err.removeprefix("auction-manager: ").rstrip("\n")


def test_a_contract_is_deployed_and_shown(chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    said = line(*DEPLOY, "--json")
    assert said.code == 0, said
    told = json.loads(said.out)
    receipt = chain.rpc("eth_getTransactionReceipt", told["transaction"])
    assert told == {
        "contract": told["contract"],
        "transaction": receipt["transactionHash"],
        "block": chain.head(),
        "gas": int(receipt["gasUsed"], 16),
        "chain_id": 360,
        "sent": True,
    }
    assert receipt["contractAddress"] == told["contract"].lower()
    sale = Sale(chain, receipt["contractAddress"], sale_contract().abi)
    read = [sale.read(name) for name in ("owner", "operator", "name", "symbol")]
    assert read == [OWNER, OPERATOR, NAME, SYMBOL]
    monkeypatch.setenv("AUCTION_MANAGER__CHAIN__CONTRACT", told["contract"])
    assert json.loads(line("contract", "show", "--json").out)["owner"].lower() == OWNER


def test_what_is_printed_can_be_written_into_the_settings(chain: Anvil, line: Line, tmp_path: Path) -> None:
    said = line(*DEPLOY)
    assert said.code == 0, said
    assert KEY[2:] not in said.out + said.err
    section = said.out.partition("Write into config.toml:\n")[2]
    config = tmp_path / "config.toml"
    shipped = (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")
    head, rest = shipped.split("[chain]\n")
    kept = "".join(row for row in rest.splitlines(True) if not row.startswith(("chain_id", "contract")))
    config.write_text(head + section + kept, encoding="utf-8")
    shown = line("contract", "show", "--config", str(config))
    assert shown.code == 0, shown
    assert shown.out.startswith("contract   0x")


def test_a_dry_run_foretells_address_and_cost_and_sends_nothing(chain: Anvil, line: Line) -> None:
    foretold = json.loads(line(*DEPLOY, "--dry-run", "--json").out)
    assert (chain.head(), chain.balance(DEPLOYER)) == (0, ETH)
    assert (foretold["deployer"], foretold["nonce"], foretold["sent"]) == (DEPLOYER, 0, False)
    assert "nothing was sent" in line(*DEPLOY, "--dry-run").out
    told = json.loads(line(*DEPLOY, "--json").out)
    assert told["contract"] == foretold["contract"]
    assert told["gas"] <= foretold["gas"]
    assert 0 < ETH - chain.balance(DEPLOYER) <= int(foretold["cost_wei"])


def test_the_fee_of_l1_is_part_of_the_cost(chain: Anvil, line: Line) -> None:
    before = json.loads(line(*DEPLOY, "--dry-run", "--json").out)
    chain.rpc("anvil_setCode", "0x420000000000000000000000000000000000000F", "0x6107d05f5260205ff3")  # answers 2,000
    after = json.loads(line(*DEPLOY, "--dry-run", "--json").out)
    assert (before["chain_fee_wei"], after["chain_fee_wei"]) == ("0", "4000")  # the fee of L1 and the operator fee


class Forgetful(BaseHTTPRequestHandler):
    """Forwards every question to a node, and hangs up instead of answering whether a transaction was taken."""

    node_url = ""

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"]))
        request = urllib.request.Request(self.node_url, question, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE_S) as response:
            answer = response.read()
        if b"eth_sendRawTransaction" in question:
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_deployment_whose_answer_is_lost_is_found_and_not_sent_again(
    chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = type("Forwarding", (Forgetful,), {"node_url": chain.url})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AUCTION_MANAGER__CHAIN__RPC_URLS", f'["http://127.0.0.1:{server.server_port}"]')
        said = line(*DEPLOY, "--json")
        server.shutdown()
    assert said.code == 0, said
    assert "looking whether it took it" in said.err
    assert json.loads(said.out)["block"] == chain.head() == 1


def test_a_deployment_that_no_block_has_in_time_is_told_with_its_transaction_and_address(
    chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    foretold = json.loads(line(*DEPLOY, "--dry-run", "--json").out)
    monkeypatch.setattr(contract, "MINED_S", 0.0)
    chain.rpc("evm_setAutomine", False)
    said = line(*DEPLOY)
    [sending, told] = said.err.splitlines()
    assert (said.code, said.out) == (1, "")
    assert sending.split()[1] in told
    assert foretold["contract"] in told
    chain.rpc("evm_mine")
    assert chain.rpc("eth_getTransactionReceipt", sending.split()[1])["status"] == "0x1"


def test_what_the_node_refuses_is_told_in_its_words(chain: Anvil, line: Line) -> None:
    """Its second transaction of the same nonce pays no more than the first."""
    chain.rpc("evm_setAutomine", False)
    chain.rpc("anvil_impersonateAccount", DEPLOYER)
    first = {"from": DEPLOYER, "to": OWNER, "gas": hex(21_000), "nonce": "0x0", "maxFeePerGas": hex(10**11)}
    chain.rpc("eth_sendTransaction", first | {"maxPriorityFeePerGas": hex(10**11)})
    told = line(*DEPLOY).err.splitlines()[-1]
    assert "the node refused the transaction: -32" in told
    assert "underpriced" in told


def test_the_key_may_be_in_a_file(chain: Anvil, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deployer.key"
    file.write_text(f"{KEY[2:]}\n", encoding="utf-8")
    monkeypatch.delenv(DEPLOYER_KEY)
    monkeypatch.setenv(f"{DEPLOYER_KEY}_FILE", str(file))
    assert json.loads(line(*DEPLOY, "--dry-run", "--json").out)["deployer"] == DEPLOYER


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CHAIN__CHAIN_ID": "11011"}, "the node is on the chain 360, but chain.chain_id is 11011"),
        ({"CHAIN__RPC_URLS": "[]"}, "chain.rpc_urls is empty: it must name a node of the chain"),
        ({"CHAIN__RPC_URLS": '["http://127.0.0.1:9"]'}, "the node did not answer as it should about its chain id"),
    ],
    ids=["another chain", "no node", "a node that does not answer"],
)
def test_what_is_not_the_right_chain_is_refused(
    variables: dict[str, str], says: str, chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUCTION_MANAGER__CHAIN__CONTRACT", CONTRACT)
    for name, value in variables.items():
        monkeypatch.setenv(f"AUCTION_MANAGER__{name}", value)
    for command in (DEPLOY, ("contract", "show")):
        assert refusal(line(*command)).startswith(says)


@pytest.mark.parametrize("balance", [0, 10**15])
def test_an_account_that_cannot_pay_is_refused(balance: int, chain: Anvil, line: Line) -> None:
    chain.rpc("anvil_setBalance", DEPLOYER, hex(balance))
    for options in ((), ("--dry-run",)):
        assert refusal(line(*DEPLOY, *options)).startswith(f"the deployer {DEPLOYER} has 0")
    assert chain.head() == 0


def test_an_owner_who_is_the_operator_is_refused(chain: Anvil, line: Line) -> None:
    said = line(*DEPLOY, "--operator", OWNER)
    assert refusal(said) == "owner and operator are the same address: the key that withdraws must be a cold one"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is not a private key"),
        (b"0x" + b"4c" * 31, "is not a private key"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"0x" + b"00" * 32, "is not a private key"),
        (b"0x" + b"ff" * 32, "is not a private key"),
        (b"4c" * 32 + b"\n" + b"4c" * 32, "is not a private key"),
        (b'{"crypto": {"ciphertext": "' + b"4c" * 32 + b'"}}', "is not a private key"),
    ],
)
def test_a_bad_key_file_is_told_in_one_line_without_what_it_holds(
    content: bytes | None, says: str, chain: Anvil, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "deployer.key"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.delenv(DEPLOYER_KEY)
    monkeypatch.setenv(f"{DEPLOYER_KEY}_FILE", str(file))
    said = line(*DEPLOY)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"chain.deployer_key: {says}")
    assert "4c4c4c" not in said.err


def test_a_missing_key_is_told_with_the_names_of_the_variables(
    chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEPLOYER_KEY)
    assert refusal(line(*DEPLOY)) == f"the deployer's key is missing: set {DEPLOYER_KEY} or {DEPLOYER_KEY}_FILE"


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--owner", "0x1234", "is not an address"),
        ("--owner", "owner.eth", "is not an address"),
        ("--owner", "0x" + "00" * 20, "the zero address is nobody's"),
        ("--operator", DEPLOYER[:-1] + "a", "has a wrong checksum"),
        ("--name", "", "is not a text of 1 to 64 bytes"),
        ("--symbol", "x" * 17, "is not a text of 1 to 16 bytes"),
        ("--base-uri", "ipfs://\n", "is not a text of 1 to 256 bytes"),
    ],
)
def test_a_wrong_option_is_wrong_usage(option: str, value: str, says: str, line: Line) -> None:
    said = line(*DEPLOY, option, value)
    assert (said.code, said.out) == (2, "")
    assert says in said.err.splitlines()[-1]


def test_the_contract_is_shown_with_what_is_open_and_what_can_be_withdrawn(
    chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = Sale.on(chain)
    monkeypatch.setenv("AUCTION_MANAGER__CHAIN__CONTRACT", sale.address)
    sale.offer("m-01", 1)
    sale.send(WINNER, "purchase", 1, value=ETH)
    sale.offer("m-02", 2, seconds=100)
    sale.pass_deadline(2)
    sale.offer("m-03", 3)
    sale.offer("m-04", 4)
    sale.send(OPERATOR, "revoke", 4)
    told = json.loads(line("contract", "show", "--json").out)
    assert (told["owner"].lower(), told["operator"].lower()) == (OWNER, OPERATOR)
    assert (told["count"], told["balance_wei"], told["block"]) == (7, str(ETH), chain.head())
    assert [(each["offer"], each["token_id"], each["expired"]) for each in told["open_offers"]] == [
        (2, "2", True),
        (3, "3", False),
    ]
    assert told["open_offers"][0]["auction"] == "0x" + auction_hash("m-02").hex()
    said = line("contract", "show")
    assert (said.code, said.err) == (0, "")
    assert "balance    1 ETH to withdraw" in said.out
    assert "offers     2 open" in said.out
    assert said.out.count("expired, not revoked") == 1


@pytest.mark.parametrize(
    ("address", "found"),
    [(CONTRACT, "other code than contracts/AuctionSale.json"), ("0x" + "77" * 20, "no code")],
)
def test_a_contract_with_other_code_is_told_in_one_line(
    address: str, found: str, chain: Anvil, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUCTION_MANAGER__CHAIN__CONTRACT", address)
    said = refusal(line("contract", "show"))
    assert said == f"chain.contract {address} has {found}: it is not this sale contract"
