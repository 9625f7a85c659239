"""One link: who is at its other end, how long it is silent, what is asked and owed on it.

What is known of the station itself is its :class:`~meshdl.swarm.peer.Peer`, which all
links to it share. The first link is lane 0: what is said once is said there, and the
others end with it. On the other lanes go requests and their answers only.
"""

import enum
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex, ContentHash, LinkId, StationId
from meshdl.links import LinkTraits, Path, Way
from meshdl.policy.lanes import HoldUps
from meshdl.policy.penalty import Penalties
from meshdl.policy.window import LOCAL, LONG, RequestWindow
from meshdl.swarm.handshake import Handshake
from meshdl.swarm.peer import Peer

CANCELLED_REMEMBERED = 4096
"""Ranges we no longer wait for but may still receive without blaming the sender: some
windows full, even of the shortest ranges."""


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
class Asked:
    """One range on request."""

    octets: int
    at: float


class RangeKey(NamedTuple):
    """Names one range of one content. A tuple: several times a message it is looked up."""

    content: ContentHash
    chunk: ChunkIndex
    offset: int


@dataclass(slots=True)
class UploadRequest:
    """One range a peer asked for.

    Attributes:
        spared: it is of the share that the less urgent have, and does not make way.
    """

    key: RangeKey
    octets: int
    handle: int
    precedence: Precedence
    spared: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One link. A record of facts: decisions are taken by the cores that hold it.

    Attributes:
        lane: which of the links to its station it is.
        peer: shared by all of them; ``None`` before the handshake is proved.
        penalties: the peer's, or those of an unknown one.
        told_of: token of the last ping without an answer of which others were told.
    """

    link: LinkId
    traits: LinkTraits
    dialled: StationId | None
    way: Way
    address: str
    handshake: Handshake
    up_at: float
    heard_at: float
    window: RequestWindow
    lane: int = 0
    peer: Peer | None = None
    identified_at: float = 0.0
    pinged_at: float | None = None
    ping_token: int = 0
    ping_sent_at: float | None = None
    told_of: int | None = None
    round_trip_s: float | None = None
    penalties: Penalties = field(default_factory=Penalties)

    # Fetching from them.
    hold_ups: HoldUps = field(default_factory=HoldUps)
    asked: OrderedDict[RangeKey, Asked] = field(default_factory=OrderedDict)
    asked_octets: int = 0
    cancelled: OrderedDict[RangeKey, int] = field(default_factory=OrderedDict)
    delivered_at: float = 0.0
    snubbed_until: float = 0.0
    snubs_in_a_row: int = 0

    # Serving them.
    uploads: deque[UploadRequest] = field(default_factory=deque)
    sent_octets: int = 0
    blocked: bool = False

    @property
    def station(self) -> Peer:
        """The peer; to be asked only after the handshake."""
        assert self.peer is not None
        return self.peer

    @property
    def first(self) -> bool:
        """Whether what is said once is said on this link."""
        return self.lane == 0

    @property
    def in_use(self) -> bool:
        """Whether something is asked for on it, or its station is served."""
        return bool(self.asked or self.uploads or (self.peer is not None and self.peer.reading))

    def liveness(self, *, ask_after_s: float = PING_AFTER_S, now: float) -> Liveness:
        """Whether the other end still lives; ``ask_after_s`` of silence it is to be asked.

        Two steps, each counted from what we really did: a program that slept (a closed
        lid) first asks, and only then concludes.
        """
        if self.peer is None:
            return Liveness.DEAD if now - self.up_at >= HANDSHAKE_WITHIN_S else Liveness.ALIVE
        if self.pinged_at is not None:
            patience_s = DEAD_AFTER_S + self.traits.recovers_within_s
            return Liveness.DEAD if now - self.pinged_at >= patience_s else Liveness.ALIVE
        return Liveness.ASK if now - self.heard_at >= ask_after_s else Liveness.ALIVE

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

    def delivered(self, octets: int, took_s: float | None, *, now: float) -> None:
        """An answer came; how long it took, ``None`` when that cannot be told."""
        self.delivered_at = now
        self.snubs_in_a_row = 0
        if self.traits.path is not Path.LAN:  # there one lane is enough
            self._count_for_lanes(octets, took_s)
        outstanding = self.asked_octets
        self.window.delivered(octets, round_trip_s=took_s, outstanding_octets=outstanding, now=now)

    def _count_for_lanes(self, octets: int, took_s: float | None) -> None:
        trip_s = self.window.round_trip_s
        held_up = (
            took_s is not None
            and trip_s is not None
            and self.hold_ups.held_up(took_s, round_trip_s=trip_s)
        )
        self.station.lane_count.delivered(octets, held_up=held_up)

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
