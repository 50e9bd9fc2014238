"""A second reader of bids, written from the rules alone: character by character, without a regular expression.

It is slow and plain on purpose and shares nothing with `auction.bid_text.reading`; where the two differ, one
of them is wrong. It answers an int of wei or the name of a refusal.
"""

import unicodedata


def _words(text: str) -> list[str]:
    return text.split()


ENDS_CLAUSE = ":;!?。"
CLOSES = ".,…)]}\"'”’»" + ENDS_CLAUSE
OPENS = "([{\"'“‘«"
DASHES = "-−‐‑‒–—―﹣⁻"
ABOUT = "+~<>≈±≤≥∼〜➕⁺"
MONEY = "$€£¥₿₹₩₽"
JOINS = _words("to or and till until plus minus times x of und et a")
COINS = _words(
    """
    wei kwei mwei gwei szabo finney weth steth wsteth reth cbeth meth eeth weeth ezeth rseth oseth sweth frxeth
    ethw btc wbtc xbt bitcoin bitcoins sats satoshi satoshis sol wsol solana lamport lamports ada avax bch bnb
    cro degen doge ftm grt inj ltc matic pepe shib trx xlm xmr xrp xtz tez tezos usd usdc usdt usde usds dai
    busd tusd frax eur eurc gbp jpy cny inr cad aud chf krw dollar dollars euro euros bucks
    """
)
CAPITAL_COINS = _words(
    """
    APE APT ARB ATOM DOT ETC FIL ICP LINK MANA NEAR OP POL SAND SUI TON UNI
    """
)
# Words without capitals and accents.
MARKS_IN_WORDS = _words(
    """
    point dot comma decimal pt pkt komma punkt punt virgule coma punto virgula ponto virgola koma titik nokta virgul
    przecinek kropka phay cham точка запятая целых فاصلة दशमलव \u110c\u1165\u11b7 点 點
    """
)
NUMBERS_IN_WORDS = _words(
    """
    zero nought naught one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds
    thousand thousands grand million millions mio mln mil billion billions bn trillion dozen half quarter double
    triple twice thrice times x plus minus negative percent
    null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf zwanzig dreissig vierzig funfzig hundert
    tausend millionen halb prozent
    deux trois quatre cinq sept huit neuf dix vingt trente quarante cinquante cent mille demi moins
    cero uno dos tres cuatro cinco seis siete ocho nueve diez veinte treinta cuarenta cincuenta cien ciento medio menos
    dois quatro sete oito nove dez vinte trinta cem cento meio
    tre quattro cinque sei sette otto dieci venti mezzo meno
    ноль нуль один два три четыре пять шесть семь восемь девять десять двадцать сто тысяча тысячи тысяч миллион пол
    минус 〇 零 一 二 三 四 五 六 七 八 九 十 百 千 万 萬 億 亿 两 兩 半
    """
)
LONE_MARKS = ".,·٫،・•∙⋅․‚、､˙‧"
DOLLARS = _words("usd usdc usdt dai eur gbp jpy cny inr cad aud chf krw dollar dollars euro euros bucks")
HS = [0x20, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]
BREAKS = [9, 10, 11, 12, 13, 0x85, 0x1680, 0x2028, 0x2029]
BIDI = ["LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"]
MARKS = [0x61C, 0x200E, 0x200F]
INVISIBLE = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200D),
    (0x2060, 0x2065), (0x206A, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]  # fmt: skip
UNSEEN = {code for first, last in INVISIBLE for code in range(first, last + 1)}
IN_TAGS = "_·\u05be\u05f3\u05f4\u0f0b\u0f0c\u200c\u200d〃〜゛゜゠・\ua67e～"

# What a reader meets, one after the other: a run of characters, one space, a line break or tab, an emoji, a link.
RUN, SPACE, BREAK, PICTURE, LINK = "run", "space", "break", "picture", "link"
Item = tuple[str, str]


def oracle(text: str, hashtag: str, hashtags: tuple[str, ...] | None = None) -> int | str:
    text = unisolated(decode(text))
    if any(ord(c) in MARKS or unicodedata.bidirectional(c) in BIDI for c in text):
        return "BIDI_CONTROL"
    cells, tags = linked(text)
    cells = whole_characters(cells)
    is_tagged = any(same(tag) == same(hashtag) for tag in [*tags, *(hashtags or ())])
    removed = read(legible(cells, ""), is_tagged)
    if not any(is_hidden(c) for c in cells):
        return removed
    return removed if read(legible(cells, " "), is_tagged) == removed else "HIDDEN_CHAR"


def decode(text: str) -> str:
    out, at = "", 0
    while at < len(text):
        for name, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            if text[at : at + len(name)] == name:
                out, at = out + character, at + len(name)
                break
        else:
            out, at = out + text[at], at + 1
    return out


def unisolated(text: str) -> str:
    """Without the isolates that hold one mention or tag without a digit, and nothing else."""
    out, at = "", 0
    while at < len(text):
        end = at + 1
        if text[at] in "\u2066\u2067\u2068" and text[end : end + 1] in ("@", "＠", "#", "＃"):
            end += 1
            while end < len(text) and in_tag(text[end]) and unicodedata.category(text[end])[0] != "N":
                end += 1
            if end > at + 2 and text[end : end + 1] == "\u2069":
                out, at = out + text[at + 1 : end], end + 1
                continue
        out, at = out + text[at], at + 1
    return out


def in_tag(c: str) -> bool:
    return c in IN_TAGS or unicodedata.category(c) == "Nd" or unicodedata.category(c)[0] in "LM"


def linked(text: str) -> tuple[list[str], list[str]]:
    """The characters of the text with one stand-in for each address and hashtag, and the hashtags."""
    cells: list[str] = []
    tags: list[str] = []
    at = 0
    while at < len(text):
        end, tag = address_end(text, at), ""
        if not end and text[at] in "#＃":
            end, tag = tag_at(text, at)
        if end:
            cells += [LINK]
            tags += [tag] if tag else []
            at = end
        else:
            end = tag_end(text, at + 1) if text[at] in "#＃" else bare_address_end(text, at)
            end = max(end, at + 1)
            cells += text[at:end]
            at = end
    return cells, tags


def rest_of_address(text: str, at: int) -> int:
    while at < len(text) and not (is_hidden(text[at]) or ord(text[at]) in [*HS, *BREAKS, 0x20]):
        at += 1
    return at


def address_end(text: str, at: int) -> int:
    """Where the address that begins here with its scheme ends, 0 if there is none."""
    for scheme in ("https://", "http://"):
        start = at + len(scheme)
        if text[at:start].lower() == scheme and rest_of_address(text, start) > start:
            return rest_of_address(text, start)
    return 0


def bare_address_end(text: str, at: int) -> int:
    """Where the address without a scheme that begins here ends, 0 if there is none or it has no path."""

    def is_label(c: str) -> bool:
        return c != "" and (is_wordy(c) or c == "-")

    if at and (is_label(text[at - 1]) or text[at - 1] in ".@"):
        return 0
    last, end = at, at
    while is_label(text[end : end + 1]):
        last = end
        while is_label(text[end : end + 1]):
            end += 1
        if text[end : end + 1] != ".":
            break
        last = end = end + 1
    ending = last
    while is_ascii_letter(text[ending : ending + 1]):
        ending += 1
    if last == at or ending - last < 2:
        return 0
    port = ending + 1
    while text[ending : ending + 1] == ":" and text[port : port + 1] in list("0123456789"):
        port += 1
    ending = port if port > ending + 1 else ending
    return rest_of_address(text, ending) if text[ending : ending + 1] in ("/", "?") else 0


def tag_end(text: str, at: int) -> int:
    if text[at : at + 1] in ("\ufe0f", "\u20e3"):
        return at
    while at < len(text) and in_tag(text[at]):
        at += 1
    return at


def tag_at(text: str, at: int) -> tuple[int, str]:
    """Where the hashtag that begins here ends, and what it is; 0 if X links none."""
    before = text[at - 1 : at] if at else ""
    end = tag_end(text, at + 1)
    tag = text[at + 1 : end]
    is_apart = before in ("", "\ufe0e", "\ufe0f") or not (before == "&" or in_tag(before))
    runs_on = text[end : end + 1] in ("#", "＃") or text[end : end + 3] == "://"
    has_letter = any(unicodedata.category(c)[0] in "LM" for c in tag)
    return (end, tag) if is_apart and has_letter and not runs_on else (0, "")


def whole_characters(cells: list[str]) -> list[str]:
    """A keycap is one foreign digit; an emoji and its style are one emoji."""
    out, at = list[str](), 0
    while at < len(cells):
        here, after = cells[at], cells[at + 1 : at + 3]
        if here in list("0123456789") and (after[:1] == ["\u20e3"] or after == ["\ufe0f", "\u20e3"]):
            out, at = [*out, "⑤"], at + (2 if after[0] == "\u20e3" else 3)
        elif is_picture(here) and after[:1] in (["\ufe0e"], ["\ufe0f"]):
            out, at = [*out, here], at + 2
        else:
            out, at = [*out, here], at + 1
    return out


def is_hidden(c: str) -> bool:
    if c == LINK:
        return False
    if unicodedata.category(c) == "Cc":
        return ord(c) not in BREAKS
    return ord(c) in UNSEEN


def is_picture(c: str) -> bool:
    if c == LINK or ord(c) < 0x2600 or c in "➕➖➗✖" or is_foreign_digit(c):
        return False
    is_skin = 0x1F3FB <= ord(c) <= 0x1F3FF
    is_pictograph = ord(c) <= 0x27BF or ord(c) >= 0x1F1E6
    return is_skin or (is_pictograph and unicodedata.category(c) == "So")


def is_foreign_digit(c: str) -> bool:
    return c == "🔟" or (ord(c) > 127 and unicodedata.category(c) in ("Nd", "Nl", "No"))


def legible(cells: list[str], instead: str) -> list[str]:
    out = []
    for c in cells:
        if c == LINK:
            out.append(c)
        elif is_hidden(c):
            out += instead
        elif 0xFF01 <= ord(c) <= 0xFF5E:
            out.append(narrow(c))
        elif ord(c) in HS:
            out.append(" ")
        else:
            out.append("\n" if ord(c) in BREAKS else c)
    return out


def narrow(c: str) -> str:
    return chr(ord(c) - 0xFF01 + 0x21) if 0xFF01 <= ord(c) <= 0xFF5E else c


def read(cells: list[str], is_tagged: bool) -> int | str:
    # No text that was made legible holds a control.
    if is_retweet("".join("\0" if c == LINK else c for c in cells)):
        return "RETWEET"
    return amount_of(itemise(cells)) if is_tagged else "NO_HASHTAG"


def same(tag: str) -> str:
    tag = "".join(narrow(c) for c in tag)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).casefold())


def is_name(c: str) -> bool:
    return c != "" and c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def is_ascii_letter(c: str) -> bool:
    return is_name(c) and c.isalpha()


def is_wordy(c: str) -> bool:
    return c == "_" or c.isalnum()


def is_retweet(text: str) -> bool:
    at = 0
    while at < len(text) and (text[at] in " \n" or (text[at] == "@" and is_name(text[at + 1 : at + 2]))):
        at += 1
        while text[at - 1] == "@" or (is_name(text[at : at + 1]) and text[at - 1] not in " \n"):
            at += 1
            if not is_name(text[at : at + 1]):
                break
    if text[at : at + 2].lower() == "rt" and not is_wordy(text[at + 2 : at + 3]):
        return True
    for at in range(len(text)):
        if text[at : at + 2].lower() == "rt" and not (at and is_wordy(text[at - 1])):
            after = at + 2
            while text[after : after + 1] in (" ", "\n", ":"):
                after += 1
            if text[after : after + 1] == "@" and is_name(text[after + 1 : after + 2]):
                return True
    return False


def itemise(cells: list[str]) -> list[Item]:
    items: list[Item] = []
    at = 0
    while at < len(cells):
        length = name_at(cells, at)
        if length:
            items.append((LINK, ""))
            at += length
            continue
        cell = cells[at]
        at += 1
        if cell == LINK:
            items.append((LINK, ""))
        elif cell in " \n":
            items.append((SPACE if cell == " " else BREAK, cell))
        elif is_picture(cell):
            items.append((PICTURE, ""))
        elif items and items[-1][0] == RUN:
            items[-1] = (RUN, items[-1][1] + cell)
        else:
            items.append((RUN, cell))
    return items


def name_at(cells: list[str], at: int) -> int:
    """How many cells the name or mention takes that begins here."""

    def cell(index: int) -> str:
        return cells[index] if 0 <= index < len(cells) and cells[index] != LINK else ""

    before = cell(at - 1)
    after_link = at > 0 and cells[at - 1] == LINK
    stands_apart = not (after_link or is_name(before) or (before and before in "!#$%&*@"))
    if cell(at) == "@" and stands_apart and is_name(cell(at + 1)):
        end = at + 1
        while is_name(cell(end)):
            end += 1
        return end - at
    stands_alone = at == 0 or cells[at - 1] in [" ", "\n", *OPENS] or (before and is_picture(before))
    if stands_alone and (is_name(cell(at)) or cell(at) == "-"):
        end = at
        while is_name(cell(end)) or cell(end) in ("-", "."):
            end += 1
        # The longest beginning of dotted labels that ends in .eth.
        labels = "".join(cells[at:end]).split(".")
        usable = labels.index("") if "" in labels else len(labels)
        for count in range(usable, 1, -1):
            if labels[count - 1] == "eth":
                return len(".".join(labels[:count]))
    return 0


def has_digit(run: str) -> bool:
    return any(c in "0123456789" or is_foreign_digit(c) for c in run)


def unit_at(run: str, at: int) -> str:
    """The unit that begins here in the run, or nothing."""
    if at and run[at - 1].isalpha():
        return ""
    for unit in ("ether", "$eth", "eth"):
        if run[at : at + len(unit)].lower() == unit and not is_name(run[at + len(unit) : at + len(unit) + 1]):
            return run[at : at + len(unit)]
    after = run[at + 1 : at + 2]
    if run[at : at + 1] == "Ξ" and (not is_name(after) or after in "0123456789"):
        return "Ξ"
    return ""


def begins_with_unit(run: str) -> bool:
    unit = unit_at(run, 0)
    return unit != "" and not is_name(run[len(unit) : len(unit) + 1])


def number_end(run: str, at: int) -> int:
    """Where the number that begins here ends; `at` itself if there is none."""
    whole = at
    while run[whole : whole + 1] in list("0123456789"):
        whole += 1
    if whole - at > 1 and run[at] == "0":
        whole = at + 1
    if run[whole : whole + 1] == "." and run[whole + 1 : whole + 2] in list("0123456789"):
        whole += 1
        while run[whole : whole + 1] in list("0123456789"):
            whole += 1
    return whole


def left_end(run: str) -> tuple[int, bool]:
    """Where what may stand before a number ends, and whether a label such as bid: is in it."""
    at = 0
    while run[at : at + 1] and run[at] in OPENS:
        at += 1
    letters = at
    while is_ascii_letter(run[letters : letters + 1]):
        letters += 1
    if letters == at or run[letters : letters + 1] not in (":", "="):
        return at, False
    at = letters + 1
    while run[at : at + 1] and run[at] in OPENS:
        at += 1
    return at, True


def names_number(run: str) -> bool:
    """Whether the label before the number is part of a number itself."""
    word = run.lstrip(OPENS)
    at = min(word.index(c) for c in ":=" if c in word)
    return is_mark(word[:at]) or is_counted(word[:at])


def ends_well(tail: str) -> bool:
    """Whether what follows an amount within its run lets it stand."""
    rest = tail
    while rest and rest[0] in CLOSES:
        rest = rest[1:]
    if not rest:
        return True
    return rest != tail and not is_wordy(rest[0]) and not has_digit(rest)


def why_not(run: str) -> str:
    number = run[left_end(run)[0] :]
    if "," in number:
        return "COMMA"
    if number[:1] and number[0] in DASHES:
        return "NEGATIVE"
    if is_scientific(number):
        return "SCIENTIFIC"
    if any(c in ABOUT for c in number):
        return "RELATIVE"
    return "NON_ASCII_DIGIT" if any(is_foreign_digit(c) for c in number) else "MALFORMED"


def is_scientific(number: str) -> bool:
    for at, c in enumerate(number):
        if c in "eE":
            mantissa, exponent = number[:at], number[at + 1 :]
            if exponent[:1] and exponent[0] in "+" + DASHES:
                exponent = exponent[1:]
            digits = mantissa.replace(".", "", 1)
            return all(part and all(d in "0123456789" for d in part) for part in (digits, exponent))
    return False


def is_bare(run: str, may_end_clause: bool) -> bool:
    """Whether the run is a number and nothing else that would tell what it counts."""
    at = 0
    while run[at : at + 1] and run[at] in OPENS:
        at += 1
    if run[at : at + 1] and run[at] in "+~" + DASHES:
        at += 1
    while run[at : at + 1] and run[at] in ".,":
        at += 1
    if run[at : at + 1] and run[at] in "xX×":
        at += 1
    if not has_digit(run[at : at + 1]):
        return False
    while run[at : at + 1] and (has_digit(run[at]) or run[at] in ".,'’_/"):
        at += 1
    if run[at : at + 1] and run[at] in "xX×":
        at += 1
    while run[at : at + 1] and run[at] in ")]}\"'”’».,…":
        at += 1
    while may_end_clause and run[at : at + 1] and run[at] in ENDS_CLAUSE:
        at += 1
    return at == len(run)


def plain(text: str) -> str:
    """In one case, without accents, and letters that look alike as one."""
    looks = dict(zip("аеорсухіјѕԁһкмтвнοαικνρτυχ0", "aeopcyxijsdhkmtbhoaikvptuxo", strict=True))
    letters = [c for c in unicodedata.normalize("NFD", text.casefold()) if unicodedata.combining(c) == 0]
    return "".join(looks.get(c, c) for c in letters)


PLAIN_MARKS = [plain(word) for word in MARKS_IN_WORDS]
PLAIN_NUMBERS = [plain(word) for word in NUMBERS_IN_WORDS]


def last_word(run: str) -> str:
    """The letters that the run ends in, closing signs aside."""
    run = plain(run[-40:])
    while run and not (run[-1].isalnum() or run[-1] in ENDS_CLAUSE or is_foreign_digit(run[-1])):
        run = run[:-1]
    start = len(run)
    while start and run[start - 1].isalpha():
        start -= 1
    return run[start:]


def says(run: str, words: list[str]) -> bool:
    word = last_word(run)
    return word in words or (word > "" and ord(word[-1]) > 0x3000 and word[-1] in words)


def is_mark(run: str) -> bool:
    """Whether the run is a decimal mark or the word for one."""
    if says(run, PLAIN_MARKS):
        return True
    inner = run.lstrip(OPENS)
    inner = inner[1:] if inner[:1] and inner[0] in "oOоОΟ" else inner
    closed = len(inner) == 2 and inner[1] in ".,…)]}\"'”’»"
    return len(run) <= 40 and inner[:1] != "" and inner[0] in LONE_MARKS and (len(inner) == 1 or closed)


def is_counted(run: str) -> bool:
    """Whether the run is a factor, or says a number in words."""
    if says(run, PLAIN_NUMBERS):
        return True
    inner = run.lstrip(OPENS).rstrip(".,…)]}\"'”’»")
    if len(run) > 40 or not inner:
        return False
    if inner in list("kKmM"):
        return True

    def is_number(text: str) -> bool:
        return has_digit(text[:1]) and all(has_digit(c) or c in ".," for c in text)

    if inner[-1] in "kKmMbB%":
        return is_number(inner[:-1])
    for at, c in enumerate(inner):
        after = inner[at + 1 :]
        if c in "eE":
            after = after[1:] if after[:1] in ("+", "-") else after
            return is_number(inner[:at]) and after.isascii() and after.isdigit()
    return False


def joins(run: str) -> bool:
    if run.lower() in JOINS:
        return True
    return not any(is_wordy(c) or is_foreign_digit(c) or c in ENDS_CLAUSE or c in "$€£¥₿" for c in run)


def coin_end(run: str, at: int) -> int:
    """Where the coin that begins here ends, 0 if there is none."""
    if run[at : at + 1] and run[at] in MONEY[1:]:
        return at + 1
    if run[at : at + 1] == "$" and unit_after_dollar(run, at) == "":
        return at + 1
    if run[at : at + 1] == "$":
        at += 1
    end = at
    while is_name(run[end : end + 1]):
        end += 1
    word = run[at:end]
    is_staked = word[-3:] == "ETH" and 4 <= len(word) <= 11 and all(is_ascii_letter(c) for c in word)
    return end if word.lower() in COINS or word in CAPITAL_COINS or is_staked else 0


def unit_after_dollar(run: str, at: int) -> str:
    return "eth" if run[at + 1 : at + 4].lower() == "eth" and not is_name(run[at + 4 : at + 5]) else ""


class Reader:
    """Walks the items of one text."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items

    def between(self, at: int, step: int) -> tuple[list[str], int]:
        """The kinds of items from here to the next run in this direction, and where that is (-1: nowhere)."""
        kinds = []
        at += step
        while 0 <= at < len(self.items) and self.items[at][0] != RUN:
            kinds.append(self.items[at][0])
            at += step
        return kinds, at if 0 <= at < len(self.items) else -1

    def run(self, at: int) -> str:
        return self.items[at][1] if at >= 0 else ""

    def near(self, kinds: list[str]) -> bool:
        return kinds in ([SPACE], [SPACE] * 2, [SPACE] * 3)

    def amount_at(self, at: int, unit_start: int, unit: str) -> "tuple[str, str] | str | None":
        """The digits of the amount at this unit, or why it is bad; None if nothing with a digit stands there."""
        run = self.run(at)
        head, tail = run[:unit_start], run[unit_start + len(unit) :]
        if unit == "Ξ" and has_digit(tail):
            return self.signed(at, at, head, tail)
        if has_digit(head):
            return self.judge(head, tail, at, at)
        gap_before, before = self.between(at, -1)
        gap_after, after = self.between(at, 1)
        number_before = head == "" and before >= 0 and has_digit(self.run(before))
        apart = not number_before or not self.near(gap_before) or self.run(before)[-1] in ENDS_CLAUSE
        if unit == "Ξ" and tail == "" and apart and self.near(gap_after) and has_digit(self.run(after)):
            return self.signed(at, after, head, self.run(after))
        if not number_before:
            return None
        if self.near(gap_before):
            return self.judge(self.run(before), tail, before, at)
        if SPACE not in gap_before and BREAK not in gap_before:
            return self.beside(before, at, tail, False) or why_not(self.run(before))
        return None

    def signed(self, first: int, last: int, head: str, rest: str) -> "tuple[str, str] | str":
        """Ξ with its number after it."""
        left, label = left_end(head)
        end = number_end(rest, 0)
        if left == len(head) and end and ends_well(rest[end:]):
            fault = "AMBIGUOUS" if label and names_number(head) else self.beside(first, last, rest[end:], label)
            return fault or ("MALFORMED" if self.touches(first) else digits(rest[:end]))
        bad = head + rest
        while bad[-1] in CLOSES:
            bad = bad[:-1]
        return self.beside(first, last, "", False) or why_not(bad)

    def judge(self, written: str, tail: str, first: int, last: int) -> "tuple[str, str] | str":
        left, label = left_end(written)
        is_number = left < len(written) and number_end(written, left) == len(written)
        fault = self.beside(first, last, tail, label and is_number)
        if label and is_number and names_number(written):
            return "AMBIGUOUS"
        if fault:
            return fault
        if not is_number:
            return why_not(written)
        return "MALFORMED" if self.touches(first) or not ends_well(tail) else digits(written[left:])

    def touches(self, at: int) -> bool:
        return at > 0 and self.items[at - 1][0] in (PICTURE, LINK)

    def beside(self, first: int, last: int, tail: str, label: bool) -> str:
        """What the neighbours of the amount do to it."""
        if not label:
            at = first
            while True:
                gap, before = self.between(at, -1)
                if before < 0 or LINK in gap:
                    break
                if is_bare(self.run(before), False) or is_mark(self.run(before)) or is_counted(self.run(before)):
                    return "AMBIGUOUS"
                if not joins(self.run(before)):
                    break
                at = before
            gap, before = self.between(first, -1)
            if LINK not in gap and (
                self.run(before) in ("<=", ">=") or (self.run(before) and self.run(before) in list(ABOUT))
            ):
                return "RELATIVE"
        if any(c in ENDS_CLAUSE for c in tail):
            return ""
        at = last
        joined = False
        while True:
            gap, at = self.between(at, 1)
            if at < 0 or LINK in gap:
                return ""
            run = self.run(at)
            if is_bare(run, True):
                gap, unit = self.between(at, 1)
                has_unit = self.near(gap) and (begins_with_unit(self.run(unit)) or coin_end(self.run(unit), 0) > 0)
                return "" if has_unit else "AMBIGUOUS"
            if is_mark(run) or run.lower() in JOINS:
                joined = True
            elif joined and is_counted(run):
                return "AMBIGUOUS"
            elif not joins(run):
                return ""

    def loose(self, at: int) -> bool:
        gap, before = self.between(at, -1)
        if not begins_with_unit(self.run(at)) or before < 0 or LINK in gap or self.near(gap):
            return False
        return is_bare(self.run(before), False)

    def flat(self) -> str:
        return "".join(
            {RUN: value, SPACE: " ", BREAK: "\n", PICTURE: "\n", LINK: "\n"}[kind] for kind, value in self.items
        )


def digits(number: str) -> tuple[str, str]:
    whole, _, decimals = number.partition(".")
    return whole or "0", decimals


def amount_of(items: list[Item]) -> int | str:
    items = without_worth(items)
    reader = Reader(items)
    amounts = []
    loose = False
    for at, (kind, run) in enumerate(items):
        if kind != RUN:
            continue
        loose = loose or reader.loose(at)
        start = 0
        while start < len(run):
            unit = unit_at(run, start)
            found = reader.amount_at(at, start, unit) if unit else None
            if isinstance(found, str):
                return found
            if found:
                amounts.append(found)
            start += len(unit) or 1
    if amounts and loose:
        return "AMBIGUOUS"
    flat = reader.flat()
    if any(other_unit(flat, at) for at in range(len(flat))):
        return "UNSUPPORTED_UNIT"
    if not amounts:
        return "UNIT_BEFORE_NUMBER" if any(unit_first(flat, at) for at in range(len(flat))) else "NO_AMOUNT"
    values = {int(whole + decimals.ljust(60, "0")) for whole, decimals in amounts}
    if len(values) > 1:
        return "MULTIPLE_AMOUNTS"
    value = values.pop()
    if value == 0:
        return "ZERO"
    if any(len(decimals) > 18 for _, decimals in amounts):
        return "TOO_PRECISE"
    return value // 10**42 if value < 10**66 else "OUT_OF_RANGE"


def without_worth(items: list[Item]) -> list[Item]:
    """The items without what an amount is worth in money, where nothing else stands in brackets right behind it."""
    cells: list[Item] = []
    for kind, value in items:
        cells += [(RUN, c) for c in value] if kind == RUN else [(kind, value)]
    text = "".join({RUN: value, SPACE: " "}.get(kind, "\n") for kind, value in cells)
    at = 0
    while at < len(text):
        end = worth_end(text, at)
        if end:
            cells[at:end] = [(SPACE, " ")]
            text = text[:at] + " " + text[end:]
        at += 1
    joined: list[Item] = []
    for kind, value in cells:
        if kind == RUN and joined and joined[-1][0] == RUN:
            joined[-1] = (RUN, joined[-1][1] + value)
        else:
            joined.append((kind, value))
    return joined


def spaces_end(text: str, at: int, most: int) -> int:
    end = at
    while end - at < most and text[end : end + 1] == " ":
        end += 1
    return end


def worth_end(text: str, at: int) -> int:
    """Where the brackets end that begin here, up to three spaces before them included; 0 if they hold anything else."""
    start = spaces_end(text, at, 3)
    if text[start : start + 1] != "(" or not (follows_amount(text[:at]) or follows_sign(text[:at])):
        return 0
    inner = text[start + 1 : text.find(")", start) if ")" in text[start:] else start]
    end = start + 1 + len(inner) + 1
    inner = inner.removeprefix(" ").removesuffix(" ")
    inner = inner[1:].removeprefix(" ") if inner[:1] in ("~", "≈") else inner.removeprefix("about ")
    if inner[:1] and inner[0] in MONEY:
        return end if is_price(inner[1:].removeprefix(" ")) else 0
    for unit in [*MONEY, *DOLLARS]:
        if inner[-len(unit) :].lower() == unit and is_price(inner[: -len(unit)].removesuffix(" ")):
            return end
    return 0


def is_price(number: str) -> bool:
    number = number[:-1] if number[-1:] in ("k", "K", "m", "M") else number
    return number[:1] in list("0123456789") and all(c in "0123456789.,'’" for c in number)


def follows_amount(before: str) -> bool:
    before = before[:-1] if before[-1:] in (".", ",", "!") else before
    for unit in ("ether", "$eth", "eth", "Ξ"):
        if before.endswith("Ξ") if unit == "Ξ" else before[-len(unit) :].lower() == unit:
            head = before[: -len(unit)]
            spaces = len(head) - len(head.rstrip(" "))
            if spaces <= 3 and head.rstrip(" ")[-1:] in list("0123456789"):
                return True
    return False


def follows_sign(before: str) -> bool:
    before = before[:-1] if before[-1:] in (",", "!") else before
    number = before.rstrip("0123456789.")
    spaces = len(number) - len(number.rstrip(" "))
    return number != before and spaces <= 3 and number.rstrip(" ")[-1:] == "Ξ"


def other_unit(flat: str, at: int) -> bool:
    if flat[at] in MONEY:
        after = flat[at + 1 :]
        spaces = len(after) - len(after.lstrip(" "))
        after = after.lstrip(" ").removeprefix(".")
        if spaces <= 3 and has_digit(after[:1]):
            return True
    if not has_digit(flat[at]):
        return False
    places = {at + 1}
    places |= {place + 1 for place in places if flat[place : place + 1] in list("kKmMbB")}
    places |= {place + 1 for place in places if flat[place : place + 1] in (".", ",")}
    for _ in range(3):
        places |= {place + 1 for place in places if flat[place : place + 1] == " "}
    return any(coin_end(flat, place) for place in places)


def unit_first(flat: str, at: int) -> bool:
    unit = unit_at(flat, at)
    if unit in ("", "Ξ"):
        return False
    after = flat[at + len(unit) :]
    if after[:1] in (":", "="):
        after = after[1:]
    spaces = len(after) - len(after.lstrip(" "))
    after = after.lstrip(" ")
    if after[:1] and after[0] in "+~" + DASHES:
        after = after[1:]
    return spaces <= 3 and has_digit(after.removeprefix(".")[:1])
