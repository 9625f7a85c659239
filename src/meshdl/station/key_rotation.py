"""A new station key, and the old one's signature for it, so that pins follow.

What was signed is kept in ``rotations.json`` and shown to every station and server, see
:mod:`meshdl.wire.rotation`. The old private key is not kept: from then on nobody signs
with it any more, this station neither.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from meshdl.errors import FileUnreadable
from meshdl.ids import Callsign, StationId, StationKey, station_id
from meshdl.station import keys
from meshdl.station.home import Home
from meshdl.station.private_file import write_private
from meshdl.wire.rotation import ROTATIONS_MAX, KeyRotation, statement

FILE_OCTETS_MAX = 64 * 1024
"""Eight rotations take 3 kB. More is another kind of file."""


class StoredRotation(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the file; octets are base64.

    Attributes:
        made_at: Unix time; for people.
    """

    callsign: Callsign
    old_key: bytes
    new_key: bytes
    signature: bytes
    made_at: float


@dataclass(frozen=True, slots=True)
class Rotated:
    """What :func:`rotate` did."""

    old: StationId
    new: StationId


def load(path: Path, *, callsign: Callsign, key: StationKey) -> tuple[KeyRotation, ...]:
    """The chain that leads to this callsign's present key, the oldest first.

    Entries that lead elsewhere do not count: a crash came between them and the new key, or
    the station had another callsign then.

    Raises:
        FileUnreadable: it cannot be read, or is no such file.
    """
    return tuple(
        KeyRotation(one.old_key, one.signature) for one in _chain(_stored(path), callsign, key)
    )


def rotate(home: Home, callsign: Callsign) -> Rotated:
    """Make a new station key and have the old one sign for it.

    The statement is durable before the new key is in place: a crash in between leaves the
    old key, and a statement that leads nowhere.

    Raises:
        ConfigError: there is no old key.
        HomeInUse: the station runs; its links were proved with the old key.
        FileUnreadable, FileUnwritable: a file is in the way.
    """
    with home.lock():
        old = keys.load(home.key_file)
        new = keys.generate()
        old_key, new_key = keys.public_key(old), keys.public_key(new)
        kept = _chain(_stored(home.rotations_file), callsign, old_key)
        signed = statement(callsign=callsign, old_key=old_key, new_key=new_key)
        added = StoredRotation(
            callsign=callsign,
            old_key=old_key,
            new_key=new_key,
            signature=old.sign(signed),
            made_at=time.time(),
        )
        chain = [*kept, added][-ROTATIONS_MAX:]
        write_private(home.rotations_file, msgspec.json.encode(chain))
        write_private(home.key_file, keys.to_pem(new))
    return Rotated(station_id(old_key), station_id(new_key))


def _stored(path: Path) -> list[StoredRotation]:
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_OCTETS_MAX)
        return msgspec.json.decode(octets, type=list[StoredRotation])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FileUnreadable(
            f"{path} is no file of key rotations ({error}); restore it from a copy, or move it "
            "away: other stations then ask their operators before they take the present key"
        ) from error


def _chain(
    stored: Sequence[StoredRotation], callsign: Callsign, key: StationKey
) -> list[StoredRotation]:
    chain: list[StoredRotation] = []
    leads_to = bytes(key)
    for one in reversed(stored):
        if one.callsign == callsign and one.new_key == leads_to:
            chain.append(one)
            leads_to = one.old_key
    return chain[ROTATIONS_MAX - 1 :: -1]
