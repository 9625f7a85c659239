"""The station log as the control API shows it, and asks for it."""

from typing import Literal, TypeAlias

import msgspec

from meshdl.control.radio_log import RadioFacts
from meshdl.links import Path as LinkPath

LogKind: TypeAlias = Literal["transfer", "identification", "event", "radio"]


Direction: TypeAlias = Literal["sent", "received"]


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which log entries; every field that is set narrows the choice.

    Attributes:
        since: at or after. ``until``: before.
        callsign: of the other station.
        limit: at most so many, the newest; ``None`` for all.
    """

    kind: LogKind | None = None
    since: float | None = None
    until: float | None = None
    callsign: str | None = None
    content_hash: str | None = None
    limit: int | None = None


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the station log; see :mod:`meshdl.station.log`."""

    serial: int
    at: float
    kind: LogKind
    direction: Direction | None
    callsign: str | None
    station_id: str | None
    content_hash: str | None
    octets: int | None
    path: LinkPath | None
    text: str
    radio: RadioFacts | None = None
