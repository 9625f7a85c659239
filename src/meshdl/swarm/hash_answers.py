"""Serving Merkle hashes: what peers ask for, what the disk owes them."""

from meshdl.content.merkle import HASH_OCTETS
from meshdl.ids import ContentHash
from meshdl.swarm.answer_limit import AnswerLimit
from meshdl.swarm.effects import ReadHashes
from meshdl.swarm.session import Session
from meshdl.swarm.state import SwarmState
from meshdl.wire.control import Hashes, HashesReject, HashesRequest

HASH_READS_MAX = 64
"""Hash requests of one link that the disk may owe; more are refused."""

LEAVES_READ_MAX = 8192
"""Leaves of the chunks that these ask about: all of a chunk's hashes are read to prove one. Of the
longest chunks that makes two requests: others wait for no more."""


class HashAnswers:
    """The hash requests under way, by the disk's tickets."""

    def __init__(self, state: SwarmState, limit: AnswerLimit) -> None:
        self._state, self._limit = state, limit
        self._tickets: dict[int, tuple[Session, HashesRequest, int]] = {}

    def requested(self, session: Session, request: HashesRequest, *, now: float) -> None:
        """A peer asks for Merkle hashes."""
        content = ContentHash(request.content_hash)
        holding = self._state.holdings.get(content)
        if holding is None or request.root not in holding.files_of_root:
            self._reject(session, request, "not-held")
            return
        leaves = holding.metainfo.leaves_per_chunk
        owed = [known for asker, _, known in self._tickets.values() if asker is session]
        much = len(owed) >= HASH_READS_MAX or sum(owed) + leaves > LEAVES_READ_MAX
        octets = (request.length + request.proof_layers) * HASH_OCTETS
        if much or not self._limit.admits(session, octets, now=now):
            self._reject(session, request, "busy")
            return
        ticket = next(self._state.tickets)
        self._tickets[ticket] = (session, request, leaves)
        self._state.effects.append(
            ReadHashes(
                ticket,
                content,
                request.root,
                request.base_layer,
                request.index,
                request.length,
                request.proof_layers,
            )
        )

    def read(self, ticket: int, hashes: bytes) -> None:
        """The disk answered: send."""
        entry = self._tickets.pop(ticket, None)
        if entry is None or entry[0].link not in self._state.sessions:
            return
        session, request, _ = entry
        answer = Hashes(
            request.content_hash,
            request.root,
            request.base_layer,
            request.index,
            request.length,
            hashes,
        )
        self._state.tell(session.link, answer)

    def read_failed(self, ticket: int) -> bool:
        """The disk could not answer; whether it was asked for hashes."""
        entry = self._tickets.pop(ticket, None)
        if entry is not None and entry[0].link in self._state.sessions:
            self._reject(entry[0], entry[1], "not-held")
        return entry is not None

    def _reject(self, session: Session, request: HashesRequest, reason: str) -> None:
        self._state.tell(
            session.link,
            HashesReject(
                request.content_hash, request.root, request.base_layer, request.index, reason
            ),
        )
