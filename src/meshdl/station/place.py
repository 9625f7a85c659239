"""What the store of a content works on: the disk, and everything that is kept of the content."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from meshdl.content.metainfo import Metainfo
from meshdl.disk import Disk
from meshdl.station.content_files import ContentFiles
from meshdl.station.content_home import ContentHome, LeafHashes
from meshdl.station.examination import Examiner
from meshdl.station.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The parts, laid out by :meth:`lay_out`.

    Attributes:
        chunk_hashes: one proved hash for each chunk of ``metainfo``.
        state: the small files in the home directory.
        files: the octets themselves.
        leaves: leaf hashes, for other peers.
        examiner: finds out which octets are right.
    """

    disk: Disk
    metainfo: Metainfo
    chunk_hashes: Sequence[bytes]
    state: ContentHome
    files: ContentFiles
    leaves: LeafHashes
    examiner: Examiner

    @classmethod
    def lay_out(
        cls,
        disk: Disk,
        home: Home,
        metainfo: Metainfo,
        chunk_hashes: Sequence[bytes],
        location: Path,
    ) -> Self:
        """Nothing is touched yet; ``location`` is that of the complete file or folder."""
        state = ContentHome(disk, home, metainfo.content_hash)
        files = ContentFiles(disk, metainfo, location)
        leaves = LeafHashes(disk, state.leaves, metainfo, chunk_hashes)
        return cls(
            disk=disk,
            metainfo=metainfo,
            chunk_hashes=chunk_hashes,
            state=state,
            files=files,
            leaves=leaves,
            examiner=Examiner(metainfo, chunk_hashes, files, leaves),
        )
