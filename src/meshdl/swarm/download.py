"""One content on its way: which ranges are missing, asked for, verified, written.

Theory of operation
===================

A chunk is *active* from the moment one of its ranges is asked for until all its leaves
are written; :mod:`meshdl.swarm.active_chunk` tells what happens inside. An active chunk
with unasked ranges belongs to the station that began it, so that sources do not tread on
each other's toes, until there is nothing else left to begin; an orphan has lost its
station.

:meth:`Download.next_range` therefore looks, in this order, at: the station's own chunk;
orphans; a fresh chunk, rarest first; the tail of another station's chunk; and at the
very end, when no chunk is left to begin, at ranges that another station has been asked for
and is slow to deliver (the *end game*, one copy more at the most).

The class knows links by name only and sends nothing; :mod:`meshdl.swarm.fetcher` does.
"""

from random import Random

from meshdl.content import merkle
from meshdl.content.precedence import Precedence
from meshdl.ids import ChunkIndex, ContentHash, LinkId
from meshdl.policy.picker import Availability, in_order, rarest_first
from meshdl.policy.turns import Turns
from meshdl.swarm.active_chunk import ActiveChunk, Arrival, AskedRange, Verdict, leaves_between
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import Holding

END_GAME_SHARE = 1 / 128
END_GAME_OCTETS_MIN = 256 * 1024
"""At most this part of a content is asked for twice, and so much of it always may be."""

FORGIVE_EVERY_S = 10.0
"""How long a source is not asked again for a chunk in which it was wrong, at most."""

MAKE_WAY_S = 3.0
"""So long others make way for an urgent content whose metainfo is on its way."""


class Download:
    """The state of one download.

    Attributes:
        by_links: peers are asked for it; otherwise it comes another way alone.
        turns: of the sources that have everything.
    """

    def __init__(
        self, content: ContentHash, precedence: Precedence, *, streamed: bool, now: float
    ) -> None:
        self.content = content
        self.begun_at = now
        self.precedence = precedence
        self.streamed = streamed
        self.by_links = True
        self.stage = Stage.METAINFO
        self.problem: str | None = None
        self.availability = Availability()
        self.duplicate_octets = 0
        self.waiting_octets = 0
        self.turns = Turns(now=now)
        self._forgive_at = 0.0
        self._asked_twice_octets = 0
        self.active: dict[ChunkIndex, ActiveChunk] = {}
        self._holding: Holding | None = None
        self._fresh = 0
        self._owned: dict[LinkId, ActiveChunk] = {}
        self._orphans: dict[ChunkIndex, ActiveChunk] = {}

    @property
    def holding(self) -> Holding:
        """What is held of it; only once the store has opened it."""
        assert self._holding is not None
        return self._holding

    def fills(self, holding: Holding | None) -> bool:
        """Whether this is the holding that the download fills."""
        return holding is not None and holding is self._holding

    @property
    def fetching(self) -> bool:
        """Whether ranges may be asked for."""
        return self.stage is Stage.FETCHING

    @property
    def beginning(self) -> bool:
        """Whether there are chunks that are still to be begun."""
        return bool(self._fresh)

    def awaits_metainfo(self, *, now: float) -> bool:
        """Whether its metainfo is on its way, and not overdue."""
        return self.stage in {Stage.METAINFO, Stage.CREATING} and now < self.begun_at + MAKE_WAY_S

    @property
    def octets_done(self) -> int:
        """Verified and written octets, those of unfinished chunks included."""
        if self._holding is None:
            return 0
        unfinished = dict(self._holding.partial)
        unfinished |= {index: chunk.written for index, chunk in self.active.items()}
        return self._holding.octets + sum(
            min(leaves.bit_count() * merkle.LEAF_OCTETS, self._holding.metainfo.span(index).octets)
            for index, leaves in unfinished.items()
        )

    def start(self, holding: Holding) -> None:
        """The store is ready: begin, or go on where it stopped."""
        self._holding = holding
        self._fresh = holding.all_chunks & ~holding.have
        self.availability = Availability()
        self._clear()
        self.problem = None
        self.stage = Stage.FETCHING
        # Chunks that are begun come first: the sooner whole, the sooner useful to others.
        for index in list(holding.partial):
            if self._fresh >> index & 1:
                self._activate(index, None)

    def suspend(self, stage: Stage, problem: str | None = None) -> None:
        """Stop asking. Written leaves of unfinished chunks are remembered."""
        for index, chunk in self.active.items():
            if chunk.written:
                self.holding.partial[index] = chunk.written
        self._clear()
        self.stage = stage
        self.problem = problem

    def _clear(self) -> None:
        self.active.clear()
        self._owned.clear()
        self._orphans.clear()
        self.waiting_octets = 0

    def next_range(
        self, link: LinkId, offered: int, *, most_octets: int, rng: Random, now: float
    ) -> tuple[ActiveChunk, int, int] | None:
        """What to ask this station for next: chunk, offset, length; or ``None``.

        The range counts as asked from here on.
        """
        chunk = self._chunk_to_ask(link, offered, rng)
        if chunk is not None:
            # Another's chunk is helped from its far end.
            helping = chunk.owner not in {link, None}
            offset, octets = chunk.take(most_octets, from_end=helping)
            if not chunk.unasked:
                self._drop_from_queues(chunk)
            chunk.asked[offset] = AskedRange(octets, {link: now})
            return chunk, offset, octets
        late = self._late_range(link, offered, now)
        if late is not None:
            chunk, offset = late
            chunk.asked[offset].askers[link] = now
            return chunk, offset, chunk.asked[offset].octets
        return None

    def begin(self, index: ChunkIndex) -> ActiveChunk | None:
        """A chunk that something came of unasked; ``None`` when it is held."""
        if self._fresh >> index & 1:
            return self._activate(index, None)
        return self.active.get(index)

    def release(self, link: LinkId, index: ChunkIndex, offset: int) -> None:
        """A range will not come from this station: somebody else may be asked."""
        chunk = self.active.get(index)
        if chunk is not None and chunk.give_back(offset, link):
            self._queue(chunk)

    def release_link(self, link: LinkId) -> None:
        """A station is gone or stalls: its chunk becomes an orphan."""
        self.hand_over(link)
        self.hashes_refused(link)

    def hashes_refused(self, link: LinkId) -> None:
        """Leaf hashes that this station was asked for will not come from it."""
        for chunk in self.active.values():
            if chunk.hashes_asked_of == link:
                chunk.hashes_asked_of = None

    def hand_over(self, link: LinkId) -> None:
        """A station is not asked for a while: its chunk is the next one's."""
        chunk = self._owned.get(link)
        if chunk is not None:
            self._disown(chunk, link)

    def receive(self, arrival: Arrival, index: ChunkIndex) -> Verdict:
        """Octets arrived, asked for or not."""
        chunk = self.active.get(index)
        if chunk is None:
            return Verdict.DUPLICATE
        try:
            leaves = chunk.leaves_of(arrival.offset, len(arrival.octets))
        except ValueError:
            return Verdict.CORRUPT
        if chunk.verified & leaves:
            return Verdict.DUPLICATE  # the rest of it is still asked for, or will be
        if chunk.leaf_hashes is None and chunk.needs_leaf_hashes:
            chunk.waiting.append(arrival)
            self.waiting_octets += len(arrival.octets)
            return Verdict.WAITING_FOR_HASHES
        verdict = chunk.verify(arrival, leaves)
        if verdict is Verdict.CORRUPT:
            self._refuse(chunk, arrival.link)
        elif not chunk.unasked:
            self._drop_from_queues(chunk)
        return verdict

    def refuse(self, link: LinkId, index: ChunkIndex) -> None:
        """This link is not asked for more of a chunk, for a while."""
        chunk = self.active.get(index)
        if chunk is not None:
            self._refuse(chunk, link)

    def others_asked(self, arrival: Arrival, index: ChunkIndex) -> list[tuple[LinkId, int]]:
        """Octets are verified: who else need not send them any more, at which offsets."""
        if (chunk := self.active.get(index)) is None:
            return []
        asked = chunk.settle(arrival.offset, len(arrival.octets))
        return [(link, offset) for link, offset in asked if link != arrival.link]

    def take_waiting(self, index: ChunkIndex) -> list[Arrival]:
        """Arrivals that waited for leaf hashes; they are to be received again."""
        if (chunk := self.active.get(index)) is None:
            return []
        waiting, chunk.waiting = chunk.waiting, []
        self.waiting_octets -= sum(len(arrival.octets) for arrival in waiting)
        return waiting

    def written(self, index: ChunkIndex, offset: int, octets: int) -> bool:
        """A range stands in the file; ``True`` when that completes the chunk."""
        chunk = self.active.get(index)
        if chunk is None:
            return self._written_late(index, offset, octets)
        # A write of before a pause says nothing of leaves that are now fetched again.
        chunk.written |= chunk.leaves_of(offset, octets) & chunk.verified
        if chunk.written != chunk.all_leaves:
            return False
        del self.active[index]
        self._drop_from_queues(chunk)
        self.holding.gain(index)
        return True

    def _written_late(self, index: ChunkIndex, offset: int, octets: int) -> bool:
        """What was on its way to the disk at a pause is held all the same."""
        held = self.holding.have >> index & 1
        if held or not self.holding.gain_leaves(index, leaves_between(offset, octets)):
            return False
        self._fresh &= ~(1 << index)
        return True

    def _chunk_to_ask(self, link: LinkId, offered: int, rng: Random) -> ActiveChunk | None:
        own = self._owned.get(link)
        if own is not None and own.unasked:
            if offered >> own.index & 1:
                return own
            self._disown(own, link)
        for orphan in self._orphans.values():
            if offered >> orphan.index & 1 and link not in orphan.refused:
                self._adopt(orphan, link)
                return orphan
        fresh = (
            in_order(self._fresh, offered)
            if self.streamed
            else rarest_first(self.availability, self._fresh, offered, rng=rng)
        )
        if fresh is not None:
            return self._activate(fresh, link)
        helped = [
            chunk
            for chunk in self._owned.values()
            if offered >> chunk.index & 1 and link not in chunk.refused
        ]
        return max(helped, key=lambda chunk: chunk.unasked.bit_count(), default=None)

    def _late_range(self, link: LinkId, offered: int, now: float) -> tuple[ActiveChunk, int] | None:
        total = self.holding.metainfo.total_octets
        budget = max(total * END_GAME_SHARE, END_GAME_OCTETS_MIN)
        if self._fresh or self._asked_twice_octets >= budget:
            return None
        for chunk in self.active.values():
            if not offered >> chunk.index & 1 or link in chunk.refused:
                continue
            offset = chunk.late(link, now=now)
            if offset is not None:
                self._asked_twice_octets += chunk.asked[offset].octets
                return chunk, offset
        return None

    def _activate(self, index: ChunkIndex, owner: LinkId | None) -> ActiveChunk:
        span = self.holding.metainfo.span(index)
        leaves = self.holding.partial.get(index, 0)
        chunk = ActiveChunk(
            index=index,
            octets=span.octets,
            leaf_count=span.leaf_count,
            width=span.width,
            expected=self.holding.chunk_hashes[index],
            verified=leaves,
            written=leaves,
        )
        chunk.unasked = chunk.all_leaves & ~leaves
        self._fresh &= ~(1 << index)
        self.active[index] = chunk
        if owner is None:
            self._queue(chunk)
        else:
            self._adopt(chunk, owner)
        return chunk

    def forgive(self, *, now: float) -> None:
        """Let every source try every chunk again, from time to time.

        One that is wrong again is soon banned; one that is the last must not be lost for
        what the path or a disk did once.
        """
        if now >= self._forgive_at:
            self._forgive_at = now + FORGIVE_EVERY_S
            for chunk in self.active.values():
                chunk.refused.clear()

    def _refuse(self, chunk: ActiveChunk, link: LinkId) -> None:
        """A station was wrong in this chunk: it is asked for others."""
        chunk.refused.add(link)
        self._disown(chunk, link)

    def _disown(self, chunk: ActiveChunk, link: LinkId) -> None:
        if self._owned.get(link) is chunk:
            del self._owned[link]
            self._queue(chunk)

    def _adopt(self, chunk: ActiveChunk, link: LinkId) -> None:
        self._orphans.pop(chunk.index, None)
        chunk.owner = link
        self._owned[link] = chunk

    def _queue(self, chunk: ActiveChunk) -> None:
        """A chunk has unasked ranges again: its owner, or anybody, may go on with it."""
        if not chunk.unasked:
            return
        if chunk.owner is None or self._owned.get(chunk.owner) is not chunk:
            chunk.owner = None
            self._orphans[chunk.index] = chunk

    def _drop_from_queues(self, chunk: ActiveChunk) -> None:
        self._orphans.pop(chunk.index, None)
        if chunk.owner is not None and self._owned.get(chunk.owner) is chunk:
            del self._owned[chunk.owner]
        chunk.owner = None
