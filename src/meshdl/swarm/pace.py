"""When the core wants to be called again: seldom, while nothing is under way.

Theory of operation
===================

There is one timer. While anything is under way (a link that shakes hands, a question without an
answer, a download, a range that somebody waits for, a station to be dialled) the core looks at
everything every :data:`TICK_S`. A station of a local network rests most of the time, with a link to
each of its neighbours: there is nothing to look for then but whom to ask for a sign of life, and
when that is so is known beforehand. An input may end the rest, and brings the next tick forward.

Links across the Internet are never at rest: their paths and lanes change by themselves.
"""

from meshdl.links import Path
from meshdl.swarm.admission import Admission
from meshdl.swarm.announcements import Announcements
from meshdl.swarm.exchange import PeerExchange
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.metainfo_traffic import MetainfoTraffic
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState
from meshdl.swarm.vigil import Vigil

TICK_S = 0.25
REST_S = 2.0
"""Identification and the log of transfers wait for so long; both count in tens of seconds."""


class Pace:
    """The next tick, from what the parts of the core are about.

    Attributes:
        next_tick: when it is; ``None`` while there is nobody to look after.
    """

    def __init__(
        self,
        state: SwarmState,
        *,
        admission: Admission,
        announcements: Announcements,
        exchange: PeerExchange,
        fetcher: Fetcher,
        metainfo: MetainfoTraffic,
        vigil: Vigil,
    ) -> None:
        self._state, self._admission, self._announcements = state, admission, announcements
        self._exchange, self._fetcher = exchange, fetcher
        self._metainfo, self._vigil = metainfo, vigil
        self.next_tick: float | None = None

    def taken(self, *, now: float) -> None:
        """An input was taken."""
        if self.next_tick is None:
            if self._anybody():
                self.next_tick = now + TICK_S
        elif self.next_tick > now + TICK_S:
            self.next_tick = min(self.next_tick, self._after(now))

    def ticked(self, *, now: float) -> None:
        """A tick is over."""
        self.next_tick = self._after(now) if self._anybody() else None

    def _anybody(self) -> bool:
        known = self._state.sessions or self._admission.knows_anybody
        return bool(known or self._metainfo.fetches)

    def _after(self, now: float) -> float:
        if not self._at_rest():
            return now + TICK_S
        return min(now + REST_S, max(now + TICK_S, self._vigil.asks_at()))

    def _at_rest(self) -> bool:
        return (
            not self._metainfo.fetches
            and not self._announcements.untold
            and not self._exchange.stirred
            and not any(one.fetching for one in self._fetcher.downloads.values())
            and all(_rests(session) for session in self._state.sessions.values())
            and not self._admission.wants_links()
        )


def _rests(session: Session) -> bool:
    local = session.first and session.traits.path is Path.LAN
    answered = session.peer is not None and session.pinged_at is None
    return local and answered and not session.in_use
