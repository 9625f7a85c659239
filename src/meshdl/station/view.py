"""What a running station shows to, and does for, its operator's programs.

The control API is served from this; see :class:`meshdl.control.view.StationView` for
what each method promises.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from pathlib import Path

from meshdl import __version__
from meshdl.content.bitfield import Bitfield
from meshdl.content.link import ContentLink
from meshdl.content.metainfo import Metainfo, encode_torrent
from meshdl.content.precedence import Precedence
from meshdl.control.changes import Event
from meshdl.control.content_status import (
    ChunkMap,
    ContentState,
    ContentStatus,
    NetworkContent,
    PrecedenceName,
    ShareProgress,
    ShareStep,
    Via,
)
from meshdl.control.feed import Feed, Subscription
from meshdl.control.internet_status import OFF, InternetStatus
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.radio_view import RadioView
from meshdl.control.station_status import LanStatus, PeerStatus, StationStatus
from meshdl.errors import ConfigError
from meshdl.ids import Callsign, ContentHash, StationId, station_id
from meshdl.links import Path as LinkPath
from meshdl.station.catalogue import Catalogue
from meshdl.station.catalogue_entry import StoredState
from meshdl.station.config import StationConfig
from meshdl.station.content_home import read_torrent
from meshdl.station.home import Home
from meshdl.station.internet import Internet
from meshdl.station.library import Library
from meshdl.station.log import StationLog
from meshdl.station.observer import Observer
from meshdl.station.precedence_names import PRECEDENCE_NAMES
from meshdl.station.radio.contents import BY_RADIO
from meshdl.station.radio.overheard import take_over
from meshdl.station.radio.radio import Radio
from meshdl.station.radio.view import no_radio
from meshdl.station.record_book import RecordBook
from meshdl.station.sharing import Sharing
from meshdl.station.swarm_shell import SwarmShell
from meshdl.swarm.inputs import StationTrusted
from meshdl.wire.signalling import IceServer

WARNINGS_MAX = 20

LOG_PAGE = 500
"""Entries read in one visit to the thread."""

_PRECEDENCES = {name: precedence for precedence, name in PRECEDENCE_NAMES.items()}


class LiveView:
    """The station's :class:`~meshdl.control.view.StationView`."""

    def __init__(
        self,
        config: StationConfig,
        home: Home,
        own: StationId,
        *,
        catalogue: Catalogue,
        log: StationLog,
        lan: Callable[[], LanStatus],
    ) -> None:
        self._config, self._home, self._own = config, home, own
        self._catalogue, self._log, self._lan = catalogue, log, lan
        self._started_at = time.time()
        self._feed: Feed[Event] = Feed()
        self._warnings: OrderedDict[str, None] = OrderedDict()
        self._shell: SwarmShell
        self._library: Library
        self._records: RecordBook
        self.observer: Observer
        self._internet: Internet | None = None
        self.radio: RadioView
        self._radio: Radio | None = None

    def connect(self, shell: SwarmShell, library: Library, records: RecordBook) -> None:
        """Say what is shown; before any other method is called."""
        self._shell, self._library, self._records = shell, library, records
        self.observer = Observer(
            shell.core, library, records, self._feed, station=self._station_status
        )

    def show_internet(self, internet: Internet) -> None:
        """Say whose servers are shown."""
        self._internet = internet

    def show_radio(self, radio: Radio, shown: RadioView) -> None:
        """Say whose radio is shown, and as what."""
        self._radio, self.radio = radio, shown
        self.observer.show_radio(radio.contents)

    def warn(self, text: str, station: StationId | None = None) -> None:
        """Show a sentence to the operator, and keep it in the log."""
        if text in self._warnings:
            return
        self._warnings[text] = None
        while len(self._warnings) > WARNINGS_MAX:
            self._warnings.popitem(last=False)
        if station is not None:
            self.observer.notes[station] = text
        self._shell.log_event(text)

    def withdraw(self, text: str, because: str) -> None:
        """What :meth:`warn` told is over; the log keeps why."""
        self._warnings.pop(text, None)
        self._shell.log_event(because)

    def content_changed(self, content: ContentHash) -> None:
        """Look at a content again, soon."""
        self.observer.content_changed(content)

    def close(self) -> None:
        """End every subscription."""
        self._feed.close()
        if self._radio is not None:
            self._radio.shell.ear.feed.close()

    # What there is.

    async def status(self) -> StationStatus:
        """The station at a glance."""
        return self._station_status()

    async def contents(self) -> Sequence[ContentStatus]:
        """Every content of this station, the newest last."""
        return [self.observer.content(entry) for entry in self._library.entries.values()]

    async def content(self, content_hash: ContentHash) -> ContentStatus:
        """One content."""
        return self.observer.content(self._library.entry(content_hash))

    async def chunks(self, content_hash: ContentHash) -> ChunkMap:
        """Which chunks of it are verified here."""
        self._library.entry(content_hash)
        holding = self._shell.core.holdings.get(content_hash)
        if holding is None:
            return ChunkMap(count=0, have=b"")
        count = holding.metainfo.chunk_count
        return ChunkMap(count=count, have=Bitfield(count, holding.have).to_octets())

    async def network(self) -> Sequence[NetworkContent]:
        """Every content that an unexpired record is known of and somebody holds."""
        here = self._library.entries
        found = []
        for record in await self._records.known():
            held_by = self._records.holders(record.content_hash)
            held = record.content_hash in here
            if not held_by and not held:
                continue
            link = ContentLink(record.content_hash, record.title, record.originator)
            found.append(
                NetworkContent(
                    content_hash=record.content_hash.hex(),
                    title=record.title,
                    octets=record.octets,
                    originator=record.originator,
                    originator_id=station_id(record.originator_key),
                    precedence=PRECEDENCE_NAMES[record.precedence],
                    tags=record.tags,
                    media_type=record.media_type,
                    created_at=record.created_at,
                    expires_at=record.expires_at,
                    link=link.to_text(),
                    held_by=held_by,
                    held=held,
                )
            )
        return found

    async def peers(self) -> Sequence[PeerStatus]:
        """Every station with a link, being dialled, or heard of."""
        return self.observer.peers()

    def events(self) -> Subscription[Event]:
        """Everything that changes from this call on."""
        return self._feed.subscribe()

    async def log(self, query: LogQuery) -> AsyncIterator[LogEntry]:
        """Entries of the station log, the oldest first."""
        await self._shell.log_written()
        entries = self._log.entries(query)
        while True:
            page = await asyncio.to_thread(_page, entries)
            for entry in page:
                yield entry
            if len(page) < LOG_PAGE:
                return

    async def torrent(self, content_hash: ContentHash) -> bytes:
        """The content's metainfo as a BitTorrent v2 file."""
        metainfo, layers = await self._library.metainfo(content_hash)
        return await self._library.pool.run(partial(encode_torrent, metainfo, layers))

    async def ice_servers(self) -> Sequence[IceServer]:
        """STUN and TURN servers that signalling servers hand out, with their credentials."""
        return self._internet.ice_servers() if self._internet is not None else []

    # What can be done.

    async def share(
        self,
        paths: Sequence[str],
        *,
        title: str | None,
        precedence: PrecedenceName,
        tags: Sequence[str],
    ) -> AsyncGenerator[ShareStep]:
        """Hash and share each of ``paths``."""
        for path in paths:
            sharing = Sharing(self._home, self._library, self._records)
            steps = sharing.share(Path(path), title, _PRECEDENCES[precedence], tags)
            async with aclosing(steps) as progress:
                async for done, octets in progress:
                    yield ShareProgress(location=path, octets_done=done, octets=octets)
            if sharing.skipped is not None:
                yield sharing.skipped
            if sharing.entry is not None:
                yield self.observer.content(sharing.entry)

    async def download(
        self,
        target: str | bytes,
        *,
        directory: str | None = None,
        precedence: PrecedenceName | None = None,
        via: Via = "auto",
    ) -> ContentStatus:
        """Begin a download, or resume the one that is there already."""
        if via in BY_RADIO and self._radio is None:
            raise no_radio()
        known: tuple[Metainfo, dict[bytes, bytes]] | None = None
        if isinstance(target, bytes):
            known = await self._library.pool.run(partial(read_torrent, target))
            link = ContentLink(known[0].content_hash)
        else:
            link = ContentLink.parse(target)
        content = link.content_hash
        if (entry := self._library.find(content)) is not None:
            if entry.overheard:
                place = Path(directory) if directory else self._config.download_directory
                urgency = _PRECEDENCES[precedence] if precedence else None
                await take_over(self._library, content, place, via=via, precedence=urgency)
            elif via != entry.via:
                await self._library.change_paths(content, via)
            status = await self.content(content)
            resting = {ContentState.PAUSED, ContentState.BROKEN}
            return await self.resume(content) if status.state in resting else status
        record = await self._records.find(content)
        name = known[0].name if known is not None else link.title
        title = record.title if record else name or content.hex()[:12]
        default = record.precedence if record else Precedence.ROUTINE
        begun = await self._library.begin(
            content,
            title=title,
            directory=Path(directory) if directory else self._config.download_directory,
            precedence=_PRECEDENCES[precedence] if precedence else default,
            via=via,
            known=known,
        )
        if begun:
            return await self.content(content)
        return await self.download(target, directory=directory, precedence=precedence, via=via)

    async def pause(self, content_hash: ContentHash) -> ContentStatus:
        """Ask nobody for more."""
        await self._library.pause(content_hash)
        return await self.content(content_hash)

    async def resume(self, content_hash: ContentHash) -> ContentStatus:
        """Go on with a paused download, or look again at a broken content."""
        await self._library.resume(content_hash)
        return await self.content(content_hash)

    async def remove(self, content_hash: ContentHash, *, delete_files: bool) -> None:
        """Forget a content."""
        await self._library.remove(content_hash, delete_files=delete_files)
        self.observer.content_changed(content_hash)

    async def trust(self, callsign: Callsign, station: StationId) -> None:
        """Pin ``callsign`` to the key of ``station`` from now on."""
        key = self._shell.keys.get(station)
        if key is None:
            raise ConfigError(
                "station id",
                f"no station {station} has shown its key since this one was started; "
                "wait until it is heard again",
            )
        await asyncio.to_thread(self._catalogue.pins.repin, callsign, key, now=time.time())
        self._shell.driver.post(StationTrusted(callsign, key))
        self.observer.notes.pop(station, None)
        for text in [text for text in self._warnings if station in text]:
            del self._warnings[text]

    # How it does that.

    def _station_status(self) -> StationStatus:
        entries = self._library.entries.values()
        downloads = sum(
            entry.state is StoredState.DOWNLOADING and not entry.overheard for entry in entries
        )
        return StationStatus(
            callsign=self._config.callsign,
            station_id=self._own,
            version=__version__,
            pid=os.getpid(),
            home=str(self._home.directory),
            lan=self._lan(),
            started_at=self._started_at,
            peers=self.observer.link_count(),
            downloads=downloads,
            upload_octets_per_s=self.observer.upload_rate(),
            download_octets_per_s=self.observer.download_rate(),
            warnings=tuple(self._warnings),
            internet=self._internet_status(),
        )

    def _internet_status(self) -> InternetStatus:
        if self._internet is None:
            return OFF
        servers = self._internet.servers()
        return InternetStatus(
            enabled=bool(servers),
            servers=servers,
            direct=self.observer.reached_over(LinkPath.DIRECT),
            relayed=self.observer.reached_over(LinkPath.RELAYED),
        )


def _page(entries: Iterator[LogEntry]) -> list[LogEntry]:
    return list(islice(entries, LOG_PAGE))
