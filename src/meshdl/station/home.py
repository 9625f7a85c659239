"""The home directory: where a station keeps what must outlive the process.

    config.toml        settings, the operator's
    station.key        Ed25519 private key, PEM; see :mod:`meshdl.station.keys`
    rotations.json     earlier keys' signatures; see :mod:`meshdl.station.key_rotation`
    rooms/             keys, invitations and passphrases of closed rooms
    control.json       where the control API of the running station is, and its token
    catalogue.sqlite3  contents, records, pinned keys
    log.sqlite3        station log
    radio.off          there while the radio is switched off; see :mod:`meshdl.station.radio.switch`
    overheard/         contents that came by radio and nobody here asked for
    contents/          one directory a content: metainfo, hashes, journal
    symbols.journal    symbols heard on the air; see :mod:`meshdl.station.radio.symbol_journal`
    lock               held while a station runs

Only the operator may look inside (mode 0700). One station runs on one home.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from meshdl.errors import ConfigError, FileUnreadable, HomeInUse

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

HOME_VARIABLE = "MESHDL_HOME"

_LOCKED_AT_OCTET = 1 << 30
"""Windows locks octets so that nobody else reads them: lock one beyond the text."""


@dataclass(frozen=True, slots=True)
class Home:
    """The layout of one home directory; creates nothing by itself."""

    directory: Path

    @property
    def config_file(self) -> Path:
        """Settings."""
        return self.directory / "config.toml"

    @property
    def key_file(self) -> Path:
        """The station's private key."""
        return self.directory / "station.key"

    @property
    def rotations_file(self) -> Path:
        """What earlier station keys signed for later ones."""
        return self.directory / "rotations.json"

    @property
    def rooms_directory(self) -> Path:
        """Keys, invitations and passphrases of closed rooms."""
        return self.directory / "rooms"

    @property
    def catalogue_file(self) -> Path:
        """SQLite: contents, records, pinned keys."""
        return self.directory / "catalogue.sqlite3"

    @property
    def log_file(self) -> Path:
        """SQLite: the station log."""
        return self.directory / "log.sqlite3"

    @property
    def symbols_file(self) -> Path:
        """Symbols that were heard on the air."""
        return self.directory / "symbols.journal"

    @property
    def radio_off_file(self) -> Path:
        """There while the radio is switched off."""
        return self.directory / "radio.off"

    @property
    def overheard_directory(self) -> Path:
        """Contents that came by radio and nobody here asked for."""
        return self.directory / "overheard"

    @property
    def contents_directory(self) -> Path:
        """One directory a content."""
        return self.directory / "contents"

    @property
    def lock_file(self) -> Path:
        """Held while a station runs; holds its process id."""
        return self.directory / "lock"

    def private(self, path: Path) -> bool:
        """Whether ``path``, without symbolic links, is or holds what nobody else may see.

        The rest of it are downloads, if the operator wants them here, and what was overheard.
        """
        directory = Path(os.path.realpath(self.directory))
        if path == directory or path in directory.parents:
            return True
        if directory not in path.parents:
            return False
        below = path.relative_to(directory).parts
        if below[0] in {self.rooms_directory.name, self.contents_directory.name}:
            return True
        return len(below) == 1 and not path.is_dir()

    def create(self) -> None:
        """Make the directory, for the operator's eyes only. Harmless when it is there.

        Raises:
            ConfigError: it cannot be made.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.contents_directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                "home",
                f"cannot make {self.directory} ({error.strerror}); "
                f"choose another with --home or {HOME_VARIABLE}",
            ) from error

    def held(self) -> bool:
        """Whether a station runs on it, even one that does not answer."""
        if not self.lock_file.exists():
            return False
        try:
            self.lock().close()
        except HomeInUse:
            return True
        return False

    def holder(self) -> int | None:
        """The process of the station that runs on it; ``None``: none does, or it is not known."""
        if not self.held():
            return None
        try:
            return int(self.lock_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def lock(self) -> "HomeLock":
        """Claim the home for this process until the lock is closed.

        Raises:
            HomeInUse: a station runs on it already.
            FileUnreadable: the lock file cannot be opened.
        """
        return HomeLock(self)


class HomeLock:
    """The claim of one process on one home. The system drops it when we die."""

    def __init__(self, home: Home) -> None:
        path = home.lock_file
        try:
            # O_CLOEXEC is Python's default: no child process inherits the claim.
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FileUnreadable(
                f"cannot open {path} ({error.strerror}); run `meshdl init` first, "
                "or look at the owner and mode of the home directory"
            ) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise HomeInUse(
                f"a station already runs on {home.directory} (process {holder or 'unknown'}); "
                "stop it, or give this one another --home"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))

    def close(self) -> None:
        """Give the home back. Closing twice is harmless.

        The file stays: removing it would let two processes lock two different files
        of that name.
        """
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def locate(option: str | Path | None, environ: Mapping[str, str]) -> Home:
    """The home directory: the option, else the variable, else the platform's place.

    Raises:
        ConfigError: the user has no home directory, or the named user has none.
    """
    chosen = option or environ.get(HOME_VARIABLE)
    try:
        directory = Path(chosen).expanduser() if chosen else _platform_directory(environ)
    except RuntimeError as error:  # of pathlib: nobody knows where "~" or "~name" is
        raise ConfigError("home", f"{error}; give the whole path with --home") from error
    return Home(directory.absolute())


def _platform_directory(environ: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "meshdl"
    elif sys.platform == "darwin":  # noqa: RET505 - one branch a platform, for the type checker
        return Path.home() / "Library" / "Application Support" / "meshdl"
    else:
        data = environ.get("XDG_DATA_HOME", "")
        # "All paths must be absolute. If [...] relative [...] ignore it." (XDG 0.8)
        base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
        return base / "meshdl"


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_AT_OCTET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
