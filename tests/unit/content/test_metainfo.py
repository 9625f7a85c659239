"""Info dictionaries and metainfo files: ours come out right, others' are checked."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import bencode, file_tree, merkle, metainfo
from meshdl.content.hashing import FileHasher, FileHashes
from meshdl.content.metainfo import (
    ChunkSpan,
    Metainfo,
    build_info,
    chunk_hashes,
    decode_torrent,
    encode_torrent,
    parse_info,
)
from meshdl.content.paths import RelativePath
from meshdl.errors import MetainfoInvalid, UnsafePath
from meshdl.ids import ChunkIndex

KIB = 1024
CHUNK = 32 * KIB
ROOT = b"r" * 32


def content_of(octets: int, seed: int = 1) -> bytes:
    return (seed.to_bytes(3, "big") + b"meshdl") * (octets // 9) + bytes(octets % 9)


def hashes_of(content: bytes, chunk_octets: int = CHUNK) -> FileHashes:
    hasher = FileHasher()
    hasher.update(content)
    return hasher.finish(chunk_octets=chunk_octets)


def shared(
    files: dict[str, bytes], *, name: str = "folder", chunk_octets: int = CHUNK
) -> tuple[Metainfo, dict[bytes, bytes]]:
    hashed = {path: hashes_of(content, chunk_octets) for path, content in files.items()}
    made = build_info(
        name,
        [(RelativePath.parse(path.split("/")), h.octets, h.root) for path, h in hashed.items()],
        chunk_octets=chunk_octets,
        is_folder=list(files) != [name],
    )
    return made, {h.root: h.layer for h in hashed.values() if h.root and h.layer}


def info_of(**changes: bencode.Value | None) -> bytes:
    """A valid info dictionary of one file, but for the keys given; ``None`` removes one."""
    info: dict[bytes, bencode.Value] = {
        b"file tree": {b"a": {b"": {b"length": 5, b"pieces root": ROOT}}},
        b"meta version": 2,
        b"name": b"a",
        b"piece length": CHUNK,
    }
    for name, value in changes.items():
        key = name.replace("_", " ").encode()
        if value is None:
            del info[key]
        else:
            info[key] = value
    return bencode.encode(info)


def tree_of(**changes: bencode.Value | None) -> bytes:
    """The same, but for the properties of its one file."""
    properties: dict[bytes, bencode.Value] = {b"length": 5, b"pieces root": ROOT}
    for name, value in changes.items():
        key = name.replace("_", " ").encode()
        if value is None:
            del properties[key]
        else:
            properties[key] = value
    return info_of(file_tree={b"a": {b"": properties}})


def test_files_come_in_the_order_of_the_tree() -> None:
    made, _ = shared({"b.txt": b"1", "b/x": b"2", "a": b"", "b-": b"3", "é": b"4", "z": b"5"})
    assert [str(one.path) for one in made.files] == ["a", "b/x", "b-", "b.txt", "z", "é"]
    assert [one.first_chunk for one in made.files] == [0, 0, 1, 2, 3, 4]
    assert [one.chunk_count for one in made.files] == [0, 1, 1, 1, 1, 1]
    assert (made.total_octets, made.chunk_count, made.leaves_per_chunk) == (5, 5, 2)


def test_what_is_built_is_what_is_parsed() -> None:
    made, _ = shared({"x/1": content_of(70_000), "x/2": b"", "y": content_of(5)})
    parsed = parse_info(made.info_octets)
    assert parsed == made
    assert (parsed.files, parsed.name, parsed.is_folder) == (made.files, "folder", True)
    assert parsed.content_hash == sha256(made.info_octets).digest()


def test_a_file_and_a_folder_are_told_apart() -> None:
    assert not shared({"a": b"1"}, name="a")[0].is_folder
    assert shared({"b": b"1"}, name="a")[0].is_folder
    assert shared({"a/a": b"1"}, name="a")[0].is_folder
    assert shared({"a": b"1", "b": b""}, name="a")[0].is_folder


def test_a_folder_that_looks_like_its_only_file_is_refused() -> None:
    one = [(RelativePath.parse(["a"]), 5, ROOT)]
    with pytest.raises(MetainfoInvalid, match="share the file itself"):
        build_info("a", one, chunk_octets=CHUNK, is_folder=True)
    with pytest.raises(MetainfoInvalid, match="name of its content"):
        build_info("b", one, chunk_octets=CHUNK, is_folder=False)


def test_nothing_cannot_be_shared() -> None:
    with pytest.raises(MetainfoInvalid, match="nothing to share"):
        build_info("a", [], chunk_octets=CHUNK, is_folder=True)


def test_content_without_an_octet_has_a_hash_and_no_chunks() -> None:
    made, layers = shared({"x": b"", "y": b""})
    assert (made.chunk_count, made.total_octets, layers) == (0, 0, {})
    assert chunk_hashes(made, layers) == []
    assert decode_torrent(encode_torrent(made, layers)) == (made, {})
    with pytest.raises(IndexError):
        made.span(ChunkIndex(0))


@pytest.mark.parametrize("name", ["", "..", "a/b", "\udcff", "x" * 251])
def test_an_unsafe_name_cannot_be_shared(name: str) -> None:
    with pytest.raises(UnsafePath):
        build_info(name, [(RelativePath.parse(["a"]), 0, None)], chunk_octets=CHUNK, is_folder=True)


def test_names_that_collide_cannot_be_shared() -> None:
    both = [(RelativePath.parse([name]), 0, None) for name in ("Map", "map")]
    with pytest.raises(UnsafePath, match="'Map' and 'map'"):
        build_info("a", both, chunk_octets=CHUNK, is_folder=True)


@pytest.mark.parametrize(
    ("octets", "spans"),
    [
        (1, [ChunkSpan(1, 0, 1, 1, 1)]),
        (16 * KIB + 1, [ChunkSpan(1, 0, 16 * KIB + 1, 2, 2)]),
        (40 * KIB, [ChunkSpan(1, 0, 40 * KIB, 3, 4)]),
        (64 * KIB, [ChunkSpan(1, 0, 64 * KIB, 4, 4)]),
        (64 * KIB + 1, [ChunkSpan(1, 0, 64 * KIB, 4, 4), ChunkSpan(1, 64 * KIB, 1, 1, 4)]),
    ],
)
def test_a_span_tells_where_a_chunk_lies(octets: int, spans: list[ChunkSpan]) -> None:
    files = {"a": b"", "b": content_of(octets), "c": b"", "d": b"1"}
    made, _ = shared(files, chunk_octets=64 * KIB)
    chunks = range(made.chunk_count)
    assert [made.span(ChunkIndex(chunk)) for chunk in chunks[:-1]] == spans
    assert made.span(ChunkIndex(len(spans))) == ChunkSpan(3, 0, 1, 1, 1)
    names = [str(made.files[made.span(ChunkIndex(chunk)).file].path) for chunk in chunks]
    assert names == ["b"] * len(spans) + ["d"]


@pytest.mark.parametrize("chunk", [-1, 3])
def test_a_chunk_that_is_not_there_is_an_index_error(chunk: int) -> None:
    made, _ = shared({"a": content_of(3 * CHUNK)}, name="a")
    with pytest.raises(IndexError, match="not one of 3"):
        made.span(ChunkIndex(chunk))


sizes = st.sampled_from(
    [0, 1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1]
    + [chunks * CHUNK + off for chunks in (1, 2, 3) for off in (-1, 0, 1)]
)


@given(st.lists(sizes, min_size=1, max_size=4))
def test_every_leaf_is_proved_by_its_chunks_hash(octets: list[int]) -> None:
    files = {f"f{i}": content_of(size, i) for i, size in enumerate(octets)}
    made, layers = shared(files)
    hashes = chunk_hashes(made, layers)
    assert len(hashes) == made.chunk_count
    for chunk, expected in enumerate(hashes):
        span = made.span(ChunkIndex(chunk))
        content = files[str(made.files[span.file].path)]
        leaves = merkle.hash_leaves(content[span.offset : span.offset + span.octets])
        assert len(leaves) == span.leaf_count
        assert merkle.root(leaves, width=span.width) == expected


@given(st.lists(sizes, min_size=1, max_size=4))
def test_a_metainfo_file_survives_the_round_trip(octets: list[int]) -> None:
    made, layers = shared({f"f{i}": content_of(size, i) for i, size in enumerate(octets)})
    assert decode_torrent(encode_torrent(made, layers)) == (made, layers)


def test_two_files_of_the_same_octets_share_a_layer() -> None:
    made, layers = shared({"a": content_of(3 * CHUNK), "b": content_of(3 * CHUNK)})
    assert len(layers) == 1
    hashes = chunk_hashes(made, layers)
    assert hashes[:3] == hashes[3:]


def test_layers_that_nobody_needs_are_left_out() -> None:
    made, layers = shared({"a": content_of(3 * CHUNK)}, name="a")
    extra: dict[bytes, bencode.Value] = {**layers, ROOT: bytes(64)}
    info = bencode.decode(made.info_octets)
    torrent = bencode.encode({b"info": info, b"piece layers": extra})
    assert decode_torrent(torrent) == (made, layers)
    assert decode_torrent(encode_torrent(made, {**layers, ROOT: bytes(64)})) == (made, layers)
    assert ROOT not in encode_torrent(made, {**layers, ROOT: bytes(64)})


def test_layers_that_do_not_belong_are_refused() -> None:
    made, layers = shared({"a": content_of(3 * CHUNK)}, name="a")
    [(root, layer)] = layers.items()
    forged = bytes([layer[0] ^ 1]) + layer[1:]
    padded = layer + merkle.pad_hash(1)  # the same root, one chunk too many
    upper = b"".join(merkle.parents(merkle.split(layer), layer=1))  # the same root, too few
    for bad in ({}, {root: b""}, {root: forged}, {root: padded}, {root: upper}, {root: layer[:-1]}):
        with pytest.raises(MetainfoInvalid, match="'a'"):
            chunk_hashes(made, bad)
        with pytest.raises(MetainfoInvalid, match="'a'"):
            encode_torrent(made, bad)
        torrent = bencode.encode(
            {b"info": bencode.decode(made.info_octets), b"piece layers": {**bad}}
        )
        with pytest.raises(MetainfoInvalid, match="'a'"):
            decode_torrent(torrent)


def test_a_root_shared_by_files_of_two_lengths_is_refused() -> None:
    content = hashes_of(content_of(3 * CHUNK))
    files = [(RelativePath.parse([name]), octets, content.root) for name, octets in
             (("a", 3 * CHUNK), ("b", 4 * CHUNK))]  # fmt: skip
    with pytest.raises(MetainfoInvalid, match="'a' and 'b' have one root and two lengths"):
        build_info("x", files, chunk_octets=CHUNK, is_folder=True)


def test_keys_we_do_not_know_stay_in_the_hash() -> None:
    plain, extended = info_of(), info_of(private=1, source=b"x")
    assert parse_info(extended).info_octets == extended
    assert parse_info(extended).content_hash == sha256(extended).digest()
    assert parse_info(extended).files == parse_info(plain).files


def test_a_hybrid_is_read_as_version_2() -> None:
    hybrid = info_of(pieces=bytes(20), length=5)
    assert parse_info(hybrid).files == parse_info(info_of()).files


def test_properties_we_do_not_need_are_ignored() -> None:
    assert parse_info(tree_of(attr=b"xhp", mtime=7)).files == parse_info(info_of()).files
    assert parse_info(tree_of(length=0)).files[0].root is None
    assert parse_info(tree_of(length=0, pieces_root=None)).files[0].root is None


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (b"", "bencoding"),
        (b"le", "no dictionary"),
        (b"de", "meta version"),
        (info_of(meta_version=None), "meta version 1, not 2"),
        (info_of(meta_version=3), "meta version 3"),
        (info_of(meta_version=b"2"), "meta version"),
        (info_of(piece_length=None), "piece length"),
        (info_of(piece_length=0), "piece length"),
        (info_of(piece_length=8192), "piece length"),
        (info_of(piece_length=16385), "piece length"),
        (info_of(piece_length=2**27), "piece length"),
        (info_of(piece_length=b"x" * 10**6), "piece length"),
        (info_of(name=None), "no name"),
        (info_of(name=3), "no name"),
        (info_of(name=b""), "empty"),
        (info_of(name=b".."), "'..'"),
        (info_of(name=b"/etc"), "'/'"),
        (info_of(name=b"\xff"), "UTF-8"),
        (info_of(file_tree=None), "names no file"),
        (info_of(file_tree={}), "names no file"),
        (info_of(file_tree=[]), "names no file"),
        (info_of(file_tree={b"a": {}}), "neither"),
        (info_of(file_tree={b"a": 5}), "neither"),
        (info_of(file_tree={b"": {b"length": 0}}), "neither"),
        (info_of(file_tree={b"": {b"": {b"length": 0}}}), "neither"),
        (info_of(file_tree={b"a": {b"": {b"length": 0}, b"b": {}}}), "at once"),
        (info_of(file_tree={b"a": {b"": 5}}), "no properties"),
        (info_of(file_tree={b"..": {b"x": {b"": {b"length": 0}}}}), "'..'"),
        (info_of(file_tree={b"a": {b"": {b"length": 0}}, b"A": {b"": {b"length": 0}}}), "same"),
        (tree_of(length=None), "no length"),
        (tree_of(length=-1), "no length"),
        (tree_of(length=2**50 + 1), "no length"),
        (tree_of(length=b"5"), "no length"),
        (tree_of(pieces_root=None), "no root"),
        (tree_of(pieces_root=b"r" * 31), "no root"),
        (tree_of(pieces_root=5), "no root"),
        (tree_of(attr=b"l"), "symbolic link"),
        (tree_of(attr=5), "symbolic link"),
        (tree_of(symlink_path=[b"b"]), "symbolic link"),
        (tree_of(length=2**50), "chunks are refused"),
        (info_of(junk=bytes(metainfo.MAX_INFO_OCTETS)), "allowed"),
    ],
)
def test_a_bad_info_dictionary_is_refused_and_the_reason_told(info: bytes, reason: str) -> None:
    with pytest.raises(MetainfoInvalid, match=reason) as caught:
        parse_info(info)
    assert len(str(caught.value)) < 500


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_tree, "MAX_FILES", 3)
    empty: bencode.Value = {b"": {b"length": 0}}
    assert len(parse_info(info_of(file_tree={b"%d" % i: empty for i in range(3)})).files) == 3
    with pytest.raises(MetainfoInvalid, match="more than 3 files"):
        parse_info(info_of(file_tree={b"%d" % i: empty for i in range(4)}))


def test_too_many_folders_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_tree, "MAX_FOLDERS", 4)
    empty: bencode.Value = {b"": {b"length": 0}}

    def folders(count: int) -> bytes:
        return info_of(file_tree={b"%d" % i: {b"x": {b"f": empty}} for i in range(count)})

    assert len(parse_info(folders(2)).files) == 2
    with pytest.raises(MetainfoInvalid, match="more than 4 folders"):
        parse_info(folders(3))


def test_a_deep_tree_is_refused() -> None:
    node: bencode.Value = {b"": {b"length": 0}}
    for _ in range(40):
        node = {b"d": node}
    assert isinstance(node, dict)
    with pytest.raises(UnsafePath, match="flatter"):
        parse_info(info_of(file_tree=node))


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "bencoding"),
        (b"<html>", "bencoding"),
        (b"i5e", "no metainfo"),
        (b"de", "no metainfo"),
        (b"d4:infolee", "no metainfo"),
        (b"d4:infodee", "meta version"),
        (b"d4:info" + info_of() + b"12:piece layersi5ee", "malformed piece layers"),
    ],
)
def test_a_bad_metainfo_file_is_refused_and_the_reason_told(octets: bytes, reason: str) -> None:
    with pytest.raises(MetainfoInvalid, match=reason):
        decode_torrent(octets)


def test_an_oversized_metainfo_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metainfo, "MAX_TORRENT_OCTETS", 10)
    with pytest.raises(MetainfoInvalid, match="11 octets is refused"):
        decode_torrent(bytes(11))


TORRENT = encode_torrent(
    *shared({"a": content_of(3 * CHUNK), "b/c": content_of(5), "d": b""}, name="x")
)


@given(st.data())
def test_a_damaged_metainfo_file_is_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(TORRENT)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"de", b"le", b"i0e", b"i-1e", b"0:", b"2:.."])
        )
    try:
        made, layers = decode_torrent(bytes(octets))
    except MetainfoInvalid:
        return
    assert len(chunk_hashes(made, layers)) == made.chunk_count


@given(st.recursive(st.integers() | st.binary(max_size=5) | st.just(ROOT), lambda below:
    st.dictionaries(st.sampled_from([b"", b"a", b"b", b"..", b"length", b"attr", b"pieces root"]),
                    below)))  # fmt: skip
def test_any_file_tree_is_read_or_refused(tree: bencode.Value) -> None:
    try:
        made = parse_info(info_of(file_tree=tree))
    except MetainfoInvalid:
        return
    assert made.files
