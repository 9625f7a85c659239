"""The beginnings of a content's files are looked at before it goes on the air, each of them."""

from typing import Any

import pytest

from meshdl.content.ciphers import HEAD_OCTETS
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.station.radio.plain import FILES_MAX, Plain

SEALED, OPEN = b"Salted__" + bytes(56), b"net roster, N0AAA Ann".ljust(64)


class File:
    """Of a content."""

    def __init__(self, number: int, octets: int) -> None:
        self.path, self.octets, self.first_chunk = (f"{number}.bin",), octets, number


class Metainfo:
    """Of a content with files of so many octets."""

    def __init__(self, *octets: int, content: bytes = bytes(32)) -> None:
        self.content_hash = ContentHash(content)
        self.files = [File(number, size) for number, size in enumerate(octets)]


class Disk:
    """A library whose disk holds some beginnings."""

    def __init__(self, *heads: bytes | None) -> None:
        self.heads = list(heads)
        self.reads: list[tuple[int, int]] = []
        self.stores = self

    def read_leaf(
        self, _content: ContentHash, chunk: ChunkIndex, leaf: int, octets: int, told: Any
    ) -> None:
        assert leaf == 0
        self.reads.append((chunk, octets))
        told(self.heads[chunk])


def looked(plain: Plain, metainfo: Any) -> list[bool]:
    told: list[bool] = []
    plain.look(metainfo, told.append)
    return told


@pytest.mark.parametrize("at", range(3))
def test_one_encrypted_file_of_several_is_enough(at: int) -> None:
    disk = Disk(*[SEALED if number == at else OPEN for number in range(3)])
    plain: Plain = Plain(disk)  # type: ignore[arg-type]
    metainfo = Metainfo(64, 64, 64)
    assert looked(plain, metainfo) == [True]
    assert plain.encrypted == {metainfo.content_hash}


def test_files_that_are_not_are_looked_at_once() -> None:
    disk = Disk(OPEN, OPEN)
    plain: Plain = Plain(disk)  # type: ignore[arg-type]
    metainfo = Metainfo(1000, 20)
    assert looked(plain, metainfo) == [False]
    assert disk.reads == [(0, HEAD_OCTETS), (1, 20)]
    assert looked(plain, metainfo) == [False]
    assert len(disk.reads) == 2
    assert plain.encrypted == set()


def test_what_was_found_encrypted_is_told_once_and_stays_so() -> None:
    plain: Plain = Plain(Disk(SEALED))  # type: ignore[arg-type]
    metainfo = Metainfo(64)
    assert looked(plain, metainfo) == [True]
    assert looked(plain, metainfo) == [False]  # nothing new
    assert metainfo.content_hash in plain.encrypted


def test_a_beginning_that_is_not_here_yet_is_looked_for_again() -> None:
    disk = Disk(OPEN, None)
    plain: Plain = Plain(disk)  # type: ignore[arg-type]
    metainfo = Metainfo(64, 64)
    assert looked(plain, metainfo) == [False]
    disk.heads[1] = SEALED
    assert looked(plain, metainfo) == [True]


def test_one_encrypted_file_is_enough_while_others_are_not_here() -> None:
    plain: Plain = Plain(Disk(None, SEALED))  # type: ignore[arg-type]
    assert looked(plain, Metainfo(64, 64)) == [True]


def test_empty_files_have_no_beginning_and_folders_of_many_files_are_bounded() -> None:
    disk = Disk(*[OPEN] * (FILES_MAX + 3))
    plain: Plain = Plain(disk)  # type: ignore[arg-type]
    assert looked(plain, Metainfo(0, *[64] * (FILES_MAX + 2))) == [False]
    assert [chunk for chunk, _ in disk.reads] == list(range(1, FILES_MAX + 1))


def test_a_content_that_is_gone_is_not_looked_at() -> None:
    disk = Disk()
    assert looked(Plain(disk), None) == [False]  # type: ignore[arg-type]
    assert disk.reads == []
