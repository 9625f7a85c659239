"""The real disk, on Linux, macOS and Windows; errors of the system become ours here.

Files stay open between uses, the least recently used is closed when there are too many:
opening costs more than reading 64 KiB, and a swarm of small files must not run out of
descriptors. A handle in use by another thread is closed when that thread is done.
"""

import errno
import os
import shutil
import stat
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from meshdl.disk import FileStat
from meshdl.errors import DiskFull, FileUnreadable, FileUnwritable, TargetExists
from meshdl.station.renaming import rename_new

if sys.platform == "darwin":
    import fcntl

OPEN_FILES_MAX = 64
"""Far below the 256 that macOS gives a process; sockets need some as well."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR}
OPEN_FLAGS = (
    getattr(os, "O_BINARY", 0)
    # A symbolic link below a download directory, or in place of a shared file, could
    # point anywhere.
    | getattr(os, "O_NOFOLLOW", 0)
    # Opening a named pipe would otherwise wait for its other end for ever.
    | getattr(os, "O_NONBLOCK", 0)
)


class RealDisk:
    """Implements :class:`meshdl.disk.Disk`.

    Args:
        open_files_max: files kept open between uses.
    """

    def __init__(self, *, open_files_max: int = OPEN_FILES_MAX) -> None:
        self._open_files_max = open_files_max
        self._handles: OrderedDict[Path, _Handle] = OrderedDict()
        self._lock = threading.Lock()

    def stat(self, path: Path) -> FileStat | None:
        """See :meth:`meshdl.disk.Disk.stat`."""
        try:
            found = os.lstat(path)
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return None
            raise reading_failed(path, error) from error
        is_file = stat.S_ISREG(found.st_mode)
        return FileStat(found.st_size if is_file else 0, found.st_mtime_ns, is_file)

    def read(self, path: Path, offset: int, octets: int) -> bytes:
        """See :meth:`meshdl.disk.Disk.read`."""
        try:
            with _Use(self, path, writable=False) as handle:
                found = handle.read(offset, octets)
                while 0 < len(found) < octets:
                    more = handle.read(offset + len(found), octets - len(found))
                    if not more:
                        break
                    found += more
                return found
        except OSError as error:
            raise reading_failed(path, error) from error

    def read_cached(self, path: Path, offset: int, octets: int) -> bytes | memoryview | None:
        """See :meth:`meshdl.disk.Disk.read_cached`. Linux can be asked, others cannot."""
        if sys.platform != "linux":
            return None
        else:  # noqa: RET505 - one branch a platform, for the type checker
            buffer = bytearray(octets)
            try:
                with _Use(self, path, writable=False) as handle:
                    found = os.preadv(handle.descriptor, [buffer], offset, os.RWF_NOWAIT)
            except OSError:
                return None  # not in memory, or a file system that cannot tell
            return memoryview(buffer) if found == octets else None

    def write(self, path: Path, offset: int, octets: bytes | memoryview) -> None:
        """See :meth:`meshdl.disk.Disk.write`."""
        self.write_parts(path, offset, [octets])

    def write_parts(self, path: Path, offset: int, parts: Sequence[bytes | memoryview]) -> None:
        """See :meth:`meshdl.disk.Disk.write_parts`."""
        left = deque(memoryview(part) for part in parts)
        try:
            with _Use(self, path, writable=True) as handle:
                while left:
                    written = handle.write(offset, left)
                    offset += written
                    while left and written >= len(left[0]):
                        written -= len(left.popleft())
                    if written:
                        left[0] = left[0][written:]
        except OSError as error:
            raise writing_failed(path, error) from error

    def create(self, path: Path, octets: int) -> None:
        """See :meth:`meshdl.disk.Disk.create`."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN_FLAGS, 0o666)
            try:
                os.ftruncate(descriptor, octets)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise writing_failed(path, error) from error

    def truncate(self, path: Path, octets: int) -> None:
        """See :meth:`meshdl.disk.Disk.truncate`."""
        try:
            with _Use(self, path, writable=True) as handle:
                os.ftruncate(handle.descriptor, octets)
        except OSError as error:
            raise writing_failed(path, error) from error

    def sync(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.sync`."""
        try:
            with _Use(self, path, writable=True) as handle:
                _sync(handle.descriptor)
        except OSError as error:
            raise writing_failed(path, error) from error

    def sync_directory(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.sync_directory`. NTFS does it by itself."""
        if sys.platform == "win32":
            return
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that has no such thing
                raise writing_failed(path, error) from error

    def make_directory(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.make_directory`."""
        try:
            path.mkdir()
        except OSError as error:
            if error.errno != errno.EEXIST or not _is_directory(path):
                raise writing_failed(path, error) from error

    def remove_directory(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.remove_directory`."""
        self.release(path)
        try:
            path.rmdir()
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                raise writing_failed(path, error) from error

    def rename(self, old: Path, new: Path, *, replacing: bool = True) -> None:
        """See :meth:`meshdl.disk.Disk.rename`."""
        self.release(old)
        self.release(new)
        try:
            if replacing:
                old.replace(new)
            else:
                rename_new(old, new)
        except OSError as error:
            raise writing_failed(new, error) from error

    def remove(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.remove`."""
        self.release(path)
        try:
            path.unlink()
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                raise writing_failed(path, error) from error

    def free_octets(self, directory: Path) -> int:
        """See :meth:`meshdl.disk.Disk.free_octets`."""
        try:
            return shutil.disk_usage(directory).free
        except OSError as error:
            raise reading_failed(directory, error) from error

    def release(self, path: Path) -> None:
        """See :meth:`meshdl.disk.Disk.release`."""
        with self._lock:
            for known in [one for one in self._handles if one == path or path in one.parents]:
                self._retire(self._handles.pop(known))

    def _take(self, path: Path, *, writable: bool) -> "_Handle":
        with self._lock:
            handle = self._handles.get(path)
            if handle is None or (writable and not handle.writable):
                if handle is not None:
                    self._retire(self._handles.pop(path))
                handle = self._handles[path] = self._open(path, writable=writable)
            self._handles.move_to_end(path)
            handle.users += 1
            while len(self._handles) > self._open_files_max:
                self._retire(self._handles.popitem(last=False)[1])
            return handle

    def _open(self, path: Path, *, writable: bool) -> "_Handle":
        """Open; where links have taken all descriptors, in place of the files that are open.

        Else a shared file would count as unreadable, and so as changed.
        """
        try:
            return _open(path, writable=writable)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTORS or not self._handles:
                raise
        while self._handles:
            self._retire(self._handles.popitem()[1])
        return _open(path, writable=writable)

    def _give_back(self, handle: "_Handle") -> None:
        with self._lock:
            handle.users -= 1
            if handle.retired and handle.users == 0:
                os.close(handle.descriptor)

    def _retire(self, handle: "_Handle") -> None:
        handle.retired = True
        if handle.users == 0:
            os.close(handle.descriptor)


def reading_failed(path: Path, error: OSError) -> FileUnreadable:
    """Our error for one that the system gave while something was read."""
    if error.errno == errno.ENOENT:
        return FileUnreadable(f"{path} is not there; put it back, or share what is there now")
    if error.errno == errno.ELOOP:
        return FileUnreadable(f"{path} is a symbolic link; share the file it points to instead")
    return FileUnreadable(
        f"cannot read {path} ({error.strerror}); check its owner and mode, and the disk"
    )


def writing_failed(
    path: Path, error: OSError
) -> DiskFull | TargetExists | FileUnreadable | FileUnwritable:
    """Our error for one that the system gave while something was written or moved."""
    if error.errno in _NO_ROOM:
        return DiskFull(
            f"no room to write {path} ({error.strerror}); what is there is kept: "
            "make room, then resume"
        )
    if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
        return TargetExists(f"{path} is there already and is kept; move it away, then try again")
    return FileUnwritable(
        f"cannot write {path} ({error.strerror}); check the owner and mode of its directory, "
        "and the disk"
    )


@dataclass(slots=True)
class _Handle:
    """An open file, how many threads use it now, and whether the last must close it."""

    descriptor: int
    writable: bool
    users: int = 0
    retired: bool = False
    # Windows has no pread: there, two threads must not move the position at once.
    position: threading.Lock = field(default_factory=threading.Lock)

    def read(self, offset: int, octets: int) -> bytes:
        """Read some octets, none at the end of the file."""
        if sys.platform != "win32":
            return os.pread(self.descriptor, octets, offset)
        else:  # noqa: RET505 - one branch a platform, for the type checker
            with self.position:
                os.lseek(self.descriptor, offset, os.SEEK_SET)
                return os.read(self.descriptor, octets)

    def write(self, offset: int, parts: Sequence[memoryview]) -> int:
        """Write some of what stands in ``parts``, from the front; how many octets."""
        if sys.platform == "linux":
            return os.pwritev(self.descriptor, parts, offset)
        elif sys.platform != "win32":  # noqa: RET505 - one branch a platform, for the type checker
            return os.pwrite(self.descriptor, parts[0], offset)
        else:
            with self.position:
                os.lseek(self.descriptor, offset, os.SEEK_SET)
                return os.write(self.descriptor, parts[0])


class _Use:
    """A handle while it is used; a class, because a generator costs more than a read."""

    __slots__ = ("_disk", "_handle")

    def __init__(self, disk: RealDisk, path: Path, *, writable: bool) -> None:
        self._disk = disk
        self._handle = disk._take(path, writable=writable)  # noqa: SLF001 - two halves of one thing

    def __enter__(self) -> _Handle:
        return self._handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._disk._give_back(self._handle)  # noqa: SLF001 - two halves of one thing


def _open(path: Path, *, writable: bool) -> _Handle:
    descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | OPEN_FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return _Handle(descriptor, writable)


def _sync(descriptor: int) -> None:
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    elif sys.platform == "darwin":
        try:
            # fsync hands the octets to the drive only, says Apple's manual page.
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)  # a network disk that knows no better
    else:
        os.fsync(descriptor)


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
