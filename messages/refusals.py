"""The reasons of refusals in plain words: the same in the API, in a reply on X, on the stage and from the host.

Each text follows "does not count: " or "Not counted: ". The caller adds amounts and times.
"""

from collections.abc import Mapping

from messages.base import Refusal

REFUSED_BECAUSE: Mapping[Refusal, str] = {
    Refusal.NO_HASHTAG: "the auction's hashtag is missing",
    Refusal.RETWEET: "a repost",
    Refusal.NO_AMOUNT: "no amount in ETH",
    Refusal.COMMA: "a comma in the amount; write it with a point, as in 0.5 ETH",
    Refusal.NEGATIVE: "a sign before the amount",
    Refusal.RELATIVE: "not an exact amount; name the whole amount, as in 0.5 ETH",
    Refusal.SCIENTIFIC: "an amount with an exponent; write it out, as in 0.5 ETH",
    Refusal.MALFORMED: "the amount cannot be read; write it as in 0.5 ETH",
    Refusal.NON_ASCII_DIGIT: "unusual digits in the amount; write it as in 0.5 ETH",
    Refusal.AMBIGUOUS: "the amount can be read in two ways; write it as in 0.5 ETH",
    Refusal.UNSUPPORTED_UNIT: "not an amount in ETH",
    Refusal.MULTIPLE_AMOUNTS: "more than one amount",
    Refusal.UNIT_BEFORE_NUMBER: "ETH before the number; write it as in 0.5 ETH",
    Refusal.ZERO: "the amount is zero",
    Refusal.TOO_PRECISE: "more than 18 decimals",
    Refusal.OUT_OF_RANGE: "the amount is too large to be meant",
    Refusal.HIDDEN_CHAR: "hidden characters in the amount",
    Refusal.BIDI_CONTROL: "characters that turn the direction of the text",
    Refusal.NOT_A_REPLY: "not a reply to the auction post",
    Refusal.WRONG_AUCTION: "a reply to another auction's post",
    Refusal.BEFORE_OPEN: "posted before the opening",
    Refusal.AFTER_CLOSE: "posted after the close",
    Refusal.FOUND_TOO_LATE: "found only after the result was named",
    Refusal.PAUSED: "posted during a pause",
    Refusal.ACCOUNT_TOO_YOUNG: "the account is too young",
    Refusal.NOT_ELIGIBLE: "the account may not bid",
    Refusal.BANNED: "the account is banned from bidding",
    Refusal.RATE_LIMITED: "too many posts at once",
    Refusal.BELOW_RESERVE: "below the reserve",
    Refusal.BELOW_MINIMUM: "too low",
    Refusal.ALREADY_LEADING: "already leading",
    Refusal.HELD: "waiting for the operator",
    Refusal.WITHDRAWN: "withdrawn: its post is gone",
    Refusal.INVALIDATED: "taken out by the operator",
}
