"""What is known of the station at the other end, however many links lead to it."""

from dataclasses import dataclass, field

from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.policy.lanes import LaneCount
from meshdl.policy.penalty import Penalties
from meshdl.policy.picker import Availability
from meshdl.swarm.handshake import ProvedPeer


@dataclass(slots=True)
class PeerHolding:
    """What a peer says it has of one content.

    Attributes:
        bits: set of chunks; meaningless while ``complete``.
        raw: a bitfield that came before we knew how many chunks there are.
        withheld: chunks it has but does not want to send before ``withheld_until``.
    """

    complete: bool = False
    bits: int = 0
    raw: bytes | None = None
    withheld: int = 0
    withheld_until: float = 0.0

    def announced(self, all_chunks: int) -> int:
        """The set of chunks it says it has, of ``all_chunks`` that there are."""
        return all_chunks if self.complete else self.bits

    def offered(self, all_chunks: int, *, now: float) -> int:
        """The set of chunks that it makes sense to ask for now."""
        if self.withheld and now >= self.withheld_until:
            self.withheld = 0
        return self.announced(all_chunks) & ~self.withheld

    def count_in(self, availability: Availability) -> None:
        """Let it make chunks less rare."""
        if self.complete:
            availability.seeds += 1
        else:
            availability.add(self.bits)

    def uncount_in(self, availability: Availability) -> None:
        """Undo :meth:`count_in`; before what it holds changes."""
        if self.complete:
            availability.seeds -= 1
        else:
            availability.remove(self.bits)


@dataclass(slots=True)
class Traffic:
    """Verified octets received and octets sent of one content from and to one peer.

    Attributes:
        logged_received, logged_sent: how much of it stands in the station log already.
        moved_at: last time it grew.
    """

    received: int = 0
    sent: int = 0
    logged_received: int = 0
    logged_sent: int = 0
    moved_at: float = 0.0


@dataclass(slots=True, kw_only=True, eq=False)
class Peer:
    """A station that proved who it is. A record of facts, shared by its sessions.

    Attributes:
        proved: on its first lane.
        penalties: what it did wrong on any lane.
        holdings: what it has.
        subscribed: what it wants to hear of.
        offers: what it has records of.
        traffic: what moved, on all lanes together.
        lane_count: how many lanes to it are worth while.
        lost_octets: that were asked of it and are known to be lost on the way.
        busy_until: it serves others just now, and is asked for nothing.
        urgent_until: it asked for something urgent not long ago.
        has_slot: one of our upload slots, which it got at ``slot_since``.
        reading: ranges for it that the disk owes, on all lanes together.
        virtual_octets: its virtual time among those that we serve.
    """

    proved: ProvedPeer
    penalties: Penalties
    lane_count: LaneCount
    holdings: dict[ContentHash, PeerHolding] = field(default_factory=dict)
    subscribed: set[ContentHash] = field(default_factory=set)
    offers: set[ContentHash] = field(default_factory=set)
    traffic: dict[ContentHash, Traffic] = field(default_factory=dict)
    lost_octets: int = 0
    busy_until: float = 0.0
    urgent_until: float = 0.0
    has_slot: bool = False
    slot_since: float = 0.0
    reading: int = 0
    virtual_octets: float = 0.0

    @property
    def callsign(self) -> Callsign:
        """Of the station."""
        return self.proved.callsign

    @property
    def key(self) -> StationKey:
        """Of the station."""
        return self.proved.key

    def traffic_of(self, content: ContentHash) -> Traffic:
        """The counters of one content."""
        found = self.traffic.get(content)
        if found is None:
            found = self.traffic[content] = Traffic()
        return found
