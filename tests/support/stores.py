"""Stores on a disk in memory: one that is filled, one that shares."""

from pathlib import Path

from tests.support.folders import DOWNLOADS, HOME, Folder, make_directories

from meshdl.content.merkle import LEAF_OCTETS
from meshdl.ids import ChunkIndex
from meshdl.sim.disk import FaultyDisk
from meshdl.station import store_making
from meshdl.station.content_home import save_metainfo
from meshdl.station.store import ContentStore

FOLDER = Folder()
FILE = Folder({"notes.txt": 3 * LEAF_OCTETS + 5}, name="notes.txt")
EMPTY = Folder({"nothing": 0, "sub/nothing": 0}, name="empty")
SHARED = Path("/home/me/folder")
A = 0  # index of a.bin
FIRST = ChunkIndex(0)


def new_disk() -> FaultyDisk:
    disk = FaultyDisk()
    make_directories(disk, HOME.contents_directory)
    make_directories(disk, DOWNLOADS)
    return disk


def create(disk: FaultyDisk, content: Folder = FOLDER, directory: Path = DOWNLOADS) -> ContentStore:
    save_metainfo(disk, HOME, content.metainfo, content.layers)
    return store_making.create_download(disk, HOME, content.metainfo, content.hashes, directory)


def reopen(disk: FaultyDisk, store: ContentStore, content: Folder = FOLDER) -> ContentStore:
    return store_making.open_content(disk, HOME, content.metainfo, content.hashes, store.location)


def fill(
    store: ContentStore, content: Folder = FOLDER, chunks: list[ChunkIndex] | None = None
) -> None:
    for chunk in content.chunks if chunks is None else chunks:
        store.write_leaf_hashes(chunk, content.leaf_hashes(chunk))
        store.write(chunk, 0, content.chunk(chunk))
        store.chunk_complete(chunk)


def share(disk: FaultyDisk, content: Folder = FOLDER, location: Path = SHARED) -> ContentStore:
    content.put(disk, location)
    save_metainfo(disk, HOME, content.metainfo, content.layers)
    spooled = HOME.contents_directory / "spooled"
    disk.create(spooled, 0)
    disk.write(spooled, 0, content.all_leaf_hashes())
    stats = [disk.stat(content.path(str(one.path), location)) for one in content.metainfo.files]
    return store_making.share_in_place(
        disk,
        HOME,
        content.metainfo,
        content.hashes,
        location,
        leaf_hashes=spooled,
        stats=[one for one in stats if one is not None],
    )


def read_all(store: ContentStore, content: Folder = FOLDER) -> None:
    for chunk in content.chunks:
        octets = content.chunk(chunk)
        assert store.read(chunk, 0, len(octets)) == octets
        assert store.leaf_hashes(chunk) == content.leaf_hashes(chunk)
