"""The border with the disk: the few things a store asks of a file system.

Two implement it: :class:`meshdl.station.disk.RealDisk`, and
:class:`meshdl.sim.disk.FaultyDisk`, which forgets what was not synced and fails when
told to. One suite of tests runs over both.

What POSIX promises is what is promised here, and no more: after a write the octets are
seen by every reader, and survive the death of this process; only :meth:`Disk.sync`
makes them survive a power cut, and only :meth:`Disk.sync_directory` does so for a name
that was made, moved or removed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class FileStat(NamedTuple):
    """What tells that a file has changed, without reading it.

    Attributes:
        octets: its length; 0 for what is no regular file.
        mtime_ns: when it was last written, Unix time in nanoseconds.
        is_file: a regular file: no directory, device or symbolic link.
    """

    octets: int
    mtime_ns: int
    is_file: bool = True


class Disk(Protocol):
    """Files by path. Every method may be called from any thread.

    Every method raises :class:`meshdl.errors.FileUnreadable` or
    :class:`meshdl.errors.FileUnwritable` when the system refuses or the device fails,
    whichever fits what was tried.
    """

    def stat(self, path: Path) -> FileStat | None:
        """What is at ``path``, or ``None`` when nothing is. Follows no symbolic link."""

    def read(self, path: Path, offset: int, octets: int) -> bytes:
        """Read; the answer is shorter than ``octets`` only at the end of the file."""

    def read_cached(self, path: Path, offset: int, octets: int) -> bytes | memoryview | None:
        """Read without ever waiting for the disk.

        Returns:
            ``None`` when the octets are not all in memory, or nobody can tell.
        """

    def write(self, path: Path, offset: int, octets: bytes | memoryview) -> None:
        """Write all of ``octets`` into a file that is there.

        Raises:
            DiskFull: some of them may have been written.
        """

    def write_parts(self, path: Path, offset: int, parts: Sequence[bytes | memoryview]) -> None:
        """As :meth:`write`, all of ``parts``, one behind the other."""

    def create(self, path: Path, octets: int) -> None:
        """Make a sparse file of zeros.

        Raises:
            TargetExists: something is there already.
            DiskFull: no room.
        """

    def truncate(self, path: Path, octets: int) -> None:
        """Set the length of a file that is there; what is added is zeros.

        Raises:
            DiskFull: no room.
        """

    def sync(self, path: Path) -> None:
        """Return when the file's octets and length would survive a power cut.

        After an error nothing is known about what was written since the last sync, and
        syncing again proves nothing: it must be written again.

        Raises:
            DiskFull: no room.
        """

    def sync_directory(self, path: Path) -> None:
        """Return when the names in a directory would survive a power cut."""

    def make_directory(self, path: Path) -> None:
        """Make one directory. Harmless when it is there.

        Raises:
            TargetExists: something else is there.
            DiskFull: no room.
        """

    def remove_directory(self, path: Path) -> None:
        """Remove an empty directory. Harmless when there is none."""

    def rename(self, old: Path, new: Path, *, replacing: bool = True) -> None:
        """Move a file or directory, replacing a file, or, if told so, nothing.

        Everybody sees either the old name or the new one. A power cut before both
        directories are synced leaves one of them too, when they are the same directory;
        otherwise it may leave both or none.

        Raises:
            TargetExists: something is there that is not to be replaced.
            DiskFull: no room.
        """

    def remove(self, path: Path) -> None:
        """Remove a file. Harmless when there is none."""

    def free_octets(self, directory: Path) -> int:
        """How much can be written there."""

    def release(self, path: Path) -> None:
        """Let go of the file, or of all files below the directory, at ``path``.

        Other programs may then move or remove them on systems that refuse it while a
        file is open. The next use opens them again.
        """
