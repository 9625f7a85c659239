"""Settings: frozen values, checked before anything starts.

Every field has its unit in its name. An unknown key is an error that names it and
the nearest known one: a misspelt limit must not be a limit that silently isn't.
``docs/reference/config.md`` lists the same keys for operators.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from meshdl.errors import ConfigError
from meshdl.ids import Callsign, callsign
from meshdl.station.radio_config import RadioConfig

LAN_PORT_DEFAULT = 7373
"""Unassigned at IANA; taken first when no port is configured."""

MAX_LINKS_LIMIT = 1_000
"""A link that sends holds about 1.3 MB: a thousand is what 2 GB can carry."""

UPLOAD_SLOTS_LIMIT = 256

INTERFACES_LIMIT = 64

SERVERS_LIMIT = 8
"""Each has a socket of its own."""

ROOMS_LIMIT = 16
"""What a server allows one station."""

_GRID = re.compile(r"[A-R]{2}[0-9]{2}(?:[A-X]{2}(?:[0-9]{2})?)?")
"""Maidenhead locator: field, square, subsquare, extended square (IARU 1980)."""

_SERVER = re.compile(r"wss?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
ROOM_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

TableT = TypeVar(
    "TableT", bound="LanConfig | InternetConfig | RadioConfig | LimitsConfig | ControlConfig"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanConfig:
    """The ``[lan]`` table: stations on the local network, found by mDNS.

    Attributes:
        enabled: announce, listen and dial on the local network.
        port: TCP port of ``/rtc/offer``. ``None``: 7373, or any free one if taken.
        interfaces: addresses or names to use; empty for all.
        max_links: links at a time; more are refused.
        allow_loopback: use 127.0.0.1 too; for several stations on one machine that
            has no network.
    """

    table: ClassVar[str] = "lan"

    enabled: bool = True
    port: int | None = None
    interfaces: tuple[str, ...] = ()
    max_links: int = 64
    allow_loopback: bool = False

    def __post_init__(self) -> None:
        if self.port is not None:
            _check_range("lan.port", self.port, 1, 65_535)
        _check_range("lan.max_links", self.max_links, 1, MAX_LINKS_LIMIT)
        if len(self.interfaces) > INTERFACES_LIMIT:
            raise ConfigError("lan.interfaces", f"at most {INTERFACES_LIMIT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InternetConfig:
    """The ``[internet]`` table: stations far away, found through signalling servers.

    Attributes:
        servers: URLs, ``wss://`` or ``ws://``; none: the Internet is not used.
        rooms: to be in, on every server. One whose passphrase stands in the home's
            ``rooms`` directory is closed.
        max_links: links at a time; more are refused.
        ca_file: PEM file of the authorities whose certificates servers may have; empty:
            those that the system trusts.
        peer_exchange: hear of peers who else has what is wanted, tell them in turn, and
            pass on their signals.
    """

    table: ClassVar[str] = "internet"

    servers: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ("cq",)
    max_links: int = 64
    ca_file: str = ""
    peer_exchange: bool = True

    @property
    def ca_path(self) -> Path | None:
        """Of ``ca_file``."""
        return _absolute("internet.ca_file", self.ca_file) if self.ca_file else None

    def __post_init__(self) -> None:
        _check_range("internet.max_links", self.max_links, 1, MAX_LINKS_LIMIT)
        for setting, values, limit in (
            ("internet.servers", self.servers, SERVERS_LIMIT),
            ("internet.rooms", self.rooms, ROOMS_LIMIT),
        ):
            if len(values) > limit or len(set(values)) < len(values):
                raise ConfigError(setting, f"at most {limit}, each of them once")
        for server in self.servers:
            if not _SERVER.fullmatch(server):
                raise ConfigError(
                    "internet.servers",
                    f"{server!r} is no server: expected a form like wss://signal.example.org",
                )
        if self.ca_file:
            _absolute("internet.ca_file", self.ca_file)
        for room in self.rooms:
            if not ROOM_NAME.fullmatch(room):
                raise ConfigError(
                    "internet.rooms",
                    f"{room!r} is no room: at most 32 of a-z, 0-9 and '-', as in county-net",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """The ``[limits]`` table.

    Attributes:
        upload_octets_per_s: sum over all peers; 0 for no limit. The local network
            is exempt. So with ``download_octets_per_s``.
        upload_slots: peers that are served at the same time.
    """

    table: ClassVar[str] = "limits"

    upload_octets_per_s: int = 0
    download_octets_per_s: int = 0
    upload_slots: int = 8

    def __post_init__(self) -> None:
        for name in ("upload_octets_per_s", "download_octets_per_s"):
            rate = getattr(self, name)
            # Below one message (64 KiB) in a minute a peer would only see stalls.
            if rate != 0:
                _check_range(f"limits.{name}", rate, 1_024, 1 << 40)
        _check_range("limits.upload_slots", self.upload_slots, 1, UPLOAD_SLOTS_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """The ``[control]`` table: the API for programs on this machine.

    Attributes:
        port: on 127.0.0.1; 0 for any free one. Programs find it in ``control.json``.
    """

    table: ClassVar[str] = "control"

    port: int = 0

    def __post_init__(self) -> None:
        _check_range("control.port", self.port, 0, 65_535)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """The whole of ``config.toml``. The first fields are its ``[station]`` table.

    Attributes:
        callsign: as on the licence, upper case, with an optional SSID.
        grid: Maidenhead locator, 4, 6 or 8 characters.
        download_directory: where downloads land unless told otherwise.
    """

    callsign: Callsign
    grid: str | None = None
    download_directory: Path = field(default_factory=lambda: Path("~/Meshdl").expanduser())
    lan: LanConfig = field(default_factory=LanConfig)
    internet: InternetConfig = field(default_factory=InternetConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    radio: RadioConfig | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "callsign", callsign(self.callsign))
        except ValueError as error:
            raise ConfigError("station.callsign", str(error)) from error
        if self.grid is not None:
            object.__setattr__(self, "grid", grid_locator(self.grid))

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Self:
        """Build from parsed TOML.

        Raises:
            ConfigError: a key that is unknown, missing, of the wrong type or out of
                range; the error names it.
        """
        known = ("station", "lan", "internet", "radio", "limits", "control")
        _refuse_unknown(document, known, prefix="")
        tables = {name: _table(document, name) for name in document}
        station = dict(tables.get("station", {}))
        _refuse_unknown(station, tuple(_STATION_TYPES), prefix="station.")
        if "callsign" not in station:
            raise ConfigError(
                "station.callsign", "is missing; set it to the callsign on your licence"
            )
        for key, value in station.items():
            _check_type(f"station.{key}", value, str)
        if "download_directory" in station:
            station["download_directory"] = _absolute(
                "station.download_directory", station["download_directory"]
            )
        return cls(
            **station,
            lan=_parse(LanConfig, tables.get("lan", {})),
            internet=_parse(InternetConfig, tables.get("internet", {})),
            limits=_parse(LimitsConfig, tables.get("limits", {})),
            control=_parse(ControlConfig, tables.get("control", {})),
            radio=_parse(RadioConfig, tables["radio"]) if "radio" in tables else None,
        )


def grid_locator(text: str) -> str:
    """A Maidenhead locator in upper case.

    Raises:
        ConfigError: it is none.
    """
    candidate = text.strip().upper()
    if not _GRID.fullmatch(candidate):
        raise ConfigError(
            "station.grid",
            f"{text!r} is no Maidenhead locator: expected a form like FN42 or FN42AB",
        )
    return candidate


_STATION_TYPES = ("callsign", "grid", "download_directory")

_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    tuple: "a list of texts",
    dict: "a table",
}


def _parse(kind: type[TableT], settings: Mapping[str, Any]) -> TableT:
    known = {f.name: f.default for f in fields(kind)}
    _refuse_unknown(settings, tuple(known), prefix=f"{kind.table}.")
    checked = {}
    for key, value in settings.items():
        default = known[key]
        expected = int if default is None else type(default)
        checked[key] = _check_type(f"{kind.table}.{key}", value, expected)
    return kind(**checked)


def _check_type(setting: str, value: Any, expected: type) -> Any:
    if expected is tuple and isinstance(value, list):
        if all(isinstance(entry, str) for entry in value):
            return tuple(value)
    elif expected is float and type(value) is int:
        return float(value)
    elif type(value) is expected:  # not isinstance: a bool is an int to Python only
        return value
    found = _KINDS.get(type(value), type(value).__name__)
    raise ConfigError(setting, f"must be {_KINDS[expected]}, not {found} ({value!r})")


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = _check_type(name, document[name], dict)
    return table


def _refuse_unknown(settings: Mapping[str, Any], known: tuple[str, ...], *, prefix: str) -> None:
    for key in settings:
        if key in known:
            continue
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {prefix}{near[0]}?" if near else f"known are: {', '.join(known)}"
        raise ConfigError(f"{prefix}{key}", f"no such setting; {hint}")


def _check_range(setting: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ConfigError(setting, f"{value} is not in {lowest}..{highest}")


def _absolute(setting: str, text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # of pathlib: "~name", and nobody has that name
        raise ConfigError(setting, f"{text!r}: {error}") from error
    if not path.is_absolute():
        raise ConfigError(setting, f"{text!r} must be absolute, or begin with ~")
    return path
