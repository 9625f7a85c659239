"""Contents of several small files, for tests of what keeps them on disk."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

from meshdl.content import merkle
from meshdl.content.hashing import FileHasher
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.content.metainfo import Metainfo, build_info, chunk_hashes
from meshdl.content.paths import RelativePath
from meshdl.disk import Disk
from meshdl.ids import ChunkIndex
from meshdl.station.home import Home

HOME = Home(Path("/home"))
DOWNLOADS = Path("/downloads")

OCTETS_BY_NAME = {
    "a.bin": 9 * LEAF_OCTETS + 100,  # three chunks, the last of two leaves
    "empty": 0,
    "sub/b.txt": LEAF_OCTETS + 1,
    "sub/deep/c": LEAF_OCTETS,
}
CHUNK_OCTETS = 4 * LEAF_OCTETS


class Folder:
    """A content with its octets and hashes at hand."""

    def __init__(
        self,
        octets_by_name: Mapping[str, int] = OCTETS_BY_NAME,
        *,
        name: str = "folder",
        chunk_octets: int = CHUNK_OCTETS,
    ) -> None:
        rng = Random(name)
        self.octets = {path: rng.randbytes(octets) for path, octets in octets_by_name.items()}
        files = []
        self.layers: dict[bytes, bytes] = {}
        for path, octets in self.octets.items():
            hasher = FileHasher()
            hasher.update(octets)
            hashes = hasher.finish(chunk_octets=chunk_octets)
            files.append((RelativePath.parse(path.split("/")), len(octets), hashes.root))
            if hashes.root is not None and hashes.layer:
                self.layers[hashes.root] = hashes.layer
        is_folder = list(octets_by_name) != [name]
        self.metainfo: Metainfo = build_info(
            name, files, chunk_octets=chunk_octets, is_folder=is_folder
        )
        self.hashes = chunk_hashes(self.metainfo, self.layers)

    @property
    def chunks(self) -> list[ChunkIndex]:
        """Every chunk."""
        return [ChunkIndex(chunk) for chunk in range(self.metainfo.chunk_count)]

    def chunk(self, chunk: ChunkIndex) -> bytes:
        """The octets of a chunk."""
        span = self.metainfo.span(chunk)
        whole = self.octets[str(self.metainfo.files[span.file].path)]
        return whole[span.offset : span.offset + span.octets]

    def leaf_hashes(self, chunk: ChunkIndex) -> bytes:
        """The leaf hashes of a chunk, joined."""
        return b"".join(merkle.hash_leaves(self.chunk(chunk)))

    def all_leaf_hashes(self) -> bytes:
        """The leaf hashes of all chunks, joined."""
        return b"".join(self.leaf_hashes(chunk) for chunk in self.chunks)

    def path(self, name: str, location: Path) -> Path:
        """Where one of the files is, when the content is at ``location``."""
        return location.joinpath(*name.split("/")) if self.metainfo.is_folder else location

    def put(self, disk: Disk, location: Path) -> None:
        """Write the files to where the user has them."""
        for name, octets in self.octets.items():
            path = self.path(name, location)
            make_directories(disk, path.parent)
            disk.create(path, 0)
            disk.write(path, 0, octets)


def make_directories(disk: Disk, directory: Path) -> None:
    """Make a directory and those above it, durably."""
    for path in [*reversed(directory.parents), directory][1:]:
        disk.make_directory(path)
        disk.sync_directory(path.parent)
