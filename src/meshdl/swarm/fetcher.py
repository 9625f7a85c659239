"""Fetching: who is asked for which range, what becomes of the answer.

Theory of operation
===================

Whenever there is room in a source's window, :meth:`Fetcher.fill` asks it for ranges of
the most urgent download it can help with, several in one message. Room is bounded three
ways: by the source's window (bandwidth x delay), by the octets in flight in all (asked
for, or verified and not yet written: a slow disk slows the network), and by the
operator's limit where the path is not LAN.

A peer answers the ranges of one content in the order asked. So an answer tells that
earlier ranges of the same content were lost on the way (the chunks channel gives a
message up after its lifetime): they are asked for again at once. A source that delivers
nothing for ``STALL_AFTER_S`` loses all its ranges to the others and is *snubbed* for a
while, longer each time.
"""

from collections.abc import Iterator

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.links import Path
from meshdl.policy.bucket import TokenBucket
from meshdl.policy.penalty import CORRUPT_POINTS
from meshdl.policy.window import MESSAGE_OCTETS
from meshdl.swarm.download import Arrival, Download, Verdict
from meshdl.swarm.effects import WriteLeafHashes, WriteRange
from meshdl.swarm.metainfo_fetch import split_hashes
from meshdl.swarm.session import RangeKey, Session
from meshdl.swarm.state import SwarmState
from meshdl.wire.chunks import ChunkOctets
from meshdl.wire.control import (
    RANGES_MAX,
    ChunkCancel,
    ChunkReject,
    ChunkRequest,
    Hashes,
    HashesReject,
    HashesRequest,
)

STALL_AFTER_S = 2.5
SNUB_FIRST_S = 2.0
SNUB_MAX_S = 60.0
HASHES_WITHIN_S = 3.0
HANDLE_MAX = 2**32
REFILL_OCTETS = 2 * MESSAGE_OCTETS
"""Asking for two ranges at a time halves the number of control messages."""

UNASKED_POINTS = 2


class Fetcher:
    """All downloads of one station, over all its sessions."""

    def __init__(self, state: SwarmState, *, now: float) -> None:
        self._state = state
        self._unwritten_octets = 0
        self._asked_octets = 0
        self._handles: dict[ContentHash, int] = {}
        self._contents: dict[int, ContentHash] = {}
        self._bucket = TokenBucket.for_limit(state.settings.download_octets_per_s, now=now)
        self.downloads: dict[ContentHash, Download] = {}

    def fill_all(self, *, now: float) -> None:
        """Ask every source that has room."""
        for session in list(self._state.sessions.values()):
            self.fill(session, now=now)

    def fill(self, session: Session, *, now: float) -> None:
        """Ask this source for as much as it has room for."""
        room = session.window.octets - session.asked_octets
        if session.peer is None or now < session.snubbed_until:
            return
        if room < MESSAGE_OCTETS or (session.asked and room < REFILL_OCTETS):
            return
        for download in self._by_urgency(session):
            offered = self._offered(session, download, now)
            room = self._fill_from(session, download, offered, room, now)
            if room < MESSAGE_OCTETS:
                break

    def receive_octets(self, session: Session, message: ChunkOctets, *, now: float) -> None:
        """Octets of a chunk arrived.

        Raises:
            RemoteProtocolError: corrupt, or never asked for.
        """
        content = self._contents.get(message.handle)
        if content is None:
            raise RemoteProtocolError("chunk octets nobody asked for", penalty=UNASKED_POINTS)
        key = RangeKey(content, message.chunk, message.offset)
        asked = session.asked.get(key)
        if asked is None:
            self._receive_unasked(session, key, message, now)
            return
        self._give_up_earlier(session, key)
        self._forget(session, key)
        session.delivered_at = now
        session.snubs_in_a_row = 0
        session.window.delivered(
            len(message.octets),
            round_trip_s=now - asked.at,
            outstanding_octets=session.asked_octets,
            now=now,
        )
        download = self.downloads.get(content)
        if download is None or not download.fetching:
            return
        if len(message.octets) != asked.octets:
            download.release(session.link, key.chunk, key.offset)
            raise RemoteProtocolError("chunk octets of the wrong length", penalty=CORRUPT_POINTS)
        self._take(session, download, key, message.octets, now)

    def receive_hashes(self, session: Session, answer: Hashes, *, now: float) -> None:
        """Leaf hashes of a chunk arrived.

        Raises:
            RemoteProtocolError: they do not prove.
        """
        download = self.downloads.get(ContentHash(answer.content_hash))
        if download is None or not download.fetching or answer.base_layer != 0:
            return
        file = download.holding.file_of_root.get(answer.root)
        if file is None:
            return
        metainfo = download.holding.metainfo
        entry = metainfo.files[file]
        position, rest = divmod(answer.index, metainfo.leaves_per_chunk)
        if rest or position >= entry.chunk_count:
            return
        chunk = ChunkIndex(entry.first_chunk + position)
        hashes = split_hashes(answer.hashes)
        if not download.receive_leaf_hashes(chunk, hashes):
            self._hashes_failed(session, download, chunk)
            raise RemoteProtocolError("leaf hashes that do not prove", penalty=CORRUPT_POINTS)
        self._state.effects.append(WriteLeafHashes(download.content, chunk, answer.hashes))
        for arrival in download.take_waiting(chunk):
            sender = self._state.sessions.get(arrival.link)
            key = RangeKey(download.content, chunk, arrival.offset)
            if sender is None:
                self._judge(None, download, key, arrival)
                continue
            self._take(sender, download, key, arrival.octets, now)

    def receive_hashes_reject(self, session: Session, reject: HashesReject) -> None:
        """A peer has no such hashes (any more)."""
        download = self.downloads.get(ContentHash(reject.content_hash))
        if download is None or not download.fetching:
            return
        for chunk in download.active.values():
            if chunk.hashes_asked_of == session.link:
                chunk.hashes_asked_of = None

    def receive_reject(self, session: Session, reject: ChunkReject, *, now: float) -> None:
        """A peer will not send these ranges."""
        content = ContentHash(reject.content_hash)
        for chunk, offset, _ in reject.ranges:
            self._lose(session, RangeKey(content, ChunkIndex(chunk), offset))
        pause_s = min(reject.retry_after_ms / 1000, SNUB_MAX_S)
        if reject.reason == "busy":
            session.snubbed_until = max(session.snubbed_until, now + pause_s)
            return
        holding = session.holdings.get(content)
        download = self.downloads.get(content)
        if holding is None or download is None or not download.fetching:
            return
        gone = 0
        for chunk, _, _ in reject.ranges:
            gone |= 1 << chunk
        if reject.reason == "elsewhere":
            holding.withheld |= gone
            holding.withheld_until = now + pause_s
            return
        # Whatever it announced, it does not have this (any more).
        bits = self._announced(session, download)
        self.unoffer(session, download)
        holding.complete, holding.bits = False, bits & ~gone
        self.offer(session, download)

    def offer(self, session: Session, download: Download) -> None:
        """A peer's holding counts in the availability from now on."""
        holding = session.holdings.get(download.content)
        if holding is None:
            return
        if holding.complete:
            download.availability.seeds += 1
        else:
            download.availability.add(holding.bits)

    def unoffer(self, session: Session, download: Download) -> None:
        """A peer's holding counts no longer."""
        holding = session.holdings.get(download.content)
        if holding is None:
            return
        if holding.complete:
            download.availability.seeds -= 1
        else:
            download.availability.remove(holding.bits)

    def written(self, octets: int) -> None:
        """Verified octets left memory."""
        self._unwritten_octets -= octets

    def drop(self, download: Download) -> None:
        """Ask nobody for this content any more."""
        for session in self._state.sessions.values():
            ranges = []
            for key in [key for key in session.asked if key.content == download.content]:
                ranges.append((key.chunk, key.offset, session.asked[key].octets))
                self._asked_octets -= session.asked[key].octets
                session.cancel(key)
            for first in range(0, len(ranges), RANGES_MAX):
                self._state.tell(
                    session.link,
                    ChunkCancel(download.content, tuple(ranges[first : first + RANGES_MAX])),
                )

    def leave(self, session: Session) -> None:
        """A session is over: what it was asked for is asked of others."""
        self._release_all(session)
        for download in self.downloads.values():
            if download.fetching:
                self.unoffer(session, download)

    def tick(self, *, now: float) -> None:
        """Notice stalls, unanswered hash requests, and fill what limits held back."""
        for session in self._state.sessions.values():
            waited_s = now - session.delivered_at
            if session.asked and waited_s >= STALL_AFTER_S:
                self._snub(session, now)
        for download in self.downloads.values():
            if download.fetching:
                self._ask_hashes_again(download, now)
        self.fill_all(now=now)

    def _by_urgency(self, session: Session) -> Iterator[Download]:
        fetching = [
            download
            for content, download in self.downloads.items()
            if download.fetching and content in session.holdings
        ]
        if len(fetching) > 1:
            # Equals take turns by what is least advanced in this session.
            fetching.sort(
                key=lambda download: (
                    download.precedence,
                    session.traffic_of(download.content).received,
                )
            )
        return iter(fetching)

    @staticmethod
    def _announced(session: Session, download: Download) -> int:
        holding = session.holdings[download.content]
        return download.holding.all_chunks if holding.complete else holding.bits

    def _offered(self, session: Session, download: Download, now: float) -> int:
        """The chunks that it makes sense to ask this source for now."""
        holding = session.holdings[download.content]
        if holding.withheld and now >= holding.withheld_until:
            holding.withheld = 0
        return self._announced(session, download) & ~holding.withheld

    def _fill_from(
        self, session: Session, download: Download, offered: int, room: int, now: float
    ) -> int:
        ranges: list[tuple[int, int, int]] = []
        lan = session.traits.path is Path.LAN
        while room >= MESSAGE_OCTETS and len(ranges) < RANGES_MAX and self._room_in_memory():
            if not lan and not self._bucket.available(now=now):
                break
            found = download.next_range(session.link, offered, rng=self._state.rng, now=now)
            if found is None:
                break
            chunk, offset, octets = found
            if chunk.needs_leaf_hashes and chunk.leaf_hashes is None:
                self._ask_hashes(session, download, chunk.index, now)
            session.ask(RangeKey(download.content, chunk.index, offset), octets, now=now)
            self._asked_octets += octets
            room -= octets
            if not lan:
                self._bucket.take(octets, now=now)
            ranges.append((chunk.index, offset, octets))
        if ranges:
            request = ChunkRequest(
                download.content,
                self._handle(download.content),
                tuple(ranges),
                int(download.precedence),
            )
            self._state.tell(session.link, request)
        return room

    def _room_in_memory(self) -> bool:
        in_flight = self._asked_octets + self._unwritten_octets
        return in_flight < self._state.settings.in_flight_octets

    def _handle(self, content: ContentHash) -> int:
        handle = self._handles.get(content)
        if handle is None:
            handle = self._handles[content] = len(self._handles) % HANDLE_MAX
            self._contents[handle] = content
        return handle

    def _ask_hashes(
        self, session: Session, download: Download, index: ChunkIndex, now: float
    ) -> None:
        chunk = download.active[index]
        if chunk.hashes_asked_of is not None:
            return
        metainfo = download.holding.metainfo
        span = metainfo.span(index)
        file = metainfo.files[span.file]
        assert file.root is not None  # a file with chunks is not empty
        chunk.hashes_asked_of, chunk.hashes_asked_at = session.link, now
        self._state.tell(
            session.link,
            HashesRequest(
                download.content,
                file.root,
                0,
                (index - file.first_chunk) * metainfo.leaves_per_chunk,
                span.width,
            ),
        )

    def _ask_hashes_again(self, download: Download, now: float) -> None:
        for chunk in download.active.values():
            if not chunk.needs_leaf_hashes or chunk.leaf_hashes is not None:
                continue
            if chunk.hashes_asked_of is not None and now - chunk.hashes_asked_at < HASHES_WITHIN_S:
                continue
            late, chunk.hashes_asked_of = chunk.hashes_asked_of, None
            holders = [
                session
                for session in self._state.sessions.values()
                if session.peer is not None
                and download.content in session.holdings
                and self._announced(session, download) >> chunk.index & 1
            ]
            others = [session for session in holders if session.link != late] or holders
            if others:
                self._ask_hashes(self._state.rng.choice(others), download, chunk.index, now)

    def _hashes_failed(self, session: Session, download: Download, index: ChunkIndex) -> None:
        chunk = download.active[index]
        if chunk.hashes_asked_of == session.link:
            chunk.hashes_asked_of = None
        chunk.refused.add(session.link)

    def _take(
        self, session: Session, download: Download, key: RangeKey, octets: memoryview, now: float
    ) -> None:
        verdict = self._judge(session, download, key, Arrival(session.link, key.offset, octets))
        if verdict is Verdict.CORRUPT:
            download.release(session.link, key.chunk, key.offset)
            raise RemoteProtocolError(
                f"octets of chunk {key.chunk} that do not verify", penalty=CORRUPT_POINTS
            )
        if verdict is Verdict.VERIFIED:
            traffic = session.traffic_of(download.content)
            traffic.received += len(octets)
            traffic.moved_at = now

    def _judge(
        self, session: Session | None, download: Download, key: RangeKey, arrival: Arrival
    ) -> Verdict:
        verdict = download.receive(arrival, key.chunk)
        if verdict is Verdict.DUPLICATE:
            download.duplicate_octets += len(arrival.octets)
            download.release(arrival.link, key.chunk, key.offset)
        if verdict is not Verdict.VERIFIED:
            return verdict
        for other in download.others_asked(arrival.link, key.chunk, key.offset):
            self._cancel(self._state.sessions[other], key)
        chunk = download.active[key.chunk]
        self._unwritten_octets += len(arrival.octets)
        if chunk.leaf_hashes is not None and chunk.hashes_asked_of is None:
            # Nobody sent them: the chunk's own hash proved octets and hashes at once.
            hashes = b"".join(chunk.leaf_hashes)
            self._state.effects.append(WriteLeafHashes(download.content, key.chunk, hashes))
        self._state.effects.append(
            WriteRange(
                download.content,
                key.chunk,
                key.offset,
                arrival.octets,
                chunk.verified == chunk.all_leaves,
            )
        )
        return verdict

    def _receive_unasked(
        self, session: Session, key: RangeKey, message: ChunkOctets, now: float
    ) -> None:
        """Late after a cancel or a stall: a gift when it is still useful."""
        if not session.was_cancelled(key):
            raise RemoteProtocolError("chunk octets nobody asked for", penalty=UNASKED_POINTS)
        session.delivered_at = now
        session.snubbed_until = min(session.snubbed_until, now)
        download = self.downloads.get(key.content)
        if download is not None and download.fetching:
            self._take(session, download, key, message.octets, now)

    def _give_up_earlier(self, session: Session, key: RangeKey) -> None:
        lost = []
        for other in session.asked:
            if other == key:
                break
            if other.content == key.content:
                lost.append(other)
        for other in lost:
            self._lose(session, other)

    def _lose(self, session: Session, key: RangeKey) -> None:
        asked = session.asked.get(key)
        if asked is not None:
            self._asked_octets -= asked.octets
            session.cancel(key)
            download = self.downloads.get(key.content)
            if download is not None and download.fetching:
                download.release(session.link, key.chunk, key.offset)

    def _forget(self, session: Session, key: RangeKey) -> bool:
        asked = session.forget(key)
        if asked is None:
            return False
        self._asked_octets -= asked.octets
        return True

    def _cancel(self, session: Session, key: RangeKey) -> None:
        asked = session.asked.get(key)
        if asked is None:
            return
        self._asked_octets -= asked.octets
        session.cancel(key)
        self._state.tell(
            session.link,
            ChunkCancel(key.content, ((key.chunk, key.offset, asked.octets),)),
        )

    def _snub(self, session: Session, now: float) -> None:
        ranges: dict[ContentHash, list[tuple[int, int, int]]] = {}
        for key, asked in session.asked.items():
            ranges.setdefault(key.content, []).append((key.chunk, key.offset, asked.octets))
        for content, cancelled in ranges.items():
            for first in range(0, len(cancelled), RANGES_MAX):
                self._state.tell(
                    session.link,
                    ChunkCancel(content, tuple(cancelled[first : first + RANGES_MAX])),
                )
        self._release_all(session)
        session.window.stalled(now=now)
        session.snubbed_until = now + min(SNUB_FIRST_S * 2**session.snubs_in_a_row, SNUB_MAX_S)
        session.snubs_in_a_row += 1

    def _release_all(self, session: Session) -> None:
        for key in list(session.asked):
            self._lose(session, key)
        for download in self.downloads.values():
            download.release_link(session.link)
