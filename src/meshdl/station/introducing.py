"""Which of its peers a station tells of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from meshdl.station.rooms import Entry, Room


@dataclass(frozen=True, slots=True)
class Introducing:
    """As in :class:`meshdl.swarm.state.SwarmSettings`."""

    far: bool
    across: bool

    @classmethod
    def suits(cls, rooms: Sequence[Room]) -> Self:
        """Nobody outside a closed room is told who is in it."""
        closed = any(room.entry is not Entry.OPEN for room in rooms)
        return cls(far=not closed or len(rooms) == 1, across=not closed)
