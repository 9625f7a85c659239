"""Contents as the control API shows them: what a station does with each, and what neighbours have.

Conventions as in :mod:`meshdl.control.view`.
"""

import enum
from typing import Literal, TypeAlias

import msgspec

from meshdl.ids import Callsign, StationId
from meshdl.links import Path as LinkPath

PrecedenceName: TypeAlias = Literal["emergency", "priority", "welfare", "routine"]
"""Order of handling, highest first (ARRL radiogram precedences)."""


Via: TypeAlias = Literal["auto", "webrtc", "rf", "hybrid"]
"""Over which paths a download may run. ``auto`` and ``webrtc``: links. ``rf``: radio alone.
``hybrid``: both at once."""


class ContentState(enum.StrEnum):
    """What the station is doing with a content.

    ``SHARING``: the user's own file, served in place. ``WAITING``: wanted, and no
    source is known at the moment. ``DOWNLOADING``: at least one source is asked.
    ``PAUSED``: nothing is asked until the operator resumes. ``VERIFYING``: octets
    on disk are hashed again. ``COMPLETE``: downloaded, every octet verified, served
    to others. ``OVERHEARD``: came by radio though nobody here asked for it; it is kept while
    there is room. ``BROKEN``: something needs the operator; ``error`` says what.
    """

    SHARING = "sharing"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    VERIFYING = "verifying"
    COMPLETE = "complete"
    OVERHEARD = "overheard"
    BROKEN = "broken"


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One station that a content comes from, over one path.

    Attributes:
        path: where the link runs (lan, direct, relayed, rf).
        octets: verified octets of this content received from it in this run.
    """

    callsign: Callsign
    station_id: StationId
    path: LinkPath
    octets: int
    rate_octets_per_s: float


class ContentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One content at this station.

    Attributes:
        title: from the record, else the link, else the first digits of the hash.
        octets: size; ``None`` until the metainfo has arrived. So with ``chunks``.
        octets_done: verified and kept on disk, unfinished chunks included.
        chunks_done: chunks that are whole.
        rate_octets_per_s: verified octets arriving now.
        eta_s: seconds to go at that rate.
        symbols_lacking: that must still be heard, while it is fetched by radio; 48 octets each,
            and fewer where its text can be compressed. ``None`` otherwise.
        duplicate_octets: received although already held.
        sources: stations it comes from now, the fastest first.
        location: where the files are, or will be when complete.
        error: what is wrong and what to do, in states ``broken`` and ``waiting``.
        link: ``meshdl:`` link to hand to others.
        via: over which paths it comes.
    """

    content_hash: str
    title: str
    state: ContentState
    octets: int | None
    octets_done: int
    chunks: int | None
    chunks_done: int
    location: str
    precedence: PrecedenceName
    link: str
    via: Via = "auto"
    rate_octets_per_s: float = 0.0
    eta_s: float | None = None
    symbols_lacking: int | None = None
    duplicate_octets: int = 0
    sources: tuple[SourceStatus, ...] = ()
    error: str | None = None


class ChunkMap(msgspec.Struct, frozen=True, kw_only=True):
    """Which chunks of a content are verified here.

    Attributes:
        count: chunks in all; 0 until the metainfo has arrived.
        have: bitfield as in BitTorrent: the highest bit of the first octet is chunk 0.
    """

    count: int
    have: bytes


class NetworkContent(msgspec.Struct, frozen=True, kw_only=True):
    """A content that stations of the network announce, by its signed record.

    Attributes:
        originator: callsign that signed the record.
        held_by: callsigns of reachable stations that have all or part of it.
        held: this station has it or is getting it.
    """

    content_hash: str
    title: str
    octets: int
    originator: Callsign
    originator_id: StationId
    precedence: PrecedenceName
    tags: tuple[str, ...]
    media_type: str
    created_at: int
    expires_at: int
    link: str
    held_by: tuple[Callsign, ...]
    held: bool


class ShareProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Hashing goes on.

    Attributes:
        location: the path, as it was asked to be shared.
        octets_done: hashed so far, of ``octets`` in that path.
    """

    location: str
    octets_done: int
    octets: int


class ShareSkipped(msgspec.Struct, frozen=True, kw_only=True):
    """What lies below a path and is not shared with it: links, devices, pipes, sockets.

    Attributes:
        location: the path, as it was asked to be shared.
        names: of the first hundred, below that path.
        count: how many there are.
    """

    location: str
    names: tuple[str, ...]
    count: int


ShareStep: TypeAlias = ShareProgress | ShareSkipped | ContentStatus
"""What is told of each path while it is shared; the content comes last."""
