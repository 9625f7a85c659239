"""Which station key goes with a callsign: the first that was seen, until it hands over.

A callsign that shows another key is refused, and the operator told how to accept it, unless
the old key signed the new one (:mod:`meshdl.wire.rotation`).
"""

from collections.abc import Mapping

from meshdl.ids import Callsign, StationKey, station_id
from meshdl.swarm.effects import PinMoved, PinStation
from meshdl.swarm.handshake import ProvedPeer
from meshdl.swarm.state import SwarmState
from meshdl.wire.rotation import follows


class Pins:
    """The pins of a station.

    Args:
        state: shared by the parts of the swarm core.
        pins: as seen before.
    """

    def __init__(self, state: SwarmState, pins: Mapping[Callsign, StationKey]) -> None:
        self._state = state
        self._pins = dict(pins)

    def trust(self, callsign: Callsign, key: StationKey) -> None:
        """The operator accepts this key for this callsign."""
        self._pins[callsign] = key

    def pinned(self, callsign: Callsign) -> StationKey | None:
        """The key that goes with a callsign."""
        return self._pins.get(callsign)

    def accept(self, peer: ProvedPeer, *, may_move: bool) -> bool:
        """Whether a peer shows the key of its callsign, or one that it handed over to.

        Args:
            peer: who shows it.
            may_move: whether a key that was handed over to counts.
        """
        pinned = self._pins.get(peer.callsign)
        if pinned is None or pinned == peer.key:
            return True
        rotations = peer.rotations if may_move else ()
        if not follows(rotations, callsign=peer.callsign, pinned=pinned, shown=peer.key):
            return False
        self._pins[peer.callsign] = peer.key
        self._state.effects.append(PinMoved(peer.callsign, pinned, peer.key))
        return True

    def note(self, peer: ProvedPeer) -> None:
        """A peer is up: at first sight its key goes with its callsign from now on."""
        if peer.callsign not in self._pins:
            self._pins[peer.callsign] = peer.key
            self._state.effects.append(PinStation(peer.callsign, peer.key))


def changed_key(peer: ProvedPeer, pinned: StationKey) -> str:
    """Tells the operator what is wrong and what to do."""
    return (
        f"{peer.callsign} shows another station key ({station_id(peer.key)}) than before "
        f"({station_id(pinned)}): if the operator has a new key, accept it with "
        f"'meshdl trust {peer.callsign} {station_id(peer.key)}'"
    )
