"""Small files that are the operator's alone, there whole or not at all."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from meshdl.errors import FileUnwritable, TargetExists


def write_private(path: Path, octets: bytes) -> None:
    """Put ``octets`` at ``path``, in place of what is there; nobody else may read it.

    They are written and synced under another name, then renamed, so a crash leaves the
    old file or the new one.

    Raises:
        FileUnwritable: a file or the directory is in the way.
    """
    _write(path, octets, Path.replace)


def create_private(path: Path, octets: bytes) -> None:
    """Put ``octets`` at ``path`` as :func:`write_private` does, but never in place of anything.

    Raises:
        TargetExists: there is a file at ``path``.
        FileUnwritable: a file or the directory is in the way.
    """
    _write(path, octets, _move_without_replacing)


def _write(path: Path, octets: bytes, move: Callable[[Path, Path], object]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            move(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise FileUnwritable(
            f"cannot write {path} ({error.strerror}); look at the owner and mode of {path.parent}"
        ) from error


def _move_without_replacing(draft: Path, path: Path) -> None:
    try:
        if sys.platform == "win32":
            draft.rename(path)  # refuses to replace, there
        else:
            os.link(draft, path)  # rename would replace; link refuses
    except FileExistsError as error:
        raise TargetExists(f"{path} is there already, and is kept; move it away") from error
