"""Forms: compressed when it helps, named by what they are, restored within bounds."""

import hashlib
import struct
import tracemalloc
from random import Random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tools.air_texts import MEASURING, leaf_of, texts

from meshdl.radio import air_dictionary
from meshdl.radio.forms import (
    best_form,
    choose_form,
    make_form,
    raw_form,
    restore,
)
from meshdl.wire.onair.pdus import Codec, Form

NOISE = Random(1).randbytes(16_384)
TEXT = leaf_of("bulletin", MEASURING, seed=1)
[FORM_213] = texts("form 213", MEASURING, seed=1, count=1)

leaves = st.one_of(
    st.binary(min_size=1, max_size=2000),
    st.text(min_size=1, max_size=2000).map(str.encode).map(lambda one: one[:16_384]),
    st.integers(1, 16_384).map(lambda octets: TEXT[:octets]),
)


def padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 48)


@given(leaf=leaves)
def test_every_form_of_a_leaf_gives_the_leaf_back(leaf: bytes) -> None:
    for formed in (raw_form(leaf), best_form(leaf)):
        assert formed.form.fits(len(leaf))
        assert formed.form.source_symbols * 48 == len(padded(formed.octets))
        assert restore(formed.form, padded(formed.octets), len(leaf)) == leaf


@given(leaf=leaves)
def test_one_leaf_has_one_best_form(leaf: bytes) -> None:
    formed = best_form(leaf)
    assert best_form(leaf) == formed
    assert make_form(leaf, formed.form) == formed
    assert formed.form.source_symbols <= raw_form(leaf).form.source_symbols


@given(word=st.integers(0, 2**32 - 1))
def test_a_form_is_read_as_it_was_written_or_refused(word: int) -> None:
    try:
        form = Form.unpack(word)
    except ValueError:
        return
    assert form.pack() == word


@pytest.mark.parametrize(
    "word",
    [0, 0x0201_0000, 0x3001_0000, 0xF001_0000, 0x0001_0001, 0x1000_0001],
)
def test_absurd_forms_are_refused(word: int) -> None:
    with pytest.raises(ValueError, match=r"symbols|tag|Codec"):
        Form.unpack(word)


@pytest.mark.parametrize("octets", [b"", bytes(16_385)])
def test_what_is_no_leaf_has_no_form(octets: bytes) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        best_form(octets)


def test_text_is_compressed_and_noise_is_not() -> None:
    assert best_form(NOISE).form == Form(Codec.RAW, 342)
    assert best_form(TEXT).form.source_symbols < 342 // 4


def test_a_short_form_takes_the_dictionary() -> None:
    with_dictionary = best_form(FORM_213).form
    assert with_dictionary.codec is Codec.ZSTD_DICTIONARY
    assert with_dictionary.source_symbols * 2 < raw_form(FORM_213).form.source_symbols


def test_a_saving_too_small_to_matter_leaves_the_leaf_as_it_is() -> None:
    leaf = NOISE[: 16_384 - 700] + bytes(700)
    assert make_form(leaf, Form(Codec.ZSTD, 328)) is None
    shortened = zstandard.ZstdCompressor(level=19).compress(leaf)
    assert -(-len(shortened) // 48) < 342
    assert best_form(leaf).form.codec is Codec.RAW


def test_octets_of_another_compressor_are_another_form() -> None:
    other = zstandard.ZstdCompressor(
        level=1, write_checksum=False, write_content_size=True
    ).compress(TEXT)[4:]
    tag = int.from_bytes(hashlib.sha256(other).digest()[:2], "big")
    theirs = Form(Codec.ZSTD, -(-len(other) // 48), tag)
    assert make_form(TEXT, theirs) is None
    assert restore(theirs, padded(other), len(TEXT)) == TEXT  # it is understood all the same


def test_an_asker_is_answered_in_the_form_it_has() -> None:
    formed = best_form(TEXT)
    answer = choose_form(TEXT, [(formed.form, 5)])
    assert (answer.leaf, answer.symbols) == (formed, 5)
    raw = raw_form(TEXT)
    answer = choose_form(TEXT, [(formed.form, 30), (raw.form, 2)])
    assert (answer.leaf, answer.symbols) == (raw, 2)


def test_a_form_that_cannot_be_made_here_is_answered_with_the_shortest_that_can() -> None:
    formed = best_form(TEXT)
    strange = Form(formed.form.codec, formed.form.source_symbols, formed.form.tag ^ 1)
    answer = choose_form(TEXT, [(strange, 1)])
    assert (answer.leaf, answer.symbols) == (formed, formed.form.source_symbols)


def test_a_form_that_costs_more_than_a_new_start_is_left() -> None:
    answer = choose_form(TEXT, [(raw_form(TEXT).form, 342)])
    assert answer.leaf == best_form(TEXT)


@given(
    octets=st.binary(max_size=500), leaf_octets=st.integers(1, 16_384), codec=st.sampled_from(Codec)
)
def test_octets_that_are_no_form_restore_to_nothing_or_to_the_right_length(
    octets: bytes, leaf_octets: int, codec: Codec
) -> None:
    restored = restore(Form(codec, 11), octets, leaf_octets)
    assert restored is None or len(restored) == leaf_octets


@given(
    at=st.integers(0, 4000),
    flip=st.integers(1, 255),
    codec=st.sampled_from([Codec.ZSTD, Codec.ZSTD_DICTIONARY]),
)
def test_a_damaged_frame_never_makes_more_than_a_leaf(at: int, flip: int, codec: Codec) -> None:
    made = bytearray(best_form(TEXT[:1500]).octets)
    made[at % len(made)] ^= flip
    restored = restore(Form(codec, 30), bytes(made), 1500)
    assert restored is None or len(restored) == 1500


@pytest.mark.parametrize(
    "frame",
    [
        # Content size of eight octets, single segment: 2^62.
        bytes([0xE0]) + struct.pack("<Q", 2**62),
        # Content size of two octets, 16,384; window of 2^41.
        bytes([0x40, 0xF8]) + struct.pack("<H", 16_384 - 256),
        # No content size at all: nothing says where it ends.
        bytes([0x00, 0x28]) + bytes([0x03, 0x00, 0x00]),
    ],
)
def test_a_frame_that_promises_a_huge_leaf_takes_no_memory(frame: bytes) -> None:
    tracemalloc.start()
    assert restore(Form(Codec.ZSTD, 1), padded(frame), 16_384) is None
    _, peak_octets = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_octets < 1_000_000


def test_a_window_larger_than_two_leaves_is_refused() -> None:
    leaf = NOISE[:300]
    block = struct.pack("<I", 300 << 3 | 1)[:3] + leaf  # the last one, not compressed
    for window, restored in [(0x28, leaf), (0x30, None), (0x88, None)]:  # 2^15, 2^16, 2^27
        frame = bytes([0x40, window]) + struct.pack("<H", 300 - 256) + block
        assert restore(Form(Codec.ZSTD, 7), padded(frame), 300) == restored


def test_the_dictionary_is_the_one_of_its_name() -> None:
    assert hashlib.sha256(air_dictionary.OCTETS).hexdigest() == air_dictionary.SHA256
