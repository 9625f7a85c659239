"""The station key is made once, kept, and shown to nobody."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshdl.errors import ConfigError, FileUnreadable, FileUnwritable, TargetExists
from meshdl.station import keys


def test_the_key_that_was_made_is_loaded(tmp_path: Path) -> None:
    made = keys.create(tmp_path / "station.key")
    assert keys.public_key(keys.load(tmp_path / "station.key")) == keys.public_key(made)
    assert list(tmp_path.iterdir()) == [tmp_path / "station.key"]


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "station.key"
    keys.create(path)
    before = path.read_bytes()
    with pytest.raises(TargetExists, match="move it away"):
        keys.create(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "station.key"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_who_can_read_the_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "station.key"
    keys.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.exposed_to(path) is None
    path.chmod(0o640)
    assert keys.exposed_to(path) == "its group"
    path.chmod(0o604)
    assert keys.exposed_to(path) == "everybody"


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="meshdl init"):
        keys.load(tmp_path / "station.key")


def another_kind() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "octets", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\n", another_kind()]
)
def test_what_is_no_key_of_ours_is_refused_by_name(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "station.key"
    path.write_bytes(octets)
    with pytest.raises(FileUnreadable, match=r"station\.key is no Ed25519 key"):
        keys.load(path)


def test_a_key_that_needs_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "station.key"
    locked = keys.create(tmp_path / "open.key").private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    path.write_bytes(locked)
    with pytest.raises(FileUnreadable, match="no Ed25519 key"):
        keys.load(path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable, match="cannot write"):
        keys.create(tmp_path / "nowhere" / "station.key")


def test_a_directory_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="cannot read"):
        keys.load(tmp_path)
