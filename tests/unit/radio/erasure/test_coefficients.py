"""The coefficients are those of RFC 8681 and RFC 8682."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.radio.erasure import coefficients as module
from meshdl.radio.erasure.coefficients import TinyMT32, coefficients


def in_words_of_the_rfc(key: int, count: int) -> list[int]:
    """RFC 8681, section 3.5, read aloud: m = 8, dt = 15."""
    generator, drawn = TinyMT32(key), []
    for _ in range(count):
        number = 0
        while number == 0:
            number = generator.number() & 0xFF
        drawn.append(number)
    return drawn


@given(
    first=st.integers(0, 65_535),
    symbols=st.sampled_from([0, 1, 3, module.ALONE_MAX, module.ALONE_MAX + 1, 60]),
    count=st.integers(1, 512),
)
def test_one_by_one_and_side_by_side_are_the_same_coefficients(
    first: int, symbols: int, count: int
) -> None:
    keys = list(range(first, first + symbols))
    table = coefficients(keys, count)
    assert table.shape == (symbols, count)
    assert [row.tolist() for row in table] == [in_words_of_the_rfc(key, count) for key in keys]


def test_a_draw_with_more_zeros_than_spare_numbers_is_still_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SPARE", 0)
    keys = list(range(512, 600))
    table = coefficients(keys, 342)
    assert [row.tolist() for row in table] == [in_words_of_the_rfc(key, 342) for key in keys]
