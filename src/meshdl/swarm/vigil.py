"""Signs of life: who is asked for one and when, who is given up, when we identify ourselves.

Theory of operation
===================

Anything that arrives is a sign of life. On a link that has been silent for
:data:`~meshdl.swarm.session.PING_AFTER_S` we ask for one, and close the link when nothing
comes. That holds of every link that runs across the Internet, or is of use just now.

On the local network many links are of no use most of the time, and there is one to every
station. There each station is asked so by a few others only, its watchers
(:mod:`meshdl.policy.watch`), and seldom by the rest. A watcher that asked in vain tells all the
others whom it suspects; they ask at once, and count their patience from when the watcher
asked. So all notice a dead station as soon as if each had watched it, and nobody takes another's
word for it. Of suspicions that are wrong, or lies, nothing comes but a question, and at most
one a link in a while.

Only stations that say in their ``hello`` that they watch others are counted as watchers.
"""

from collections.abc import Callable

from meshdl.ids import LinkId, StationId, station_id
from meshdl.links import Path
from meshdl.policy.watch import watchers
from meshdl.swarm.effects import Identified
from meshdl.swarm.session import PING_AFTER_S, Liveness, Session
from meshdl.swarm.state import SwarmState
from meshdl.wire import control as wire

IDENTIFY_EVERY_S = 540.0
"""47 CFR 97.119(a) asks for ten minutes; a minute is kept in hand."""

SELDOM_S = 30.0
"""Silence after which a station is asked that others watch: should they all be gone with it."""

SUSPECT_AFTER_S = 0.75
"""Silence after a question that a watcher tells of: a local network answers in a few ms, and
the others' patience is to end with the watcher's."""

HEARD_LATELY_S = 0.5
"""Nobody who was heard since then is suspected on another's word."""


class Vigil:
    """Looks after every link while nothing else happens on it.

    Args:
        state: shared by the parts of the swarm core.
        close: ends a link, for a reason, at a time.
    """

    def __init__(self, state: SwarmState, close: Callable[[Session, str, float], None]) -> None:
        self._state, self._close = state, close
        self._own = station_id(state.identity.key)
        self._chosen_of: list[LinkId] = []
        self._watched: frozenset[LinkId] = frozenset()

    def tick(self, *, now: float) -> None:
        """Ask for signs of life, give up the dead, identify ourselves in time."""
        self._choose()
        for session in list(self._state.sessions.values()):
            if session.link in self._state.sessions:  # its first lane may have ended it
                self._check_on(session, now)

    def suspected(self, suspect: wire.Suspect, *, now: float) -> None:
        """A peer hears nothing of a station: ask it ourselves."""
        named = StationId(suspect.station.hex())
        for session in self._local():
            silent = now - session.heard_at >= HEARD_LATELY_S and session.pinged_at is None
            if silent and station_id(session.station.key) == named:
                self._ask(session, now)
                session.pinged_at = now - SUSPECT_AFTER_S

    def _choose(self) -> None:
        """Whom we watch; that changes only when stations come and go."""
        local = self._local()
        links = [one.link for one in local]
        if links == self._chosen_of:
            return
        self._chosen_of = links
        ids = {one.link: station_id(one.station.key) for one in local}
        watching = sorted(
            [self._own, *(ids[one.link] for one in local if one.station.proved.watches)]
        )
        self._watched = frozenset(
            link for link, station in ids.items() if self._own in watchers(station, watching)
        )

    def _check_on(self, session: Session, now: float) -> None:
        match session.liveness(ask_after_s=self._ask_after_s(session), now=now):
            case Liveness.DEAD:
                self._close(session, "no sign of life" if session.peer else "no handshake", now)
                return
            case Liveness.ASK:
                self._ask(session, now)
            case Liveness.ALIVE:
                self._tell_suspicion(session, now)
        if session.peer is not None and session.first:
            self._identify(session, now)

    def _ask_after_s(self, session: Session) -> float:
        local = session.first and session.traits.path is Path.LAN
        seldom = local and session.link not in self._watched and not session.in_use
        return SELDOM_S if seldom else PING_AFTER_S

    def _ask(self, session: Session, now: float) -> None:
        self._state.tell(session.link, wire.Ping(session.asked_for_life(now=now)))

    def _tell_suspicion(self, session: Session, now: float) -> None:
        """Once for each question that is not answered."""
        asked_at = session.pinged_at
        if session.link not in self._watched or session.told_of == session.ping_token:
            return
        if asked_at is None or now - asked_at < SUSPECT_AFTER_S:
            return
        session.told_of = session.ping_token
        suspect = wire.Suspect(bytes.fromhex(station_id(session.station.key)))
        for other in self._local():
            if other is not session and other.station.proved.watches:
                self._state.tell(other.link, suspect)

    def _identify(self, session: Session, now: float) -> None:
        if now - session.identified_at < IDENTIFY_EVERY_S:
            return
        session.identified_at = now
        own = self._state.identity.callsign
        self._state.tell(session.link, wire.StationIdentification(own, f"DE {own}"))
        self._state.effects.append(Identified(session.link, own, f"DE {own}", sent=True))

    def _local(self) -> list[Session]:
        return [one for one in self._state.peers() if one.traits.path is Path.LAN]
