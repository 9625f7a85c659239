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
        remote_address: where the other end was seen, for people to read.
    """

    link: LinkId
    traits: LinkTraits
    binding: LinkBinding
    dialled: StationId | None
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
class DialFailed:
    """A dialled station could not be reached; there was no link."""

    station: StationId
    reason: str


LinkEvent: TypeAlias = LinkUp | LinkDown | MessageReceived | LinkWritable | DialFailed
