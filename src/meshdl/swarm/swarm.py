"""The swarm core of a station: everything between links and store.

Theory of operation
===================

Each link is a :class:`~meshdl.swarm.session.Session`. A session begins with the
handshake; until it is proved no other message counts. Then both tell what they offer
(records) and what they want; whoever wants a content hears what the others have of it,
now and with every chunk they gain.

A download goes METAINFO (info dictionary and piece layers come from peers and are
proved), CREATING (the driver makes the files), FETCHING, FINISHING (the driver gives
the files their names), COMPLETE. What is seeded and what is downloaded are both
a :class:`~meshdl.swarm.state.Holding` and are served alike.

A peer that breaks the protocol collects points; at
:data:`~meshdl.policy.penalty.BAN_POINTS` its link is closed and its station stays out
for :data:`~meshdl.policy.penalty.BAN_S`. Nothing a peer sends makes this core raise.

There is one timer: while there is any session or neighbour, the core wants to be called
every ``TICK_S``.
"""

from collections.abc import Mapping
from random import Random
from typing import assert_never

from meshdl.content.bitfield import Bitfield
from meshdl.errors import LinkRefused, MetainfoInvalid, RemoteProtocolError
from meshdl.ids import Callsign, ChunkIndex, ContentHash, LinkId, StationId, StationKey, station_id
from meshdl.links import (
    DialFailed,
    LinkDown,
    LinkUp,
    LinkWritable,
    Message,
    MessageReceived,
)
from meshdl.policy.penalty import BAN_S
from meshdl.policy.window import RequestWindow
from meshdl.swarm import inputs
from meshdl.swarm.download import Download, Stage
from meshdl.swarm.effects import (
    CloseLink,
    CreateContent,
    Dial,
    DownloadChanged,
    FinishContent,
    Identified,
    PeerDown,
    PeerRefused,
    PeerUp,
    PinStation,
    RecordsForgotten,
    RecordsHeard,
    SwarmEffect,
    Transferred,
)
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.handshake import NONCE_OCTETS, Handshake, Identity, ProvedPeer
from meshdl.swarm.metainfo_fetch import MetainfoFetch
from meshdl.swarm.neighbours import Neighbours
from meshdl.swarm.session import Liveness, PeerHolding, Session
from meshdl.swarm.state import Holding, SwarmSettings, SwarmState
from meshdl.swarm.uploads import Uploader
from meshdl.wire import chunks
from meshdl.wire import control as wire

TICK_S = 0.25
IDENTIFY_EVERY_S = 540.0
"""47 CFR 97.119(a) asks for ten minutes; a minute is kept in hand."""

LOG_TRANSFER_AFTER_S = 10.0
"""A transfer that has been quiet for this long is written to the station log."""

CONTENTS_PER_PEER_MAX = 4096
"""Contents that one peer may subscribe to or announce holdings of."""


class Swarm:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        identity: who this station is.
        settings: the operator's choices.
        rng: for nonces it must be cryptographic (``random.SystemRandom``); simulations
            pass a seeded one.
        pins: callsign to station key, as seen before.
        now: the driver's clock.
    """

    def __init__(
        self,
        identity: Identity,
        settings: SwarmSettings,
        *,
        rng: Random,
        pins: Mapping[Callsign, StationKey],
        now: float,
    ) -> None:
        self._state = SwarmState(identity, settings, rng)
        self._pins = dict(pins)
        self._records: dict[ContentHash, bytes] = {}
        self._fetches: dict[ContentHash, MetainfoFetch] = {}
        self._banned_until: dict[StationKey, float] = {}
        self._leaving = False
        self._next_tick: float | None = None
        self._next_slow_tick = now
        self.fetcher = Fetcher(self._state, now=now)
        self.uploader = Uploader(self._state, now=now)
        self.neighbours = Neighbours(station_id(identity.key), rng)

    # The four verbs.

    def receive(self, event: inputs.SwarmInput, *, now: float) -> None:  # noqa: C901 - one flat match
        """Take one input."""
        match event:
            case MessageReceived(link, message):
                self._message(link, message, now)
            case inputs.RangeWritten():
                self._range_written(event, now)
            case inputs.RangeRead(ticket, octets):
                self.uploader.range_read(ticket, octets, now=now)
            case LinkWritable(link):
                self._writable(link, now)
            case inputs.LinkBlocked(link):
                self._blocked(link)
            case LinkUp():
                self._link_up(event, now)
            case LinkDown(link, reason):
                self._link_down(link, reason, now)
            case DialFailed(station, _):
                self.neighbours.failed(station, now=now)
            case inputs.HashesRead(ticket, hashes):
                self.uploader.hashes_read(ticket, hashes)
            case inputs.ReadFailed(ticket, reason, changed):
                self.uploader.read_failed(ticket, reason, changed=changed, now=now)
            case inputs.StationSeen(station, callsign):
                self.neighbours.seen(station, callsign, now=now)
                self._dial(now)
            case inputs.StationGone(station):
                self.neighbours.gone(station)
            case inputs.StationTrusted(callsign, key):
                self._pins[callsign] = key
                self.neighbours.seen(station_id(key), callsign, now=now)
            case inputs.OfferRecord(content, record):
                self._offer_record(content, record)
            case inputs.StartDownload():
                self._start_download(event, now)
            case inputs.PauseDownload(content):
                self._pause(content)
            case inputs.ContentOpened():
                self._content_opened(event, now)
            case inputs.ContentRemoved(content):
                self._content_removed(content)
            case inputs.StoreFailed(content, reason, unwritten_octets):
                self.fetcher.written(unwritten_octets)
                self._store_failed(content, reason)
            case inputs.ContentFinished(content):
                self._finished(content)
            case inputs.Shutdown():
                self._shutdown()
            case _:
                assert_never(event)
        if self._next_tick is None and self._busy():
            self._next_tick = now + TICK_S

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if self._next_tick is None or now < self._next_tick:
            return
        self._dial(now)
        for session in list(self._state.sessions.values()):
            self._check_on(session, now)
        self.fetcher.tick(now=now)
        self._fetch_metainfo(now)
        self.uploader.pump(now=now)
        if now >= self._next_slow_tick:
            self._next_slow_tick = now + 1.0
            self._log_quiet_transfers(now)
        self._next_tick = now + TICK_S if self._busy() else None

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        return self._next_tick

    def effects(self) -> list[SwarmEffect]:
        """Drain what must now be done."""
        drained, self._state.effects = self._state.effects, []
        return drained

    # What observers may ask.

    @property
    def sessions(self) -> Mapping[LinkId, Session]:
        """Every link; for showing."""
        return self._state.sessions

    @property
    def downloads(self) -> Mapping[ContentHash, Download]:
        """Every download; for showing."""
        return self.fetcher.downloads

    @property
    def holdings(self) -> Mapping[ContentHash, Holding]:
        """Every open content; for showing."""
        return self._state.holdings

    def _busy(self) -> bool:
        return bool(self._state.sessions or self.neighbours.known or self._fetches)

    # Links.

    def _link_up(self, event: LinkUp, now: float) -> None:
        state = self._state
        if self._leaving or len(state.sessions) >= state.settings.max_links:
            state.effects.append(CloseLink(event.link, "no room for another link"))
            return
        handshake = Handshake(
            state.identity,
            event.binding,
            nonce=state.rng.randbytes(NONCE_OCTETS),
            agent=state.settings.agent,
        )
        state.sessions[event.link] = Session(
            link=event.link,
            traits=event.traits,
            dialled=event.dialled,
            address=event.remote_address,
            handshake=handshake,
            up_at=now,
            heard_at=now,
            window=RequestWindow(now=now),
        )
        state.tell(event.link, handshake.hello())

    def _link_down(self, link: LinkId, reason: str, now: float) -> None:
        session = self._state.sessions.pop(link, None)
        if session is None:
            return
        peer = session.peer
        if peer is None:
            if session.dialled is not None:
                self.neighbours.failed(session.dialled, now=now)
            return
        self.fetcher.leave(session)
        self._log_transfers(session)
        for content, fetch in self._fetches.items():
            fetch.give_up_on(link)
            self._ask_metainfo(content, fetch, now)
        self._state.effects.append(PeerDown(link, peer.callsign, peer.key, reason))
        if not any(s.peer and s.peer.key == peer.key for s in self._state.sessions.values()):
            self.neighbours.lost(station_id(peer.key), lived_s=now - session.up_at, now=now)
        self.fetcher.fill_all(now=now)
        for content in session.holdings:
            if content in self.fetcher.downloads:
                self._state.effects.append(DownloadChanged(content))

    def _close(self, session: Session, reason: str, now: float) -> None:
        self._state.effects.append(CloseLink(session.link, reason))
        self._link_down(session.link, reason, now)

    def _refuse(
        self, session: Session, reason: str, now: float, peer: ProvedPeer | None = None
    ) -> None:
        peer = peer or session.peer
        callsign, key = (peer.callsign, peer.key) if peer else ("", None)
        self._state.effects.append(
            PeerRefused(session.link, callsign, session.address, reason, key)
        )
        self._bye(session, reason)
        self._close(session, reason, now)

    def _bye(self, session: Session, reason: str) -> None:
        own = self._state.identity.callsign
        self._state.tell(session.link, wire.Bye(reason[: wire.TEXT_MAX], own))
        if session.peer is not None:
            self._state.effects.append(Identified(session.link, own, f"DE {own} (bye)", sent=True))

    def _writable(self, link: LinkId, now: float) -> None:
        session = self._state.sessions.get(link)
        if session is not None:
            session.blocked = False
            self.uploader.pump(now=now)

    def _blocked(self, link: LinkId) -> None:
        session = self._state.sessions.get(link)
        if session is not None:
            session.blocked = True

    def _dial(self, now: float) -> None:
        if self._leaving:
            return
        linked = self._linked()
        room = self._state.settings.max_links - len(self._state.sessions)
        for station in self.neighbours.due(linked, room=room, now=now):
            self._state.effects.append(Dial(station))

    def _linked(self) -> set[StationId]:
        linked = set()
        for session in self._state.sessions.values():
            if session.peer is not None:
                linked.add(station_id(session.peer.key))
            elif session.dialled is not None:
                linked.add(session.dialled)
        return linked

    def _check_on(self, session: Session, now: float) -> None:
        match session.liveness(now=now):
            case Liveness.DEAD:
                text = "no sign of life" if session.peer else "no handshake"
                self._close(session, text, now)
            case Liveness.ASK:
                session.pinged_at = now
                token = int(now * 1000) & 0xFFFFFFFF
                self._state.tell(session.link, wire.Ping(token))
            case Liveness.ALIVE:
                pass
        if session.peer is not None and now - session.identified_at >= IDENTIFY_EVERY_S:
            session.identified_at = now
            own = self._state.identity.callsign
            text = f"DE {own}"
            self._state.tell(session.link, wire.StationIdentification(own, text))
            self._state.effects.append(Identified(session.link, own, text, sent=True))

    def _shutdown(self) -> None:
        self._leaving = True
        for session in self._state.sessions.values():
            self._log_transfers(session)
            self._bye(session, "station closes")
            self._state.effects.append(CloseLink(session.link, "station closes"))

    # Messages.

    def _message(self, link: LinkId, message: Message, now: float) -> None:
        session = self._state.sessions.get(link)
        if session is None:
            return
        session.heard(now=now)
        try:
            if isinstance(message, bytes):
                self._octets(session, message, now)
            else:
                decoded = wire.decode(message)
                if decoded is not None:
                    self._control(session, decoded, now)
        except RemoteProtocolError as error:
            self._penalise(session, error, now)
        except LinkRefused as error:
            self._refuse(session, str(error), now)

    def _octets(self, session: Session, message: bytes, now: float) -> None:
        octets = chunks.decode(message)
        if octets is None:
            return
        if session.peer is None:
            raise RemoteProtocolError("chunk octets before the handshake", penalty=100)
        try:
            self.fetcher.receive_octets(session, octets, now=now)
        finally:
            if session.link in self._state.sessions:
                self.fetcher.fill(session, now=now)

    def _control(self, session: Session, message: wire.ControlMessage, now: float) -> None:  # noqa: C901, PLR0912 - one flat match
        if session.peer is None:
            self._before_proof(session, message, now)
            return
        match message:
            case wire.ChunkRequest():
                self.uploader.request(session, message, now=now)
            case wire.Have():
                self._have(session, message, now)
            case wire.Hashes():
                self._hashes(session, message, now)
            case wire.HashesRequest():
                self.uploader.hashes_requested(session, message)
            case wire.HashesReject():
                self._hashes_reject(session, message, now)
            case wire.ChunkReject():
                self.fetcher.receive_reject(session, message, now=now)
                self.fetcher.fill_all(now=now)
            case wire.ChunkCancel():
                self.uploader.cancel(session, message)
            case wire.Want():
                self._want(session, message)
            case wire.InfoRequest():
                self._info_requested(session, message)
            case wire.Info():
                self._info(session, message, now)
            case wire.Records(records):
                peer = session.peer
                self._state.effects.append(RecordsHeard(peer.key, peer.callsign, records))
            case wire.RecordsGone(hashes):
                gone = tuple(ContentHash(octets) for octets in hashes)
                self._state.effects.append(RecordsForgotten(session.peer.key, gone))
            case wire.Ping(token):
                self._state.tell(session.link, wire.Pong(token))
            case wire.Pong(token):
                session.round_trip_s = ((int(now * 1000) & 0xFFFFFFFF) - token) / 1000
            case wire.StationIdentification(_, text):
                callsign = session.peer.callsign
                self._state.effects.append(Identified(session.link, callsign, text, sent=False))
            case wire.Bye(reason):
                callsign = session.peer.callsign
                self._state.effects.append(
                    Identified(session.link, callsign, f"DE {callsign} (bye)", sent=False)
                )
                self._close(session, reason or "the other station closed the link", now)
            case wire.Hello() | wire.HelloProof():
                raise RemoteProtocolError("a handshake message out of turn", penalty=100)
            case _:
                assert_never(message)

    def _penalise(self, session: Session, error: RemoteProtocolError, now: float) -> None:
        if not session.penalties.add(error.penalty, now=now):
            return
        if session.peer is not None:
            key = session.peer.key
            self._banned_until[key] = now + BAN_S
            self.neighbours.banned(station_id(key), until=now + BAN_S)
        self._refuse(session, f"broke the protocol: {error}", now)

    # The handshake.

    def _before_proof(self, session: Session, message: wire.ControlMessage, now: float) -> None:
        match message:
            case wire.Hello():
                self._state.tell(session.link, session.handshake.receive_hello(message))
            case wire.HelloProof():
                self._proved(session, session.handshake.receive_proof(message), now)
            case wire.Bye(reason):
                self._state.effects.append(
                    PeerRefused(session.link, "", session.address, f"it refused us: {reason}")
                )
                self._close(session, reason, now)
            case _:
                raise RemoteProtocolError("a message before the handshake", penalty=100)

    def _proved(self, session: Session, peer: ProvedPeer, now: float) -> None:
        banned_until = self._banned_until.get(peer.key, now)
        if banned_until > now:
            self._refuse(session, "banned for breaking the protocol", now, peer)
            return
        self._banned_until.pop(peer.key, None)
        pinned = self._pins.get(peer.callsign)
        if pinned is not None and pinned != peer.key:
            reason = (
                f"{peer.callsign} shows another station key ({station_id(peer.key)}) than before "
                f"({station_id(pinned)}): if the operator has a new key, accept it with "
                f"'meshdl trust {peer.callsign} {station_id(peer.key)}'"
            )
            self._refuse(session, reason, now, peer)
            return
        session.peer = peer
        if not self._keep_best_link(session, peer, now):
            return
        if pinned is None:
            self._pins[peer.callsign] = peer.key
            self._state.effects.append(PinStation(peer.callsign, peer.key))
        own = self._state.identity.callsign
        session.identified_at = now
        self.neighbours.connected(station_id(peer.key))
        self._state.effects += [
            PeerUp(session.link, peer.callsign, peer.key, session.traits.path, session.address),
            Identified(session.link, own, f"DE {own} (hello)", sent=True),
            Identified(session.link, peer.callsign, f"DE {peer.callsign} (hello)", sent=False),
        ]
        records = list(self._records.values())
        for first in range(0, len(records), wire.RECORDS_MAX):
            batch = tuple(records[first : first + wire.RECORDS_MAX])
            self._state.tell(session.link, wire.Records(batch))
        for content, download in self.fetcher.downloads.items():
            if download.stage in {Stage.METAINFO, Stage.CREATING, Stage.FETCHING}:
                self._state.tell(session.link, wire.Want(content))

    def _keep_best_link(self, session: Session, peer: ProvedPeer, now: float) -> bool:
        """Of two links to one station keep one; whether ``session`` is the one kept."""
        for other in list(self._state.sessions.values()):
            if other is session or other.peer is None or other.peer.key != peer.key:
                continue
            restarted = other.peer.instance != peer.instance
            if restarted or self._better(session, other):
                self._close(other, "replaced by another link to the same station", now)
            else:
                session.peer = None  # it never was up
                self._close(session, "there is a link to this station already", now)
                self.neighbours.connected(station_id(peer.key))
                return False
        return True

    def _better(self, new: Session, old: Session) -> bool:
        """Both ends must come to the same answer, or both links would be closed."""
        if (new.dialled is None) == (old.dialled is None):
            return True  # dialled again by the same side: it has lost the old one
        own, theirs = station_id(self._state.identity.key), station_id(_key_of(old))
        return (new.dialled is not None) == (own < theirs)

    # Records and holdings.

    def _offer_record(self, content: ContentHash, record: bytes) -> None:
        if self._records.get(content) == record:
            return
        self._records[content] = record
        for session in self._state.sessions.values():
            if session.peer is not None:
                self._state.tell(session.link, wire.Records((record,)))

    def _want(self, session: Session, want: wire.Want) -> None:
        content = ContentHash(want.content_hash)
        if not want.wanted:
            session.subscribed.discard(content)
            return
        if len(session.subscribed) >= CONTENTS_PER_PEER_MAX:
            raise RemoteProtocolError("subscribed to too many contents")
        session.subscribed.add(content)
        holding = self._state.holdings.get(content)
        if holding is not None and holding.served and holding.have:
            self._state.tell(session.link, _whole_have(content, holding))

    def _have(self, session: Session, have: wire.Have, now: float) -> None:
        content = ContentHash(have.content_hash)
        download = self.fetcher.downloads.get(content)
        if download is None:
            return
        opened = download.fetching
        if opened:
            self.fetcher.unoffer(session, download)
        try:
            self._update_holding(session, have, download)
        finally:
            if opened:
                self.fetcher.offer(session, download)
        fetch = self._fetches.get(content)
        if fetch is not None:
            self._ask_metainfo(content, fetch, now)
        self.fetcher.fill(session, now=now)

    def _update_holding(self, session: Session, have: wire.Have, download: Download) -> None:
        holding = session.holdings.setdefault(download.content, PeerHolding())
        if have.complete:
            holding.complete, holding.bits, holding.raw = True, 0, None
            return
        count = download.holding.metainfo.chunk_count if download.fetching else None
        if have.bitfield is not None:
            holding.complete = False
            if count is None:
                holding.raw, holding.bits = have.bitfield, 0
            else:
                holding.bits = _bits(count, have.bitfield)
        if have.chunks and not holding.complete:
            gained = 0
            for chunk in have.chunks:
                if chunk >= (count or wire.CONTROL_MESSAGE_MAX * 8):
                    raise RemoteProtocolError(f"has chunk {chunk}, which there is not")
                gained |= 1 << chunk
            holding.bits |= gained

    def _tell_gain(self, content: ContentHash, chunk: ChunkIndex) -> None:
        text = None
        for session in self._state.sessions.values():
            if content not in session.subscribed:
                continue
            theirs = session.holdings.get(content)
            if theirs is not None and theirs.complete:
                continue
            if text is None:
                text = wire.encode(wire.Have(content, chunks=(chunk,)))
            self._state.send(session.link, text)

    # Metainfo.

    def _fetch_metainfo(self, now: float) -> None:
        for content, fetch in list(self._fetches.items()):
            self._ask_metainfo(content, fetch, now)

    def _ask_metainfo(self, content: ContentHash, fetch: MetainfoFetch, now: float) -> None:
        if not fetch.due(now=now):
            return
        holders = [
            session
            for session in self._state.sessions.values()
            if session.peer is not None and content in session.holdings
        ]
        others = [session for session in holders if session.link != fetch.asked] or holders
        if others:
            session = self._state.rng.choice(others)
            self._state.tell(session.link, fetch.question(session.link, now=now))

    def _info_requested(self, session: Session, request: wire.InfoRequest) -> None:
        content = ContentHash(request.content_hash)
        holding = self._state.holdings.get(content)
        info = holding.metainfo.info_octets if holding else b""
        if request.offset >= len(info):
            self._state.tell(session.link, wire.HashesReject(content, reason="not-held"))
            return
        stretch = info[request.offset : request.offset + wire.INFO_OCTETS_MAX]
        self._state.tell(session.link, wire.Info(content, len(info), request.offset, stretch))

    def _info(self, session: Session, info: wire.Info, now: float) -> None:
        content = ContentHash(info.content_hash)
        fetch = self._fetches.get(content)
        if fetch is None:
            return
        try:
            fetch.receive_info(session.link, info)
        except MetainfoInvalid as error:
            # It hashes to the content hash, so no other station has a better one.
            del self._fetches[content]
            self._fail(content, f"its metainfo cannot be used: {error}")
            return
        self._advance(content, fetch, now)

    def _hashes(self, session: Session, hashes: wire.Hashes, now: float) -> None:
        content = ContentHash(hashes.content_hash)
        fetch = self._fetches.get(content)
        if fetch is None:
            self.fetcher.receive_hashes(session, hashes, now=now)
            self.fetcher.fill(session, now=now)
            return
        fetch.receive_hashes(session.link, hashes)
        self._advance(content, fetch, now)

    def _hashes_reject(self, session: Session, reject: wire.HashesReject, now: float) -> None:
        content = ContentHash(reject.content_hash)
        fetch = self._fetches.get(content)
        if fetch is None:
            self.fetcher.receive_hashes_reject(session, reject)
            return
        fetch.give_up_on(session.link)
        session.holdings.pop(content, None)
        self._ask_metainfo(content, fetch, now)

    def _advance(self, content: ContentHash, fetch: MetainfoFetch, now: float) -> None:
        if not fetch.done:
            self._ask_metainfo(content, fetch, now)
            return
        assert fetch.metainfo is not None
        del self._fetches[content]
        download = self.fetcher.downloads[content]
        download.stage = Stage.CREATING
        self._state.effects += [
            CreateContent(content, fetch.metainfo, fetch.layers, fetch.chunk_hashes()),
            DownloadChanged(content),
        ]

    # Contents and downloads.

    def _start_download(self, event: inputs.StartDownload, now: float) -> None:
        content = event.content
        download = self.fetcher.downloads.get(content)
        if download is None:
            download = Download(content, event.precedence, streamed=event.in_order)
            self.fetcher.downloads[content] = download
        download.precedence = event.precedence
        download.streamed = event.in_order
        holding = self._state.holdings.get(content)
        if holding is not None:
            holding.precedence = event.precedence
        if download.stage in {Stage.METAINFO, Stage.PAUSED, Stage.FAILED}:
            self._begin(download, holding, now)
        self._state.effects.append(DownloadChanged(content))

    def _begin(self, download: Download, holding: Holding | None, now: float) -> None:
        content = download.content
        for session in self._state.sessions.values():
            if session.peer is not None:
                self._state.tell(session.link, wire.Want(content))
        if holding is None:
            download.stage = Stage.METAINFO
            download.problem = None
            fetch = self._fetches.setdefault(content, MetainfoFetch(content))
            self._ask_metainfo(content, fetch, now)
            return
        self._open_download(download, holding, now)

    def _content_opened(self, event: inputs.ContentOpened, now: float) -> None:
        partial = {chunk: leaves for chunk, leaves in event.partial.items() if leaves}
        holding = Holding(event.metainfo, event.chunk_hashes, event.have, event.precedence, partial)
        content = event.content
        self._state.holdings[content] = holding
        self._fetches.pop(content, None)
        for session in self._state.sessions.values():
            if content in session.subscribed and holding.have:
                self._state.tell(session.link, _whole_have(content, holding))
        download = self.fetcher.downloads.get(content)
        if download is not None and download.stage in {Stage.METAINFO, Stage.CREATING}:
            self._open_download(download, holding, now)

    def _open_download(self, download: Download, holding: Holding, now: float) -> None:
        download.start(holding)
        for session in self._state.sessions.values():
            theirs = session.holdings.get(download.content)
            if theirs is None:
                continue
            if theirs.raw is not None:
                try:
                    theirs.bits |= _bits(holding.metainfo.chunk_count, theirs.raw)
                except RemoteProtocolError as error:
                    session.penalties.add(error.penalty, now=now)
                theirs.raw = None
            theirs.bits &= holding.all_chunks
            self.fetcher.offer(session, download)
        if holding.complete:
            self._complete(download)
        self._state.effects.append(DownloadChanged(download.content))
        self.fetcher.fill_all(now=now)

    def _range_written(self, event: inputs.RangeWritten, now: float) -> None:
        self.fetcher.written(event.octets)
        download = self.fetcher.downloads.get(event.content)
        if download is None or not download.fetching:
            return
        if download.written(event.chunk, event.offset, event.octets):
            self._tell_gain(event.content, event.chunk)
            self._state.effects.append(DownloadChanged(event.content))
            if download.holding.complete:
                self._complete(download)

    def _complete(self, download: Download) -> None:
        download.suspend(Stage.FINISHING)
        self._state.effects += [
            FinishContent(download.content),
            DownloadChanged(download.content),
        ]

    def _finished(self, content: ContentHash) -> None:
        download = self.fetcher.downloads.get(content)
        if download is None:
            return
        download.stage = Stage.COMPLETE
        for session in self._state.sessions.values():
            self._log_transfer(session, content)
            if session.peer is not None:
                self._state.tell(session.link, wire.Want(content, wanted=False))
        self._state.effects.append(DownloadChanged(content))

    def _pause(self, content: ContentHash) -> None:
        download = self.fetcher.downloads.get(content)
        if download is None or download.stage in {Stage.COMPLETE, Stage.FINISHING}:
            return
        self._stop(download, Stage.PAUSED, None)

    def _store_failed(self, content: ContentHash, reason: str) -> None:
        holding = self._state.holdings.get(content)
        if holding is not None:
            self.uploader.withdraw(content)
            del self._state.holdings[content]
        if content in self.fetcher.downloads:
            self._fail(content, reason)

    def _fail(self, content: ContentHash, reason: str) -> None:
        self._stop(self.fetcher.downloads[content], Stage.FAILED, reason)

    def _stop(self, download: Download, stage: Stage, problem: str | None) -> None:
        content = download.content
        self._fetches.pop(content, None)
        self.fetcher.drop(download)
        if download.fetching:
            for session in self._state.sessions.values():
                self.fetcher.unoffer(session, download)
        download.suspend(stage, problem)
        for session in self._state.sessions.values():
            # What they say from now on will not be heard: forget what they said.
            session.holdings.pop(content, None)
            self._log_transfer(session, content)
            if session.peer is not None:
                self._state.tell(session.link, wire.Want(content, wanted=False))
        self._state.effects.append(DownloadChanged(content))

    def _content_removed(self, content: ContentHash) -> None:
        download = self.fetcher.downloads.get(content)
        if download is not None:
            self._stop(download, Stage.PAUSED, None)
            del self.fetcher.downloads[content]
        self.uploader.withdraw(content)
        self._state.holdings.pop(content, None)
        if self._records.pop(content, None) is not None:
            for session in self._state.sessions.values():
                if session.peer is not None:
                    self._state.tell(session.link, wire.RecordsGone((content,)))

    # The station log.

    def _log_quiet_transfers(self, now: float) -> None:
        for session in self._state.sessions.values():
            for content, traffic in session.traffic.items():
                if now - traffic.moved_at >= LOG_TRANSFER_AFTER_S:
                    self._log_transfer(session, content)

    def _log_transfers(self, session: Session) -> None:
        for content in session.traffic:
            self._log_transfer(session, content)

    def _log_transfer(self, session: Session, content: ContentHash) -> None:
        traffic, peer = session.traffic.get(content), session.peer
        if traffic is None or peer is None:
            return
        path = session.traits.path
        received = traffic.received - traffic.logged_received
        sent = traffic.sent - traffic.logged_sent
        traffic.logged_received, traffic.logged_sent = traffic.received, traffic.sent
        for octets, outward in ((received, False), (sent, True)):
            if octets:
                self._state.effects.append(
                    Transferred(content, peer.callsign, peer.key, path, octets, outward)
                )


def _whole_have(content: ContentHash, holding: Holding) -> wire.Have:
    if holding.complete:
        return wire.Have(content, complete=True)
    count = holding.metainfo.chunk_count
    return wire.Have(content, bitfield=Bitfield(count, holding.have).to_octets())


def _bits(count: int, octets: bytes) -> int:
    try:
        return Bitfield.from_octets(count, octets).bits
    except ValueError as error:
        raise RemoteProtocolError(f"malformed bitfield: {error}") from error


def _key_of(session: Session) -> StationKey:
    assert session.peer is not None
    return session.peer.key
