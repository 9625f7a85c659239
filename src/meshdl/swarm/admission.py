"""Who may be linked with us: handshake, pinned keys, bans, one link a station.

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
from meshdl.policy.penalty import BAN_S
from meshdl.swarm.effects import (
    CloseLink,
    Dial,
    Identified,
    PeerDown,
    PeerMoved,
    PeerRefused,
    PeerUp,
    PinMoved,
    PinStation,
)
from meshdl.swarm.handshake import NONCE_OCTETS, Handshake, ProvedPeer
from meshdl.swarm.neighbours import Neighbours
from meshdl.swarm.session import Liveness, Session, for_people, window_for
from meshdl.swarm.state import SwarmState
from meshdl.wire import control as wire
from meshdl.wire.rotation import follows

IDENTIFY_EVERY_S = 540.0
"""47 CFR 97.119(a) asks for ten minutes; a minute is kept in hand."""

TWINS_WITHIN_S = 2.0
"""Two links of one dialler that came up within this time were meant as one."""


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
        self._pins = dict(pins)
        self._left = left
        self._banned_until: dict[StationKey, float] = {}
        self._leaving = False

    # Links.

    def link_up(self, event: LinkUp, *, now: float) -> None:
        """A link is there: say hello."""
        state = self._state
        if self._leaving or len(state.sessions) >= state.settings.max_links:
            state.effects.append(CloseLink(event.link, "no room for another link"))
            return
        handshake = Handshake(
            state.identity,
            event.binding,
            nonce=state.rng.randbytes(NONCE_OCTETS),
            agent=state.settings.agent,
            exchange=state.settings.exchange,
        )
        state.sessions[event.link] = Session(
            link=event.link,
            traits=event.traits,
            dialled=event.dialled,
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
            if session.dialled is not None:
                self._neighbours.failed(session.dialled, session.way, now=now)
            return
        self._left(session, now)
        self._state.effects.append(PeerDown(link, peer.callsign, peer.key, reason))
        if not any(s.peer and s.peer.key == peer.key for s in self._state.sessions.values()):
            lived_s = now - session.up_at
            self._neighbours.lost(station_id(peer.key), session.way, lived_s=lived_s, now=now)

    def path_changed(self, event: PathChanged, *, now: float) -> None:
        """A link runs elsewhere now; it may be worth dialling another way, or no longer."""
        session = self._state.sessions.get(event.link)
        if session is None:
            return
        if event.path is not session.traits.path:
            session.traits = replace(session.traits, path=event.path)
            session.window = window_for(event.path, now=now)
        session.address = event.remote_address
        if session.peer is not None:
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
        peer = peer or session.peer
        callsign, key = (peer.callsign, peer.key) if peer else ("", None)
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
            key = session.peer.key
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
        room = self._state.settings.max_links - len(self._state.sessions)
        for station, way in self._neighbours.due(linked, room=room, now=now):
            self._state.effects.append(Dial(station, way))

    def check_on(self, session: Session, *, now: float) -> None:
        """Ask for a sign of life, give up the dead, identify ourselves in time."""
        match session.liveness(now=now):
            case Liveness.DEAD:
                text = "no sign of life" if session.peer else "no handshake"
                self.close(session, text, now=now)
                return
            case Liveness.ASK:
                self._state.tell(session.link, wire.Ping(session.asked_for_life(now=now)))
            case Liveness.ALIVE:
                pass
        if session.peer is not None and now - session.identified_at >= IDENTIFY_EVERY_S:
            session.identified_at = now
            own = self._state.identity.callsign
            text = f"DE {own}"
            self._state.tell(session.link, wire.StationIdentification(own, text))
            self._state.effects.append(Identified(session.link, own, text, sent=True))

    def shut_down(self) -> None:
        """Say goodbye on every link and close it; admit nobody from here on."""
        self._leaving = True
        for session in self._state.sessions.values():
            self._bye(session, "station closes")
            self._state.effects.append(CloseLink(session.link, "station closes"))

    # The handshake.

    def trust(self, callsign: Callsign, key: StationKey, *, now: float) -> None:
        """The operator accepts this key for this callsign."""
        self._pins[callsign] = key
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
                if session.dialled is not None:
                    self._neighbours.refused(session.dialled, now=now)
            case _:
                raise RemoteProtocolError("a message before the handshake", penalty=100)
        return False

    def _proved(self, session: Session, peer: ProvedPeer, now: float) -> bool:
        if self._banned_until.get(peer.key, now) > now:
            self.refuse(session, "banned for breaking the protocol", now=now, peer=peer)
            return False
        self._banned_until.pop(peer.key, None)
        pinned = self._pins.get(peer.callsign)
        if pinned is not None and pinned != peer.key and not self._move_pin(peer, pinned, now):
            self.refuse(session, _changed_key(peer, pinned), now=now, peer=peer)
            return False
        session.peer = peer
        session.window.answered(now - session.up_at)  # our hello, their proof
        if session.dialled is not None and session.dialled != station_id(peer.key):
            # Somebody else lives there.
            self._neighbours.failed(session.dialled, session.way, now=now)
        if not self._keep_best_link(session, peer, now):
            return False
        if pinned is None:
            self._pins[peer.callsign] = peer.key
            self._state.effects.append(PinStation(peer.callsign, peer.key))
        own = self._state.identity.callsign
        session.identified_at = now
        self._neighbours.connected(station_id(peer.key))
        self._state.effects += [
            PeerUp(session.link, peer.callsign, peer.key, session.traits.path, session.address),
            Identified(session.link, own, f"DE {own} (hello)", sent=True),
            Identified(session.link, peer.callsign, f"DE {peer.callsign} (hello)", sent=False),
        ]
        return True

    def _move_pin(self, peer: ProvedPeer, pinned: StationKey, now: float) -> bool:
        """The callsign shows another key than before; whether that one handed over."""
        if self._banned_until.get(pinned, now) > now:
            return False  # a new key must not end a ban
        if not follows(peer.rotations, callsign=peer.callsign, pinned=pinned, shown=peer.key):
            return False
        self._pins[peer.callsign] = peer.key
        self._state.effects.append(PinMoved(peer.callsign, pinned, peer.key))
        return True

    def _keep_best_link(self, session: Session, peer: ProvedPeer, now: float) -> bool:
        """Of two links to one station keep one; whether ``session`` is the one kept."""
        for other in list(self._state.sessions.values()):
            if other is session or other.peer is None or other.peer.key != peer.key:
                continue
            restarted = other.peer.instance != peer.instance
            if restarted or other.in_doubt(now=now) or self._better(session, other, peer):
                self.close(other, "replaced by another link to the same station", now=now)
            else:
                session.peer = None  # it never was up
                self.close(session, "there is a link to this station already", now=now)
                self._neighbours.connected(station_id(peer.key))
                return False
        return True

    def _better(self, new: Session, old: Session, peer: ProvedPeer) -> bool:
        """Both ends must come to the same answer, or both links would be closed."""
        if new.way is not old.way:
            return new.way is Way.LAN
        if (new.dialled is None) == (old.dialled is None):
            if abs(new.up_at - old.up_at) < TWINS_WITHIN_S:
                return new.handshake.rank > old.handshake.rank  # proved in any order
            return True  # dialled again by the same side: it has lost the old one
        own, theirs = station_id(self._state.identity.key), station_id(peer.key)
        return (new.dialled is not None) == (own < theirs)

    def _linked(self) -> dict[StationId, Way | None]:
        """Stations with a link, and whether a better one may be had, see Neighbours.due."""
        linked: dict[StationId, Way | None] = {}
        for session in self._state.sessions.values():
            if session.peer is not None:
                local = session.traits.path is Path.LAN
                linked[station_id(session.peer.key)] = None if local else session.way
            elif session.dialled is not None:
                linked[session.dialled] = None
        return linked

    def _bye(self, session: Session, reason: str) -> None:
        own = self._state.identity.callsign
        self._state.tell(session.link, wire.Bye(reason[: wire.TEXT_MAX], own))
        if session.peer is not None:
            self._state.effects.append(Identified(session.link, own, f"DE {own} (bye)", sent=True))


def _changed_key(peer: ProvedPeer, pinned: StationKey) -> str:
    return (
        f"{peer.callsign} shows another station key ({station_id(peer.key)}) than before "
        f"({station_id(pinned)}): if the operator has a new key, accept it with "
        f"'meshdl trust {peer.callsign} {station_id(peer.key)}'"
    )
