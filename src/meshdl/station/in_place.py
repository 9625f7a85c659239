"""The reading side of a store: files that lie complete under their own names.

They are the user's, who may change them at any time. Length and time of last change of
every file are remembered from when its octets were hashed, and compared *after* each
read: a system sets the time before it changes octets, so octets that were read before
an unchanged time was seen are the hashed ones.
"""

from typing import Self

from meshdl.content.bitfield import Bitfield
from meshdl.disk import FileStat
from meshdl.ids import ChunkIndex
from meshdl.station.examination import Progress
from meshdl.station.place import Place


class InPlace:
    """Which chunks of files in place are what was hashed.

    Attributes:
        have: chunks that were right when their file was last hashed.
        partial: always empty; a changed file gives up chunks, never leaves.
        changed: indices of files that are no longer what was hashed.
    """

    def __init__(self, place: Place, stats: list[FileStat | None]) -> None:
        """The files were right when they looked like ``stats``; ``None``: one was not."""
        self.partial: dict[ChunkIndex, int] = {}
        self._metainfo, self._state = place.metainfo, place.state
        self._files, self._examiner = place.files, place.examiner
        self._take(stats)

    @classmethod
    def as_hashed(cls, place: Place) -> Self:
        """After a restart: the files that look as they did when they were hashed."""
        place.files.stand_in_place()
        hashed = place.state.read_stats() or []
        return cls(
            place,
            [
                stat if hashed[file : file + 1] == [stat] else None
                for file, stat in enumerate(place.files.stats())
            ],
        )

    @classmethod
    def after_download(cls, place: Place, stats: list[FileStat | None]) -> Self:
        """The files have their names by now: the journal, which says otherwise, goes."""
        place.disk.remove(place.state.journal)
        place.disk.sync_directory(place.state.directory)
        return cls(place, stats)

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
        self._take(stats)
        self.have.bits &= right

    def unchanged(self, file: int) -> bool:
        """Whether what was read of ``file`` up to now is what was hashed."""
        if self._files.stat(file) != self._stats[file]:
            self.changed.add(file)
        return file not in self.changed

    def _take(self, stats: list[FileStat | None]) -> None:
        self._stats = stats
        self.changed = {file for file, stat in enumerate(stats) if stat is None}
        # As text, because setting bits of an int would copy it for each file.
        digits = "".join(
            ("0" if stat is None else "1") * entry.chunk_count
            for entry, stat in zip(self._metainfo.files, stats, strict=True)
        )
        self.have = Bitfield(self._metainfo.chunk_count, int(digits[::-1] or "0", 2))
