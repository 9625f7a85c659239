"""The swarm core of a station: everything between links and store.

Theory of operation
===================

Each link is a :class:`~meshdl.swarm.session.Session`; those to one station share
a :class:`~meshdl.swarm.peer.Peer`. A session begins with the handshake
(:mod:`meshdl.swarm.admission`); until it is proved no other message counts. Then both
tell what they offer and what they want (:mod:`meshdl.swarm.announcements`); whoever
wants a content hears what the others have of it, now and with every chunk they gain.

A download lives through the stages of :mod:`meshdl.swarm.lifecycle`; its chunks come by
:mod:`meshdl.swarm.fetcher`. What is seeded and what is downloaded are both
a :class:`~meshdl.swarm.state.Holding` and are served alike, by
:mod:`meshdl.swarm.uploads`.

This module only says who takes which input, and :mod:`meshdl.swarm.reception` who takes
which message. There is one timer: while there is any session or neighbour, the core wants
to be called every ``TICK_S``.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, ContentHash, LinkId, StationKey, station_id
from meshdl.links import DialFailed, LinkDown, LinkUp, LinkWritable, MessageReceived, PathChanged
from meshdl.swarm import inputs
from meshdl.swarm.admission import Admission
from meshdl.swarm.announcements import Announcements
from meshdl.swarm.answer_limit import AnswerLimit
from meshdl.swarm.download import Download
from meshdl.swarm.effects import DownloadChanged, SwarmEffect
from meshdl.swarm.exchange import PeerExchange
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.handshake import Identity
from meshdl.swarm.intake import Intake
from meshdl.swarm.learning import Learning
from meshdl.swarm.lifecycle import Lifecycle
from meshdl.swarm.metainfo_traffic import MetainfoTraffic
from meshdl.swarm.neighbours import Neighbours
from meshdl.swarm.peer import Peer
from meshdl.swarm.reception import Reception
from meshdl.swarm.requests import Requests
from meshdl.swarm.session import Session
from meshdl.swarm.state import Holding, SwarmSettings, SwarmState
from meshdl.swarm.transfer_log import TransferLog
from meshdl.swarm.uploads import Uploader
from meshdl.swarm.vigil import Vigil

TICK_S = 0.25
SLOW_TICK_S = 1.0
SLEPT_S = 5.0
"""A tick that is later by so much means a closed lid or a clock that jumped."""


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
        self.neighbours = Neighbours(station_id(identity.key), rng)
        self._log = TransferLog(self._state)
        limit = AnswerLimit(settings, now=now)
        self._metainfo = MetainfoTraffic(self._state, limit)
        self._admission = Admission(self._state, self.neighbours, pins, left=self._left)
        self._vigil = Vigil(self._state, close=self._close)
        requests = Requests(self._state)
        self._intake = Intake(self._state, requests, self._log, blame=self._blame)
        self._fetcher = Fetcher(self._state, requests, self._intake, now=now)
        self._learning = Learning(self._state, self._fetcher, self._intake)
        self._uploader = Uploader(self._state, limit, now=now)
        self._announcements = Announcements(self._state, self._fetcher)
        self._exchange = PeerExchange(self._state, self._fetcher, now=now)
        self._lifecycle = Lifecycle(
            self._state,
            fetcher=self._fetcher,
            intake=self._intake,
            uploader=self._uploader,
            metainfo=self._metainfo,
            announcements=self._announcements,
            log=self._log,
        )
        self._reception = Reception(
            self._state,
            admission=self._admission,
            announcements=self._announcements,
            exchange=self._exchange,
            fetcher=self._fetcher,
            lifecycle=self._lifecycle,
            metainfo=self._metainfo,
            uploader=self._uploader,
            vigil=self._vigil,
        )
        self._next_tick: float | None = None
        self._next_slow_tick = now

    # The four verbs.

    def receive(self, event: inputs.SwarmInput, *, now: float) -> None:
        """Take one input."""
        match event:
            case MessageReceived(link, message):
                self._reception.receive(link, message, now=now)
            case inputs.RangeRead() | inputs.HashesRead() | inputs.ReadFailed():
                self._from_disk(event, now)
            case (
                inputs.RangeWritten()
                | inputs.InfoChecked()
                | inputs.ContentOpened()
                | inputs.StoreFailed()
                | inputs.ContentFinished()
                | inputs.MetainfoLearned()
                | inputs.LeafHashesLearned()
                | inputs.LeafLearned()
            ):
                self._from_store(event, now)
            case (
                LinkUp()
                | LinkDown()
                | LinkWritable()
                | inputs.LinkBlocked()
                | PathChanged()
                | DialFailed()
            ):
                self._from_transport(event, now)
            case (
                inputs.StationSeen()
                | inputs.StationGone()
                | inputs.StationTrusted()
                | inputs.CarrySignal()
                | inputs.Introduce()
            ):
                self._from_discovery(event, now)
            case inputs.Shutdown():
                self._shut_down()
            case _:
                self._from_operator(event, now)
        if self._next_tick is None and self._busy():
            self._next_tick = now + TICK_S

    def expire(self, *, now: float) -> None:
        """Act on what is due."""
        if self._next_tick is None or now < self._next_tick:
            return
        if now - self._next_tick >= SLEPT_S:
            for session in self._state.sessions.values():
                session.slept(now=now)
        self._admission.dial(now=now)
        self._admission.tend_lanes(now=now)
        self._vigil.tick(now=now)
        self._fetcher.tick(now=now)
        self._metainfo.tick(now=now)
        self._uploader.pump(now=now)
        self._exchange.tick(now=now)
        self._announcements.tick()
        if now >= self._next_slow_tick:
            self._next_slow_tick = now + SLOW_TICK_S
            self._log.quiet(now=now)
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

    def peers(self) -> list[Session]:
        """The first link to each station that is linked; for showing."""
        return self._state.peers()

    def lanes_of(self, peer: Peer) -> list[Session]:
        """All links to a station; for showing."""
        return self._state.lanes_of(peer)

    @property
    def downloads(self) -> Mapping[ContentHash, Download]:
        """Every download; for showing."""
        return self._fetcher.downloads

    @property
    def holdings(self) -> Mapping[ContentHash, Holding]:
        """Every open content; for showing."""
        return self._state.holdings

    @property
    def settings(self) -> SwarmSettings:
        """The operator's choices."""
        return self._state.settings

    @property
    def unwritten_octets(self) -> int:
        """Verified octets that wait for the disk."""
        return self._intake.unwritten_octets

    # Who takes which input.

    def _from_disk(self, event: inputs.ReadAnswer, now: float) -> None:
        match event:
            case inputs.RangeRead(ticket, octets):
                self._uploader.range_read(ticket, octets, now=now)
            case inputs.HashesRead(ticket, hashes):
                self._uploader.hashes.read(ticket, hashes)
            case inputs.ReadFailed(ticket, _, changed):
                self._uploader.read_failed(ticket, changed=changed, now=now)
            case _:
                assert_never(event)

    def _from_store(self, event: inputs.StoreInput | inputs.LearnedInput, now: float) -> None:
        match event:
            case inputs.RangeWritten():
                self._lifecycle.written(event)
            case inputs.InfoChecked():
                self._lifecycle.info_checked(event, now=now)
            case inputs.ContentOpened():
                self._lifecycle.opened(event, now=now)
                self._learning.opened(event.content, now=now)
            case inputs.StoreFailed(content, reason, unwritten_octets):
                self._intake.written(unwritten_octets)
                self._lifecycle.store_failed(content, reason)
            case inputs.ContentFinished(content):
                self._lifecycle.finished(content)
            case inputs.MetainfoLearned():
                self._lifecycle.metainfo_learned(event)
            case inputs.LeafHashesLearned() | inputs.LeafLearned():
                self._learning.take(event, now=now)
            case _:
                assert_never(event)

    def _from_transport(self, event: inputs.LinkInput, now: float) -> None:
        match event:
            case LinkWritable(link):
                self._flow(link, blocked=False, now=now)
            case inputs.LinkBlocked(link):
                self._flow(link, blocked=True, now=now)
            case LinkUp():
                self._admission.link_up(event, now=now)
            case LinkDown(link, reason):
                self._admission.link_down(link, reason, now=now)
            case PathChanged():
                self._path_changed(event, now)
            case DialFailed(station, _, way):
                self._admission.dial_failed(station, way, now=now)
            case _:
                assert_never(event)

    def _from_discovery(self, event: inputs.DiscoveryInput, now: float) -> None:
        match event:
            case inputs.StationSeen(station, callsign, way):
                self.neighbours.seen(station, callsign, way, now=now)
                self._admission.dial(now=now)
            case inputs.StationGone(station, way):
                self.neighbours.gone(station, way)
            case inputs.StationTrusted(callsign, key):
                self._admission.trust(callsign, key, now=now)
            case inputs.Introduce(far=far, across=across):
                self._state.settings = replace(
                    self._state.settings, introduces_far=far, introduces_across=across
                )
            case inputs.CarrySignal():
                self._exchange.carry(event)
            case _:
                assert_never(event)

    def _from_operator(self, event: inputs.OperatorInput, now: float) -> None:
        match event:
            case inputs.OfferRecord(content, record):
                self._announcements.offer_record(content, record)
            case inputs.StartDownload():
                self._lifecycle.start(event, now=now)
            case inputs.PauseDownload(content):
                self._lifecycle.pause(content)
            case inputs.ContentRemoved(content):
                self._lifecycle.remove(content)
                self._learning.forget(content)
            case _:
                assert_never(event)

    # How they do it together.

    def _busy(self) -> bool:
        return bool(self._state.sessions or self.neighbours.known or self._metainfo.fetches)

    def _left(self, session: Session, now: float) -> None:
        self._fetcher.leave(session)
        if session.first:
            self._log.all_of(session)
            self._metainfo.leave(session, now=now)
            self._exchange.left(session)
            for content in session.station.holdings:
                if content in self._fetcher.downloads:
                    self._state.effects.append(DownloadChanged(content))
        self._fetcher.fill_all(now=now)

    def _path_changed(self, event: PathChanged, now: float) -> None:
        session = self._state.sessions.get(event.link)
        if session is not None and session.first and event.path is not session.traits.path:
            self._log.all_of(session)  # what moved until now took the path that it leaves
        self._admission.path_changed(event, now=now)

    def _close(self, session: Session, reason: str, now: float) -> None:
        self._admission.close(session, reason, now=now)

    def _blame(self, session: Session, error: RemoteProtocolError, now: float) -> None:
        self._admission.penalise(session, error, now=now)

    def _flow(self, link: LinkId, *, blocked: bool, now: float) -> None:
        session = self._state.sessions.get(link)
        if session is None:
            return
        session.blocked = blocked
        if not blocked:
            self._uploader.pump(now=now)

    def _shut_down(self) -> None:
        for session in self._state.peers():
            self._log.all_of(session)
        self._admission.shut_down()
