"""Which peer gets a chunk from us, and which will find it at another peer.

A station that serves a swarm gives each chunk to one peer first: who asks for a chunk
that another peer is just getting from us is told ``elsewhere``, takes another chunk, and
will find this one at that peer. So the first copy leaves quickly and once, and eight
peers that all begin at the same instant do not pull the same chunks from one uplink.
"""

from meshdl.ids import ContentHash
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import RangeKey, Session
from meshdl.swarm.state import SwarmState

ELSEWHERE_S = 2.0
"""How long a chunk is withheld from the others after a peer was sent the last of it. If
that peer has not announced it by then, something is slow and everybody may have it."""


class Spread:
    """What was given to whom."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state
        self._given: dict[ContentHash, dict[int, tuple[Peer, float]]] = {}

    def divide(
        self,
        session: Session,
        content: ContentHash,
        ranges: list[tuple[int, int, int]],
        *,
        now: float,
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Tell apart what this peer shall have from us and what it will find elsewhere."""
        others = sum(content in s.station.subscribed for s in self._state.peers())
        if others < 2:
            return ranges, []
        given = self._given.setdefault(content, {})
        ours: list[tuple[int, int, int]] = []
        elsewhere: list[tuple[int, int, int]] = []
        for found in ranges:
            chunk = found[0]
            taker, at = given.get(chunk, (session.station, now))
            if taker is not session.station and self._goes_on(taker, at, content, chunk, now):
                elsewhere.append(found)
            else:
                given[chunk] = (session.station, now)
                ours.append(found)
        return ours, elsewhere

    def sent(self, session: Session, key: RangeKey, *, now: float) -> None:
        """A range has left for this peer."""
        given = self._given.get(key.content, {})
        if given.get(key.chunk, (None, 0.0))[0] is session.station:
            given[key.chunk] = (session.station, now)

    def forget(self, content: ContentHash) -> None:
        """It is not served any more."""
        self._given.pop(content, None)

    def _goes_on(
        self, taker: Peer, at: float, content: ContentHash, chunk: int, now: float
    ) -> bool:
        """Whether a chunk is on its way to this station, or has just arrived there."""
        lanes = self._state.lanes_of(taker)
        # A slow seed has a chunk in its queue for longer than it takes to spread.
        return bool(lanes) and (
            now - at < ELSEWHERE_S
            or any(
                request.key.chunk == chunk and request.key.content == content
                for lane in lanes
                for request in lane.uploads
            )
        )
