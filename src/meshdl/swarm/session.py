"""One link and what we know of the station at its other end."""

import enum
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex, ContentHash, LinkId, StationId
from meshdl.links import LinkTraits, Path, Way
from meshdl.policy.penalty import Penalties
from meshdl.policy.picker import Availability
from meshdl.policy.window import LOCAL, LONG, RequestWindow
from meshdl.swarm.handshake import Handshake, ProvedPeer

CANCELLED_REMEMBERED = 4096
"""Ranges we no longer wait for but may still receive without blaming the sender: some
windows full, even of the shortest ranges."""


def for_people(text: str) -> str:
    """What a peer wrote, fit for a log and a terminal: no control characters."""
    return "".join(one if one.isprintable() else "?" for one in text)


def window_for(path: Path, *, now: float) -> RequestWindow:
    """A new window that suits the path."""
    return RequestWindow(LOCAL if path is Path.LAN else LONG, now=now)


class Liveness(enum.Enum):
    """Verdict of :meth:`Session.liveness`."""

    ALIVE = enum.auto()
    ASK = enum.auto()
    DEAD = enum.auto()


PING_AFTER_S = 1.5
"""Silence after which we ask for a sign of life."""

DEAD_AFTER_S = 2.5
"""Silence after that question which ends the link: 4 s in all, and a timer tick."""

HANDSHAKE_WITHIN_S = 8.0
"""Hello and proof take one round trip; a link that never gets there is closed."""


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
class Asked:
    """One range on request."""

    octets: int
    at: float


@dataclass(frozen=True, slots=True)
class RangeKey:
    """Names one range of one content."""

    content: ContentHash
    chunk: ChunkIndex
    offset: int


@dataclass(slots=True)
class UploadRequest:
    """One range a peer asked for."""

    key: RangeKey
    octets: int
    handle: int
    precedence: Precedence


@dataclass(slots=True)
class Traffic:
    """Verified octets received and octets sent of one content on one link.

    Attributes:
        logged_received, logged_sent: how much of it stands in the station log already.
        moved_at: last time it grew.
    """

    received: int = 0
    sent: int = 0
    logged_received: int = 0
    logged_sent: int = 0
    moved_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Session:
    """One link. A record of facts: decisions are taken by the cores that hold it."""

    link: LinkId
    traits: LinkTraits
    dialled: StationId | None
    way: Way
    address: str
    handshake: Handshake
    up_at: float
    heard_at: float
    window: RequestWindow
    peer: ProvedPeer | None = None
    identified_at: float = 0.0
    pinged_at: float | None = None
    ping_token: int = 0
    ping_sent_at: float | None = None
    round_trip_s: float | None = None
    penalties: Penalties = field(default_factory=Penalties)

    # What they have, what they want to hear of, what moved.
    holdings: dict[ContentHash, PeerHolding] = field(default_factory=dict)
    subscribed: set[ContentHash] = field(default_factory=set)
    offers: set[ContentHash] = field(default_factory=set)
    traffic: dict[ContentHash, Traffic] = field(default_factory=dict)

    # Fetching from them.
    asked: OrderedDict[RangeKey, Asked] = field(default_factory=OrderedDict)
    asked_octets: int = 0
    cancelled: OrderedDict[RangeKey, int] = field(default_factory=OrderedDict)
    lost_octets: int = 0
    delivered_at: float = 0.0
    snubbed_until: float = 0.0
    snubs_in_a_row: int = 0

    # Serving them.
    uploads: deque[UploadRequest] = field(default_factory=deque)
    has_slot: bool = False
    virtual_octets: float = 0.0
    reading: int = 0
    blocked: bool = False

    def liveness(self, *, now: float) -> Liveness:
        """Whether the other end still lives.

        Two steps, each counted from what we really did: a program that slept (a closed
        lid) first asks, and only then concludes.
        """
        if self.peer is None:
            return Liveness.DEAD if now - self.up_at >= HANDSHAKE_WITHIN_S else Liveness.ALIVE
        if self.pinged_at is not None:
            patience_s = DEAD_AFTER_S + self.traits.recovers_within_s
            return Liveness.DEAD if now - self.pinged_at >= patience_s else Liveness.ALIVE
        return Liveness.ASK if now - self.heard_at >= PING_AFTER_S else Liveness.ALIVE

    def in_doubt(self, *, now: float) -> bool:
        """Whether it is kept only because it may yet recover: the other end may think otherwise."""
        return self.pinged_at is not None and now - self.pinged_at >= DEAD_AFTER_S

    def asked_for_life(self, *, now: float) -> int:
        """We ask for a sign of life; the token that the answer must carry."""
        self.pinged_at = self.ping_sent_at = now
        self.ping_token = (self.ping_token + 1) & 0xFFFFFFFF
        return self.ping_token

    def answered(self, token: int, *, now: float) -> None:
        """The sign of life came."""
        if token == self.ping_token and self.ping_sent_at is not None:
            self.round_trip_s, self.ping_sent_at = now - self.ping_sent_at, None
            self.window.answered(self.round_trip_s)

    def slept(self, *, now: float) -> None:
        """This program did not run for a while: nobody is to blame for the silence."""
        self.heard_at = now
        self.pinged_at = None
        self.delivered_at = now
        if self.peer is None:
            self.up_at = now

    def heard(self, *, now: float) -> None:
        """Something arrived: the other end lives."""
        self.heard_at = now
        self.pinged_at = None

    def ask(self, key: RangeKey, octets: int, *, now: float) -> None:
        """Note that a range is on request."""
        if not self.asked:
            self.window.idled(now=now)
            self.delivered_at = max(self.delivered_at, now)
        self.asked[key] = Asked(octets, now)
        self.asked_octets += octets

    def room_octets(self) -> int:
        """What this source may be asked for now; 0 as long as more room is worth waiting for."""
        room = self.window.octets - self.asked_octets
        worth = self.window.range_octets
        if self.asked and self.traits.path is Path.LAN:
            # Its round trip is shorter than the rest lasts, and fewer, longer bursts cost both
            # processors less (of one downloader and 20 sources on one machine a tenth).
            worth = max(2 * worth, self.window.octets // 2)
        return room if room >= worth else 0

    def forget(self, key: RangeKey) -> Asked | None:
        """A range is no longer on request."""
        asked = self.asked.pop(key, None)
        if asked is not None:
            self.asked_octets -= asked.octets
        return asked

    def cancel(self, key: RangeKey) -> None:
        """A range is no longer wanted, but may still arrive."""
        if self.forget(key) is not None:
            # A range may be given up and asked for again, and every answer still come.
            self.cancelled[key] = self.cancelled.pop(key, 0) + 1
            if len(self.cancelled) > CANCELLED_REMEMBERED:
                self.cancelled.popitem(last=False)

    def recalls(self, key: RangeKey) -> bool:
        """Whether this range was given up before and may still come for that question."""
        return key in self.cancelled

    def was_cancelled(self, key: RangeKey) -> bool:
        """Whether this range may still come although it is not on request; asked once."""
        left = self.cancelled.pop(key, 0) - 1
        if left > 0:
            self.cancelled[key] = left
        return left >= 0

    def traffic_of(self, content: ContentHash) -> Traffic:
        """The counters of one content."""
        found = self.traffic.get(content)
        if found is None:
            found = self.traffic[content] = Traffic()
        return found
