"""What the station log shall say of transfers: who, what, how much, which way.

Octets are counted per link and content as they move; a record is written when a transfer
has been quiet for a while, when the download ends and when the link does. Every octet
stands in exactly one record.
"""

from meshdl.ids import ContentHash
from meshdl.swarm.effects import Transferred
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState

LOG_TRANSFER_AFTER_S = 10.0
"""A transfer that has been quiet for this long is written to the station log."""


class TransferLog:
    """Turns the counters of the sessions into records."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state

    def quiet(self, *, now: float) -> None:
        """Record the transfers that rest."""
        for session in self._state.sessions.values():
            for content, traffic in session.traffic.items():
                if now - traffic.moved_at >= LOG_TRANSFER_AFTER_S:
                    self.one(session, content)

    def all_of(self, session: Session) -> None:
        """Record everything that moved on this link."""
        for content in session.traffic:
            self.one(session, content)

    def one(self, session: Session, content: ContentHash) -> None:
        """Record what moved of one content on this link since the last record."""
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
