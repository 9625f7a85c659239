"""What the log says that symbols carry."""

from meshdl.content import merkle
from meshdl.radio.transfer.carried import Carried, carried
from meshdl.sim.radio_memory import content_of
from meshdl.wire.onair.codes import content_tag
from meshdl.wire.onair.pdus import SYMBOL_OCTETS, AirObject, Codec, Form, ObjectKind

LEAF = merkle.LEAF_OCTETS
CONTENT = content_of("b.bin", bytes(range(256)) * 640, chunk_octets=4 * LEAF)
"""Ten leaves in three chunks."""


def leaf(number: int, form: Form) -> AirObject:
    return AirObject(
        content=content_tag(CONTENT.content), kind=ObjectKind.LEAF, number=number, form=form
    )


def of_kind(kind: ObjectKind, number: int) -> AirObject:
    return AirObject(
        content=content_tag(CONTENT.content), kind=kind, number=number, form=Form(Codec.RAW, 3)
    )


def test_symbols_of_a_compressed_leaf_stand_for_more_octets_than_they_have() -> None:
    quarter = Form(Codec.ZSTD, 100, 7)
    found = carried(CONTENT.metainfo, [(leaf(5, quarter), 50), (leaf(9, quarter), 25)])
    assert found == Carried((1, 2), LEAF // 2 + LEAF // 4, 75 * SYMBOL_OCTETS)


def test_hashes_are_of_a_chunk_and_no_content_and_info_is_of_none() -> None:
    symbols = [(of_kind(ObjectKind.HASHES, 2), 3), (of_kind(ObjectKind.INFO, 0), 2)]
    assert carried(CONTENT.metainfo, symbols) == Carried((2,), 0, 5 * SYMBOL_OCTETS)


def test_of_what_is_not_known_or_not_there_only_the_octets_on_the_air_are_told() -> None:
    raw = Form(Codec.RAW, 342)
    assert carried(None, [(leaf(1, raw), 4)]) == Carried((), 0, 4 * SYMBOL_OCTETS)
    assert carried(CONTENT.metainfo, [(leaf(10, raw), 4)]) == Carried((), 0, 4 * SYMBOL_OCTETS)


def test_both_together_are_each_chunk_once_and_the_sum_of_the_octets() -> None:
    both = Carried((0, 2), 10, 5).and_more(Carried((1, 2), 1, 2))
    assert both == Carried((0, 1, 2), 11, 7)
