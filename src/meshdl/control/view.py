"""What the control API needs from a station.

The control room declares the interface it needs; the station room implements it. So
the HTTP server, the command line and their tests can be read without the station.

The values that pass between them stand in :mod:`meshdl.control.station_status`,
:mod:`meshdl.control.content_status`, :mod:`meshdl.control.log_entry` and
:mod:`meshdl.control.changes`. Conventions of all of them: hashes are 64 lower-case
hexadecimal digits, instants are Unix time in seconds, ``None`` means *not known* (and
never zero). A value is JSON as it stands; ``docs/reference/control-api.md`` shows it on
the wire.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from meshdl.control.changes import Event
from meshdl.control.content_status import (
    ChunkMap,
    ContentStatus,
    NetworkContent,
    PrecedenceName,
    ShareStep,
    Via,
)
from meshdl.control.feed import Subscription
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.radio_view import RadioView
from meshdl.control.station_status import PeerStatus, StationStatus
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.wire.signalling import IceServer


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
    ) -> AsyncIterator[ShareStep]:
        """Hash and share each of ``paths``: one content a path, in order.

        Args:
            paths: absolute; a file or a folder each.
            title: for people; the name of the path when ``None``. Only with one path.
            precedence: told in the record.
            tags: told in the record.

        Yields:
            Progress a few times a second, then what below the path is not shared, if there is
            anything, and the content when its hash is known.
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
