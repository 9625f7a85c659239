"""What the control API needs from a station, and the values that pass between them.

The control room declares the interface it needs; the station room implements it. So
the HTTP server, the command line and their tests can be read without the station.

Conventions of every value here: hashes are 64 lower-case hexadecimal digits,
instants are Unix time in seconds, ``None`` means *not known* (and never zero). A
value is JSON as it stands; ``docs/reference/control-api.md`` shows it on the wire.
"""

import enum
from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from meshdl.control.feed import Subscription
from meshdl.control.internet_status import OFF, InternetStatus
from meshdl.control.radio_log import RadioFacts
from meshdl.control.radio_view import RadioView
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.links import Path as LinkPath
from meshdl.policy.bottleneck import Bottleneck
from meshdl.wire.signalling import IceServer

PrecedenceName: TypeAlias = Literal["emergency", "priority", "welfare", "routine"]
"""Order of handling, highest first (ARRL radiogram precedences)."""

Via: TypeAlias = Literal["auto", "webrtc", "rf", "hybrid"]
"""Over which paths a download may run. ``auto`` and ``webrtc``: links. ``rf``: radio alone.
``hybrid``: both at once."""

LogKind: TypeAlias = Literal["transfer", "identification", "event", "radio"]

Direction: TypeAlias = Literal["sent", "received"]


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


class LinkState(enum.StrEnum):
    """How near a peer is. ``KNOWN``: heard of, no link and none being made."""

    UP = "up"
    DIALLING = "dialling"
    KNOWN = "known"


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


class ShareProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Hashing goes on.

    Attributes:
        location: the path, as it was asked to be shared.
        octets_done: hashed so far, of ``octets`` in that path.
    """

    location: str
    octets_done: int
    octets: int


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


class StationChanged(msgspec.Struct, frozen=True, tag_field="type", tag="station"):
    """The station's own status is now this; at most once a second."""

    station: StationStatus


class ContentChanged(msgspec.Struct, frozen=True, tag_field="type", tag="content"):
    """A content is new or changed; while its state stays, at most four times a second."""

    content: ContentStatus


class ContentRemoved(msgspec.Struct, frozen=True, tag_field="type", tag="content-removed"):
    """A content is no longer at this station."""

    content_hash: str


class PeerChanged(msgspec.Struct, frozen=True, tag_field="type", tag="peer"):
    """A peer is new or changed."""

    peer: PeerStatus


class PeerRemoved(msgspec.Struct, frozen=True, tag_field="type", tag="peer-removed"):
    """A peer is no longer known."""

    station_id: StationId


Event: TypeAlias = StationChanged | ContentChanged | ContentRemoved | PeerChanged | PeerRemoved
"""One message of ``/api/v1/events``. Readers ignore types they do not know."""


class StationView(Protocol):
    """What a station shows to, and does for, the programs of its operator.

    All methods are called from the station's event loop. They raise only
    :exc:`~meshdl.errors.MeshdlError`; the server turns each class into an HTTP
    status and the client turns that back into the same class.
    """

    @property
    def radio(self) -> RadioView:
        """Its radio; there is one to look at even where there is none to use."""

    async def status(self) -> StationStatus:
        """The station at a glance."""

    async def contents(self) -> Sequence[ContentStatus]:
        """Every content of this station, the newest last."""

    async def content(self, content_hash: ContentHash) -> ContentStatus:
        """One content.

        Raises:
            ContentUnknown: this station does not have it and is not getting it.
        """

    async def chunks(self, content_hash: ContentHash) -> ChunkMap:
        """Which chunks of it are verified here.

        Raises:
            ContentUnknown: no such content here.
        """

    async def network(self) -> Sequence[NetworkContent]:
        """Every content that an unexpired record is known of, own ones included."""

    async def peers(self) -> Sequence[PeerStatus]:
        """Every station with a link, being dialled, or heard of."""

    async def ice_servers(self) -> Sequence[IceServer]:
        """STUN and TURN servers that signalling servers hand out, with their credentials."""

    def share(
        self,
        paths: Sequence[str],
        *,
        title: str | None,
        precedence: PrecedenceName,
        tags: Sequence[str],
    ) -> AsyncIterator[ShareProgress | ContentStatus]:
        """Hash and share each of ``paths``: one content a path, in order.

        Args:
            paths: absolute; a file or a folder each.
            title: for people; the name of the path when ``None``. Only with one path.
            precedence: told in the record.
            tags: told in the record.

        Yields:
            Progress a few times a second, and the content when its hash is known.
            Closing the iterator stops the hashing; contents already yielded stay.

        Raises:
            FileUnreadable: a path cannot be read; nothing of it is shared.
            FileChanged: a file changed while it was hashed.
            UnsafePath: a file name that other stations could not store.
            RecordInvalid: title or tags do not fit a record.
        """

    async def download(
        self,
        target: str | bytes,
        *,
        directory: str | None = None,
        precedence: PrecedenceName | None = None,
        via: Via = "auto",
    ) -> ContentStatus:
        """Begin a download, or resume the one that is there already.

        Args:
            target: hash or link as text, or the octets of a BitTorrent v2 file.
            directory: absolute; the configured one when ``None``.
            precedence: the record's when ``None``.
            via: over which paths.

        Raises:
            ContentLinkInvalid: a text that is neither a hash nor a link.
            MetainfoInvalid: octets that are no BitTorrent v2 file.
            TargetExists: something else has the name of the download.
            DiskFull: it cannot fit, so it does not begin.
        """

    async def pause(self, content_hash: ContentHash) -> ContentStatus:
        """Ask nobody for more; what is verified stays. Harmless when complete.

        Returns when everything verified so far is durable.

        Raises:
            ContentUnknown: no such content here.
        """

    async def resume(self, content_hash: ContentHash) -> ContentStatus:
        """Go on with a paused download, or look again at a broken content.

        Raises:
            ContentUnknown: no such content here.
        """

    async def remove(self, content_hash: ContentHash, *, delete_files: bool) -> None:
        """Forget a content.

        Args:
            content_hash: which.
            delete_files: delete what was *downloaded*, too. A file that was shared
                in place belongs to the operator and is never deleted.

        Raises:
            ContentUnknown: no such content here.
        """

    async def torrent(self, content_hash: ContentHash) -> bytes:
        """The content's metainfo as a BitTorrent v2 file.

        Raises:
            ContentUnknown: no such content here, or its metainfo is still to come.
        """

    def log(self, query: LogQuery) -> AsyncIterator[LogEntry]:
        """Entries of the station log, the oldest first."""

    def events(self) -> Subscription[Event]:
        """Everything that changes from this call on; see :class:`Subscription`."""

    async def trust(self, callsign: Callsign, station_id: StationId) -> None:
        """Pin ``callsign`` to the key of ``station_id`` from now on.

        For the operator who saw the warning about a changed key and asked the other
        station, on another path, whether the change was theirs.

        Raises:
            ConfigError: no station with that callsign and id was ever heard.
        """
