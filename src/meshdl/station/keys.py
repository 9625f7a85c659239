"""The station key: an Ed25519 private key (RFC 8032) that is this station's identity.

It is made once by ``meshdl init`` and kept as PKCS #8 in PEM, readable by the
operator only. Other stations pin the callsign to its public half at first sight, so
losing the file means being a stranger, and copying it means being two. Nothing here
ever prints or logs the private half.
"""

import stat
import sys
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.errors import ConfigError, FileUnreadable, TargetExists
from meshdl.ids import StationKey, station_key
from meshdl.station.private_file import create_private

KEY_FILE_MAX_OCTETS = 4096
"""An Ed25519 key in PEM has 119 octets. More is another kind of file."""


def generate() -> Ed25519PrivateKey:
    """A new key, kept nowhere yet."""
    return Ed25519PrivateKey.generate()


def to_pem(key: Ed25519PrivateKey) -> bytes:
    """What stands in a key file."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def create(path: Path) -> Ed25519PrivateKey:
    """Make a new key at ``path``; a key that is there is never replaced.

    The file appears whole or not at all, so a crash leaves no half key behind.

    Raises:
        TargetExists: there is a file at ``path``.
        FileUnwritable: a file or the directory is in the way.
    """
    key = generate()
    try:
        create_private(path, to_pem(key))
    except TargetExists as error:
        raise TargetExists(
            f"{path} holds a station key already; it is kept. To become another station, "
            "move it away yourself"
        ) from error
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """Read the key that :func:`create` made.

    Raises:
        ConfigError: there is none.
        FileUnreadable: it cannot be read, or is no Ed25519 key.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(KEY_FILE_MAX_OCTETS)
    except FileNotFoundError:
        raise ConfigError(
            "station.key", f"there is no key at {path}; make one with: meshdl init"
        ) from None
    except OSError as error:
        raise FileUnreadable(
            f"cannot read the station key {path} ({error.strerror}); "
            "run this as the user who owns it"
        ) from error
    try:
        key = serialization.load_pem_private_key(octets, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise FileUnreadable(
            f"{path} is no Ed25519 key in PEM; restore it from a copy, or move it away and "
            "run `meshdl init` to become a new station"
        )
    return key


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The key of a station, made when it starts for the first time; raises as both do."""
    if not path.exists():
        create(path)
    return load(path)


def public_key(key: Ed25519PrivateKey) -> StationKey:
    """The half that others see."""
    return station_key(key.public_key().public_bytes_raw())


def exposed_to(path: Path) -> str | None:
    """Who else than the owner may read the key: a phrase for a warning, or ``None``.

    Windows keeps access in lists that the mode bits do not show; there the user's
    profile directory protects the file.
    """
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - one branch a platform, for the type checker
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o007:
            return "everybody"
        return "its group" if mode & 0o070 else None
