"""Fetching: who is asked for which range, what becomes of the answer.

Theory of operation
===================

Whenever there is room in a source's window, :meth:`Fetcher.fill` asks it for ranges of
the most urgent download it can help with, several in one message. Room is bounded three
ways: by the source's window (bandwidth x delay), by the octets in flight in all (asked
for, waiting for their hashes, or verified and not yet written: a slow disk slows the
network), and by the operator's limit where the path is not LAN.

A peer answers the ranges of one content in the order asked. So an answer tells that
earlier ranges of the same content were lost on the way (the chunks channel gives a
message up after its lifetime): they are asked for again at once. A source that delivers
nothing for ``STALL_AFTER_S`` loses all its ranges to the others and is *snubbed* for a
while, longer each time. Whatever comes late all the same is welcome while it is of use.
What comes of the octets themselves is :mod:`meshdl.swarm.intake`'s affair.
"""

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex, ContentHash, LinkId
from meshdl.links import Path
from meshdl.policy.bucket import TokenBucket
from meshdl.policy.penalty import CORRUPT_POINTS
from meshdl.swarm.active_chunk import Arrival
from meshdl.swarm.download import Download
from meshdl.swarm.intake import Intake
from meshdl.swarm.leaf_hashes import LeafHashes
from meshdl.swarm.requests import WAITING_LEAST_OCTETS, Requests
from meshdl.swarm.session import RangeKey, Session
from meshdl.swarm.sources import Sources
from meshdl.swarm.state import SwarmState
from meshdl.swarm.urgency import by_urgency, count_sharing
from meshdl.wire.chunks import ChunkOctets
from meshdl.wire.control import RANGES_MAX, ChunkReject, ChunkRequest, Hashes, HashesReject

STALL_AFTER_S = 2.5
SNUB_FIRST_S = 2.0
SNUB_MAX_S = 60.0
UNASKED_POINTS = 2


class Fetcher:
    """All downloads of one station, over all its sessions.

    Args:
        state: shared by the parts of the swarm core.
        requests: what is asked for now.
        intake: takes what arrives.
    """

    def __init__(
        self,
        state: SwarmState,
        requests: Requests,
        intake: Intake,
        *,
        now: float,
    ) -> None:
        self._state, self._requests, self._intake = state, requests, intake
        self._sources = Sources(state)
        self._leaf_hashes = LeafHashes(state)
        self._bucket = TokenBucket.for_limit(state.settings.download_octets_per_s, now=now)
        self.downloads: dict[ContentHash, Download] = {}

    def fill_all(self, *, now: float) -> None:
        """Ask every source that has room."""
        if not self.downloads:
            return
        count_sharing(self._state, self.downloads.values())
        self._sources.pass_on(self.downloads.values(), now=now)
        for session in self._state.lanes():
            self._fill(session, now)

    def fill(self, session: Session, *, now: float) -> None:
        """Ask this source for as much as it has room for, and those whose turn begins."""
        for begun in self._sources.pass_on(self.downloads.values(), now=now):
            self._fill(begun, now)
        self._fill(session, now)

    def _fill(self, session: Session, now: float) -> None:
        room = session.room_octets()
        if not room or session.peer is None:
            return
        if now < max(session.snubbed_until, session.peer.busy_until):
            return
        for download in by_urgency(self.downloads.values(), session, now=now):
            room = self._fill_from(session, download, room, now)
            if room < session.window.range_octets:
                break

    # What sources send.

    def receive_octets(self, session: Session, message: ChunkOctets, *, now: float) -> None:
        """Octets of a chunk arrived.

        Raises:
            RemoteProtocolError: corrupt, or never asked for.
        """
        content = self._requests.content(message.handle)
        if content is None:
            raise RemoteProtocolError("chunk octets nobody asked for", penalty=UNASKED_POINTS)
        key = RangeKey(content, message.chunk, message.offset)
        asked = session.asked.get(key)
        late = session.recalls(key)
        if asked is None or (late and len(message.octets) != asked.octets):
            self._receive_unasked(session, key, message, now)
            return
        self._give_up_earlier(session, key)
        self._requests.settle(session, key)
        # Which of two questions is answered cannot be told (Karn and Partridge 1987).
        session.delivered(len(message.octets), None if late else now - asked.at, now=now)
        download = self.downloads.get(content)
        if download is None or not download.fetching:
            return
        self._sources.delivered(session, download, len(message.octets), now=now)
        if len(message.octets) != asked.octets:
            download.release(session.link, key.chunk, key.offset)
            raise RemoteProtocolError("chunk octets of the wrong length", penalty=CORRUPT_POINTS)
        arrival = Arrival(session, key.offset, message.octets)
        self._intake.take(download, key.chunk, arrival, now=now)

    def receive_hashes(self, session: Session, answer: Hashes, *, now: float) -> None:
        """Leaf hashes of a chunk arrived.

        Raises:
            RemoteProtocolError: they do not prove.
        """
        download = self.downloads.get(ContentHash(answer.content_hash))
        if download is None or not download.fetching:
            return
        for index in self._leaf_hashes.receive(session, download, answer):
            self._intake.take_waiting(download, index, now=now)

    def receive_hashes_reject(self, session: Session, reject: HashesReject) -> None:
        """A peer has no such hashes (any more)."""
        download = self.downloads.get(ContentHash(reject.content_hash))
        if download is not None and download.fetching:
            download.hashes_refused(session.link)

    def receive_reject(self, session: Session, reject: ChunkReject, *, now: float) -> None:
        """A peer will not send these ranges."""
        content = ContentHash(reject.content_hash)
        for chunk, offset, _ in reject.ranges:
            self._lose(session, RangeKey(content, ChunkIndex(chunk), offset))
        pause_s = min(reject.retry_after_ms / 1000, SNUB_MAX_S)
        if reject.reason == "busy":
            session.station.busy_until = max(session.station.busy_until, now + pause_s)
            return
        holding = session.station.holdings.get(content)
        download = self.downloads.get(content)
        if holding is None or download is None or not download.fetching:
            return
        count = download.holding.metainfo.chunk_count
        gone = sum(
            1 << chunk for chunk in {chunk for chunk, _, _ in reject.ranges if chunk < count}
        )
        if reject.reason == "elsewhere":
            holding.withheld |= gone
            holding.withheld_until = now + pause_s
            return
        # Whatever it announced, it does not have this (any more).
        bits = holding.announced(download.holding.all_chunks)
        holding.uncount_in(download.availability)
        holding.complete, holding.bits = False, bits & ~gone
        holding.count_in(download.availability)

    def uncount(self, session: Session, download: Download) -> None:
        """What a peer has counts no longer in the availability."""
        holding = session.station.holdings.get(download.content)
        if holding is not None:
            holding.uncount_in(download.availability)

    # What ends.

    def withdraw(self, link: LinkId, content: ContentHash, chunk: ChunkIndex, offset: int) -> None:
        """A range came another way: this source need not send it."""
        session = self._state.sessions.get(link)
        if session is not None:
            self._requests.cancel(session, [RangeKey(content, chunk, offset)])

    def drop(self, download: Download) -> None:
        """Ask nobody for this content any more."""
        for session in self._state.sessions.values():
            keys = [key for key in session.asked if key.content == download.content]
            self._requests.cancel(session, keys)

    def leave(self, session: Session) -> None:
        """A session is over: what it was asked for is asked of others."""
        self._release_all(session)
        if not session.first:
            return
        for download in self.downloads.values():
            if download.fetching:
                self.uncount(session, download)

    def tick(self, *, now: float) -> None:
        """Notice stalls, unanswered hash requests, and fill what limits held back."""
        for session in self._state.lanes():
            if session.asked and now - session.delivered_at >= STALL_AFTER_S:
                self._snub(session, now)
        for download in self.downloads.values():
            if download.fetching:
                download.forgive(now=now)
                self._leaf_hashes.ask_again(download, now=now)
        self.fill_all(now=now)

    # Asking.

    def _fill_from(self, session: Session, download: Download, room: int, now: float) -> int:
        offered = self._sources.offered(session, download, now=now)
        ranges: list[tuple[int, int, int]] = []
        lan = session.traits.path is Path.LAN
        most = session.window.range_octets
        while room >= most and len(ranges) < RANGES_MAX and self._room_in_memory(download):
            if not lan and not self._bucket.available(now=now):
                break
            found = download.next_range(
                session.link, offered, most_octets=most, rng=self._state.rng, now=now
            )
            if found is None:
                break
            chunk, offset, octets = found
            if chunk.needs_leaf_hashes and chunk.leaf_hashes is None:
                self._leaf_hashes.ask(session, download, chunk.index, now=now)
            key = RangeKey(download.content, chunk.index, offset)
            self._requests.enter(session, key, octets, now=now)
            room -= octets
            if not lan:
                self._bucket.take(octets, now=now)
            ranges.append((chunk.index, offset, octets))
        if ranges:
            content, urgency = download.content, int(download.precedence)
            handle = self._requests.handle(content)
            self._state.tell(session.link, ChunkRequest(content, handle, tuple(ranges), urgency))
        return room

    def _room_in_memory(self, download: Download) -> bool:
        most = self._state.settings.in_flight_octets
        waiting = [one.waiting_octets for one in self.downloads.values() if one.fetching]
        # A source may give octets and no leaf hashes: then half is left for other contents.
        share = max(most // (2 * len(waiting)), WAITING_LEAST_OCTETS)
        in_flight = self._requests.octets + self._intake.unwritten_octets + sum(waiting)
        return in_flight < most and download.waiting_octets < share

    def _receive_unasked(
        self, session: Session, key: RangeKey, message: ChunkOctets, now: float
    ) -> None:
        """Late after a cancel or a stall: a gift when it is still useful."""
        if not session.was_cancelled(key):
            raise RemoteProtocolError("chunk octets nobody asked for", penalty=UNASKED_POINTS)
        session.delivered_at = now
        session.snubbed_until = min(session.snubbed_until, now)
        session.station.busy_until = min(session.station.busy_until, now)
        download = self.downloads.get(key.content)
        if download is not None and download.fetching:
            arrival = Arrival(session, key.offset, message.octets)
            self._intake.take(download, key.chunk, arrival, now=now)

    def _give_up_earlier(self, session: Session, key: RangeKey) -> None:
        lost = []
        for other in session.asked:
            if other == key:
                break
            if other.content == key.content:
                lost.append(other)
        for other in lost:
            session.station.lost_octets += session.asked[other].octets
            self._lose(session, other)

    def _lose(self, session: Session, key: RangeKey) -> None:
        if self._requests.give_up(session, key):
            download = self.downloads.get(key.content)
            if download is not None and download.fetching:
                download.release(session.link, key.chunk, key.offset)

    def _snub(self, session: Session, now: float) -> None:
        asked = list(session.asked)
        self._requests.cancel(session, asked)
        for key in asked:
            download = self.downloads.get(key.content)
            if download is not None and download.fetching:
                download.release(session.link, key.chunk, key.offset)
        self._release_all(session)
        session.window.stalled(now=now)
        session.snubbed_until = now + min(SNUB_FIRST_S * 2**session.snubs_in_a_row, SNUB_MAX_S)
        session.snubs_in_a_row += 1

    def _release_all(self, session: Session) -> None:
        for key in list(session.asked):
            self._lose(session, key)
        for download in self.downloads.values():
            download.release_link(session.link)
