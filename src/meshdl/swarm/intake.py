"""What becomes of octets that arrive: verified, kept, counted, or blamed on who sent them.

They may wait until the leaf hashes of their chunk are here. So who sent them is not always
who sent the message that brings it to light, and may have left by then: what a station sent
before it left is used all the same, and stands in the log as its.
"""

from collections.abc import Callable

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.policy.penalty import CORRUPT_POINTS
from meshdl.swarm.active_chunk import Arrival, Verdict
from meshdl.swarm.download import Download
from meshdl.swarm.effects import WriteLeafHashes, WriteRange
from meshdl.swarm.requests import Requests
from meshdl.swarm.session import RangeKey, Session
from meshdl.swarm.state import SwarmState
from meshdl.swarm.transfer_log import TransferLog


class Intake:
    """Takes the octets of all downloads.

    Args:
        state: shared by the parts of the swarm core.
        requests: what is asked for now; what came is asked of nobody else.
        log: records what counts only when its sender has left.
        blame: called with a session and what its peer did wrong, and the time.

    Attributes:
        unwritten_octets: verified, and still in memory.
    """

    def __init__(
        self,
        state: SwarmState,
        requests: Requests,
        log: TransferLog,
        *,
        blame: Callable[[Session, RemoteProtocolError, float], None],
    ) -> None:
        self._state, self._requests = state, requests
        self._log, self._blame = log, blame
        self.unwritten_octets = 0

    def take(self, download: Download, index: ChunkIndex, arrival: Arrival, *, now: float) -> None:
        """Octets of a chunk are here, whoever sent them."""
        match verdict := download.receive(arrival, index):
            case Verdict.WAITING_FOR_HASHES:
                pass
            case Verdict.DUPLICATE:
                download.duplicate_octets += len(arrival.octets)
                download.release(arrival.link, index, arrival.offset)
            case Verdict.VERIFIED | Verdict.VERIFIED_ALONE:
                self._keep(download, index, arrival, alone=verdict is Verdict.VERIFIED_ALONE)
                if arrival.sender is not None:
                    traffic = arrival.sender.station.traffic_of(download.content)
                    traffic.received += len(arrival.octets)
                    traffic.moved_at = now
            case Verdict.CORRUPT:
                download.release(arrival.link, index, arrival.offset)
                self._refuse(download, index, arrival, now)

    def take_waiting(self, download: Download, index: ChunkIndex, *, now: float) -> None:
        """The leaf hashes of a chunk are here: what waited for them can be verified."""
        arrivals = download.take_waiting(index)
        for arrival in arrivals:
            self.take(download, index, arrival, now=now)
        # In the order of their octets: what the core does must not depend on where objects lie.
        for sender in dict.fromkeys(arrival.sender for arrival in arrivals):
            if sender is not None and not self._is_here(sender):
                self._log.one(sender, download.content)

    def written(self, octets: int) -> None:
        """Verified octets left memory."""
        self.unwritten_octets -= octets

    def _keep(
        self, download: Download, index: ChunkIndex, arrival: Arrival, *, alone: bool
    ) -> None:
        for other, offset in download.others_asked(arrival, index):
            if other in self._state.sessions:
                key = RangeKey(download.content, index, offset)
                self._requests.cancel(self._state.sessions[other], [key])
        chunk = download.active[index]
        self.unwritten_octets += len(arrival.octets)
        content, whole = download.content, chunk.verified == chunk.all_leaves
        if alone and chunk.leaf_hashes is not None:
            hashes = b"".join(chunk.leaf_hashes)
            self._state.effects.append(WriteLeafHashes(content, index, hashes))
        self._state.effects.append(
            WriteRange(content, index, arrival.offset, arrival.octets, whole)
        )

    def _refuse(self, download: Download, index: ChunkIndex, arrival: Arrival, now: float) -> None:
        sender = arrival.sender
        if sender is None or not self._is_here(sender):
            return
        for lane in self._state.lanes_of(sender.station):
            download.refuse(lane.link, index)
        text = f"octets of chunk {index} that do not verify"
        self._blame(sender, RemoteProtocolError(text, penalty=CORRUPT_POINTS), now)

    def _is_here(self, sender: Session) -> bool:
        return sender.link in self._state.sessions
