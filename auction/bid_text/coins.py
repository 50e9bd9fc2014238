"""Finds amounts in other units than ETH. A post that names one is refused: which amount is meant would be a guess."""

import re

from auction.bid_text.characters import FOREIGN_DIGIT

# Tickers and units that are no everyday words: matched in upper and lower case.
_ANY_CASE = (
    "wei|kwei|mwei|gwei|szabo|finney|weth|steth|wsteth|reth|cbeth|meth|eeth|weeth|ezeth|rseth|oseth|sweth|frxeth|ethw|"
    "btc|wbtc|xbt|bitcoins?|sats|satoshis?|sol|wsol|solana|lamports?|ada|avax|bch|bnb|cro|degen|doge|ftm|grt|inj|ltc|"
    "matic|pepe|shib|trx|xlm|xmr|xrp|xtz|tez|tezos|usd|usdc|usdt|usde|usds|dai|busd|tusd|frax|eur|eurc|gbp|jpy|cny|"
    "inr|cad|aud|chf|krw|dollars?|euros?|bucks"
)
# Tickers that are also words or abbreviations: matched in upper case only.
_UPPER_CASE = "APE|APT|ARB|ATOM|DOT|ETC|FIL|ICP|LINK|MANA|NEAR|OP|POL|SAND|SUI|TON|UNI"
_SIGNS = "€£¥₿₹₩₽"

_COIN = (
    rf"(?:\$?(?:(?i:{_ANY_CASE})|{_UPPER_CASE}|[A-Za-z]{{1,8}}ETH)(?![A-Za-z0-9_])"
    rf"|\$(?![Ee][Tt][Hh](?![A-Za-z0-9_]))|[{_SIGNS}])"
)
_coin = re.compile(_COIN)
_DIGIT = f"[0-9{FOREIGN_DIGIT}]"
# A unit can stand only after the last digit of a number: looking only there is many times faster.
_amount = re.compile(rf"{_DIGIT}(?!{_DIGIT})[kKmMbB]?[.,]? {{0,3}}{_COIN}|[${_SIGNS}] {{0,3}}\.?{_DIGIT}", re.ASCII)

_NUMBER = "[0-9][0-9.,'’]*+[kKmM]?"
_MONEY = r"(?i:usd|usdc|usdt|dai|eur|gbp|jpy|cny|inr|cad|aud|chf|krw|dollars?|euros?|bucks)"
_worth = re.compile(
    # An amount of ETH, then in brackets nothing but its value in money.
    rf"([0-9] {{0,3}}(?:(?i:\$?eth|ether)|Ξ)[.,!]?|Ξ {{0,3}}[0-9.]++[,!]?) {{0,3}}"
    rf"\( ?(?:[~≈] ?|about )?(?:[${_SIGNS}] ?{_NUMBER}|{_NUMBER} ?(?:[${_SIGNS}]|{_MONEY})) ?\)"
)


def without_worth(text: str) -> str:
    """The text without the value in money that follows an amount of ETH in brackets, as in "0.5 ETH ($900)"."""
    return _worth.sub(r"\1 ", text) if "(" in text else text


def other_coin(text: str) -> bool:
    """Whether the text names an amount in a unit that is not ETH."""
    return _amount.search(text) is not None


def starts_with_coin(text: str) -> bool:
    """Whether the run of characters begins with a unit that is not ETH."""
    return _coin.match(text) is not None
