"""Which peer gets a chunk from us, and which will find it at another peer.

A station that serves a swarm gives each chunk to one peer first: who asks for a chunk
that another peer is just getting from us is told ``elsewhere``, takes another chunk, and
will find this one at that peer. So the first copy leaves quickly and once, and eight
peers that all begin at the same instant do not pull the same chunks from one uplink.

How long a chunk takes to arrive cannot be seen here: much of it may wait in the path, on a
slow uplink for many seconds. So a downloader tells its seeds, where these are few, what it
has got; only from then on the others' time runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meshdl.ids import ContentHash, StationKey
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import RangeKey, Session
from meshdl.swarm.state import SwarmState

ELSEWHERE_S = 2.0
"""How long a chunk is withheld from the others after a peer has told that it has it, or, of a
peer that tells nothing, after the last of it was sent. If they have not found it there by then,
something is slow and everybody may have it."""

ARRIVES_WITHIN_S = 30.0
"""After the last of it was sent to a peer that tells of its chunks: it will not arrive."""


@dataclass(slots=True)
class _Given:
    """Who got a chunk, when it last moved, and whether it is known to be there."""

    taker: Peer
    at: float
    arrived: bool = False


class Spread:
    """What was given to whom."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state
        self._given: dict[ContentHash, dict[int, _Given]] = {}
        self._telling: set[tuple[ContentHash, StationKey]] = set()

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
            before = given.get(chunk)
            other = before is not None and before.taker is not session.station
            if before is not None and other and self._goes_on(before, content, chunk, now):
                elsewhere.append(found)
            else:
                given[chunk] = _Given(session.station, now)
                ours.append(found)
        return ours, elsewhere

    def sent(self, session: Session, key: RangeKey, *, now: float) -> None:
        """A range has left for this peer."""
        given = self._given.get(key.content, {}).get(key.chunk)
        if given is not None and given.taker is session.station:
            given.at = now

    def told(
        self, session: Session, content: ContentHash, chunks: Iterable[int], *, now: float
    ) -> None:
        """A peer says that it has these chunks."""
        if content not in self._given:
            return
        self._telling.add((content, session.station.key))
        for chunk in chunks:
            given = self._given[content].get(chunk)
            if given is not None and given.taker is session.station:
                given.at, given.arrived = now, True

    def forget(self, content: ContentHash) -> None:
        """It is not served any more."""
        self._given.pop(content, None)
        self._telling = {one for one in self._telling if one[0] != content}

    def _goes_on(self, given: _Given, content: ContentHash, chunk: int, now: float) -> bool:
        """Whether a chunk is on its way to its taker, or has just arrived there."""
        taker = given.taker
        lanes = self._state.lanes_of(taker)
        if not lanes or content not in taker.subscribed:
            return False
        awaited = not given.arrived and (content, taker.key) in self._telling
        patience_s = ARRIVES_WITHIN_S if awaited else ELSEWHERE_S
        # A slow seed has a chunk in its queue for longer than it takes to spread.
        return now - given.at < patience_s or any(
            request.key.chunk == chunk and request.key.content == content
            for lane in lanes
            for request in lane.uploads
        )
