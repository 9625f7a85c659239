"""What the station log shall say of transfers: who, what, how much, which way.

Octets are counted per peer and content as they move; a record is written when a transfer
has been quiet for a while, when the download ends and when the peer goes. Every octet
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
        for session in self._state.peers():
            for content, traffic in session.station.traffic.items():
                if now - traffic.moved_at >= LOG_TRANSFER_AFTER_S:
                    self.one(session, content)

    def all_of(self, session: Session) -> None:
        """Record everything that moved from and to this peer."""
        if session.peer is not None:
            for content in session.peer.traffic:
                self.one(session, content)

    def one(self, session: Session, content: ContentHash) -> None:
        """Record what moved of one content from and to this peer since the last record."""
        peer = session.station
        traffic = peer.traffic.get(content)
        if traffic is None:
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
