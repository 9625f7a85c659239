"""Serving: whose range is read and sent next.

Theory of operation
===================

A peer's requests wait in its own queue until it holds one of the *upload slots*; when
all are taken it is told ``busy`` at once, so that it asks elsewhere instead of waiting.
A more urgent peer takes the slot of a less urgent one, and one as urgent that of who had it
for a turn; of several slots one is left to the least urgent. Among slot holders
:class:`meshdl.policy.slots.LesserShare` decides before every single message, so an
emergency transfer overtakes at the next message, and in the long run leaves a sixteenth. A
slot is given back when its queue is empty.

What far peers ask for yields to what is more urgent, see :mod:`meshdl.policy.yielding`: they
are told ``busy``, but for a peer that itself has asked for something urgent, and that would
then ask for nothing.

A station that serves a swarm gives each chunk to one peer first, see
:mod:`meshdl.swarm.spread`.

Reading ahead is bounded per peer; a link whose transport says "full" is not read for
until it is writable.
"""

from collections import deque
from dataclasses import replace
from typing import TypeAlias

from meshdl.content.precedence import Precedence
from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.links import Path
from meshdl.policy.bucket import TokenBucket
from meshdl.policy.slots import BUSY_RETRY_AFTER_S, LesserShare, Waiting, slot_to_yield
from meshdl.policy.yielding import URGENT_FOR_S, Yielding
from meshdl.swarm.answer_limit import AnswerLimit
from meshdl.swarm.effects import Advertise, ReadRange
from meshdl.swarm.hash_answers import HashAnswers
from meshdl.swarm.peer import Peer
from meshdl.swarm.session import RangeKey, Session, UploadRequest
from meshdl.swarm.spread import ELSEWHERE_S, Spread
from meshdl.swarm.state import Holding, SwarmState
from meshdl.wire import chunks
from meshdl.wire.control import (
    RANGES_MAX,
    ChunkCancel,
    ChunkReject,
    ChunkRequest,
    Have,
)

READ_AHEAD_PER_PEER = 4
"""Ranges of one peer, on all its links, that the disk may owe: its lanes gain it no share."""

QUEUE_MAX = 2 * RANGES_MAX
"""Requests that one peer may have waiting, on all its links: twice what the largest window
asks for."""


Asked: TypeAlias = tuple[int, int, int]
"""A range, as it was asked for: chunk, offset, octets."""


class Uploader:
    """Everything this station sends of its contents."""

    def __init__(self, state: SwarmState, limit: AnswerLimit, *, now: float) -> None:
        self._state = state
        self._spread = Spread(state)
        self._tickets: dict[int, tuple[Session, UploadRequest]] = {}
        self.hashes = HashAnswers(state, limit)
        self._virtual_octets = 0.0
        self._bucket = TokenBucket.for_limit(state.settings.upload_octets_per_s, now=now)
        self._yielding = Yielding(now=now)
        self._lesser_share = LesserShare()

    def request(self, session: Session, request: ChunkRequest, *, now: float) -> None:
        """A peer asks for ranges.

        Raises:
            RemoteProtocolError: a range outside its chunk.
        """
        content = ContentHash(request.content_hash)
        holding = self._state.holdings.get(content)
        if holding is None or not holding.served:
            self._reject(session, content, request.ranges, "not-held")
            return
        # The content's own precedence counts as much as what the asker says of it.
        precedence = Precedence(min(request.precedence, holding.precedence))
        wanted = self._servable(session, request, holding, precedence, now)
        if not wanted:
            return
        waiting = sum(len(lane.uploads) for lane in self._state.lanes_of(session.station))
        if waiting + len(wanted) > QUEUE_MAX or not self._slot(session.station, precedence, now):
            self._reject(session, content, tuple(wanted), "busy")
            return
        far = session.traits.path is not Path.LAN
        spared = far and self._yielding.in_force(precedence, now=now)
        for chunk, offset, octets in wanted:
            key = RangeKey(content, ChunkIndex(chunk), offset)
            self._enqueue(session, UploadRequest(key, octets, request.handle, precedence, spared))
        self.pump(now=now)

    def told(self, session: Session, have: Have, *, now: float) -> None:
        """A peer has got chunks, perhaps from us."""
        self._spread.told(session, ContentHash(have.content_hash), have.chunks or (), now=now)

    def cancel(self, session: Session, cancel: ChunkCancel) -> None:
        """A peer needs these ranges no longer."""
        content = ContentHash(cancel.content_hash)
        unwanted = {RangeKey(content, ChunkIndex(c), offset) for c, offset, _ in cancel.ranges}
        session.uploads = deque(r for r in session.uploads if r.key not in unwanted)
        self._give_back_slot(session)

    def pump(self, *, now: float) -> None:
        """Read as much as links and limits allow."""
        while True:
            chosen = self._lesser_share.pick(self._ready(now))
            if chosen is None:
                return
            session = self._state.sessions[chosen.link]
            request = session.uploads.popleft()
            peer = session.station
            self._virtual_octets = max(self._virtual_octets, peer.virtual_octets)
            peer.virtual_octets += request.octets
            session.sent_octets += request.octets
            self._lesser_share.sent(request.octets)
            peer.reading += 1
            if session.traits.path is not Path.LAN:
                self._bucket.take(request.octets, now=now)
                self._yielding.sent(request.octets, request.precedence, now=now)
            ticket = next(self._state.tickets)
            self._tickets[ticket] = (session, request)
            key = request.key
            self._state.effects.append(
                ReadRange(ticket, key.content, key.chunk, key.offset, request.octets)
            )

    def range_read(self, ticket: int, octets: bytes | memoryview, *, now: float) -> None:
        """The disk answered: send."""
        entry = self._tickets.pop(ticket, None)
        if entry is None:
            return
        session, request = entry
        session.station.reading -= 1
        if session.link in self._state.sessions:
            key = request.key
            self._state.send(
                session.link, chunks.encode(request.handle, key.chunk, key.offset, octets)
            )
            traffic = session.station.traffic_of(key.content)
            traffic.sent += len(octets)
            traffic.moved_at = now
            self._spread.sent(session, key, now=now)
            self._give_back_slot(session)
        self.pump(now=now)

    def read_failed(self, ticket: int, *, changed: bool, now: float) -> None:
        """The disk could not answer: say so instead of staying silent.

        Why it could not is for our own operator: it may name files of this machine.
        """
        if self.hashes.read_failed(ticket):
            return
        entry = self._tickets.pop(ticket, None)
        if entry is None:
            return
        session, request = entry
        session.station.reading -= 1
        key = request.key
        if session.link in self._state.sessions:
            one = ((key.chunk, key.offset, request.octets),)
            self._reject(session, key.content, one, "changed" if changed else "failed")
            self._give_back_slot(session)
        if changed:
            self.withdraw(key.content)
        self.pump(now=now)

    def withdraw(self, content: ContentHash, *, reason: str = "changed") -> None:
        """Serve this content no longer; what waits is refused."""
        self._spread.forget(content)
        holding = self._state.holdings.get(content)
        if holding is not None:
            holding.served = False
            self._state.effects.append(Advertise(content, held=False))
        for session in self._state.lanes():
            refused = [r for r in session.uploads if r.key.content == content]
            if not refused:
                continue
            session.uploads = deque(r for r in session.uploads if r.key.content != content)
            ranges = tuple((r.key.chunk, r.key.offset, r.octets) for r in refused)
            for first in range(0, len(ranges), RANGES_MAX):
                self._reject(session, content, ranges[first : first + RANGES_MAX], reason)
            self._give_back_slot(session)

    def _servable(
        self,
        session: Session,
        request: ChunkRequest,
        holding: Holding,
        precedence: Precedence,
        now: float,
    ) -> list[Asked]:
        """What of it shall be sent; of the rest the peer is told why not."""
        content = ContentHash(request.content_hash)
        wanted, missing = _held(request, holding)
        wanted, elsewhere = self._spread.divide(session, content, wanted, now=now)
        wanted, yields = self._make_way(session, wanted, precedence, now)
        for ranges, reason in ((missing, "not-held"), (elsewhere, "elsewhere"), (yields, "busy")):
            if ranges:
                self._reject(session, content, tuple(ranges), reason)
        return wanted

    def _enqueue(self, session: Session, request: UploadRequest) -> None:
        queue = session.uploads
        if not queue or queue[-1].precedence <= request.precedence:
            queue.append(request)
            return
        # More urgent than something that waits: before the first less urgent one.
        position = next(i for i, r in enumerate(queue) if r.precedence > request.precedence)
        queue.insert(position, request)

    def _slot(self, peer: Peer, precedence: Precedence, now: float) -> bool:
        if peer.has_slot:
            return True
        holders = [s.station for s in self._state.peers() if s.station.has_slot]
        if len(holders) >= self._state.settings.upload_slots:
            loser = self._loser(holders, precedence, now)
            if loser is None:
                return False
            self._evict(loser)
        peer.has_slot, peer.slot_since = True, now
        # Idling earns no credit.
        peer.virtual_octets = max(peer.virtual_octets, self._virtual_octets)
        return True

    def _loser(self, holders: list[Peer], newcomer: Precedence, now: float) -> Peer | None:
        waiting: list[Waiting] = []
        for peer in holders:
            lanes = [_waiting(lane) for lane in self._state.lanes_of(peer) if lane.uploads]
            if lanes:
                urgent = min(lanes, key=lambda lane: lane.precedence)
                waiting.append(replace(urgent, held_s=now - peer.slot_since))
            elif newcomer < Precedence.ROUTINE:
                return peer  # its last ranges are being read: it loses nothing
        loser = slot_to_yield(waiting, newcomer)
        return self._state.sessions[loser.link].station if loser is not None else None

    def _evict(self, peer: Peer) -> None:
        for session in self._state.lanes_of(peer):
            self._turn_away(session)
        peer.has_slot = False

    def _make_way(
        self, session: Session, wanted: list[Asked], precedence: Precedence, now: float
    ) -> tuple[list[Asked], list[Asked]]:
        """Tell apart what may be queued, and what yields to something more urgent."""
        if session.traits.path is Path.LAN:
            return wanted, []
        self._yielding.asked(precedence, now=now)
        if precedence is not Precedence.ROUTINE:
            session.station.urgent_until = now + URGENT_FOR_S
            for lane in self._state.lanes():
                if lane.traits.path is not Path.LAN and lane.station.urgent_until <= now:
                    self._turn_away(lane, less_urgent_than=precedence)
        if session.station.urgent_until > now:
            return wanted, []
        fits = [self._yielding.admits(one[2], precedence, now=now) for one in wanted]
        may = fits.index(False) if False in fits else len(wanted)
        return wanted[:may], wanted[may:]

    def _turn_away(self, session: Session, *, less_urgent_than: Precedence | None = None) -> None:
        by_content: dict[ContentHash, list[Asked]] = {}
        kept: deque[UploadRequest] = deque()
        for request in session.uploads:
            if less_urgent_than is not None and (
                request.spared or request.precedence <= less_urgent_than
            ):
                kept.append(request)
                continue
            key = request.key
            by_content.setdefault(key.content, []).append((key.chunk, key.offset, request.octets))
        session.uploads = kept
        for content, ranges in by_content.items():
            for first in range(0, len(ranges), RANGES_MAX):
                self._reject(session, content, tuple(ranges[first : first + RANGES_MAX]), "busy")
        self._give_back_slot(session)

    def _give_back_slot(self, session: Session) -> None:
        peer = session.station
        if session.uploads or peer.reading:
            return
        if not any(lane.uploads for lane in self._state.lanes_of(peer)):
            peer.has_slot = False

    def _ready(self, now: float) -> list[Waiting]:
        limited = not self._bucket.available(now=now)
        return [
            _waiting(session)
            for session in self._state.sessions.values()
            if session.uploads
            and not session.blocked
            and session.station.reading < READ_AHEAD_PER_PEER
            and not (limited and session.traits.path is not Path.LAN)
        ]

    def _reject(
        self,
        session: Session,
        content: ContentHash,
        ranges: tuple[Asked, ...],
        reason: str,
    ) -> None:
        retry_s = {"busy": BUSY_RETRY_AFTER_S, "elsewhere": ELSEWHERE_S}.get(reason, 0.0)
        self._state.tell(session.link, ChunkReject(content, ranges, reason, int(retry_s * 1000)))


def _waiting(session: Session) -> Waiting:
    precedence = session.uploads[0].precedence
    return Waiting(session.link, precedence, session.station.virtual_octets, session.sent_octets)


def _held(request: ChunkRequest, holding: Holding) -> tuple[list[Asked], list[Asked]]:
    """Tell apart what is held of what is asked for, and what is not."""
    held: list[Asked] = []
    missing: list[Asked] = []
    for found in request.ranges:
        chunk, offset, octets = found
        if chunk >= holding.metainfo.chunk_count:
            raise RemoteProtocolError(f"a request for chunk {chunk}, which there is not")
        if offset + octets > holding.metainfo.span(ChunkIndex(chunk)).octets:
            raise RemoteProtocolError(f"a request beyond the end of chunk {chunk}")
        (held if holding.have >> chunk & 1 else missing).append(found)
    return held, missing
