"""BEP 52 by another author: whatever libtorrent makes of a folder, so do we."""

import tempfile
from pathlib import Path
from typing import Any

import libtorrent
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshdl.content.hashing import FileHasher
from meshdl.content.link import ContentLink
from meshdl.content.metainfo import (
    Metainfo,
    build_info,
    chunk_hashes,
    decode_torrent,
    encode_torrent,
    parse_info,
)
from meshdl.content.paths import RelativePath, check_no_collisions
from meshdl.errors import UnsafePath
from meshdl.station.hashing import hash_path

lt: Any = libtorrent  # its own type stubs do not fit what it returns

KIB = 1024
Tree = dict[str, int]
"""Path to length; a folder named ``shared``, or one file."""


def content_of(path: str, octets: int) -> bytes:
    # Every 16 KiB differs, so that no two leaves of a file can be mixed up unseen.
    blocks = range(octets // 256 + 1)
    return b"".join(f"{path}{block}".encode()[-64:].ljust(256, b".") for block in blocks)[:octets]


def write(tree: Tree, below: Path) -> None:
    for path, octets in tree.items():
        file = below / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content_of(path, octets))


def by_libtorrent(tree: Tree, chunk_octets: int, *, hybrid: bool = False) -> bytes:
    """A ``.torrent`` of ``tree``, all of whose paths start with the same name."""
    flags = lt.create_torrent.no_attributes | (0 if hybrid else lt.create_torrent.v2_only)
    name = next(iter(tree)).partition("/")[0]
    with tempfile.TemporaryDirectory() as directory:
        write(tree, Path(directory))
        files = lt.list_files(str(Path(directory) / name), lambda _: True)
        torrent = lt.create_torrent(files, chunk_octets, flags)
        lt.set_piece_hashes(torrent, directory)
        octets: bytes = lt.bencode(torrent.generate())
        return octets


def by_us(tree: Tree, chunk_octets: int) -> tuple[Metainfo, dict[bytes, bytes]]:
    name = next(iter(tree)).partition("/")[0]
    is_folder = name not in tree
    files: list[tuple[RelativePath, int, bytes | None]] = []
    layers: dict[bytes, bytes] = {}
    for path, octets in tree.items():
        hasher = FileHasher()
        hasher.update(content_of(path, octets))
        hashes = hasher.finish(chunk_octets=chunk_octets)
        parts = path.split("/")[1:] if is_folder else [path]
        files.append((RelativePath.parse(parts), octets, hashes.root))
        if hashes.root and hashes.layer:
            layers[hashes.root] = hashes.layer
    return build_info(name, files, chunk_octets=chunk_octets, is_folder=is_folder), layers


def check_against_libtorrent(tree: Tree, chunk_octets: int) -> None:
    made, layers = by_us(tree, chunk_octets)
    theirs = by_libtorrent(tree, chunk_octets)
    read = lt.load_torrent_buffer(theirs)
    assert made.content_hash == read.ti.info_hashes().v2.to_bytes()
    assert lt.bdecode(theirs).get(b"piece layers", {}) == layers

    # Ours is read by libtorrent, and theirs by us.
    ours = lt.load_torrent_buffer(encode_torrent(made, layers))
    assert ours.ti.info_hashes().v2.to_bytes() == made.content_hash
    assert lt.write_torrent_file(ours)[b"piece layers"] == layers
    assert decode_torrent(theirs) == (made, layers)
    check_layout(made, ours.ti)


def check_layout(made: Metainfo, info: Any) -> None:
    layout = info.layout()
    real = [
        index
        for index in range(layout.num_files())
        if not layout.file_flags(index) & layout.flag_pad_file
    ]
    # A folder that holds one file and no other folder: libtorrent saves the file alone.
    alone = len(made.files) == 1 and len(made.files[0].path.parts) == 1
    folder = "" if alone else f"{made.name}/"
    assert [layout.file_path(index) for index in real] == [
        f"{folder}{file.path}" for file in made.files
    ]
    assert [layout.file_size(index) for index in real] == [file.octets for file in made.files]
    assert made.chunk_count == info.num_pieces()
    for index, file in zip(real, made.files, strict=True):
        if file.chunk_count:
            assert layout.piece_index_at_file(index) == file.first_chunk
            assert layout.root(index).to_bytes() == file.root


SIZES = [0, 1, 16383, 16384, 16385, 32767, 32768, 32769, 49151, 49152, 49153]
CHUNKS = [16 * KIB, 32 * KIB, 64 * KIB]


@pytest.mark.parametrize("chunk_octets", CHUNKS)
@pytest.mark.parametrize("octets", [*SIZES[1:], 65535, 65536, 65537, 262143, 262144, 262145])
def test_a_file_has_the_infohash_of_libtorrent(octets: int, chunk_octets: int) -> None:
    check_against_libtorrent({"file.bin": octets}, chunk_octets)


names = st.text(
    st.sampled_from("abAB01 .-_é漢🌍")
    | st.characters(exclude_categories=["C", "Z"], exclude_characters='/\\<>:"|?*'),
    min_size=1,
    max_size=8,
)
paths = st.lists(names, min_size=1, max_size=3)


def sharable(tree: dict[tuple[str, ...], int]) -> bool:
    try:
        check_no_collisions([RelativePath.parse(parts) for parts in tree])
    except UnsafePath:
        return False
    # A folder that holds only a file of its own name is that file, see metainfo.py.
    return any(tree.values()) and list(tree) != [("shared",)]


trees = (
    st.dictionaries(paths.map(tuple), st.sampled_from([*SIZES, 100_000]), min_size=1, max_size=5)
    .filter(sharable)
    .map(lambda tree: {"/".join(("shared", *parts)): octets for parts, octets in tree.items()})
)


@settings(deadline=None, max_examples=60)
@given(tree=trees, chunk_octets=st.sampled_from(CHUNKS))
@example({"shared/b.txt": 5, "shared/b/x": 70_000, "shared/b-": 1, "shared/Z": 2}, 16 * KIB)
@example({"shared/shared/shared": 40_000, "shared/.hidden": 1}, 16 * KIB)
@example({"shared/a": 40_000, "shared/b": 40_000, "shared/0": 0, "shared/z/0": 0}, 32 * KIB)
@example({"shared/e\u0301": 1, "shared/\u00e8": 1, "shared/地図/été.txt": 16384}, 16 * KIB)
def test_a_folder_has_the_infohash_of_libtorrent(tree: Tree, chunk_octets: int) -> None:
    check_against_libtorrent(tree, chunk_octets)


def test_a_large_file_has_the_infohash_of_libtorrent() -> None:
    check_against_libtorrent({"large.bin": 5 * 2**20 + 1}, 16 * KIB)
    check_against_libtorrent({"large.bin": 5 * 2**20 + 1}, 2**20)


BORDERS = [0, 1, 16383, 16384, 16385, 32767, 32768, 32769]
MIB = 2**20


@pytest.mark.parametrize(
    "tree",
    [
        *({"file.bin": octets} for octets in BORDERS[1:]),
        # One octet more, and chunks are twice as long; then a chunk's border.
        *({"file.bin": 4 * MIB + octets} for octets in (-1, 0, 1, 32767, 32768, 32769)),
        {"shared/é/地図/🌍.bin": 4 * MIB + 1, "shared/é.txt": 0, "shared/a/b/c/d/e": 16385},
        {f"shared/{number}/{octets}": octets for number, octets in enumerate(BORDERS)},
    ],
    ids=lambda tree: "+".join(map(str, tree.values())),
)
def test_what_is_shared_has_the_infohash_of_libtorrent(tree: Tree, tmp_path: Path) -> None:
    write(tree, tmp_path)
    name = next(iter(tree)).partition("/")[0]
    found = hash_path(tmp_path / name, tmp_path)
    assert found is not None
    theirs = by_libtorrent(tree, found.metainfo.chunk_octets)
    read = lt.load_torrent_buffer(theirs)
    assert found.metainfo.content_hash == read.ti.info_hashes().v2.to_bytes()
    assert lt.bdecode(theirs).get(b"piece layers", {}) == found.layers


@pytest.mark.parametrize("title", [None, "Karte für Süd & Nord", "100 % ? # + 漢字"])
def test_a_magnet_link_names_the_same_content_to_libtorrent(title: str | None) -> None:
    made, _ = by_us({"file.bin": 40_000}, 16 * KIB)
    read = lt.parse_magnet_uri(ContentLink(made.content_hash, title).to_magnet())
    assert read.info_hashes.v2.to_bytes() == made.content_hash
    assert read.name == (title or "")
    theirs = lt.make_magnet_uri(read)
    assert ContentLink.parse(theirs) == ContentLink(made.content_hash, title)


def test_a_hybrid_of_libtorrent_is_read_by_us() -> None:
    tree = {"shared/a": 70_000, "shared/b": 0, "shared/c/d": 16_385}
    theirs = by_libtorrent(tree, 32 * KIB, hybrid=True)
    metainfo, layers = decode_torrent(theirs)
    assert metainfo.content_hash == lt.load_torrent_buffer(theirs).ti.info_hashes().v2.to_bytes()
    made, made_layers = by_us(tree, 32 * KIB)
    assert (metainfo.files, layers) == (made.files, made_layers)
    assert chunk_hashes(metainfo, layers) == chunk_hashes(made, made_layers)


@pytest.mark.parametrize("tree", [{"file": 0}, {"shared/a": 0, "shared/b/c": 0}])
def test_content_without_an_octet_is_ours_alone(tree: Tree) -> None:
    # BEP 52 gives it a hash, so a folder of empty files can be shared with us;
    # libtorrent refuses to make it and to read it.
    made, layers = by_us(tree, 16 * KIB)
    assert parse_info(made.info_octets).files == made.files
    with pytest.raises(RuntimeError, match="invalid length"):
        by_libtorrent(tree, 16 * KIB)
    with pytest.raises(RuntimeError):
        lt.load_torrent_buffer(encode_torrent(made, layers))
