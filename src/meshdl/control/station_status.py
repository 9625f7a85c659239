"""A station and its peers as the control API shows them.

Conventions as in :mod:`meshdl.control.view`.
"""

import enum

import msgspec

from meshdl.control.internet_status import OFF, InternetStatus
from meshdl.ids import Callsign, StationId
from meshdl.links import Path as LinkPath
from meshdl.policy.bottleneck import Bottleneck


class LanStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The local network as this station sees it.

    Attributes:
        addresses: own addresses that are announced.
        port: TCP port of ``/rtc/offer``; ``None`` while there is none.
        state: one sentence for people: ``announced``, ``no network interface``.
    """

    enabled: bool
    addresses: tuple[str, ...]
    port: int | None
    state: str


class StationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The station at a glance.

    Attributes:
        home: home directory.
        peers: stations with a link up.
        downloads: contents in state ``downloading``, ``waiting`` or ``verifying``.
        warnings: sentences the operator should act on, e.g. a station that shows
            another key than the one pinned to its callsign.
    """

    callsign: Callsign
    station_id: StationId
    version: str
    pid: int
    home: str
    lan: LanStatus
    started_at: float
    peers: int
    downloads: int
    upload_octets_per_s: float
    download_octets_per_s: float
    warnings: tuple[str, ...] = ()
    internet: InternetStatus = OFF


class LinkState(enum.StrEnum):
    """How near a peer is. ``KNOWN``: heard of, no link and none being made."""

    UP = "up"
    DIALLING = "dialling"
    KNOWN = "known"


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Another station.

    Attributes:
        path: where the link runs; ``None`` without a link.
        address: of its end of the link, or where it was announced.
        rtt_ms: last answered ping.
        octets_sent: on this link, content only. So with ``octets_received``.
        since: when the present link state began.
        contents: how many contents it is known to have, all or part.
        note: what the operator should know, e.g. why dialling failed.
        window_octets: how much may be on request from it; ``None`` without a link.
        limited_by: why no more comes from it.
    """

    callsign: Callsign
    station_id: StationId
    link_state: LinkState
    path: LinkPath | None
    address: str
    rtt_ms: float | None
    octets_sent: int
    octets_received: int
    since: float
    contents: int
    note: str | None = None
    window_octets: int | None = None
    limited_by: Bottleneck | None = None
