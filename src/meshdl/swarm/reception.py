"""Which room takes which message of a peer.

Nothing a peer sends makes the core raise: what breaks the protocol becomes points against
the peer, what cannot be linked is refused. Until the handshake is proved,
:mod:`meshdl.swarm.admission` takes everything.
"""

from typing import TypeAlias, assert_never

from meshdl.errors import LinkRefused, RemoteProtocolError
from meshdl.ids import ContentHash, LinkId
from meshdl.links import Message
from meshdl.swarm.admission import Admission
from meshdl.swarm.announcements import Announcements
from meshdl.swarm.effects import Identified, RecordsForgotten, RecordsHeard
from meshdl.swarm.exchange import PeerExchange
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.lifecycle import Lifecycle
from meshdl.swarm.metainfo_traffic import MetainfoTraffic
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState
from meshdl.swarm.uploads import Uploader
from meshdl.swarm.vigil import Vigil
from meshdl.wire import chunks
from meshdl.wire import control as wire
from meshdl.wire.json_messages import for_people

Question: TypeAlias = (
    wire.ChunkRequest | wire.ChunkCancel | wire.HashesRequest | wire.InfoRequest | wire.Want
)
"""What a peer wants of us."""

Answer: TypeAlias = wire.Have | wire.Info | wire.Hashes | wire.HashesReject | wire.ChunkReject
"""What a peer has for us."""

Introduction: TypeAlias = wire.Peers | wire.Relay | wire.Relayed | wire.Undeliverable
"""What a peer says of, to or from other peers."""

SignOfLife: TypeAlias = wire.Ping | wire.Pong | wire.Suspect | wire.StationIdentification | wire.Bye
"""Who is there, and who seems not to be."""


class Reception:
    """Takes every message of every link."""

    def __init__(
        self,
        state: SwarmState,
        *,
        admission: Admission,
        announcements: Announcements,
        exchange: PeerExchange,
        fetcher: Fetcher,
        lifecycle: Lifecycle,
        metainfo: MetainfoTraffic,
        uploader: Uploader,
        vigil: Vigil,
    ) -> None:
        self._state = state
        self._admission = admission
        self._announcements = announcements
        self._exchange = exchange
        self._fetcher = fetcher
        self._lifecycle = lifecycle
        self._metainfo = metainfo
        self._uploader = uploader
        self._vigil = vigil

    def receive(self, link: LinkId, message: Message, *, now: float) -> None:
        """Take one message; of a link that is gone it means nothing."""
        session = self._state.sessions.get(link)
        if session is None:
            return
        session.heard(now=now)
        try:
            if isinstance(message, bytes):
                self._octets(session, message, now)
            else:
                self._text(session, message, now)
        except RemoteProtocolError as error:
            self._admission.penalise(session, error, now=now)
        except LinkRefused as error:
            self._admission.refuse(session, str(error), now=now)

    def _octets(self, session: Session, message: bytes, now: float) -> None:
        octets = chunks.decode(message)
        if octets is None:
            return
        if session.peer is None:
            raise RemoteProtocolError("chunk octets before the handshake", penalty=100)
        try:
            self._fetcher.receive_octets(session, octets, now=now)
        finally:
            if session.link in self._state.sessions:
                self._fetcher.fill(session, now=now)

    def _text(self, session: Session, text: str, now: float) -> None:
        message = wire.decode(text)
        if message is None:
            return
        if session.peer is not None:
            self._control(session, session.peer, message, now)
        elif self._admission.receive(session, message, now=now) and session.first:
            self._announcements.introduce(session)

    def _control(
        self, session: Session, peer: Peer, message: wire.ControlMessage, now: float
    ) -> None:
        match message:
            case (
                wire.ChunkRequest()
                | wire.ChunkCancel()
                | wire.HashesRequest()
                | wire.InfoRequest()
                | wire.Want()
            ):
                self._question(session, message, now)
            case (
                wire.Have() | wire.Info() | wire.Hashes() | wire.HashesReject() | wire.ChunkReject()
            ):
                self._answer(session, message, now)
            case wire.Peers() | wire.Relay() | wire.Relayed() | wire.Undeliverable():
                self._introduction(session, peer, message, now)
            case wire.Records(records):
                self._exchange.records(session, records)
                self._metainfo.offered(session, now=now)
                self._state.effects.append(RecordsHeard(peer.key, peer.callsign, records))
            case wire.RecordsGone(hashes):
                gone = tuple(ContentHash(octets) for octets in hashes)
                self._exchange.records_gone(session, gone)
                self._state.effects.append(RecordsForgotten(peer.key, gone))
            case (
                wire.Ping()
                | wire.Pong()
                | wire.Suspect()
                | wire.StationIdentification()
                | wire.Bye()
            ):
                self._sign_of_life(session, peer, message, now)
            case wire.Hello() | wire.HelloProof():
                raise RemoteProtocolError("a handshake message out of turn", penalty=100)
            case _:
                assert_never(message)

    def _question(self, session: Session, message: Question, now: float) -> None:
        match message:
            case wire.ChunkRequest():
                self._uploader.request(session, message, now=now)
            case wire.ChunkCancel():
                self._uploader.cancel(session, message)
            case wire.HashesRequest():
                self._uploader.hashes.requested(session, message, now=now)
            case wire.InfoRequest():
                self._metainfo.answer(session, message, now=now)
            case wire.Want():
                self._announcements.receive_want(session, message)
                content = ContentHash(message.content_hash)
                self._exchange.want(session, content, wanted=message.wanted)
            case _:
                assert_never(message)

    def _answer(self, session: Session, message: Answer, now: float) -> None:
        match message:
            case wire.Have():
                self._announcements.receive_have(session, message)
                self._uploader.told(session, message, now=now)
                self._metainfo.ask(ContentHash(message.content_hash), now=now)
                self._fetcher.fill(session, now=now)
            case wire.Info():
                self._lifecycle.metainfo_came(session, message, now=now)
            case wire.Hashes():
                self._hashes(session, message, now)
            case wire.HashesReject():
                self._hashes_reject(session, message, now)
            case wire.ChunkReject():
                self._fetcher.receive_reject(session, message, now=now)
                self._fetcher.fill_all(now=now)
            case _:
                assert_never(message)

    def _hashes(self, session: Session, hashes: wire.Hashes, now: float) -> None:
        if hashes.content_hash in self._metainfo.fetches:
            self._lifecycle.metainfo_came(session, hashes, now=now)
            return
        self._fetcher.receive_hashes(session, hashes, now=now)
        if session.link in self._state.sessions:
            self._fetcher.fill(session, now=now)

    def _hashes_reject(self, session: Session, reject: wire.HashesReject, now: float) -> None:
        content = ContentHash(reject.content_hash)
        if content in self._metainfo.fetches:
            self._metainfo.receive_reject(session, content, now=now)
        else:
            self._fetcher.receive_hashes_reject(session, reject)

    def _introduction(
        self, session: Session, peer: Peer, message: Introduction, now: float
    ) -> None:
        match message:
            case wire.Peers():
                self._exchange.receive_peers(session, peer, message)
            case wire.Relay():
                self._exchange.receive_relay(session, peer, message, now=now)
            case wire.Relayed():
                self._exchange.receive_relayed(session, peer, message, now=now)
            case wire.Undeliverable(reason=reason):
                self._exchange.receive_undeliverable(message, for_people(reason))
            case _:
                assert_never(message)

    def _sign_of_life(self, session: Session, peer: Peer, message: SignOfLife, now: float) -> None:
        match message:
            case wire.Ping(token):
                self._state.tell(session.link, wire.Pong(token))
            case wire.Pong(token):
                session.answered(token, now=now)
            case wire.Suspect():
                self._vigil.suspected(message, now=now)
            case wire.StationIdentification(_, text):
                self._identified(session, peer, for_people(text))
            case wire.Bye(reason):
                self._identified(session, peer, f"DE {peer.callsign} (bye)")
                text = for_people(reason) or "the other station closed the link"
                self._admission.close(session, text, now=now)
            case _:
                assert_never(message)

    def _identified(self, session: Session, peer: Peer, text: str) -> None:
        if not session.first:
            return  # one station, one identification
        self._state.effects.append(Identified(session.link, peer.callsign, text, sent=False))
