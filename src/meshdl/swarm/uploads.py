"""Serving: whose range is read and sent next.

Theory of operation
===================

A peer's requests wait in its own queue until it holds one of the *upload slots*; when
all are taken it is told ``busy`` at once, so that it asks elsewhere instead of waiting.
A more urgent peer takes the slot of a less urgent one. Among slot holders
:func:`meshdl.policy.slots.next_upload` decides before every single message, so an
emergency transfer overtakes at the next message. A slot is given back when its queue is
empty.

A station that serves a swarm gives each chunk to one peer first, see
:mod:`meshdl.swarm.spread`.

Reading ahead is bounded per peer; a link whose transport says "full" is not read for
until it is writable.
"""

from collections import deque

from meshdl.content.precedence import Precedence
from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.links import Path
from meshdl.policy.bucket import TokenBucket
from meshdl.policy.slots import BUSY_RETRY_AFTER_S, Waiting, next_upload, slot_to_yield
from meshdl.swarm.effects import Advertise, ReadHashes, ReadRange
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
    Hashes,
    HashesReject,
    HashesRequest,
)

READ_AHEAD_PER_PEER = 4
"""Ranges of one peer, on all its links, that the disk may owe: its lanes gain it no share."""

QUEUE_MAX = 2 * RANGES_MAX
"""Requests that one peer may have waiting, on all its links: twice what the largest window
asks for."""

HASH_READS_MAX = 64
"""Hash requests of one link that the disk may owe; more are refused."""


class Uploader:
    """Everything this station sends of its contents."""

    def __init__(self, state: SwarmState, *, now: float) -> None:
        self._state = state
        self._spread = Spread(state)
        self._tickets: dict[int, tuple[Session, UploadRequest]] = {}
        self._hash_tickets: dict[int, tuple[Session, HashesRequest]] = {}
        self._ticket = 0
        self._virtual_octets = 0.0
        self._bucket = TokenBucket.for_limit(state.settings.upload_octets_per_s, now=now)

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
        wanted, missing = _held(request, holding)
        if missing:
            self._reject(session, content, tuple(missing), "not-held")
        wanted, elsewhere = self._spread.divide(session, content, wanted, now=now)
        if elsewhere:
            self._reject(session, content, tuple(elsewhere), "elsewhere")
        if not wanted:
            return
        # The content's own precedence counts as much as what the asker says of it.
        precedence = Precedence(min(request.precedence, holding.precedence))
        waiting = sum(len(lane.uploads) for lane in self._state.lanes_of(session.station))
        if waiting + len(wanted) > QUEUE_MAX or not self._slot(session.station, precedence):
            self._reject(session, content, tuple(wanted), "busy")
            return
        for chunk, offset, octets in wanted:
            key = RangeKey(content, ChunkIndex(chunk), offset)
            self._enqueue(session, UploadRequest(key, octets, request.handle, precedence))
        self.pump(now=now)

    def cancel(self, session: Session, cancel: ChunkCancel) -> None:
        """A peer needs these ranges no longer."""
        content = ContentHash(cancel.content_hash)
        unwanted = {RangeKey(content, ChunkIndex(c), offset) for c, offset, _ in cancel.ranges}
        session.uploads = deque(r for r in session.uploads if r.key not in unwanted)
        self._give_back_slot(session)

    def pump(self, *, now: float) -> None:
        """Read as much as links and limits allow."""
        while True:
            chosen = next_upload(self._ready(now))
            if chosen is None:
                return
            session = self._state.sessions[chosen.link]
            request = session.uploads.popleft()
            peer = session.station
            self._virtual_octets = max(self._virtual_octets, peer.virtual_octets)
            peer.virtual_octets += request.octets
            session.sent_octets += request.octets
            session.reading += 1
            if session.traits.path is not Path.LAN:
                self._bucket.take(request.octets, now=now)
            self._ticket += 1
            self._tickets[self._ticket] = (session, request)
            key = request.key
            self._state.effects.append(
                ReadRange(self._ticket, key.content, key.chunk, key.offset, request.octets)
            )

    def range_read(self, ticket: int, octets: bytes, *, now: float) -> None:
        """The disk answered: send."""
        entry = self._tickets.pop(ticket, None)
        if entry is None:
            return
        session, request = entry
        session.reading -= 1
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

    def hashes_requested(self, session: Session, request: HashesRequest) -> None:
        """A peer asks for Merkle hashes."""
        content = ContentHash(request.content_hash)
        holding = self._state.holdings.get(content)
        owed = sum(1 for asker, _ in self._hash_tickets.values() if asker is session)
        if holding is None or request.root not in holding.files_of_root or owed >= HASH_READS_MAX:
            reason = "not-held" if owed < HASH_READS_MAX else "busy"
            self._reject_hashes(session, request, reason)
            return
        self._ticket += 1
        self._hash_tickets[self._ticket] = (session, request)
        self._state.effects.append(
            ReadHashes(
                self._ticket,
                content,
                request.root,
                request.base_layer,
                request.index,
                request.length,
                request.proof_layers,
            )
        )

    def hashes_read(self, ticket: int, hashes: bytes) -> None:
        """The disk answered: send."""
        entry = self._hash_tickets.pop(ticket, None)
        if entry is None or entry[0].link not in self._state.sessions:
            return
        session, request = entry
        answer = Hashes(
            request.content_hash,
            request.root,
            request.base_layer,
            request.index,
            request.length,
            hashes,
        )
        self._state.tell(session.link, answer)

    def read_failed(self, ticket: int, *, changed: bool, now: float) -> None:
        """The disk could not answer: say so instead of staying silent.

        Why it could not is for our own operator: it may name files of this machine.
        """
        hashes = self._hash_tickets.pop(ticket, None)
        if hashes is not None:
            if hashes[0].link in self._state.sessions:
                self._reject_hashes(*hashes, "not-held")
            return
        entry = self._tickets.pop(ticket, None)
        if entry is None:
            return
        session, request = entry
        session.reading -= 1
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

    def _enqueue(self, session: Session, request: UploadRequest) -> None:
        queue = session.uploads
        if not queue or queue[-1].precedence <= request.precedence:
            queue.append(request)
            return
        # More urgent than something that waits: before the first less urgent one.
        position = next(i for i, r in enumerate(queue) if r.precedence > request.precedence)
        queue.insert(position, request)

    def _slot(self, peer: Peer, precedence: Precedence) -> bool:
        if peer.has_slot:
            return True
        holders = [s.station for s in self._state.peers() if s.station.has_slot]
        if len(holders) >= self._state.settings.upload_slots:
            loser = self._loser(holders, precedence)
            if loser is None:
                return False
            self._evict(loser)
        peer.has_slot = True
        # Idling earns no credit.
        peer.virtual_octets = max(peer.virtual_octets, self._virtual_octets)
        return True

    def _loser(self, holders: list[Peer], newcomer: Precedence) -> Peer | None:
        waiting: list[Waiting] = []
        for peer in holders:
            lanes = [_waiting(lane) for lane in self._state.lanes_of(peer) if lane.uploads]
            if lanes:
                waiting.append(min(lanes, key=lambda lane: lane.precedence))
            elif newcomer < Precedence.ROUTINE:
                return peer  # its last ranges are being read: it loses nothing
        loser = slot_to_yield(waiting, newcomer)
        return self._state.sessions[loser.link].station if loser is not None else None

    def _evict(self, peer: Peer) -> None:
        peer.has_slot = False
        for session in self._state.lanes_of(peer):
            self._turn_away(session)

    def _turn_away(self, session: Session) -> None:
        by_content: dict[ContentHash, list[tuple[int, int, int]]] = {}
        for request in session.uploads:
            key = request.key
            by_content.setdefault(key.content, []).append((key.chunk, key.offset, request.octets))
        session.uploads.clear()
        for content, ranges in by_content.items():
            for first in range(0, len(ranges), RANGES_MAX):
                self._reject(session, content, tuple(ranges[first : first + RANGES_MAX]), "busy")

    def _give_back_slot(self, session: Session) -> None:
        if session.uploads or session.reading:
            return
        peer = session.station
        if not any(lane.uploads or lane.reading for lane in self._state.lanes_of(peer)):
            peer.has_slot = False

    def _ready(self, now: float) -> list[Waiting]:
        limited = not self._bucket.available(now=now)
        lanes = self._state.lanes()
        reading: dict[int, int] = {}
        for session in lanes:
            peer = id(session.peer)
            reading[peer] = reading.get(peer, 0) + session.reading
        return [
            _waiting(session)
            for session in lanes
            if session.uploads
            and not session.blocked
            and reading[id(session.peer)] < READ_AHEAD_PER_PEER
            and not (limited and session.traits.path is not Path.LAN)
        ]

    def _reject(
        self,
        session: Session,
        content: ContentHash,
        ranges: tuple[tuple[int, int, int], ...],
        reason: str,
    ) -> None:
        retry_s = {"busy": BUSY_RETRY_AFTER_S, "elsewhere": ELSEWHERE_S}.get(reason, 0.0)
        self._state.tell(session.link, ChunkReject(content, ranges, reason, int(retry_s * 1000)))

    def _reject_hashes(self, session: Session, request: HashesRequest, reason: str) -> None:
        self._state.tell(
            session.link,
            HashesReject(
                request.content_hash, request.root, request.base_layer, request.index, reason
            ),
        )


def _waiting(session: Session) -> Waiting:
    precedence = session.uploads[0].precedence
    return Waiting(session.link, precedence, session.station.virtual_octets, session.sent_octets)


def _held(
    request: ChunkRequest, holding: Holding
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """Tell apart what is held of what is asked for, and what is not."""
    held: list[tuple[int, int, int]] = []
    missing: list[tuple[int, int, int]] = []
    for found in request.ranges:
        chunk, offset, octets = found
        if chunk >= holding.metainfo.chunk_count:
            raise RemoteProtocolError(f"a request for chunk {chunk}, which there is not")
        if offset + octets > holding.metainfo.span(ChunkIndex(chunk)).octets:
            raise RemoteProtocolError(f"a request beyond the end of chunk {chunk}")
        (held if holding.have >> chunk & 1 else missing).append(found)
    return held, missing
