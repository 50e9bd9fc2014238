"""Finds every amount of ETH in a bid's text; the text is refused at the first amount that is not beyond doubt.

The text comes without hidden characters and with stand-ins for links, mentions, tags and emoji (`characters`).
docs/bid-grammar.md explains the rules. Every pattern takes linear time: its repetitions are possessive or atomic, or
can match in one way only.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from auction.bid_text.characters import EMOJI, FOREIGN_DIGIT, LINK
from auction.bid_text.coins import other_coin, starts_with_coin, without_worth
from auction.bid_text.number_words import JOINING, is_decimal_mark, is_number_word
from messages.base import Refusal, Wei
from messages.money import DECIMALS, wei_of

_WHOLE_DIGITS = 6
_OPENING = re.escape("([{\"'“‘«")
_CLOSING_MARKS = ".,!?;:)]}\"'”’»…。"
_CLOSING = re.escape(_CLOSING_MARKS)
_CLAUSE_END = ":;!?。"
_DIGIT = f"0-9{FOREIGN_DIGIT}"
_MINUS_SIGNS = "-−‐‑‒–—―﹣⁻"
_MINUS = re.escape(_MINUS_SIGNS)
_RELATIVE = "+~<>≈±≤≥∼〜➕⁺"
_NOT_A_LETTER_BEFORE = r"(?<![^\W\d_])"
_ETH = r"(?:\$?[Ee][Tt][Hh]|[Ee][Tt][Hh][Ee][Rr])(?![A-Za-z0-9_])"
_LEFT = rf"[{_OPENING}]*+(?>(?P<label>[A-Za-z]++[:=])?)[{_OPENING}]*+"
_NUMBER = r"(?:(?P<whole>0|[1-9][0-9]*+)(?:\.(?P<decimals>[0-9]++))?|\.(?P<only_decimals>[0-9]++))"
_RIGHT = rf"(?P<right>(?>(?:[{_CLOSING}]++(?>(?:[^\w{FOREIGN_DIGIT}][^{_DIGIT}]*+)?))?))"
_BARE = rf"[{_OPENING}]*+[+~{_MINUS}]?[.,]*+[xX×]?[{_DIGIT}][{_DIGIT}.,'’_/]*+[xX×]?[)\]}}\"'”’».,…]*+"

_run = re.compile(f"[^ \n{EMOJI}{LINK}]+")
_digit = re.compile(f"[{_DIGIT}]")
_unit = re.compile(rf"{_NOT_A_LETTER_BEFORE}(?:{_ETH}|Ξ(?![A-Za-z_]))")
_unit_after = re.compile(rf"{_ETH}|Ξ(?![A-Za-z0-9_])")
_number_then_unit = re.compile(_LEFT + _NUMBER)
_unit_then_number = re.compile(rf"{_LEFT}Ξ {{0,3}}{_NUMBER}{_RIGHT}")
_right = re.compile(_RIGHT)
_left = re.compile(_LEFT)
_scientific = re.compile(rf"(?:[0-9]++\.?[0-9]*+|\.[0-9]++)[eE][+{_MINUS}]?[0-9]++")
_bare_before = re.compile(_BARE)
_bare_after = re.compile(rf"{_BARE}[{_CLAUSE_END}]*+")
# A run that joins two numbers: "1 - 2", "1 to 2", "two hundred and 5", "5 and a half".
_connector = re.compile(rf"[^\w{FOREIGN_DIGIT}{_CLAUSE_END}$€£¥₿]++|(?P<word>(?i:{'|'.join(sorted(JOINING))}))")
_spaced_relative = frozenset([*_RELATIVE, "<=", ">="])
_eth_before_number = re.compile(rf"{_NOT_A_LETTER_BEFORE}{_ETH}[:=]? {{0,3}}[+~{_MINUS}]?\.?[{_DIGIT}]")


class _Run(NamedTuple):
    """A run of characters without white space, emoji and links; `gap` is the text between it and the run before."""

    gap: str
    text: str

    @property
    def is_beside(self) -> bool:
        """Whether one to three spaces precede the run, as they may stand between a number and its unit."""
        return self.gap in (" ", "  ", "   ")


class _Candidate(NamedTuple):
    """A number next to a unit of ETH. `written` is the number's text, `right` the text after both in the last run;
    `first` and `last` are the indices of the runs that both span."""

    number: re.Match[str] | None
    written: str
    right: str
    first: int
    last: int


def read_amount(text: str) -> Wei | Refusal:
    """The one amount of ETH that the text names, or the first reason why there is none."""
    text = without_worth(text)
    runs = _runs(text)
    amounts: list[tuple[str, str]] = []
    for candidate in _candidates(runs):
        fault = _fault(candidate, runs)
        if fault is not None:
            return fault
        number = candidate.number
        assert number is not None
        amounts.append((number["whole"] or "0", number["decimals"] or number["only_decimals"] or ""))
    if amounts and _names_another_loosely(runs):
        return Refusal.AMBIGUOUS
    if other_coin(text):
        return Refusal.UNSUPPORTED_UNIT
    if amounts:
        return _value(amounts)
    return Refusal.UNIT_BEFORE_NUMBER if _eth_before_number.search(text) else Refusal.NO_AMOUNT


def _value(amounts: list[tuple[str, str]]) -> Wei | Refusal:
    values = {(whole, decimals.rstrip("0")) for whole, decimals in amounts}
    if len(values) > 1:
        return Refusal.MULTIPLE_AMOUNTS
    whole, decimals = values.pop()
    if whole == "0" and not decimals:
        return Refusal.ZERO
    if any(len(written) > DECIMALS for _, written in amounts):
        return Refusal.TOO_PRECISE
    # The digits are counted, since int() of a very long text is slow and Python refuses it.
    if len(whole) > _WHOLE_DIGITS:
        return Refusal.OUT_OF_RANGE
    return wei_of(whole, decimals)


def _runs(text: str) -> list[_Run]:
    runs, end = [], 0
    for match in _run.finditer(text):
        runs.append(_Run(text[end : match.start()], match[0]))
        end = match.end()
    return runs


def _candidates(runs: list[_Run]) -> Iterator[_Candidate]:
    """Yields each unit of ETH that has a digit where its number belongs, in the order of the text."""
    for at, run in enumerate(runs):
        units = list(_unit.finditer(run.text))
        if not units:
            continue
        digit = _digit.search(run.text)
        for unit in units:
            candidate = _candidate(runs, at, unit, digit.start() if digit else None)
            if candidate is not None:
                yield candidate


def _candidate(runs: list[_Run], at: int, unit: re.Match[str], digit: int | None) -> _Candidate | None:
    text = runs[at].text
    is_sign = unit[0] == "Ξ"
    # Ξ with digits after it in its run belongs to these digits, whatever stands before it.
    if is_sign and digit is not None and _digit.search(text, unit.end()):
        return _prefixed(text, unit.start(), at, at)
    if digit is not None and digit < unit.start():
        written = text[: unit.start()]
        return _Candidate(_number_then_unit.fullmatch(written), written, text[unit.end() :], at, at)
    number_before = unit.start() == 0 and at > 0 and _digit.search(runs[at - 1].text) is not None
    sign_at_end = is_sign and unit.end() == len(text) and at + 1 < len(runs)
    if sign_at_end and runs[at + 1].is_beside and _digit.search(runs[at + 1].text):
        # In "12: Ξ 0.5" Ξ belongs to the number after it, in "0.5 Ξ <3" to the number before it.
        apart = not number_before or not runs[at].is_beside or runs[at - 1].text[-1] in _CLAUSE_END
        if apart:
            return _prefixed(f"{text}{runs[at + 1].gap}{runs[at + 1].text}", unit.start(), at, at + 1)
    if not number_before:
        return None
    before, right = runs[at - 1].text, text[unit.end() :]
    if runs[at].is_beside:
        return _Candidate(_number_then_unit.fullmatch(before), before, right, at - 1, at)
    # An amount with an emoji or a link between number and unit ("0.5🔥ETH") is malformed; with white space, it is none.
    is_glued = not any(white in runs[at].gap for white in " \n")
    return _Candidate(None, before, right, at - 1, at) if is_glued else None


def _prefixed(text: str, sign: int, first: int, last: int) -> _Candidate:
    number = _unit_then_number.fullmatch(text)
    if number is not None:
        return _Candidate(number, text, number["right"], first, last)
    written = text[:sign] + text[sign + 1 :]
    return _Candidate(None, written.rstrip(_CLOSING_MARKS).replace(" ", ""), "", first, last)


def _fault(candidate: _Candidate, runs: list[_Run]) -> Refusal | None:
    """Why the candidate is no amount; None if it is one."""
    number = candidate.number
    fault = None
    label = number["label"] if number else None
    if label is None:
        fault = _fault_before(candidate.first, runs)
    elif _is_part_of_number(label[:-1]):
        fault = Refusal.AMBIGUOUS
    if fault is None and not any(end in candidate.right for end in _CLAUSE_END):
        fault = _fault_after(candidate.last, runs)
    if fault is not None:
        return fault
    if number is None:
        return _why_malformed(candidate.written)
    is_glued = runs[candidate.first].gap.endswith((EMOJI, LINK))
    return Refusal.MALFORMED if is_glued or not _right.fullmatch(candidate.right) else None


def _fault_before(first: int, runs: list[_Run]) -> Refusal | None:
    at = first
    while at > 0 and LINK not in runs[at].gap:
        before = runs[at - 1].text
        if _bare_before.fullmatch(before) or _is_part_of_number(before):
            return Refusal.AMBIGUOUS
        if not _connector.fullmatch(before):
            break
        at -= 1
    follows_a_sign = first > 0 and LINK not in runs[first].gap and runs[first - 1].text in _spaced_relative
    return Refusal.RELATIVE if follows_a_sign else None


def _fault_after(last: int, runs: list[_Run]) -> Refusal | None:
    is_joined = False
    for at in range(last + 1, len(runs)):
        after = runs[at].text
        if LINK in runs[at].gap:
            return None
        if _bare_after.fullmatch(after):
            return None if _has_unit(at, runs) else Refusal.AMBIGUOUS
        connector = _connector.fullmatch(after)
        if is_decimal_mark(after) or (connector and connector["word"]):
            is_joined = True
        elif is_joined and is_number_word(after):
            return Refusal.AMBIGUOUS
        elif not connector:
            return None
    return None


def _is_part_of_number(before: str) -> bool:
    return is_decimal_mark(before) or is_number_word(before)


def _has_unit(at: int, runs: list[_Run]) -> bool:
    if at + 1 == len(runs) or not runs[at + 1].is_beside:
        return False
    text = runs[at + 1].text
    return _unit_after.match(text) is not None or starts_with_coin(text)


def _why_malformed(written: str) -> Refusal:
    left = _left.match(written)
    assert left is not None
    number = written[left.end() :]
    if "," in number:
        return Refusal.COMMA
    if number.startswith(tuple(_MINUS_SIGNS)):
        return Refusal.NEGATIVE
    if _scientific.fullmatch(number):
        return Refusal.SCIENTIFIC
    if any(sign in number for sign in _RELATIVE):
        return Refusal.RELATIVE
    return Refusal.NON_ASCII_DIGIT if FOREIGN_DIGIT in number else Refusal.MALFORMED


def _names_another_loosely(runs: list[_Run]) -> bool:
    """Whether some number stands too far before a unit to be an amount, so that it makes another amount ambiguous."""
    return any(
        LINK not in run.gap
        and not run.is_beside
        and _unit_after.match(run.text)
        and _bare_before.fullmatch(runs[at].text)
        for at, run in enumerate(runs[1:])
    )
