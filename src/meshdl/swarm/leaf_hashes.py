"""Leaf hashes of the chunks under way: asked of a source, proved, kept.

They are asked of the source that is asked for the chunk's first range, so that they arrive
before or with it; when it does not answer within ``HASHES_WITHIN_S``, of another.
"""

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.policy.penalty import CORRUPT_POINTS
from meshdl.swarm.download import Download
from meshdl.swarm.effects import WriteLeafHashes
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState
from meshdl.wire.control import Hashes, HashesRequest

HASHES_WITHIN_S = 2.0


class LeafHashes:
    """The questions for leaf hashes and what becomes of the answers."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state

    def ask(self, session: Session, download: Download, index: ChunkIndex, *, now: float) -> None:
        """Ask this source for the hashes of a chunk, unless somebody is asked already."""
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

    def ask_again(self, download: Download, *, now: float) -> None:
        """Ask others where an answer is overdue."""
        for chunk in download.active.values():
            if not chunk.needs_leaf_hashes or chunk.leaf_hashes is not None:
                continue
            if chunk.hashes_asked_of is not None and now - chunk.hashes_asked_at < HASHES_WITHIN_S:
                continue
            late, chunk.hashes_asked_of = chunk.hashes_asked_of, None
            holders = [
                session
                for session in self._state.lanes()
                if session.link not in chunk.refused and _has(session, download, chunk.index)
            ]
            lively = [
                session
                for session in holders
                if session.link != late
                and session.pinged_at is None
                and max(session.snubbed_until, session.station.busy_until) <= now
            ]
            others = lively or holders
            if others:
                self.ask(self._state.rng.choice(others), download, chunk.index, now=now)

    def receive(self, session: Session, download: Download, answer: Hashes) -> list[ChunkIndex]:
        """Take an answer; the chunks that can now be verified.

        Equal files have one root, and so an answer for one chunk serves its twins.

        Raises:
            RemoteProtocolError: the hashes do not prove.
        """
        proved = []
        for index in _chunks_of(download, answer):
            chunk = download.active.get(index)
            if chunk is None or chunk.leaf_hashes is not None:
                continue  # late, or sent unasked: nobody proved these, nobody needs them
            if not chunk.receive_leaf_hashes(answer.hashes):
                if chunk.hashes_asked_of == session.link:
                    chunk.hashes_asked_of = None
                chunk.refused |= {one.link for one in self._state.lanes_of(session.station)}
                raise RemoteProtocolError("leaf hashes that do not prove", penalty=CORRUPT_POINTS)
            self._state.effects.append(WriteLeafHashes(download.content, index, answer.hashes))
            proved.append(index)
        return proved


def _chunks_of(download: Download, answer: Hashes) -> list[ChunkIndex]:
    metainfo = download.holding.metainfo
    position, rest = divmod(answer.index, metainfo.leaves_per_chunk)
    if answer.base_layer != 0 or rest:
        return []
    files = download.holding.files_of_root.get(answer.root, [])
    return [
        ChunkIndex(metainfo.files[file].first_chunk + position)
        for file in files
        if position < metainfo.files[file].chunk_count
    ]


def _has(session: Session, download: Download, index: ChunkIndex) -> bool:
    holding = session.station.holdings.get(download.content)
    return holding is not None and bool(holding.announced(download.holding.all_chunks) >> index & 1)
