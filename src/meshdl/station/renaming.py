"""Gives a file or folder another name, unless something has that name.

POSIX's ``rename`` replaces what is there, and whoever looks before may look too early: a program
can make a file in between. Linux, macOS and Windows each have a way that does both in one step. A
hard link would be another, but it leaves both names when the program dies in between, there are
none of folders, and none on the file systems of memory cards.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
"""``fcntl.h`` and ``linux/fs.h``."""

_RENAME_EXCL = 4
"""``sys/stdio.h`` of macOS."""

_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
"""The kernel, or this file system, knows no such thing."""

_Move = Callable[[bytes, bytes], int]


def rename_new(old: Path, new: Path) -> None:
    """Rename; where the file system cannot do it in one step, look just before.

    Raises:
        FileExistsError: something has the name.
        OSError: the system refused otherwise.
    """
    if sys.platform == "win32":
        old.rename(new)  # refuses to replace, there
        return
    move = _move()
    if move is not None:
        if move(os.fsencode(old), os.fsencode(new)) == 0:
            return
        code = ctypes.get_errno()
        if code not in _CANNOT:
            raise OSError(code, os.strerror(code), str(new))
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    old.rename(new)


@cache
def _move() -> _Move | None:
    """The system's way; ``None`` when its C library is too old to know it."""
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        call = library.renameat2
        call.argtypes = [
            ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
        ]  # fmt: skip
        return lambda old, new: int(call(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE))
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        known = library.renamex_np
        known.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return lambda old, new: int(known(old, new, _RENAME_EXCL))
    return None
