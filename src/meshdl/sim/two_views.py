"""Files and directories as programs see them, and as a power cut would leave them.

What programs see is the *cache*, what a power cut leaves the *platter*; see
:mod:`meshdl.sim.disk`.
"""

from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

PAGE_OCTETS = 4096
"""What the disk keeps or loses as a whole."""


@dataclass(slots=True)
class File:
    """One file in both views.

    Attributes:
        dirty: pages written to since they were last synced.
    """

    cache: bytearray
    platter: bytearray
    mtime_ns: int
    dirty: set[int] = field(default_factory=set)

    def touch(self, offset: int, octets: int) -> None:
        """Mark the pages of a range dirty."""
        if octets:
            first, last = offset // PAGE_OCTETS, (offset + octets - 1) // PAGE_OCTETS
            self.dirty.update(range(first, last + 1))

    def settle(self, pages: set[int], octets: int) -> None:
        """Make the platter ``octets`` long, with ``pages`` from the cache."""
        del self.platter[octets:]
        self.platter.extend(bytes(octets - len(self.platter)))
        for page in pages:
            start, end = page * PAGE_OCTETS, min((page + 1) * PAGE_OCTETS, octets)
            kept = self.cache[start:end]
            self.platter[start : start + len(kept)] = kept


@dataclass(slots=True)
class Directory:
    """Entries in both views.

    Attributes:
        waiting: changes that the platter does not have yet, oldest first: a name, and
            what it stands for now (nothing: removed). Those of one change stand together.
    """

    cache: dict[str, "Entry"] = field(default_factory=dict)
    platter: dict[str, "Entry"] = field(default_factory=dict)
    waiting: list[dict[str, "Entry | None"]] = field(default_factory=list)

    def change(self, names: dict[str, "Entry | None"]) -> None:
        """Change the cache at once, the platter later."""
        _apply(names, self.cache)
        self.waiting.append(names)

    def settle(self, changes: int) -> None:
        """Bring the first so many waiting changes to the platter."""
        for names in self.waiting[:changes]:
            _apply(names, self.platter)
        del self.waiting[:changes]


Entry: TypeAlias = File | Directory


def lose(directory: Directory, rng: Random) -> None:
    """The power is cut: what was not synced may be there or not, as ``rng`` chooses."""
    directory.settle(rng.randint(0, len(directory.waiting)))
    directory.waiting.clear()
    directory.cache = dict(directory.platter)
    for entry in directory.cache.values():
        match entry:
            case Directory():
                lose(entry, rng)
            case File() as file:
                lengths = [len(file.platter), len(file.cache)]
                pages = {one for one in file.dirty if rng.random() < 0.5}
                file.settle(pages, rng.choice(lengths))
                file.cache, file.dirty = bytearray(file.platter), set()


def _apply(names: dict[str, Entry | None], entries: dict[str, Entry]) -> None:
    for name, entry in names.items():
        if entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry
