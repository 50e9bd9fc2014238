"""What a transaction may cost: both fees rise, within the cap; the fee on L1 and the balance are looked at first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.settlement.calls import Offer, Revoke
from auction.settlement.fees import MOST_TIMES, Fees, Held, is_short, most_cost, priced
from messages.base import Wei
from messages.chain import Quote

pytestmark = pytest.mark.requirement("CHN-4")

GWEI = 10**9
QUOTE = Quote(gas=200_000, base_fee_wei=GWEI, tip_wei=GWEI // 10, balance_wei=10**18)
CAP_WEI = 10**15
FEES = st.integers(0, 10**13)


def test_the_first_attempt_pays_what_the_node_suggests() -> None:
    assert priced(QUOTE, CAP_WEI) == Fees(Wei(2 * GWEI + GWEI // 10), Wei(GWEI // 10), 200_000)


@given(FEES, FEES, FEES, FEES)
def test_a_replacement_pays_at_least_an_eighth_more_of_both_and_never_over_the_cap(
    fee: int, tip: int, base_fee: int, suggested_tip: int
) -> None:
    quote = QUOTE._replace(base_fee_wei=base_fee, tip_wei=suggested_tip, balance_wei=10**30)
    fees = priced(quote, CAP_WEI, Fees(Wei(max(fee, tip)), Wei(tip), 200_000))
    if isinstance(fees, Fees):
        assert fees.max_fee_wei * 8 >= max(fee, tip) * 9
        assert fees.tip_wei * 8 >= tip * 9
        assert fees.tip_wei > tip
        assert fees.tip_wei <= fees.max_fee_wei <= MOST_TIMES * (2 * base_fee + suggested_tip)
    else:
        assert "times the suggested" in fees.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"l1_fee_wei": CAP_WEI}, None),
        ({"l1_fee_wei": CAP_WEI + 1}, "the fee on L1"),
        ({"l1_fee_wei": 100 * CAP_WEI}, "the fee on L1 is 0.1 ETH, over the cap of 0.001 ETH"),
        ({"balance_wei": 42 * 10**13}, None),
        ({"balance_wei": 42 * 10**13 - 1}, "it may cost 0.00042 ETH, but the key has"),
        ({"balance_wei": 42 * 10**13 + 1, "l1_fee_wei": 1, "operator_fee_wei": 1}, "it may cost"),
        ({"balance_wei": 42 * 10**13 + 2, "l1_fee_wei": 1, "operator_fee_wei": 1}, None),
        ({"balance_wei": 42 * 10**13, "operator_fee_wei": 1}, "it may cost"),
    ],
)
def test_what_costs_too_much_is_held(changes: dict[str, int], why: str | None) -> None:
    fees = priced(QUOTE._replace(**changes), CAP_WEI)
    assert why in fees.why if isinstance(fees, Held) and why else isinstance(fees, Fees) and why is None


def test_a_balance_is_short_below_ten_such_transactions() -> None:
    quote = QUOTE._replace(l1_fee_wei=7, operator_fee_wei=5)
    fees = Fees(Wei(2 * GWEI), Wei(1), 100)
    assert most_cost(quote, fees) == 200 * GWEI + 12
    assert is_short(quote._replace(balance_wei=10 * (200 * GWEI + 12) - 1), fees)
    assert not is_short(quote._replace(balance_wei=10 * (200 * GWEI + 12)), fees)


def test_the_calls_of_the_contract_are_encoded_as_eth_abi_does() -> None:
    from eth_abi.abi import encode
    from eth_hash.auto import keccak

    offer = Offer(auction_id="m-01", token_id=7, to="0x" + "Ab" * 20, price_wei=Wei(10**18), deadline_s=1_900_000_000)
    types = "bytes32", "uint256", "address", "uint256", "uint256"
    arguments = keccak(b"m-01"), 7, "0x" + "ab" * 20, 10**18, 1_900_000_000
    selector = keccak(f"offer({','.join(types)})".encode())[:4]
    assert offer.data() == "0x" + (selector + encode(types, arguments)).hex()
    assert Revoke(offer=9).data() == "0x" + (keccak(b"revoke(uint256)")[:4] + encode(["uint256"], [9])).hex()
