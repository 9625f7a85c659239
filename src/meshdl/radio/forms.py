"""Forms of a leaf: the octets that its symbols are cut from, as they are or compressed.

Theory of operation
===================

Symbols add up only when everybody cut them from the same octets. Two compressors need not
write the same octets for the same leaf; another version is enough. So what is compressed
has a name of its own: a :class:`Form` says how (codec), how many source symbols there are
(K), and has a *tag*, the beginning of a hash over the compressed octets. Symbols carry
their form; those of different forms are never mixed. Who asks for a leaf names the form
that it has symbols of; who answers makes that form if it can (:func:`make_form` compares
the tag), and otherwise the shortest one that it can make. The leaf as it is is a form that
everybody can make, so two stations always find one.

Stations with the same version of meshdl always agree: the compressor is pinned. A station
that received a leaf by radio may also keep the form that it received.

Nothing is obscured: the codecs and the dictionary are published (``docs/protocol``).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import zstandard

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.radio import air_dictionary
from meshdl.radio.erasure.encoder import source_symbols
from meshdl.wire.onair.pdus import Codec, Form

LEVEL = 19
"""Of zstd. A leaf takes about a millisecond at it, and the levels above save nothing more."""

SAVING_MIN = 16
"""A compressed form must save one symbol of so many, and one at least. Whoever cannot make
the form that is asked for begins a new set of symbols; a smaller saving is not worth that."""

_MAGIC = b"\x28\xb5\x2f\xfd"
"""Every zstd frame begins with it (RFC 8878, 3.1.1), so it is not sent."""


@dataclass(frozen=True, slots=True)
class FormedLeaf:
    """A leaf ready to be cut."""

    form: Form
    octets: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send to somebody who asks for symbols.

    Attributes:
        leaf: the form to cut.
        symbols: how many symbols of it will do.
    """

    leaf: FormedLeaf
    symbols: int


def raw_form(leaf: bytes) -> FormedLeaf:
    """The form that everybody can make."""
    return FormedLeaf(Form(Codec.RAW, source_symbols(len(leaf))), leaf)


def best_form(leaf: bytes) -> FormedLeaf:
    """The form with the fewest symbols; of equal ones the plainest.

    Args:
        leaf: 1 to 16,384 octets.

    Raises:
        ValueError: its length is not that of a leaf.
    """
    if not 1 <= len(leaf) <= LEAF_OCTETS:
        raise ValueError(f"{len(leaf)} octets are no leaf of 1 to {LEAF_OCTETS}")
    raw = raw_form(leaf)
    enough = raw.form.source_symbols - max(1, raw.form.source_symbols // SAVING_MIN)
    compressed = [_compress(leaf, codec) for codec in (Codec.ZSTD, Codec.ZSTD_DICTIONARY)]
    return min(
        [raw, *(one for one in compressed if one.form.source_symbols <= enough)],
        key=lambda one: (one.form.source_symbols, one.form.codec),
    )


def coded(leaf: bytes, codec: Codec) -> FormedLeaf:
    """The form that this codec makes here, whether it is worth it or not.

    Raises:
        ValueError: it has more than 512 symbols, which no leaf of 16 KiB has.
    """
    return raw_form(leaf) if codec is Codec.RAW else _compress(leaf, codec)


def make_form(leaf: bytes, wanted: Form) -> FormedLeaf | None:
    """Exactly that form of a leaf, or ``None`` when it is not what comes out here."""
    made = coded(leaf, wanted.codec)
    return made if made.form == wanted else None


def choose_form(leaf: bytes, wanted: Iterable[tuple[Form, int]]) -> Answer:
    """What costs the least airtime for somebody who has symbols already.

    Args:
        leaf: the leaf that is asked for.
        wanted: forms that the asker has symbols of, each with how many it still needs.
    """
    best = best_form(leaf)
    answers = [Answer(best, best.form.source_symbols)]
    answers += [
        Answer(made, needed)
        for form, needed in wanted
        if (made := make_form(leaf, form)) is not None
    ]
    # Of equal ones the asker's: what it has may be of use after all.
    return min(reversed(answers), key=lambda one: one.symbols)


def restore(form: Form, octets: bytes, leaf_octets: int) -> bytes | None:
    """The leaf that a form was made from, or ``None`` when this was made from none.

    Args:
        form: says how.
        octets: decoded source symbols, padding included.
        leaf_octets: how long the leaf is. Nothing longer is ever written to memory.
    """
    if form.codec is Codec.RAW:
        return octets[:leaf_octets] if len(octets) >= leaf_octets else None
    frame = _MAGIC + octets
    try:
        # Before decompressing: room is made for what the frame says of itself.
        said = zstandard.get_frame_parameters(frame)
        if said.content_size != leaf_octets or said.window_size > 2 * LEAF_OCTETS:
            return None
        return _decompressor(form.codec).decompress(frame, allow_extra_data=True)
    except zstandard.ZstdError:
        return None


def _compress(leaf: bytes, codec: Codec) -> FormedLeaf:
    frame = _compressor(codec, len(leaf)).compress(leaf)
    octets = frame[len(_MAGIC) :]
    tag = int.from_bytes(hashlib.sha256(octets).digest()[:2], "big")
    return FormedLeaf(Form(codec, source_symbols(len(octets)), tag), octets)


def _compressor(codec: Codec, leaf_octets: int) -> zstandard.ZstdCompressor:
    dictionary = _dictionary(codec)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        source_size=leaf_octets,
        dict_size=0 if dictionary is None else len(air_dictionary.OCTETS),
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


def _decompressor(codec: Codec) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(codec))


@cache
def _dictionary(codec: Codec) -> zstandard.ZstdCompressionDict | None:
    if codec is not Codec.ZSTD_DICTIONARY:
        return None
    return zstandard.ZstdCompressionDict(
        air_dictionary.OCTETS, dict_type=zstandard.DICT_TYPE_FULLDICT
    )
