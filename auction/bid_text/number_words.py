"""Finds decimal marks, number words and multipliers, which form one number with the digits beside them.

"zero point 5 ETH" and "two hundred 5 ETH" do not bid 5 ETH. The languages are those in which bids were seen, and the
words cover only part of each: a bidder who is refused can write the amount in digits.
"""

import re
import unicodedata

from auction.bid_text.characters import FOREIGN_DIGIT

_LONGEST = 40  # only so many characters of a run are looked at: all words below are shorter, hostile runs are not
_DIGIT = f"[0-9{FOREIGN_DIGIT}]"
_DIGITS = f"[0-9{FOREIGN_DIGIT}.,]"
_OPENING = "([{\"'“‘«"
_CLOSING = re.escape(".,…)]}\"'”’»")

_mark = re.compile(rf"[{_OPENING}]*+[oOоОΟ]?[.,·٫،・•∙⋅․‚、､˙‧][{_CLOSING}]?")
# 1k, 5 k, 50%, 1e3
_factor = re.compile(
    rf"[{_OPENING}]*+(?:(?:{_DIGIT}{_DIGITS}*)?[kKmM]|{_DIGIT}{_DIGITS}*(?:[bB%]|[eE][+-]?[0-9]+))[{_CLOSING}]*+"
)
_last_word = re.compile(rf"([^\W\d_]++)(?>(?:_|[^\w:;!?。{FOREIGN_DIGIT}])*)\Z")
# Characters of other scripts that look like a Latin letter, and the digit 0, which looks like an o. Number words are
# compared with each of them replaced by the letter that it looks like.
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһкмтвнοαικνρτυχ0", "aeopcyxijsdhkmtbhoaikvptuxo")


def _folded(text: str) -> str:
    """The text in lower case, without accents, with look-alike characters replaced by Latin letters."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFD", text.casefold())
        text = "".join(character for character in decomposed if not unicodedata.combining(character))
    return text.lower().translate(_LOOKALIKES)


def _words(text: str) -> frozenset[str]:
    return frozenset(_folded(text).split())


DECIMAL_MARKS = _words(
    "point dot comma decimal pt pkt komma punkt punt virgule coma punto vírgula ponto virgola koma titik nokta virgül "
    "przecinek kropka phẩy chấm точка запятая целых فاصلة दशमलव 점 点 點"
)
NUMBERS = _words(
    "zero nought naught one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds "
    "thousand thousands grand million millions mio mln mil billion billions bn trillion dozen half quarter double "
    "triple twice thrice times x plus minus negative percent null eins zwei drei vier fünf sechs sieben acht neun "
    "zehn elf zwölf zwanzig dreißig vierzig fünfzig hundert tausend millionen halb prozent zéro deux trois quatre "
    "cinq sept huit neuf dix vingt trente quarante cinquante cent mille demi moins cero uno dos tres cuatro cinco "
    "seis siete ocho nueve diez veinte treinta cuarenta cincuenta cien ciento medio menos dois três quatro sete oito "
    "nove dez vinte trinta cem cento meio tre quattro cinque sei sette otto dieci venti mezzo meno ноль нуль один два "
    "три четыре пять шесть семь восемь девять десять двадцать сто тысяча тысячи тысяч миллион пол минус "
    "〇 零 一 二 三 四 五 六 七 八 九 十 百 千 万 萬 億 亿 两 兩 半"
)
JOINING = _words("to or and till until plus minus times x of und et a")
"""Words that join two numbers, as in "1 to 2"."""

BEFORE_NUMBERS = DECIMAL_MARKS | NUMBERS | JOINING | _words("o k m")
"""Words that can belong to the number after them; no other word of plain letters can."""

GOING_ON = DECIMAL_MARKS | JOINING
"""Words that can continue the number before them; after any other word of plain letters the number is complete."""


def is_decimal_mark(run: str) -> bool:
    """Whether the run of characters is a decimal mark alone, or ends in the word for one."""
    return (len(run) <= _LONGEST and _mark.fullmatch(run) is not None) or _ends_in(run, DECIMAL_MARKS)


def is_number_word(run: str) -> bool:
    """Whether the run of characters is a factor such as 1k or 50%, or ends in a number word."""
    return (len(run) <= _LONGEST and _factor.fullmatch(run) is not None) or _ends_in(run, NUMBERS)


def _ends_in(run: str, words: frozenset[str]) -> bool:
    found = _last_word.search(_folded(run[-_LONGEST:]))
    # Chinese and Japanese put no spaces between words, so the last character alone is compared.
    return found is not None and (found[1] in words or (found[1][-1] > "\u3000" and found[1][-1] in words))
