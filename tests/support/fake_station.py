"""A station without network, disk or time; the control API's tests command it.

mypy checks that it is a whole :class:`StationView`: see the last line.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from tests.support.fake_radio import FakeRadio

from meshdl.control.changes import ContentChanged, ContentRemoved, Event
from meshdl.control.content_status import (
    ChunkMap,
    ContentState,
    ContentStatus,
    NetworkContent,
    PrecedenceName,
    ShareStep,
    SourceStatus,
    Via,
)
from meshdl.control.feed import Feed, Subscription
from meshdl.control.internet_status import OFF, InternetStatus
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.station_status import LanStatus, LinkState, PeerStatus, StationStatus
from meshdl.control.view import StationView
from meshdl.errors import ContentLinkInvalid, ContentUnknown
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.links import Path as LinkPath
from meshdl.policy.bottleneck import Bottleneck
from meshdl.wire.signalling import IceServer

MAP_HASH = ContentHash(bytes.fromhex("aa" * 32))
BULLETIN_HASH = ContentHash(bytes.fromhex("bb" * 32))
NOBODYS_HASH = ContentHash(bytes.fromhex("cc" * 32))
OWN_ID = StationId("0123456789abcdef")
PEER_ID = StationId("fedcba9876543210")


def content_of(content_hash: ContentHash, **changes: object) -> ContentStatus:
    """A content that is half here, unless told otherwise."""
    halfway = ContentStatus(
        content_hash=content_hash.hex(),
        title="Map of the county",
        state=ContentState.DOWNLOADING,
        octets=4_000_000,
        octets_done=2_000_000,
        chunks=4,
        chunks_done=2,
        location="/home/op/Meshdl/map.pdf",
        precedence="routine",
        link=f"meshdl:?xt=urn:btmh:1220{content_hash.hex()}",
        rate_octets_per_s=1_000_000.0,
        eta_s=2.0,
        sources=(
            SourceStatus(
                callsign=Callsign("W1AW"),
                station_id=PEER_ID,
                path=LinkPath.LAN,
                octets=2_000_000,
                rate_octets_per_s=1_000_000.0,
            ),
        ),
    )
    return msgspec.structs.replace(halfway, **changes)


def peer_of(**changes: object) -> PeerStatus:
    """A station on the local network, unless told otherwise."""
    near = PeerStatus(
        callsign=Callsign("W1AW"),
        station_id=PEER_ID,
        link_state=LinkState.UP,
        path=LinkPath.LAN,
        address="192.0.2.9",
        rtt_ms=1.5,
        octets_sent=0,
        octets_received=2_000_000,
        since=1_790_000_000.0,
        contents=2,
        window_octets=1_000_000,
        limited_by=Bottleneck.PATH,
    )
    return msgspec.structs.replace(near, **changes)


FakeStep: TypeAlias = ShareStep | Exception


@dataclass
class FakeStation:
    """Holds what it is given and notes what it is told to do.

    Attributes:
        told: every command, as a tuple of its name and arguments.
        failure: raised by every command while it is set.
        after_download: called with the content's hash once a download was begun.
    """

    held: dict[ContentHash, ContentStatus] = field(default_factory=dict)
    told: list[tuple[object, ...]] = field(default_factory=list)
    failure: Exception | None = None
    warnings: tuple[str, ...] = ()
    internet: InternetStatus = OFF
    stun_and_turn: tuple[IceServer, ...] = ()
    others: tuple[PeerStatus, ...] = ()
    log_entries: list[LogEntry] = field(default_factory=list)
    share_steps: list[FakeStep] = field(default_factory=list)
    after_download: Callable[[ContentHash], None] = lambda _: None
    feed: Feed[Event] = field(default_factory=Feed)
    radio: FakeRadio = field(default_factory=FakeRadio)

    def change(self, content: ContentStatus) -> None:
        """Hold ``content``, and tell whoever watches."""
        self.held[ContentHash(bytes.fromhex(content.content_hash))] = content
        self.feed.publish(ContentChanged(content))

    def obey(self, *command: object) -> None:
        """Note a command, or fail as told."""
        if self.failure is not None:
            raise self.failure
        self.told.append(command)

    async def status(self) -> StationStatus:
        self.obey("status")
        return StationStatus(
            callsign=Callsign("KA1ABC"),
            station_id=OWN_ID,
            version="0.1.0",
            pid=4711,
            home="/home/op/.local/share/meshdl",
            lan=LanStatus(enabled=True, addresses=("192.0.2.7",), port=7373, state="announced"),
            started_at=1_790_000_000.0,
            peers=1,
            downloads=1,
            upload_octets_per_s=0.0,
            download_octets_per_s=1_000_000.0,
            warnings=self.warnings,
            internet=self.internet,
        )

    async def contents(self) -> Sequence[ContentStatus]:
        return tuple(self.held.values())

    async def content(self, content_hash: ContentHash) -> ContentStatus:
        return self._one(content_hash)

    async def chunks(self, content_hash: ContentHash) -> ChunkMap:
        self._one(content_hash)
        return ChunkMap(count=9, have=b"\x80\x80")

    async def network(self) -> Sequence[NetworkContent]:
        return (
            NetworkContent(
                content_hash=BULLETIN_HASH.hex(),
                title="Bulletin 7",
                octets=900,
                originator=Callsign("W1AW"),
                originator_id=PEER_ID,
                precedence="priority",
                tags=("wx",),
                media_type="text/plain",
                created_at=1_790_000_000,
                expires_at=1_790_086_400,
                link=f"meshdl:?xt=urn:btmh:1220{BULLETIN_HASH.hex()}&dn=Bulletin%207&from=W1AW",
                held_by=(Callsign("W1AW"),),
                held=False,
            ),
        )

    async def peers(self) -> Sequence[PeerStatus]:
        return (peer_of(), *self.others)

    async def ice_servers(self) -> Sequence[IceServer]:
        return self.stun_and_turn

    async def share(
        self,
        paths: Sequence[str],
        *,
        title: str | None,
        precedence: PrecedenceName,
        tags: Sequence[str],
    ) -> AsyncIterator[ShareStep]:
        self.obey("share", tuple(paths), title, precedence, tuple(tags))
        for step in self.share_steps:
            if isinstance(step, Exception):
                raise step
            yield step

    async def download(
        self,
        target: str | bytes,
        *,
        directory: str | None = None,
        precedence: PrecedenceName | None = None,
        via: Via = "auto",
    ) -> ContentStatus:
        self.obey("download", target, directory, precedence, via)
        if isinstance(target, bytes):
            content_hash = MAP_HASH
        else:
            try:
                content_hash = ContentHash(bytes.fromhex(target[-64:]))
            except ValueError as error:
                raise ContentLinkInvalid(f"{target!r} is no link") from error
        content = self.held.setdefault(content_hash, content_of(content_hash))
        self.after_download(content_hash)
        return content

    async def pause(self, content_hash: ContentHash) -> ContentStatus:
        return self._become(content_hash, "pause", ContentState.PAUSED)

    async def resume(self, content_hash: ContentHash) -> ContentStatus:
        return self._become(content_hash, "resume", ContentState.DOWNLOADING)

    async def remove(self, content_hash: ContentHash, *, delete_files: bool) -> None:
        self.obey("remove", content_hash, delete_files)
        self._one(content_hash)
        del self.held[content_hash]
        self.feed.publish(ContentRemoved(content_hash.hex()))

    async def torrent(self, content_hash: ContentHash) -> bytes:
        self._one(content_hash)
        return b"d4:infod12:meta versioni2eee"

    async def log(self, query: LogQuery) -> AsyncIterator[LogEntry]:
        self.obey("log", query)
        for entry in self.log_entries:
            yield entry

    def events(self) -> Subscription[Event]:
        return self.feed.subscribe()

    async def trust(self, callsign: Callsign, station_id: StationId) -> None:
        self.obey("trust", callsign, station_id)

    def _one(self, content_hash: ContentHash) -> ContentStatus:
        if content_hash not in self.held:
            raise ContentUnknown(f"no content {content_hash.hex()} here; see: meshdl ls")
        return self.held[content_hash]

    def _become(
        self, content_hash: ContentHash, command: str, state: ContentState
    ) -> ContentStatus:
        self.obey(command, content_hash)
        changed = msgspec.structs.replace(self._one(content_hash), state=state)
        self.change(changed)
        return changed


_whole: type[StationView] = FakeStation
