"""Describes the station for people: states, rates, sources; tells of changes.

Rates are measured by looking at counters twice a second while anything moves, and once
in two seconds otherwise; nothing on the path of an octet knows of them. Progress is told
four times a second, a new state at once: somebody waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice

from meshdl.content.link import ContentLink
from meshdl.control.changes import (
    ContentChanged,
    ContentRemoved,
    Event,
    PeerChanged,
    PeerRemoved,
    StationChanged,
)
from meshdl.control.content_status import ContentState, ContentStatus, SourceStatus
from meshdl.control.feed import Feed
from meshdl.control.station_status import LinkState, PeerStatus, StationStatus
from meshdl.ids import Callsign, ContentHash, StationId, station_id
from meshdl.links import Path
from meshdl.policy.bottleneck import bottleneck
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.content_problem import problem_of
from meshdl.station.library import Library
from meshdl.station.limits_seen import source_facts
from meshdl.station.meters import Counter, Meters
from meshdl.station.precedence_names import PRECEDENCE_NAMES
from meshdl.station.radio.contents import RadioContents
from meshdl.station.record_book import RecordBook
from meshdl.swarm.download import Download
from meshdl.swarm.session import Session
from meshdl.swarm.stage import Stage
from meshdl.swarm.swarm import Swarm

PUBLISH_EVERY_S = 0.25
"""The control API promises at most four events a second for each content whose state stays."""

PUBLISHED_AT_ONCE, PUBLISHED_APART_S = 200, 0.02
"""Contents, and time until the next ones: a peer that comes or goes may change thousands, and who
reads must not fall behind for that (:data:`meshdl.control.feed.QUEUED_EVENTS_MAX`)."""

MEASURE_EVERY_S = 0.5
IDLE_EVERY_S = 2.0

_SHOWN: Mapping[StoredState, ContentState] = {
    StoredState.SHARING: ContentState.SHARING,
    StoredState.DOWNLOADING: ContentState.WAITING,
    StoredState.PAUSED: ContentState.PAUSED,
    StoredState.COMPLETE: ContentState.COMPLETE,
    StoredState.BROKEN: ContentState.BROKEN,
}


class Observer:
    """Looks at a station and describes it.

    Args:
        core: of the station; only looked at.
        library: its contents.
        records: its records.
        feed: takes the events.
        station: makes the station's own status, for the event of that name.
    """

    def __init__(
        self,
        core: Swarm,
        library: Library,
        records: RecordBook,
        feed: Feed[Event],
        *,
        station: Callable[[], StationStatus],
    ) -> None:
        self._core, self._library, self._records = core, library, records
        self._feed, self._station = feed, station
        self._loop = asyncio.get_running_loop()
        self._meters = Meters()
        self._changed: dict[ContentHash, None] = {}
        self._states_shown: dict[ContentHash, ContentState] = {}
        self._peers_shown: dict[StationId, PeerStatus] = {}
        self._due: asyncio.Handle | None = None
        self._due_at_once = False
        self._stirred = asyncio.Event()
        self._addresses: Callable[[StationId], str] = lambda _: ""
        self.notes: dict[StationId, str] = {}
        self._radio: RadioContents | None = None

    def where(self, addresses: Callable[[StationId], str]) -> None:
        """Say who knows the announced addresses of stations without a link."""
        self._addresses = addresses

    def show_radio(self, radio: RadioContents) -> None:
        """Say what comes by radio."""
        self._radio = radio

    # What happens.

    def content_changed(self, content: ContentHash) -> None:
        """Look at a content again: at once if its state is new, else soon."""
        self._changed[content] = None
        self._stirred.set()
        if self._due_at_once:
            return
        if self._state_is_new(content):
            if self._due is not None:
                self._due.cancel()
            self._due_at_once = True
            self._due = self._loop.call_soon(self._publish)
        elif self._due is None:
            self._due = self._loop.call_later(PUBLISH_EVERY_S, self._publish)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            moving = self._measure() or self._about_to_move()
            if self._feed.watched:
                self._publish_station()
            if moving:
                await asyncio.sleep(MEASURE_EVERY_S)
            else:
                self._stirred.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_EVERY_S):
                        await self._stirred.wait()

    # Descriptions.

    def content(self, entry: CatalogueEntry) -> ContentStatus:
        """One content."""
        content = entry.content_hash
        download = self._core.downloads.get(content)
        holding = self._core.holdings.get(content)
        metainfo = holding.metainfo if holding is not None else None
        octets = metainfo.total_octets if metainfo is not None else entry.octets
        state = self._state(entry, download)
        done = self._octets_done(entry, state, download)
        rate = self._meters.rate(("in", content))
        sources = self._sources(content) if download is not None else ()
        moving = state is ContentState.DOWNLOADING and rate > 0 and octets is not None
        return ContentStatus(
            content_hash=content.hex(),
            title=entry.title,
            state=state,
            octets=octets,
            octets_done=done,
            chunks=metainfo.chunk_count if metainfo is not None else None,
            chunks_done=holding.have.bit_count() if holding is not None else 0,
            location=str(entry.path),
            precedence=PRECEDENCE_NAMES[entry.precedence],
            link=ContentLink(content, title=entry.title).to_text(),
            via=entry.via,
            rate_octets_per_s=rate if state is ContentState.DOWNLOADING else 0.0,
            eta_s=(octets - done) / rate if moving and octets is not None else None,
            symbols_lacking=self._radio.symbols_lacking(content) if self._radio else None,
            duplicate_octets=download.duplicate_octets if download is not None else 0,
            sources=sources,
            error=problem_of(entry, state, download, self._radio),
        )

    def peers(self) -> list[PeerStatus]:
        """Every station with a link, being dialled, or heard of."""
        found: dict[StationId, PeerStatus] = {}
        for session in self._core.peers():
            status = self._linked(session)
            found[status.station_id] = status
        for station, neighbour in self._core.neighbours.known.items():
            if station not in found:
                state = LinkState.DIALLING if neighbour.dialling else LinkState.KNOWN
                found[station] = self._unlinked(station, neighbour.callsign, state)
        return list(found.values())

    def link_count(self) -> int:
        """Stations with a link up."""
        return len({session.station.key for session in self._core.peers()})

    def reached_over(self, path: Path) -> tuple[Callsign, ...]:
        """Stations whose link runs over such a path."""
        peers = self._core.peers()
        return tuple(one.station.callsign for one in peers if one.traits.path is path)

    def upload_rate(self) -> float:
        """Content octets sent a second, all peers together."""
        return self._meters.rate("out")

    def download_rate(self) -> float:
        """Verified octets received a second, all contents together."""
        return sum(self._meters.rate(("in", content)) for content in self._core.downloads)

    # How it does that.

    def _state(self, entry: CatalogueEntry, download: Download | None) -> ContentState:
        if self._library.verifying(entry.content_hash) is not None:
            return ContentState.VERIFYING
        if entry.overheard and entry.state is not StoredState.BROKEN:
            return ContentState.OVERHEARD
        if download is None or entry.state is not StoredState.DOWNLOADING:
            return _SHOWN[entry.state]
        if download.stage in {Stage.CREATING, Stage.FINISHING, Stage.COMPLETE}:
            return ContentState.DOWNLOADING
        coming = self._has_source(download) or self._comes_by_radio(entry.content_hash)
        return ContentState.DOWNLOADING if coming else ContentState.WAITING

    def _comes_by_radio(self, content: ContentHash) -> bool:
        return self._radio is not None and self._radio.comes(content)

    def _state_is_new(self, content: ContentHash) -> bool:
        entry = self._library.find(content)
        if entry is None:
            return content in self._states_shown
        state = self._state(entry, self._core.downloads.get(content))
        return state is not self._states_shown.get(content)

    def _about_to_move(self) -> bool:
        return any(one.fetching and self._has_source(one) for one in self._core.downloads.values())

    def _has_source(self, download: Download) -> bool:
        return any(download.content in session.station.holdings for session in self._core.peers())

    def _octets_done(
        self, entry: CatalogueEntry, state: ContentState, download: Download | None
    ) -> int:
        verifying = self._library.verifying(entry.content_hash)
        if state is ContentState.VERIFYING and verifying is not None:
            return verifying[0]
        if entry.state in {StoredState.SHARING, StoredState.COMPLETE}:
            return entry.octets or 0
        return download.octets_done if download is not None else 0

    def _sources(self, content: ContentHash) -> tuple[SourceStatus, ...]:
        sources = []
        for session in self._core.peers():
            peer = session.station
            traffic = peer.traffic.get(content)
            if traffic is None or not traffic.received:
                continue
            sources.append(
                SourceStatus(
                    callsign=peer.callsign,
                    station_id=station_id(peer.key),
                    path=session.traits.path,
                    octets=traffic.received,
                    rate_octets_per_s=self._meters.rate(("from", session.link, content)),
                )
            )
        return tuple(sorted(sources, key=lambda one: -one.rate_octets_per_s))

    def _linked(self, session: Session) -> PeerStatus:
        peer = session.station
        station = station_id(peer.key)
        trip = session.round_trip_s
        return PeerStatus(
            callsign=peer.callsign,
            station_id=station,
            link_state=LinkState.UP,
            path=session.traits.path,
            address=session.address,
            rtt_ms=trip * 1000 if trip is not None else None,
            octets_sent=sum(traffic.sent for traffic in peer.traffic.values()),
            octets_received=sum(traffic.received for traffic in peer.traffic.values()),
            since=self._wall_time(session.up_at),
            contents=self._records.held_by(peer.key),
            note=self.notes.get(station),
            window_octets=sum(lane.window.octets for lane in self._core.lanes_of(peer)),
            limited_by=bottleneck(
                source_facts(self._core, session, self._meters, now=self._loop.time())
            ),
        )

    def _unlinked(self, station: StationId, callsign: Callsign, state: LinkState) -> PeerStatus:
        known = self._peers_shown.get(station)
        since = known.since if known is not None and known.link_state is state else None
        return PeerStatus(
            callsign=callsign,
            station_id=station,
            link_state=state,
            path=None,
            address=self._addresses(station),
            rtt_ms=None,
            octets_sent=0,
            octets_received=0,
            since=since if since is not None else self._wall_time(self._loop.time()),
            contents=0,
            note=self.notes.get(station),
        )

    def _wall_time(self, at: float) -> float:
        return time.time() - (self._loop.time() - at)

    def _measure(self) -> bool:
        """Look at every counter; whether any of them moved lately."""
        self._meters.measure(self._counters(), now=self._loop.time())
        for content in self._core.downloads:
            if self._meters.rate(("in", content)):
                self.content_changed(content)
        return self._meters.moving

    def _counters(self) -> dict[Counter, int]:
        counters: dict[Counter, int] = {"out": 0}
        for session in self._core.peers():
            counters["lost", session.link] = session.station.lost_octets
            for content, traffic in session.station.traffic.items():
                counters["out"] += traffic.sent
                counters["from", session.link, content] = traffic.received
        for content, download in self._core.downloads.items():
            if download.fetching:
                counters["in", content] = download.octets_done
        return counters

    def _publish(self) -> None:
        self._due, self._due_at_once = None, False
        for content in list(islice(self._changed, PUBLISHED_AT_ONCE)):
            del self._changed[content]
            entry = self._library.find(content)
            if entry is None:
                self._states_shown.pop(content, None)
                self._feed.publish(ContentRemoved(content.hex()))
                continue
            download = self._core.downloads.get(content)
            self._states_shown[content] = self._state(entry, download)
            if self._feed.watched:
                self._feed.publish(ContentChanged(self.content(entry)))
        if self._changed:
            self._due_at_once = True  # nothing overtakes what waits
            self._due = self._loop.call_later(PUBLISHED_APART_S, self._publish)

    def _publish_station(self) -> None:
        self._feed.publish(StationChanged(self._station()))
        shown, self._peers_shown = (
            self._peers_shown,
            {peer.station_id: peer for peer in self.peers()},
        )
        for station, peer in self._peers_shown.items():
            if shown.get(station) != peer:
                self._feed.publish(PeerChanged(peer))
        for station in shown.keys() - self._peers_shown.keys():
            self._feed.publish(PeerRemoved(station))
