"""The reading side of a store: files that lie complete under their own names.

They are the user's, who may change them at any time. Length and time of last change of
every file are remembered from when its octets were hashed, and compared *after* each
read: a system sets the time before it changes octets, so octets that were read before
an unchanged time was seen are the hashed ones.
"""

from meshdl.content.bitfield import Bitfield
from meshdl.content.metainfo import Metainfo
from meshdl.disk import FileStat
from meshdl.ids import ChunkIndex
from meshdl.station.content_files import ContentFiles
from meshdl.station.content_home import ContentHome
from meshdl.station.examination import Examiner, Progress


class InPlace:
    """Which chunks of files in place are what was hashed.

    Attributes:
        have: chunks that were right when their file was last hashed.
        partial: always empty; a changed file gives up chunks, never leaves.
        changed: indices of files that are no longer what was hashed.
    """

    def __init__(
        self, metainfo: Metainfo, state: ContentHome, files: ContentFiles, examiner: Examiner
    ) -> None:
        self.have = Bitfield(metainfo.chunk_count)
        self.partial: dict[ChunkIndex, int] = {}
        self.changed: set[int] = set()
        self._metainfo, self._state = metainfo, state
        self._files, self._examiner = files, examiner
        self._stats: list[FileStat | None] = []

    def take(self, stats: list[FileStat | None]) -> None:
        """The files were right when they looked like ``stats``; ``None``: one was not."""
        self._stats = stats
        self.changed = {file for file, stat in enumerate(stats) if stat is None}
        # As text, because setting bits of an int would copy it for each file.
        digits = "".join(
            ("0" if stat is None else "1") * entry.chunk_count
            for entry, stat in zip(self._metainfo.files, stats, strict=True)
        )
        self.have = Bitfield(self._metainfo.chunk_count, int(digits[::-1] or "0", 2))

    def compare(self) -> None:
        """After a restart: take the files that look as they did when they were hashed."""
        hashed = self._state.read_stats() or []
        self.take(
            [
                stat if hashed[file : file + 1] == [stat] else None
                for file, stat in enumerate(self._files.stats())
            ]
        )

    def verify(self, progress: Progress) -> None:
        """Hash everything again, and take what is right.

        Raises:
            StorageError: the disk refused to keep the result.
        """
        before = self._files.stats()
        chunks = range(self._metainfo.chunk_count)
        right = self._examiner.claims(chunks, progress).chunks
        # A file that was written to meanwhile may have been hashed half old, half new.
        after = self._files.stats()
        stats = [one if one == other else None for one, other in zip(before, after, strict=True)]
        # After a restart a file counts as a whole or not at all.
        whole = list(stats)
        for file, entry in enumerate(self._metainfo.files):
            every = Bitfield.full_of(entry.chunk_count).bits << entry.first_chunk
            if every & ~right:
                whole[file] = None
        self._state.write_stats(whole)
        self.take(stats)
        self.have.bits &= right

    def unchanged(self, file: int) -> bool:
        """Whether what was read of ``file`` up to now is what was hashed."""
        if self._files.stat(file) != self._stats[file]:
            self.changed.add(file)
        return file not in self.changed
