"""What came of a download by another path than links, the radio: into the same download.

Leaves are compared with their chunk's leaf hashes like any others, written like any others,
and complete chunks like any others; so which path delivered is of no matter afterwards. A
range that a peer was asked for and that has such a leaf in it is cancelled: the rest of it
is asked for anew.

Between the metainfo and the moment in which the store can write, leaves may come already:
they wait here, a few megabytes at the most. What finds no room is lost, and the radio is
told by what the store holds that it has to come again.
"""

from meshdl.ids import ContentHash
from meshdl.swarm import inputs
from meshdl.swarm.active_chunk import ActiveChunk, Arrival, leaves_between
from meshdl.swarm.download import Download
from meshdl.swarm.effects import WriteLeafHashes
from meshdl.swarm.fetcher import Fetcher
from meshdl.swarm.intake import Intake
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmState

EARLY_OCTETS_MAX = 4 * 1024 * 1024
"""As much as the radio gathers at once; the disk needs milliseconds to be ready."""

_Early = inputs.LeafHashesLearned | inputs.LeafLearned


class Learning:
    """Takes leaves and leaf hashes that no peer sent.

    Args:
        state: shared by the parts of the swarm core.
        fetcher: has the downloads.
        intake: takes what arrives.
    """

    def __init__(self, state: SwarmState, fetcher: Fetcher, intake: Intake) -> None:
        self._state, self._fetcher, self._intake = state, fetcher, intake
        self._early: dict[ContentHash, list[_Early]] = {}
        self._early_octets = 0

    def take(self, event: _Early, *, now: float) -> None:
        """Leaf hashes or a leaf; of what is not being downloaded, nothing is kept."""
        download = self._fetcher.downloads.get(event.content)
        if download is None:
            return
        if not download.fetching:
            self._keep_early(download, event)
            return
        chunk = download.begin(event.chunk)
        if chunk is None:
            return  # it is held
        if isinstance(event, inputs.LeafHashesLearned):
            self._take_hashes(download, chunk, event.hashes, now)
        else:
            self._cancel(download, chunk, event.offset, len(event.octets))
            arrival = Arrival(None, event.offset, memoryview(event.octets))
            self._intake.take(download, event.chunk, arrival, now=now)
            self._fetcher.fill_all(now=now)

    def opened(self, content: ContentHash, *, now: float) -> None:
        """The store can write this content: what came early is taken now."""
        for event in self.forget(content):
            self.take(event, now=now)

    def forget(self, content: ContentHash) -> list[_Early]:
        """Nothing waits any more; what did."""
        early = self._early.pop(content, [])
        self._early_octets -= sum(map(_octets_of, early))
        return early

    def _keep_early(self, download: Download, event: _Early) -> None:
        if download.stage not in {Stage.METAINFO, Stage.CREATING}:
            return
        if self._early_octets + _octets_of(event) <= EARLY_OCTETS_MAX:
            self._early_octets += _octets_of(event)
            self._early.setdefault(download.content, []).append(event)

    def _take_hashes(
        self, download: Download, chunk: ActiveChunk, hashes: bytes, now: float
    ) -> None:
        if chunk.leaf_hashes is not None or not chunk.receive_leaf_hashes(hashes):
            return
        self._state.effects.append(WriteLeafHashes(download.content, chunk.index, hashes))
        self._intake.take_waiting(download, chunk.index, now=now)

    def _cancel(self, download: Download, chunk: ActiveChunk, offset: int, octets: int) -> None:
        leaves = leaves_between(offset, octets)
        for start, asked in list(chunk.asked.items()):
            if not leaves_between(start, asked.octets) & leaves:
                continue
            for link in list(asked.askers):
                self._fetcher.withdraw(link, download.content, chunk.index, start)
                download.release(link, chunk.index, start)


def _octets_of(event: _Early) -> int:
    return len(event.hashes if isinstance(event, inputs.LeafHashesLearned) else event.octets)
