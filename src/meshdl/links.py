"""The border between cores and transports: links, their traits and their events.

A link carries whole messages between two stations. ``str`` messages travel on the
link's control channel (reliable, ordered); ``bytes`` messages travel on its chunks
channel (ordered, may lose what outlives its lifetime). Nothing above a transport
asks which transport it is; it reads :class:`LinkTraits`.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.ids import LinkId, StationId

Message: TypeAlias = str | bytes
"""``str``: control channel. ``bytes``: chunks channel."""


class Path(enum.Enum):
    """Where a link runs, best first; shown to users wherever a peer is shown."""

    LAN = "lan"
    DIRECT = "direct"
    RELAYED = "relayed"
    RF = "rf"


class Way(enum.Enum):
    """How a station was found and is dialled, best first. Both ends of a link know it."""

    LAN = "lan"
    """Announced on the local network; offers go there directly."""

    INTERNET = "internet"
    """Found through a signalling server, which carries offers and answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTraits:
    """What a link promises. Policies read this and never ask which transport it is.

    Attributes:
        mtu_octets: longest message the link takes whole.
        path: where it runs.
        reliable: delivered once and whole, or the link goes down.
        ordered: delivered in the order of sending.
        half_duplex: sending stops us hearing.
        cleartext_only: the law forbids obscured content here.
        metered: sending spends something scarce (airtime, a data plan).
        broadcast: everybody in range hears what is sent.
        recovers_within_s: how long the link may be cut and still come back by itself.
        bitrate_bps: honest long-run estimate per direction, ``None`` when unknown.
    """

    mtu_octets: int
    path: Path
    reliable: bool
    ordered: bool
    half_duplex: bool = False
    cleartext_only: bool = False
    metered: bool = False
    broadcast: bool = False
    recovers_within_s: float = 0.0
    bitrate_bps: float | None = None


@dataclass(frozen=True, slots=True)
class LinkBinding:
    """What ties a handshake to this very link, so that nobody can stand in between.

    For WebRTC these are the SHA-256 fingerprints of the DTLS certificates (RFC 8122),
    32 octets each. Both stations sign both.
    """

    local: bytes
    remote: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp:
    """Messages can flow; the first event of a link.

    Attributes:
        dialled: whom we dialled, ``None`` when the other side did. It is a hope;
            the handshake tells who is really there.
        way: by which the two ends came to it.
        remote_address: where the other end was seen, for people to read.
    """

    link: LinkId
    traits: LinkTraits
    binding: LinkBinding
    dialled: StationId | None
    way: Way = Way.LAN
    remote_address: str = ""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link is gone; the last event of a link."""

    link: LinkId
    reason: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """One whole message arrived."""

    link: LinkId
    message: Message


@dataclass(frozen=True, slots=True)
class LinkWritable:
    """A link that had answered "full" takes chunks messages again."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class PathChanged:
    """A link that is up runs elsewhere from now on; fields as in :class:`LinkUp`."""

    link: LinkId
    path: Path
    remote_address: str


@dataclass(frozen=True, slots=True)
class DialFailed:
    """A dialled station could not be reached this way; there was no link."""

    station: StationId
    reason: str
    way: Way = Way.LAN


LinkEvent: TypeAlias = LinkUp | LinkDown | MessageReceived | LinkWritable | PathChanged | DialFailed
