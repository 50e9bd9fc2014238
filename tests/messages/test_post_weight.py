"""How X counts a text. The kinds are those of X's published cases (twitter-text, Apache-2.0), the texts our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.post_weight import weight

pytestmark = pytest.mark.requirement("X-7")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", 0),
        ("A harbour", 9),
        ("Pão, Ñandú, Ωμέγα, Жук, \u05d0\u05d1", 26),
        ("e\u0301", 1),
        ("\ufb2c", 3),  # its composed form is three letters
        ("— “…” ‘’ ′\u200d\u200b", 13),
        ("港町", 4),
        ("ﾊｰﾊﾞｰ", 10),
        ("€", 2),
        ("⚓", 2),
        ("⚓️", 2),
        ("🌊⛵️🏴󠁧󠁢󠁳󠁣󠁴󠁿🇯🇵", 8),
        ("👍🏽", 2),
        ("👩🏽‍🎨🧑‍🚀👨‍👩‍👧‍👦👩‍❤️‍💋‍👨🏄🏿‍♀️", 10),
        ("🏳️‍🌈", 2),
        ("7️⃣#⃣", 4),
        # What X's library does not know as one character counts each of its parts.
        ("🔥‍🔥", 5),
        ("🔥🏽", 4),
        ("👩‍🔥", 5),
        ("see http://a.example", 27),
        ("https://shape.example/a/very/long/path?with=more&than=23#characters.", 23),
        ("https://港.example/港", 23 + 2),
        (f"https://{'a' * 63}.example", 23),
        (f"https://{'a' * 64}.example", 8 + 64 + 8),
        (f"https://{'港' * 25}.example", 23),
        (f"https://{'港' * 60}.example", 8 + 120 + 8),
        ("\u2066https://a.example/b\u2069", 23 + 4),
    ],
    ids=ascii,
)
def test_a_text_weighs_what_x_says(text: str, counts: int) -> None:
    assert weight(text) == counts


@given(st.text())
def test_nothing_weighs_more_than_twice_its_letters(text: str) -> None:
    assert 0 <= weight(text) <= 23 * text.lower().count("http") + 6 * len(text)
