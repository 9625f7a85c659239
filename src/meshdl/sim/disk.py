"""A disk in memory that fails when told to, and forgets what was not synced.

Theory of operation
===================

The disk has two views of everything. What programs see is the *cache*; what a power
cut leaves is the *platter*. A write goes to the cache and marks pages of 4 KiB dirty;
:meth:`FaultyDisk.sync` copies a file's dirty pages and its length to the platter. Names
work alike: making, moving and removing happen in a directory's cached entries and wait
in order until :meth:`FaultyDisk.sync_directory`.

:meth:`FaultyDisk.kill` is the death of the process: the cache stays. At
:meth:`FaultyDisk.cut_power` the disk may or may not have written by itself each dirty
page, each new length, and the first so many waiting names of each directory; a seeded
random source chooses, and the rest is lost.

Every method counts as one operation. :meth:`FaultyDisk.fail_at` makes one of them crash
the program (before, in the middle of or after its effect) or fail with an error; a
failed :meth:`FaultyDisk.sync` marks its pages clean without having written them, as
Linux does.
"""

import enum
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from meshdl.disk import FileStat
from meshdl.errors import DiskFull, FileUnreadable, FileUnwritable, StorageError, TargetExists
from meshdl.sim.two_views import Directory, Entry, File, lose

PLENTY_OCTETS = 2**40


class Crash(BaseException):
    """The program ends here. No ``except Exception`` can stop it, as none stops kill -9."""


class Fault(enum.Enum):
    """What becomes of the operation that :meth:`FaultyDisk.fail_at` names."""

    CRASH = enum.auto()
    """The program dies somewhere around it."""
    NO_ROOM = enum.auto()
    """ENOSPC, when it writes."""
    DEVICE_ERROR = enum.auto()
    """EIO."""


class FaultyDisk:
    """Implements :class:`meshdl.disk.Disk`. Not for use by several threads at once.

    Attributes:
        operations: how many there were.
        room_octets: what :meth:`free_octets` says. It is no limit on writing.
        before: called before every operation with its name and path; a test can change
            the disk under the program's feet here.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rng = Random(seed)  # noqa: S311 - a simulation must repeat itself
        self.operations = 0
        self.room_octets = PLENTY_OCTETS
        self.before: Callable[[str, Path], None] = lambda _name, _path: None
        self._root = Directory()
        self._clock_ns = 1_700_000_000_000_000_000
        self._fault: tuple[int, Fault] | None = None
        self._dead = False

    # What a test does to the disk.

    def fail_at(self, operation: int, fault: Fault) -> None:
        """Let the operation with this number, counted from the first ever, fail."""
        self._fault = (operation, fault)

    def kill(self) -> None:
        """The process died; the cache lives on. The next program starts."""
        self._dead, self._fault = False, None

    def cut_power(self) -> None:
        """Everything that was not synced is lost, or not. The next program starts."""
        self.kill()
        lose(self._root, self.rng)

    # The interface.

    def stat(self, path: Path) -> FileStat | None:
        """See :meth:`meshdl.disk.Disk.stat`."""
        self._operation("stat", path, FileUnreadable)
        match self._find(path):
            case File() as file:
                return FileStat(len(file.cache), file.mtime_ns)
            case Directory():
                return FileStat(0, self._clock_ns, is_file=False)
            case None:
                return None

    def read(self, path: Path, offset: int, octets: int) -> bytes:
        """See :meth:`meshdl.disk.Disk.read`."""
        self._operation("read", path, FileUnreadable)
        return bytes(self._file(path, FileUnreadable).cache[offset : offset + octets])

    def read_cached(self, path: Path, offset: int, octets: int) -> bytes | None:
        """See :meth:`meshdl.disk.Disk.read_cached`. Everything is in memory here."""
        return self.read(path, offset, octets)

    def write(self, path: Path, offset: int, octets: bytes | memoryview) -> None:
        """See :meth:`meshdl.disk.Disk.write`."""

        def put(count: int) -> None:
            file = self._file(path, FileUnwritable)
            if len(file.cache) < offset + count:
                file.cache.extend(bytes(offset + count - len(file.cache)))
            file.cache[offset : offset + count] = octets[:count]
            file.touch(offset, count)
            file.mtime_ns = self._tick()

        # A signal, or the end of the disk, can come in the middle of a write.
        self._operation("write", path, FileUnwritable, partly=lambda: put(self._some(len(octets))))
        put(len(octets))
        self._die_after()

    def write_parts(self, path: Path, offset: int, parts: Sequence[bytes | memoryview]) -> None:
        """See :meth:`meshdl.disk.Disk.write_parts`."""
        self.write(path, offset, b"".join(parts))

    def create(self, path: Path, octets: int) -> None:
        """See :meth:`meshdl.disk.Disk.create`."""
        self._operation("create", path, FileUnwritable)
        if self._find(path) is not None:
            raise TargetExists(f"{path} is there already; move it away")
        file = File(bytearray(octets), bytearray(), self._tick())
        self._parent(path).change({path.name: file})
        self._die_after()

    def truncate(self, path: Path, octets: int) -> None:
        """See :meth:`meshdl.disk.Disk.truncate`."""
        self._operation("truncate", path, FileUnwritable)
        file = self._file(path, FileUnwritable)
        before = len(file.cache)
        del file.cache[octets:]
        file.cache.extend(bytes(octets - len(file.cache)))
        file.touch(min(before, octets), abs(before - octets))
        file.mtime_ns = self._tick()
        self._die_after()

    def sync(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.sync`."""

        def forget() -> None:
            file = self._file(path, FileUnwritable)
            file.settle({one for one in file.dirty if self.rng.random() < 0.5}, len(file.cache))
            file.dirty.clear()

        self._operation("sync", path, FileUnwritable, partly=forget)
        file = self._file(path, FileUnwritable)
        file.settle(file.dirty, len(file.cache))
        file.dirty = set()
        self._die_after()

    def sync_directory(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.sync_directory`."""
        self._operation("sync_directory", path, FileUnwritable)
        directory = self._directory(path)
        directory.settle(len(directory.waiting))
        self._die_after()

    def make_directory(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.make_directory`."""
        self._operation("make_directory", path, FileUnwritable)
        match self._find(path):
            case File():
                raise TargetExists(f"{path} is there already; move it away")
            case None:
                self._parent(path).change({path.name: Directory()})
        self._die_after()

    def remove_directory(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.remove_directory`."""
        self._operation("remove_directory", path, FileUnwritable)
        match self._find(path):
            case Directory(cache=entries) if entries:
                raise TargetExists(f"{path} is not empty; empty it")
            case Directory():
                self._parent(path).change({path.name: None})
            case File():
                raise FileUnwritable(f"{path} is no directory; remove it as a file")
        self._die_after()

    def rename(self, old: Path, new: Path, *, replacing: bool = True) -> None:
        """See :meth:`meshdl.disk.Disk.rename`."""
        self._operation("rename", new, FileUnwritable)
        moved, replaced = self._find(old), self._find(new)
        if moved is None:
            raise FileUnwritable(f"{old} is not there; put it back")
        if isinstance(replaced, Directory) or (replaced is not None and not replacing):
            raise TargetExists(f"{new} is there already; move it away")
        if old.parent == new.parent:
            self._parent(old).change({old.name: None, new.name: moved})
        else:
            self._parent(new).change({new.name: moved})
            self._parent(old).change({old.name: None})
        self._die_after()

    def remove(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.remove`."""
        self._operation("remove", path, FileUnwritable)
        match self._find(path):
            case Directory():
                raise FileUnwritable(f"{path} is a directory; remove it as one")
            case File():
                self._parent(path).change({path.name: None})
        self._die_after()

    def free_octets(self, directory: Path) -> int:
        """See :meth:`meshdl.disk.Disk.free_octets`."""
        self._operation("free_octets", directory, FileUnreadable)
        return self.room_octets

    def release(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.release`. No file is ever kept open here."""

    # The machinery.

    def _operation(
        self,
        name: str,
        path: Path,
        failure: type[StorageError],
        *,
        partly: Callable[[], None] = lambda: None,
    ) -> None:
        """Count one operation, and fail it when it is its turn."""
        if self._dead:
            raise Crash
        self.before(name, path)
        self.operations += 1
        if self._fault is None or self._fault[0] != self.operations:
            return
        fault, writes = self._fault[1], failure is FileUnwritable
        if fault is Fault.CRASH:
            # Whether a mere look was still taken makes no difference.
            when = self.rng.randrange(3) if writes else 0
            if when == 2:
                return  # afterwards: _die_after
            self._dead = True
            if when == 1:
                partly()
            raise Crash
        if fault is Fault.NO_ROOM and writes and name not in {"remove", "remove_directory"}:
            partly()
            raise DiskFull(f"no room to write {path} (No space left on device); make room")
        if fault is Fault.DEVICE_ERROR:
            partly()
            raise failure(f"{name} {path} failed (Input/output error); check the disk")

    def _die_after(self) -> None:
        if self._fault == (self.operations, Fault.CRASH):
            self._dead = True
            raise Crash

    def _some(self, count: int) -> int:
        return self.rng.randrange(count) if count else 0

    def _tick(self) -> int:
        self._clock_ns += 1_000_000
        return self._clock_ns

    def _find(self, path: Path) -> Entry | None:
        entry: Entry | None = self._root
        for name in path.parts[1:]:
            if not isinstance(entry, Directory):
                return None
            entry = entry.cache.get(name)
        return entry

    def _file(self, path: Path, failure: type[StorageError]) -> File:
        entry = self._find(path)
        if not isinstance(entry, File):
            raise failure(f"{path} is not there, or no file; put it back")
        return entry

    def _directory(self, path: Path) -> Directory:
        entry = self._find(path)
        if not isinstance(entry, Directory):
            raise FileUnwritable(f"{path} is not there, or no directory; make it")
        return entry

    def _parent(self, path: Path) -> Directory:
        return self._directory(path.parent)
