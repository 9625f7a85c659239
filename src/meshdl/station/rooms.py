"""The rooms of a station: those of its settings, and those whose files it keeps.

In the home's ``rooms`` directory, for a room called NAME:

    NAME.key         the room's own key, PEM: this station can invite others
    NAME.invitation  what the station was invited with
    NAME.passphrase  the passphrase that makes the room's key, written by the operator

Whoever can read one of these can be in the room; they are the operator's alone.
"""

import enum
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshdl.errors import (
    ConfigError,
    FileUnreadable,
    FileUnwritable,
    InvitationInvalid,
    TargetExists,
)
from meshdl.ids import StationKey
from meshdl.signalling import proofs
from meshdl.signalling.invitation import Invitation
from meshdl.station import keys
from meshdl.station.config import ROOM_NAME, ROOMS_LIMIT
from meshdl.station.private_file import write_private
from meshdl.wire.membership import Membership

MEMBERSHIP_S = 30 * 24 * 3600
"""How long a membership lasts that a station signs for itself; it renews them each day."""

FILE_OCTETS_MAX = 4096
PASSPHRASE_OCTETS_MAX = 1024


class Entry(enum.StrEnum):
    """By what a station is in a room."""

    OPEN = "open"
    """Anybody may be."""
    PASSPHRASE = "passphrase"  # noqa: S105 - the word, not one
    INVITATION = "invitation"
    KEY = "key"
    """The room is this station's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One room to be in.

    Attributes:
        whole_name: as the protocol has it: a closed room's ends with its key.
        membership: what is shown to be let in, ``None`` in an open room.
        problem: why the station cannot be in it, and what to do; empty when it can.
    """

    name: str
    entry: Entry
    whole_name: str
    membership: Membership | None = None
    problem: str = ""

    @property
    def expires_at_s(self) -> int | None:
        """Until when, if it is an invitation that ends."""
        if self.entry is not Entry.INVITATION or self.membership is None:
            return None
        return self.membership.expires_at_s


class Rooms:
    """The files of one home's rooms.

    Args:
        directory: may not be there yet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def to_be_in(self, named: Sequence[str], key: StationKey) -> list[Room]:
        """Every room: of the settings, and with a key or an invitation here.

        Raises:
            ConfigError: they are too many.
            FileUnreadable: a key or a passphrase is not what it should be.
        """
        kept = sorted(
            path.stem
            for suffix in ("key", "invitation")
            for path in self._directory.glob(f"*.{suffix}")
        )
        names = list(dict.fromkeys([*named, *kept]))
        if len(names) > ROOMS_LIMIT:
            raise ConfigError(
                "internet.rooms",
                f"{len(names)} rooms with those in {self._directory}; at most {ROOMS_LIMIT}: "
                "leave some with `meshdl room leave`",
            )
        return [self.room(name, key) for name in names]

    def room(self, name: str, key: StationKey) -> Room:
        """How the station with this key is in a room."""
        secret = self._secret(name)
        if secret is not None:
            return _own(name, Entry.KEY, secret, key)
        try:
            invitation = self.invitation(name)
            if invitation is not None:
                return _guest_in(invitation, key)
        except InvitationInvalid as error:
            # Other rooms are as good as before.
            return Room(name=name, entry=Entry.INVITATION, whole_name=name, problem=str(error))
        passphrase = self._passphrase(name)
        if passphrase:
            return _own(name, Entry.PASSPHRASE, proofs.room_secret(name, passphrase), key)
        return Room(name=name, entry=Entry.OPEN, whole_name=name)

    def stamp(self) -> frozenset[tuple[str, int]]:
        """Another one whenever a file of a room has come, gone or changed."""
        try:
            files = list(self._directory.iterdir())
            return frozenset((path.name, path.stat().st_mtime_ns) for path in files)
        except OSError:  # no room has a file, or one went just now: look again
            return frozenset()

    def create(self, name: str) -> str:
        """Make a closed room with a new key; its whole name.

        Raises:
            ConfigError: ``name`` is no room's name.
            TargetExists: there is such a room.
        """
        self._refuse_if_there(name)
        self._make_directory()
        return proofs.closed_room(name, keys.create(self._path(name, "key")))

    def invite(
        self, name: str, *, station: StationKey | None, seed: bytes, expires_at_s: int
    ) -> Invitation:
        """Make an invitation: for one station, or for whoever has it.

        Raises:
            ConfigError: this station does not have the room's key.
        """
        secret = self._secret(name)
        if secret is None:
            secret = self._secret_of_passphrase(name)
        if secret is None:
            raise ConfigError(
                "room",
                f"this station does not have the key of {name}; only one that made the room, or "
                "has its passphrase, can invite",
            )
        room = proofs.closed_room(name, secret)
        if station is not None:
            return Invitation.for_station(room, station, secret=secret, expires_at_s=expires_at_s)
        return Invitation.for_anybody(room, seed=seed, secret=secret, expires_at_s=expires_at_s)

    def join(self, invitation: Invitation, key: StationKey) -> None:
        """Keep an invitation; it replaces an earlier one to the same room.

        Raises:
            InvitationInvalid: it has ended, or is for another station.
            TargetExists: there is another room of that name.
        """
        problem = _guest_in(invitation, key).problem
        if problem:
            raise InvitationInvalid(problem)
        kept = self.invitation(invitation.name)
        if kept is None or kept.room != invitation.room:
            self._refuse_if_there(invitation.name)
        self._make_directory()
        text = f"{invitation.to_text()}\n"
        write_private(self._path(invitation.name, "invitation"), text.encode("ascii"))

    def leave(self, name: str, *, delete_key: bool) -> None:
        """Forget an invitation, or with ``delete_key`` the room's own key.

        Raises:
            ConfigError: there is nothing to forget, or it is the key.
            FileUnwritable: the file cannot be removed.
        """
        key, invitation = (self._path(name, what) for what in ("key", "invitation"))
        if key.exists() and not delete_key:
            raise ConfigError(
                "room",
                f"{name} is this station's own; without its key nobody can be invited any more. "
                "Give --delete-key if you mean it",
            )
        gone = [path for path in (key, invitation) if path.exists()]
        if not gone:
            raise ConfigError(
                "room",
                f"there is no invitation to {name} here; a room of the settings is left by taking "
                "it out of internet.rooms, and a passphrase by removing its file",
            )
        for path in gone:
            try:
                path.unlink()
            except OSError as error:
                raise FileUnwritable(f"cannot remove {path} ({error.strerror})") from error

    def invitation(self, name: str) -> Invitation | None:
        """What the station was invited with."""
        octets = _read(self._path(name, "invitation"), FILE_OCTETS_MAX)
        if octets is None:
            return None
        found = Invitation.parse(octets.decode("ascii", "replace"))
        if found.name != name:
            raise InvitationInvalid(
                f"{self._path(name, 'invitation')} is to another room, {found.name}; rename it"
            )
        return found

    def _path(self, name: str, what: str) -> Path:
        if not ROOM_NAME.fullmatch(name):
            raise ConfigError(
                "room", f"{name!r} is no room: at most 32 of a-z, 0-9 and '-', as in county-net"
            )
        return self._directory / f"{name}.{what}"

    def _refuse_if_there(self, name: str) -> None:
        for what in ("key", "invitation", "passphrase"):
            path = self._path(name, what)
            if path.exists():
                raise TargetExists(
                    f"there is another room {name} already ({path}); leave it first with: "
                    f"meshdl room leave {name}"
                )

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FileUnwritable(f"cannot make {self._directory} ({error.strerror})") from error

    def _secret(self, name: str) -> proofs.RoomSecret | None:
        path = self._path(name, "key")
        if not path.exists():
            return None
        try:
            return keys.load(path)
        except FileUnreadable as error:
            raise FileUnreadable(
                f"the key of the room {name} cannot be read from {path}; restore a copy, or "
                f"give the room up with: meshdl room leave {name} --delete-key"
            ) from error

    def _secret_of_passphrase(self, name: str) -> proofs.RoomSecret | None:
        passphrase = self._passphrase(name)
        return proofs.room_secret(name, passphrase) if passphrase else None

    def _passphrase(self, name: str) -> str:
        path = self._path(name, "passphrase")
        octets = _read(path, PASSPHRASE_OCTETS_MAX)
        if octets is None:
            return ""
        try:
            passphrase = octets.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise FileUnreadable(f"cannot read the passphrase in {path}: {error}") from error
        if not passphrase:
            raise FileUnreadable(
                f"{path} is empty; write the room's passphrase into it, or remove it"
            )
        return passphrase


def _own(name: str, entry: Entry, secret: proofs.RoomSecret, key: StationKey) -> Room:
    whole = proofs.closed_room(name, secret)
    until_s = int(time.time()) + MEMBERSHIP_S
    leave = proofs.admit(whole, key, secret=secret, expires_at_s=until_s)
    return Room(name=name, entry=entry, whole_name=whole, membership=leave)


def _guest_in(invitation: Invitation, key: StationKey) -> Room:
    name = invitation.name
    ended = invitation.expires_at_s <= time.time()
    return Room(
        name=name,
        entry=Entry.INVITATION,
        whole_name=invitation.room,
        membership=invitation.membership(key),
        problem=f"the invitation to {name} has ended; ask for another one" if ended else "",
    )


def _read(path: Path, octets_max: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(octets_max)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
