"""How a program on this machine finds the control API: ``control.json`` in the home.

The running station writes its port and a token there, readable by its own user only;
whoever can read the file may command the station. The token is new in every run.
"""

import os
import secrets
from pathlib import Path

import msgspec

from meshdl.errors import FileUnreadable, FileUnwritable, StationNotRunning

CONTROL_FILE = "control.json"

CONTROL_FILE_MAX_OCTETS = 4096
"""Ours has 120. More is not ours."""

TOKEN_OCTETS = 32
"""256 bits: nobody guesses it, so guesses need not be counted."""


class ControlAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API listens on 127.0.0.1, and what opens it."""

    port: int
    token: str
    pid: int

    @property
    def url(self) -> str:
        """Base of every route."""
        return f"http://127.0.0.1:{self.port}"


def new_token() -> str:
    """A token for one run of a station."""
    return secrets.token_urlsafe(TOKEN_OCTETS)


def publish(home: Path, address: ControlAddress) -> None:
    """Write ``control.json``, whole or not at all, for the own user only.

    Raises:
        FileUnwritable: a file or the directory is in the way.
    """
    target = home / CONTROL_FILE
    draft = home / f"{CONTROL_FILE}.new"
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(address))
        draft.replace(target)
    except OSError as error:
        raise FileUnwritable(
            f"cannot write {target} ({error.strerror}); look at the owner and mode of {home}"
        ) from error


def withdraw(home: Path, address: ControlAddress) -> None:
    """Remove ``control.json`` if it is still ours."""
    try:
        if find(home) == address:
            (home / CONTROL_FILE).unlink(missing_ok=True)
    except (StationNotRunning, FileUnreadable):
        pass  # gone or another's already


def find(home: Path) -> ControlAddress:
    """Read where the station of ``home`` listens.

    Raises:
        StationNotRunning: there is no such file, or what is in it is not ours.
        FileUnreadable: it is there and may not be read.
    """
    path = home / CONTROL_FILE
    try:
        with path.open("rb") as file:
            octets = file.read(CONTROL_FILE_MAX_OCTETS)
    except FileNotFoundError:
        raise not_running(home) from None
    except OSError as error:
        raise FileUnreadable(
            f"cannot read {path} ({error.strerror}); run this as the user who runs the station"
        ) from error
    try:
        return msgspec.json.decode(octets, type=ControlAddress)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise not_running(home) from None


def not_running(home: Path) -> StationNotRunning:
    """The error, with what to do."""
    return StationNotRunning(f"no station runs on {home}; start it with: meshdl up")
