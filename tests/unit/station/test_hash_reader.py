"""Hash requests: every answer proves against the file's root, and nothing else is answered."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.folders import DOWNLOADS, HOME, Folder, make_directories

from meshdl.content import merkle
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.errors import ContentUnknown
from meshdl.ids import ChunkIndex
from meshdl.sim.disk import FaultyDisk
from meshdl.station.content_files import ContentFiles
from meshdl.station.content_home import LeafHashes
from meshdl.station.examination import Examiner
from meshdl.station.hash_reader import HashReader

FOLDER = Folder(
    {
        "a": 3 * LEAF_OCTETS + 5,  # one chunk of four leaves
        "b": 22 * LEAF_OCTETS + 9,  # six chunks, the last of three leaves
        "c": 5,
        "d": 0,
        "e": 8 * LEAF_OCTETS,
    }
)
METAINFO = FOLDER.metainfo
B = 1


def reader(held: Sequence[ChunkIndex] = FOLDER.chunks) -> HashReader:
    disk = FaultyDisk()
    make_directories(disk, HOME.contents_directory)
    make_directories(disk, DOWNLOADS)
    files = ContentFiles(disk, METAINFO, DOWNLOADS / "folder")
    files.make_room()
    leaves = LeafHashes(disk, HOME.contents_directory / "leaves", METAINFO, FOLDER.hashes)
    leaves.make_room()
    for chunk in held:
        leaves.put(chunk, FOLDER.leaf_hashes(chunk))
    examiner = Examiner(METAINFO, FOLDER.hashes, files, leaves)
    return HashReader(
        METAINFO, FOLDER.hashes, lambda chunk: examiner.leaf_hashes(chunk, held=chunk in held)
    )


READER = reader()


@given(
    file=st.sampled_from([0, 1, 2, 4]),
    layer=st.integers(0, 2),
    depth=st.integers(0, 3),
    at=st.integers(0, 31),
)
def test_every_answer_proves_against_the_root(file: int, layer: int, depth: int, at: int) -> None:
    entry = METAINFO.files[file]
    leaf_count = -(-entry.octets // LEAF_OCTETS)
    height = merkle.width_for(leaf_count).bit_length() - 1
    chunk_layer = min(height, 2)
    layer = min(layer, chunk_layer)
    depth = min(depth, (chunk_layer if layer < chunk_layer else height) - layer)
    length = 1 << depth
    count = -(-leaf_count >> layer)
    index = at * length % count // length * length
    answer = READER.hashes(file, layer, index, length, 40)
    uncles = height - layer - depth
    here = len(answer) - uncles
    assert here == min(length, count - index)
    assert entry.root == merkle.root_from_proof(
        answer[:here],
        layer=layer,
        index=index,
        length=length,
        width=1 << (height - layer),
        uncles=answer[here:],
    )
    for fewer in range(uncles):
        assert READER.hashes(file, layer, index, length, fewer) == answer[: here + fewer]


def test_the_leaves_of_a_chunk_are_those_of_the_file() -> None:
    leaves = merkle.hash_leaves(FOLDER.octets["b"])
    assert READER.hashes(B, 0, 4, 4, 0) == leaves[4:8]
    assert READER.hashes(B, 0, 20, 4, 0) == leaves[20:]
    assert READER.hashes(B, 2, 0, 8, 0) == FOLDER.hashes[1:7]


@pytest.mark.parametrize(
    ("file", "layer", "index", "length"),
    [
        (B, 0, 2, 4),  # not aligned
        (B, 0, 0, 8),  # more than a chunk
        (B, 0, 0, 3),
        (B, 0, 0, 0),
        (B, 0, 0, -1),
        (B, 0, -4, 4),
        (B, 0, 24, 4),  # behind the last chunk
        (B, 0, 23, 1),  # padding only
        (B, 2, 6, 1),
        (B, 2, 0, 16),
        (B, 3, 0, 1),
        (B, -1, 0, 1),
        (0, 3, 0, 1),
        (3, 0, 0, 1),  # an empty file
    ],
)
def test_what_there_is_not_is_refused(file: int, layer: int, index: int, length: int) -> None:
    with pytest.raises(ContentUnknown, match="ask for others"):
        READER.hashes(file, layer, index, length, 0)


def test_leaf_hashes_that_are_not_held_are_refused_and_chunk_hashes_are_not() -> None:
    poor = reader(held=[ChunkIndex(2)])
    assert len(poor.hashes(B, 0, 4, 4, 0)) == 4
    with pytest.raises(ContentUnknown, match="another station"):
        poor.hashes(B, 0, 0, 4, 0)
    assert poor.hashes(B, 2, 0, 8, 0) == FOLDER.hashes[1:7]


def test_a_tree_is_built_once_however_often_two_files_are_asked_for_in_turn() -> None:
    class Counted(Sequence[bytes]):
        looks = 0

        def __len__(self) -> int:
            return len(FOLDER.hashes)

        def __getitem__(self, at):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
            Counted.looks += 1
            return FOLDER.hashes[at]

    own = HashReader(METAINFO, Counted(), lambda _: [])
    for _ in range(5):
        assert own.hashes(B, 2, 0, 8, 0) == FOLDER.hashes[1:7]
        assert len(own.hashes(4, 2, 0, 2, 0)) == 2
    assert Counted.looks == 2


def test_files_are_found_by_their_root() -> None:
    for file, entry in enumerate(METAINFO.files):
        if entry.root is not None:
            assert READER.file_with_root(entry.root) == file
    with pytest.raises(ContentUnknown, match="ask for one"):
        READER.file_with_root(bytes(32))
