"""More than one link to a source that needs it, and no longer than it does.

Theory of operation
===================

:mod:`meshdl.policy.lanes` says how many lanes a source should have; here they are dialled
and chosen for closing, by whoever asks the source for something. Lane 0 is the link that
made the two stations peers. A dial does not know which lane its link will be: when the link
is up it becomes the lowest one that is free, and is lane 0 if the first link is gone by
then. So a lane that is late does no harm.

The other end learns the number from the ``hello`` of who dialled. It takes a lane only
beside a first one of the same run of the program, never on the local network, and only
while it has links to spare (:data:`~meshdl.policy.lanes.LANES_SHARE`). A station that says
nothing of lanes has one.
"""

from collections.abc import Iterator

from meshdl.ids import StationId, station_id
from meshdl.links import Path, Way
from meshdl.policy.lanes import LANES_MAX, LANES_SHARE, Seen
from meshdl.swarm.handshake import ProvedPeer
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState


class Lanes:
    """The lanes of all peers beyond their first."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state
        self._dialling: dict[tuple[StationId, Way], int] = {}

    @property
    def dialling(self) -> int:
        """Lanes being dialled, of all stations."""
        return sum(self._dialling.values())

    def claim(self, station: StationId, way: Way) -> int:
        """A link is up that we dialled: which lane it will be."""
        for_a_lane = self._dialled(station, way)
        peer = self._peer(station, way)
        if peer is None or not for_a_lane:
            return 0
        # Those that shake hands have no peer yet.
        sessions = self._state.sessions.values()
        taken = {s.lane for s in sessions if s.peer is peer or s.dialled == station}
        return min(set(range(LANES_MAX + 1)) - taken)

    def failed(self, station: StationId, way: Way) -> bool:
        """A dial failed; whether it was for a lane."""
        return self._dialled(station, way)

    def host(self, session: Session, proved: ProvedPeer) -> Peer | None:
        """The peer to which this link may be another lane, if there is one."""
        if session.way is Way.LAN or not 0 < session.lane < LANES_MAX:
            return None
        if len(self._state.sessions) > self._room_for_lanes():
            return None
        for first in self._state.peers():
            peer = first.station
            same_run = (peer.key, peer.proved.instance) == (proved.key, proved.instance)
            if same_run and first.way is session.way:
                return peer
        return None

    def tend(self, *, now: float) -> tuple[list[tuple[StationId, Way]], list[Session]]:
        """Whom to dial once more, and which lanes to close."""
        dial: list[tuple[StationId, Way]] = []
        close: list[Session] = []
        peers = self._state.peers()
        far = [one for one in peers if one.traits.path is not Path.LAN]
        far_octets = sum(one.station.lane_count.delivered_octets for one in far)
        # A station on the local network has or wants other lanes only if it was far away before.
        several = {id(one.peer) for one in self._sessions() if not one.first}
        for first in peers:
            only_one = first.station.lane_count.wanted == 1 and id(first.peer) not in several
            if first.traits.path is Path.LAN and only_one:
                continue
            station = station_id(first.station.key)
            lanes = self._state.lanes_of(first.station)
            wanted = self._wanted(first, lanes, far, far_octets, now)
            under_way = self._dialling.get((station, first.way), 0)
            shaking = sum(s.dialled == station and s.peer is None for s in self._sessions())
            for _ in range(wanted - len(lanes) - under_way - shaking):
                if len(self._state.sessions) + self.dialling < self._room_for_lanes():
                    under_way += 1
                    self._dialling[station, first.way] = under_way
                    dial.append((station, first.way))
            ours = [lane for lane in lanes if not lane.first and lane.dialled is not None]
            surplus = max(len(lanes) - wanted, 0)
            close += sorted(ours, key=lambda lane: -lane.lane)[:surplus]
        return dial, close

    def _wanted(
        self,
        first: Session,
        lanes: list[Session],
        far: list[Session],
        far_octets: int,
        now: float,
    ) -> int:
        peer = first.station
        most = self._most(first, far)
        trips = [trip for lane in lanes if (trip := lane.window.round_trip_s) is not None]
        seen = Seen(
            lanes=len(lanes),
            asked=sum(bool(lane.asked) for lane in lanes),
            most=most,
            all_octets=far_octets,
            round_trip_s=min(trips, default=0.0),
        )
        return min(peer.lane_count.judge(seen, now=now), most)

    def _most(self, first: Session, far: list[Session]) -> int:
        """Lanes that this peer may have now."""
        if first.traits.path is Path.LAN:
            return 1
        peer = first.station
        most = min(peer.proved.lanes, LANES_MAX // max(1, sum(bool(one.asked) for one in far)))
        if any(one.station.lane_count.trying for one in far if one is not first):
            most = min(most, peer.lane_count.wanted)
        return max(most, 1)

    def _room_for_lanes(self) -> int:
        return int(self._state.settings.max_links * LANES_SHARE)

    def _sessions(self) -> Iterator[Session]:
        return iter(self._state.sessions.values())

    def _dialled(self, station: StationId, way: Way) -> bool:
        """A dial is over, its station still a peer or not; whether one for a lane was under way."""
        left = self._dialling.pop((station, way), 0) - 1
        if left > 0:
            self._dialling[station, way] = left
        return left >= 0

    def _peer(self, station: StationId, way: Way) -> Peer | None:
        for session in self._state.peers():
            if station_id(session.station.key) == station and session.way is way:
                return session.station
        return None
