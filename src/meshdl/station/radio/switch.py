"""Whether the radio is switched off, over restarts and power cuts: one file, there or not.

The file's text says why. What cannot be read counts as off: a station that is in doubt is
silent.
"""

import os
from pathlib import Path

from meshdl.errors import FileUnwritable

REASON_MAX_OCTETS = 500


def off_because(path: Path) -> str | None:
    """Why the radio is off; ``None`` when it is on."""
    try:
        with path.open("rb") as file:
            octets = file.read(REASON_MAX_OCTETS)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot read {path} ({error.strerror})"
    return octets.decode("utf-8", "replace").strip() or "switched off"


def remember(path: Path, because: str | None) -> None:
    """Make the switch durable: when this returns, a power cut does not turn it.

    Raises:
        FileUnwritable: the disk refuses. The caller tells the operator; a radio that was
            switched off stays off until the program ends all the same.
    """
    try:
        if because is None:
            path.unlink(missing_ok=True)
        else:
            with path.open("wb") as file:
                file.write(because.encode("utf-8")[:REASON_MAX_OCTETS])
                file.flush()
                os.fsync(file.fileno())
        _sync_directory(path.parent)
    except OSError as error:
        again = "off" if because is None else "on"
        raise FileUnwritable(
            f"cannot write {path} ({error.strerror}): the radio would be {again} again after a "
            "restart; make room, then switch again"
        ) from error


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # no such thing there, and NTFS keeps names in its own journal
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
