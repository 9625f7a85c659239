"""The ranges on request, over all sources: what is owed, what it costs in memory.

A range is entered when it is asked for and leaves when it arrives, is rejected, is given
up or is cancelled. What was given up may still come: the session remembers it, so that
nobody is blamed for our impatience.
"""

from meshdl.ids import ContentHash
from meshdl.swarm.session import RangeKey, Session
from meshdl.swarm.state import SwarmState
from meshdl.wire.control import RANGES_MAX, ChunkCancel

WAITING_LEAST_OCTETS = 1024 * 1024
"""Of each content may wait for leaf hashes, however many are fetched: they come a moment later."""


class Requests:
    """What is on request, and the handles that stand for contents in the answers."""

    def __init__(self, state: SwarmState) -> None:
        self._state = state
        self._handles: dict[ContentHash, int] = {}
        self._contents: list[ContentHash] = []
        self.octets = 0

    def handle(self, content: ContentHash) -> int:
        """The number that stands for this content, the same for every source."""
        handle = self._handles.get(content)
        if handle is None:
            handle = self._handles[content] = len(self._contents)
            self._contents.append(content)
        return handle

    def content(self, handle: int) -> ContentHash | None:
        """The content that a handle stands for, ``None`` when it was never given out."""
        return self._contents[handle] if handle < len(self._contents) else None

    def enter(self, session: Session, key: RangeKey, octets: int, *, now: float) -> None:
        """A range is asked for."""
        session.ask(key, octets, now=now)
        self.octets += octets

    def settle(self, session: Session, key: RangeKey) -> None:
        """A range has come."""
        asked = session.forget(key)
        if asked is not None:
            self.octets -= asked.octets

    def give_up(self, session: Session, key: RangeKey) -> bool:
        """A range is not waited for any more; whether it was on request."""
        asked = session.asked.get(key)
        if asked is None:
            return False
        self.octets -= asked.octets
        session.cancel(key)
        return True

    def cancel(self, session: Session, keys: list[RangeKey]) -> None:
        """Give ranges up and tell the source."""
        ranges: dict[ContentHash, list[tuple[int, int, int]]] = {}
        for key in keys:
            asked = session.asked.get(key)
            if asked is not None and self.give_up(session, key):
                entry = (key.chunk, key.offset, asked.octets)
                ranges.setdefault(key.content, []).append(entry)
        for content, unwanted in ranges.items():
            for first in range(0, len(unwanted), RANGES_MAX):
                batch = tuple(unwanted[first : first + RANGES_MAX])
                self._state.tell(session.link, ChunkCancel(content, batch))
