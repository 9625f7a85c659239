"""The shape of a content on the air."""

from meshdl.content import merkle
from meshdl.ids import ChunkIndex
from meshdl.radio.transfer.contents import AirContent, Contents, ObjectKey, Shape
from meshdl.sim.radio_memory import RadioContent, content_of
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.pdus import ObjectKind, Run

LEAF = merkle.LEAF_OCTETS
SMALL = content_of("a.bin", bytes(range(256)) * 150)  # 38,400 octets: three leaves, three chunks
LARGE = content_of("b.bin", bytes(range(256)) * 640, chunk_octets=4 * LEAF)  # 10 leaves in 3 chunks


def shape_of(content: RadioContent, held: int = 0) -> Shape:
    return Shape(content.metainfo, content.hashes, held)


def air(content: RadioContent, shape: Shape | None) -> AirContent:
    return AirContent(
        tag=content_tag(content.content), content=content.content, shape=shape, served=True
    )


def test_leaves_are_numbered_by_chunk_and_the_last_one_is_short() -> None:
    shape = shape_of(LARGE)
    assert shape.all_leaves == 0b11_1111_1111
    last = shape.place(9)
    assert last is not None
    assert (last.chunk, last.offset, last.octets) == (2, LEAF, LEAF)
    assert shape.place(10) is None
    assert shape.place(400) is None
    short = shape_of(SMALL).place(2)
    assert short is not None
    assert short.octets == 38_400 - 2 * LEAF


def test_a_leaf_is_known_by_its_chunk_or_by_the_hashes_of_its_chunk() -> None:
    alone = shape_of(SMALL).leaf(1)
    assert alone is not None
    assert alone.leaf_hash == merkle.hash_leaves(SMALL.octets)[1]
    shape = shape_of(LARGE)
    assert shape.leaf(5) is None
    hashes = merkle.hash_leaves(LARGE.octets)
    joined = b"".join(hashes[4:8])
    assert shape.are_leaf_hashes(ChunkIndex(1), joined)
    assert not shape.are_leaf_hashes(ChunkIndex(1), joined[:-1] + b"\0")
    assert not shape.are_leaf_hashes(ChunkIndex(1), joined[:-32])
    shape.learn_leaf_hashes(ChunkIndex(1), joined)
    known = shape.leaf(5)
    assert known is not None
    assert known.leaf_hash == hashes[5]


def test_only_whole_chunks_are_told() -> None:
    assert shape_of(LARGE, 0b11_1111_1111).whole_chunks() is None
    assert shape_of(LARGE, 0b11_1011_1111).whole_chunks() == (Run(0, 1), Run(2, 1))
    assert shape_of(LARGE, 0b00_0000_0001).whole_chunks() == ()
    assert shape_of(LARGE, 0b00_1111_1111).whole_chunks() == (Run(0, 2),)


def test_hashes_of_a_chunk_are_asked_for_before_its_leaves() -> None:
    wishes = list(air(LARGE, shape_of(LARGE, 0b00_0000_1111)).missing_objects())
    assert [(one.kind, one.number) for one in wishes[:3]] == [
        (ObjectKind.HASHES, 1),
        (ObjectKind.LEAF, 4),
        (ObjectKind.LEAF, 5),
    ]
    assert all(one.kind is ObjectKind.LEAF for one in air(SMALL, shape_of(SMALL)).missing_objects())


def test_without_metainfo_its_segments_are_asked_for() -> None:
    content = air(SMALL, None)
    content.segment_count, content.segments = 3, {1: b""}
    assert [one.number for one in content.missing_objects()] == [0, 2]


def test_only_what_is_here_can_be_sent() -> None:
    content = air(LARGE, shape_of(LARGE, 0b1_0000))
    has = {
        (kind, n) for kind in ObjectKind for n in range(10) if content.has(_key(content, kind, n))
    }
    assert (ObjectKind.LEAF, 4) in has
    assert (ObjectKind.LEAF, 3) not in has
    assert (ObjectKind.HASHES, 1) in has
    assert (ObjectKind.HASHES, 0) not in has
    content.served = False
    assert not content.has(_key(content, ObjectKind.LEAF, 4))


def test_strange_contents_make_room_and_ours_do_not() -> None:
    contents = Contents()
    ours = contents.open(SMALL.content)
    assert ours is not None
    ours.wanted = True
    tags = [ContentTag(bytes([n, 0, 0, 0])) for n in range(3)]
    for at, tag in enumerate(tags):
        assert contents.hear(tag, now=float(at), room=3) is not None
    assert contents.get(tags[0]) is None
    assert contents.find(SMALL.content) is ours


def test_of_two_with_one_tag_the_first_has_it() -> None:
    contents = Contents()
    other = type(SMALL.content)(SMALL.content[:4] + bytes(28))
    assert contents.open(SMALL.content) is not None
    assert contents.open(other) is None


def _key(content: AirContent, kind: ObjectKind, number: int) -> ObjectKey:
    return ObjectKey(content.tag, kind, number)
