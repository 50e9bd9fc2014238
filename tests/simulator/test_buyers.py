"""The buyers: a function of seed and number, and wallets that the house takes."""

import pytest

from auction.settlement.wallets import read_wallet
from simulator.buyers import Role, buyer


@pytest.mark.parametrize("seed", range(8))
def test_only_the_first_buyer_does_not_pay_and_the_special_ones_come_early(seed: int) -> None:
    roles = [buyer(seed, number).role for number in range(12)]
    assert [role.pays for role in roles] == [False] + [True] * 11
    assert roles[1:] == [Role.SMART_ACCOUNT, Role.NAME_FIRST, Role.FRIEND_PAYS] + [Role.PAYS] * 8


def test_the_seed_decides_whether_the_first_buyer_says_anything() -> None:
    assert {buyer(seed, 0).role for seed in range(20)} == {Role.SILENT, Role.DOES_NOT_PAY}


def test_each_buyer_has_a_wallet_of_his_own_that_the_house_takes() -> None:
    wallets = [buyer(seed, number).wallet for seed in (1, 2) for number in range(20)]
    assert len(set(wallets)) == 40
    assert [read_wallet(f"here: {wallet}") for wallet in wallets] == wallets
    assert wallets[:20] == [buyer(1, number).wallet for number in range(20)]


@pytest.mark.parametrize("role", [Role.PAYS, Role.NAME_FIRST, Role.SMART_ACCOUNT, Role.FRIEND_PAYS])
def test_a_payment_is_signed_by_the_wallet_or_by_another_account(role: Role) -> None:
    it = next(found for number in range(9) if (found := buyer(3, number)).role is role)
    signs = it.wallet.lower() == f"0x{it.payer.hex()}"
    assert signs is (role in (Role.PAYS, Role.NAME_FIRST))
