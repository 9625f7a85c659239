"""The files of one content where the user sees them, complete or on the way.

Complete, they lie at ``location``: one file, or a folder. A download lands beside it,
in ``location`` with ``.part`` behind its name, and moves when every octet is verified:
so nothing that bears its own name is ever unfinished.
"""

import enum
from collections.abc import Iterable, Sequence
from pathlib import Path

from meshdl.content.metainfo import Metainfo
from meshdl.disk import Disk, FileStat
from meshdl.errors import DiskFull, FileUnwritable, TargetExists

PART_SUFFIX = ".part"


def part_of(location: Path) -> Path:
    """Where a file or folder is until it is complete."""
    return location.with_name(location.name + PART_SUFFIX)


class Found(enum.Enum):
    """What :meth:`ContentFiles.make_room` found where a file shall be."""

    NOTHING = enum.auto()
    """It was made anew, all zeros."""
    OTHER_LENGTH = enum.auto()
    """Somebody else wrote to it, or a crash; its length is right now."""
    FILE = enum.auto()
    """A file of the right length."""


class ContentFiles:
    """Octets by file index and offset.

    Attributes:
        location: where the complete file or folder is or will be.
        part: where it is until then.
        base: which of the two it is now; at first ``part``.
    """

    def __init__(self, disk: Disk, metainfo: Metainfo, location: Path) -> None:
        self._disk, self._metainfo = disk, metainfo
        self.location = location
        self.part = part_of(location)
        self.base = self.part

    def stand_in_place(self) -> None:
        """From now on the files are at their location."""
        self.base = self.location

    def path(self, file: int) -> Path:
        """Where a file is now."""
        if not self._metainfo.is_folder:
            return self.base
        return self.base.joinpath(*self._metainfo.files[file].path.parts)

    def stat(self, file: int) -> FileStat | None:
        """What a file looks like; ``None`` when nothing is there or it is no file."""
        found = self._disk.stat(self.path(file))
        return found if found is not None and found.is_file else None

    def stats(self) -> list[FileStat | None]:
        """What every file looks like."""
        return [self.stat(file) for file in range(len(self._metainfo.files))]

    def read(self, file: int, offset: int, octets: int) -> bytes:
        """Read; fewer octets than asked for mean the end of the file."""
        return self._disk.read(self.path(file), offset, octets)

    def read_cached(self, file: int, offset: int, octets: int) -> bytes | memoryview | None:
        """Read what the system has in memory; ``None`` when the disk would be needed."""
        return self._disk.read_cached(self.path(file), offset, octets)

    def write(self, file: int, offset: int, parts: Sequence[bytes | memoryview]) -> None:
        """Write into an unfinished file, one part behind the other."""
        self._disk.write_parts(self.path(file), offset, parts)

    def sync(self, files: Iterable[int]) -> None:
        """Return when the octets of ``files`` would survive a power cut."""
        for file in files:
            self._disk.sync(self.path(file))

    def check_room(self) -> None:
        """Raise :exc:`DiskFull` when the disk can clearly not hold the content."""
        directory = self.location.parent
        needed, free = self._metainfo.total_octets, self._disk.free_octets(directory)
        if needed > free:
            raise DiskFull(
                f"{self._metainfo.name!r} needs {_shown(needed)} and {directory} has "
                f"{_shown(free)} free; make room, or choose another directory with -o"
            )

    def make_directory(self) -> None:
        """Make the directory that the content lies in, durably, with those above it."""
        missing = []
        directory = self.location.parent
        while self._disk.stat(directory) is None:
            if directory == directory.parent:
                raise FileUnwritable(
                    f"{directory} is not there; plug the disk in, or choose another directory "
                    "with -o"
                )
            missing.append(directory)
            directory = directory.parent
        for directory in reversed(missing):
            self._disk.make_directory(directory)
            self._disk.sync_directory(directory.parent)

    def make_room(self) -> list[Found]:
        """Make every file that is not there, and give all their lengths.

        The names are durable then; the lengths become so with the octets.

        Returns:
            For each file, what was there.

        Raises:
            TargetExists: something else than a file or folder of ours is in the way.
            DiskFull: no room.
        """
        directories = self._directories()
        for directory in directories:
            self._disk.make_directory(directory)
        found = [self._make_room(file) for file in range(len(self._metainfo.files))]
        # Even when all was there: the program may have died before it came to this.
        for directory in [*reversed(directories), self.part.parent]:
            self._disk.sync_directory(directory)
        return found

    def move_into_place(self) -> None:
        """Give the finished file or folder its own name, durably.

        Raises:
            TargetExists: something has that name already.
        """
        self.check_location()
        self._disk.release(self.part)
        # Another program may have made something there since.
        self._disk.rename(self.part, self.location, replacing=False)
        self._disk.sync_directory(self.location.parent)
        self.stand_in_place()

    def check_location(self) -> None:
        """Raise :exc:`TargetExists` when something has the name of the finished content."""
        if self._disk.stat(self.location) is not None:
            raise TargetExists(
                f"{self.location} is there already and is kept; move it away, or choose another "
                "directory with -o"
            )

    def remove(self) -> None:
        """Remove the file or folder; what others put into the folder stays."""
        for file in range(len(self._metainfo.files)):
            self._disk.remove(self.path(file))
        for directory in reversed(self._directories()):
            try:
                self._disk.remove_directory(directory)
            except TargetExists:
                continue  # something of the user's is in it
        if self._disk.stat(self.base.parent) is not None:
            self._disk.sync_directory(self.base.parent)

    def release(self) -> None:
        """Let go of the open files."""
        self._disk.release(self.base)

    def _make_room(self, file: int) -> Found:
        path, octets = self.path(file), self._metainfo.files[file].octets
        stat = self._disk.stat(path)
        if stat is None:
            self._disk.create(path, octets)
            return Found.NOTHING
        if not stat.is_file:
            raise TargetExists(f"{path} is there already and is no file; move it away")
        if stat.octets != octets:
            self._disk.truncate(path, octets)
            return Found.OTHER_LENGTH
        return Found.FILE

    def _directories(self) -> list[Path]:
        """Every directory of a folder, outermost first; none of a single file."""
        if not self._metainfo.is_folder:
            return []
        found = {self.base}
        for entry in self._metainfo.files:
            for depth in range(1, len(entry.path.parts)):
                found.add(self.base.joinpath(*entry.path.parts[:depth]))
        return sorted(found, key=lambda path: len(path.parts))


def _shown(octets: int) -> str:
    for unit, name in [(2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")]:
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return f"{octets} octets"
