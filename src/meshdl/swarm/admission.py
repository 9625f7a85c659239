"""Who may be linked with us: handshake, pinned keys, bans, one link a station and lane.

Theory of operation
===================

A link that comes up is a :class:`~meshdl.swarm.session.Session` without a peer until the
handshake proves one; until then no other message counts. Then, in this order: a banned
station is refused; a callsign that was seen with another key is refused, and the operator
told how to accept it, unless that key handed over (:mod:`meshdl.wire.rotation`); of two
links to one station one is kept. Both ends must choose the
same one: a link of a new run replaces those of the old run, any replaces one that gave no
sign of life when asked (the other end has given that one up), a second dial of the same
side replaces the first (it has lost the first; between two at once the nonces decide),
a link that was made on the local network replaces one made by way of the Internet, and
when both dialled, the link that the lower station id dialled stays.

A peer that breaks the protocol collects points; at
:data:`~meshdl.policy.penalty.BAN_POINTS` its link is closed and its station stays out
for :data:`~meshdl.policy.penalty.BAN_S`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, LinkId, StationId, StationKey, station_id
from meshdl.links import LinkUp, Path, PathChanged, Way
from meshdl.policy.lanes import LANES_MAX, LaneCount
from meshdl.policy.penalty import BAN_S
from meshdl.swarm.effects import (
    CloseLink,
    Dial,
    Identified,
    PeerDown,
    PeerMoved,
    PeerRefused,
    PeerUp,
)
from meshdl.swarm.handshake import NONCE_OCTETS, Handshake, ProvedPeer
from meshdl.swarm.lanes import Lanes
from meshdl.swarm.neighbours import Neighbours
from meshdl.swarm.peer import Peer
from meshdl.swarm.pins import Pins, changed_key
from meshdl.swarm.rivals import better
from meshdl.swarm.session import Session, window_for
from meshdl.swarm.state import SwarmState
from meshdl.wire import control as wire
from meshdl.wire.json_messages import TEXT_MAX, for_people


class Admission:
    """Every link from its first event to its last.

    Args:
        state: shared by the parts of the swarm core.
        neighbours: learns which dials were of use.
        pins: callsign to station key, as seen before.
        left: called with every session that was up and is over, and with the time.
    """

    def __init__(
        self,
        state: SwarmState,
        neighbours: Neighbours,
        pins: Mapping[Callsign, StationKey],
        *,
        left: Callable[[Session, float], None],
    ) -> None:
        self._state = state
        self._neighbours = neighbours
        self._pins = Pins(state, pins)
        self._left = left
        self._lanes = Lanes(state)
        self._own = station_id(state.identity.key)
        self._banned_until: dict[StationKey, float] = {}
        self._leaving = False

    # Links.

    def link_up(self, event: LinkUp, *, now: float) -> None:
        """A link is there: say hello."""
        state = self._state
        dialled = event.dialled
        lane = self._lanes.claim(dialled, event.way) if dialled is not None else 0
        if self._leaving or len(state.sessions) >= state.settings.max_links:
            state.effects.append(CloseLink(event.link, "no room for another link"))
            return
        handshake = Handshake(
            state.identity,
            event.binding,
            nonce=state.rng.randbytes(NONCE_OCTETS),
            agent=state.settings.agent,
            exchange=state.settings.exchange,
            lanes=LANES_MAX,
            lane=lane,
            watches=True,
        )
        state.sessions[event.link] = Session(
            link=event.link,
            traits=event.traits,
            dialled=dialled,
            lane=lane,
            way=event.way,
            address=event.remote_address,
            handshake=handshake,
            up_at=now,
            heard_at=now,
            window=window_for(event.traits.path, now=now),
        )
        state.tell(event.link, handshake.hello())

    def link_down(self, link: LinkId, reason: str, *, now: float) -> None:
        """A link is gone; known already when it was we who closed it."""
        session = self._state.sessions.pop(link, None)
        if session is None:
            return
        peer = session.peer
        if peer is None:
            if session.dialled is not None and session.first:
                self._neighbours.failed(session.dialled, session.way, now=now)
            return
        if session.first:
            for lane in self._state.lanes_of(peer):
                self.close(lane, reason, now=now)
        self._left(session, now)
        if not session.first:
            return
        self._state.effects.append(PeerDown(link, peer.callsign, peer.key, reason))
        if not any(other.station.key == peer.key for other in self._state.peers()):
            lived_s = now - session.up_at
            self._neighbours.lost(station_id(peer.key), session.way, lived_s=lived_s, now=now)

    def dial_failed(self, station: StationId, way: Way, *, now: float) -> None:
        """There was no link."""
        if not self._lanes.failed(station, way):
            self._neighbours.failed(station, way, now=now)

    def path_changed(self, event: PathChanged, *, now: float) -> None:
        """A link runs elsewhere now; it may be worth dialling another way, or no longer."""
        session = self._state.sessions.get(event.link)
        if session is None:
            return
        if event.path is not session.traits.path:
            session.traits = replace(session.traits, path=event.path)
            session.window = window_for(event.path, now=now)
        session.address = event.remote_address
        if session.peer is not None and session.first:
            peer = session.peer
            self._state.effects.append(
                PeerMoved(event.link, peer.callsign, peer.key, event.path, event.remote_address)
            )

    def close(self, session: Session, reason: str, *, now: float) -> None:
        """End a link."""
        self._state.effects.append(CloseLink(session.link, reason))
        self.link_down(session.link, reason, now=now)

    def refuse(
        self, session: Session, reason: str, *, now: float, peer: ProvedPeer | None = None
    ) -> None:
        """End a link for a reason that both operators should know."""
        known = peer or (session.peer.proved if session.peer else None)
        callsign, key = (known.callsign, known.key) if known else ("", None)
        self._state.effects.append(
            PeerRefused(session.link, callsign, session.address, reason, key)
        )
        self._bye(session, reason)
        self.close(session, reason, now=now)
        if key is not None:
            self._neighbours.refused(station_id(key), now=now)

    def penalise(self, session: Session, error: RemoteProtocolError, *, now: float) -> None:
        """Count what a peer did wrong; when it was too much, refuse and ban it."""
        if not session.penalties.add(error.penalty, now=now):
            return
        if session.peer is not None:
            lanes = self._state.lanes_of(session.peer)
            session = next((lane for lane in lanes if lane.first), session)
            key = session.station.key
            bans = self._banned_until.items()
            self._banned_until = {banned: until for banned, until in bans if until > now}
            self._banned_until[key] = now + BAN_S
            self._neighbours.banned(station_id(key), until=now + BAN_S)
        self.refuse(session, f"broke the protocol: {error}", now=now)

    def dial(self, *, now: float) -> None:
        """Dial the neighbours whose time has come."""
        if self._leaving:
            return
        linked = self._linked()
        room = self._state.settings.max_links - len(self._state.sessions) - self._lanes.dialling
        for station, way in self._neighbours.due(linked, room=room, now=now):
            self._state.effects.append(Dial(station, way))

    def tend_lanes(self, *, now: float) -> None:
        """Dial the lanes that are wanted, close those that are not."""
        if self._leaving:
            return
        dial, close = self._lanes.tend(now=now)
        for station, way in dial:
            self._state.effects.append(Dial(station, way))
        for session in close:
            self._bye(session, "one link less is enough")
            self.close(session, "one link less is enough", now=now)

    def shut_down(self) -> None:
        """Say goodbye on every link and close it; admit nobody from here on."""
        self._leaving = True
        for session in self._state.sessions.values():
            if session.peer is None and session.first and session.handshake.proof_given:
                # They may know by now who we are, though their own proof is on its way.
                self._note_identification(session, "hello")
                self._note_identification(session, "bye")
            self._bye(session, "station closes")
            self._state.effects.append(CloseLink(session.link, "station closes"))

    # The handshake.

    def trust(self, callsign: Callsign, key: StationKey, *, now: float) -> None:
        """The operator accepts this key for this callsign."""
        self._pins.trust(callsign, key)
        self._neighbours.welcome(station_id(key), callsign, now=now)

    def receive(self, session: Session, message: wire.ControlMessage, *, now: float) -> bool:
        """Take a message of the handshake; ``True`` when the peer is now admitted.

        Raises:
            RemoteProtocolError: a message that has no place here, or a forged proof.
            LinkRefused: this station and we cannot be linked.
        """
        match message:
            case wire.Hello():
                self._state.tell(session.link, session.handshake.receive_hello(message))
            case wire.HelloProof():
                return self._proved(session, session.handshake.receive_proof(message), now)
            case wire.Bye(text):
                reason = for_people(text)
                self._state.effects.append(
                    PeerRefused(session.link, "", session.address, f"it refused us: {reason}")
                )
                self.close(session, reason, now=now)
                if session.dialled is not None and session.first:
                    self._neighbours.refused(session.dialled, now=now)
            case _:
                raise RemoteProtocolError("a message before the handshake", penalty=100)
        return False

    def _proved(self, session: Session, peer: ProvedPeer, now: float) -> bool:
        if self._banned_until.get(peer.key, now) > now:
            self.refuse(session, "banned for breaking the protocol", now=now, peer=peer)
            return False
        self._banned_until.pop(peer.key, None)
        pinned = self._pins.pinned(peer.callsign)
        # A new key must not end a ban.
        banned = pinned is not None and self._banned_until.get(pinned, now) > now
        if pinned is not None and not self._pins.accept(peer, may_move=not banned):
            self.refuse(session, changed_key(peer, pinned), now=now, peer=peer)
            return False
        session.window.answered(now - session.up_at)  # our hello, their proof
        if session.dialled is None:
            session.lane = peer.lane
        elif session.dialled != station_id(peer.key):
            # Somebody else lives there.
            self._neighbours.failed(session.dialled, session.way, now=now)
        if not session.first:
            self._join(session, peer, now)
            return False
        session.peer = Peer(proved=peer, penalties=session.penalties, lane_count=LaneCount(now=now))
        if not self._keep_best_link(session, peer, now):
            return False
        self._pins.note(peer)
        session.identified_at = now
        self._neighbours.connected(station_id(peer.key))
        self._state.effects.append(
            PeerUp(session.link, peer.callsign, peer.key, session.traits.path, session.address)
        )
        self._note_identification(session, "hello")
        self._state.effects.append(
            Identified(session.link, peer.callsign, f"DE {peer.callsign} (hello)", sent=False)
        )
        return True

    def _join(self, session: Session, proved: ProvedPeer, now: float) -> None:
        """Let a link be another lane to a peer, if it may."""
        peer = self._lanes.host(session, proved)
        if peer is None:
            self.close(session, "no other link to this station is wanted", now=now)
            return
        for other in self._state.lanes_of(peer):
            if other.lane == session.lane:
                if not better(session, other, own=self._own, theirs=station_id(proved.key)):
                    self.close(session, "there is such a link already", now=now)
                    return
                self.close(other, "replaced by another link to the same station", now=now)
        session.peer, session.penalties = peer, peer.penalties
        # The path is known: what one lane may ask for is enough for another to begin with.
        least = min(lane.window.octets for lane in self._state.lanes_of(peer))
        session.window.octets = min(session.window.octets, least)

    def _keep_best_link(self, session: Session, peer: ProvedPeer, now: float) -> bool:
        """Of two links to one station keep one; whether ``session`` is the one kept."""
        for other in self._state.peers():
            if other is session or other.station.key != peer.key:
                continue
            restarted = other.station.proved.instance != peer.instance
            lost = restarted or other.in_doubt(now=now)
            if lost or better(session, other, own=self._own, theirs=station_id(peer.key)):
                self.close(other, "replaced by another link to the same station", now=now)
            else:
                session.peer = None  # it never was up
                self.close(session, "there is a link to this station already", now=now)
                self._neighbours.connected(station_id(peer.key))
                return False
        return True

    def _linked(self) -> dict[StationId, Way | None]:
        """Stations with a link, and whether a better one may be had, see Neighbours.due."""
        linked: dict[StationId, Way | None] = {}
        for session in self._state.sessions.values():
            if not session.first:
                continue
            if session.peer is not None:
                local = session.traits.path is Path.LAN
                linked[station_id(session.peer.key)] = None if local else session.way
            elif session.dialled is not None:
                linked[session.dialled] = None
        return linked

    def _bye(self, session: Session, reason: str) -> None:
        own = self._state.identity.callsign
        self._state.tell(session.link, wire.Bye(reason[:TEXT_MAX], own))
        if session.peer is not None and session.first:
            self._note_identification(session, "bye")

    def _note_identification(self, session: Session, occasion: str) -> None:
        own = self._state.identity.callsign
        self._state.effects.append(
            Identified(session.link, own, f"DE {own} ({occasion})", sent=True)
        )
