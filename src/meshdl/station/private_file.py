"""Small files that are the operator's alone, replaced whole or not at all."""

import os
from pathlib import Path

from meshdl.errors import FileUnwritable


def write_private(path: Path, octets: bytes) -> None:
    """Put ``octets`` at ``path``, in place of what is there; nobody else may read it.

    They are written and synced under another name, then renamed, so a crash leaves the
    old file or the new one.

    Raises:
        FileUnwritable: a file or the directory is in the way.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise FileUnwritable(
            f"cannot write {path} ({error.strerror}); look at the owner and mode of {path.parent}"
        ) from error
