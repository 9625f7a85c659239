"""What the disk did not take: the operator is told once, and the station goes on.

Theory of operation
===================

Some writes are notes of what has happened: the station log, pinned keys, the catalogue, records
of others. A full disk shall cost the note and not the transfers that go on meanwhile, which may
be the last thing that works. So who makes a note hands it over here. The first that fails puts a
sentence among the warnings of the station; the next of its kind that succeeds takes it back, and
says how many are missing. What may *not* go on without its record does not come this way: the
radio keys nothing that is not in the log (:mod:`meshdl.radio.logbook`).
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from meshdl.errors import StorageError
from meshdl.station.worker import Worker


class Book(enum.Enum):
    """What notes are made in, and what it means that they are not."""

    LOG = "the station log has a gap; transfers go on, and the radio does not transmit"
    CATALOGUE = (
        "what is learnt of contents and other stations, their keys too, is forgotten at the next "
        "start; transfers go on"
    )


@dataclass(slots=True)
class _Gap:
    """Notes of one book that are missing.

    Attributes:
        warning: what the operator was told.
    """

    warning: str
    count: int = 1


class Unwritten:
    """All gaps of one station. In the event loop only.

    Args:
        warn: shows a sentence to the operator until it is withdrawn, and logs it.
        withdraw: takes a warning back, and logs why.
    """

    def __init__(self, warn: Callable[[str], None], withdraw: Callable[[str, str], None]) -> None:
        self._warn, self._withdraw = warn, withdraw
        self._gaps: dict[Book, _Gap] = {}

    def submit(self, worker: Worker, book: Book, write: Callable[[], object]) -> None:
        """Make a note in the thread; one that the disk does not take is missing."""
        worker.submit(lambda: attempt(write), lambda error: self.note(book, error))

    def note(self, book: Book, error: StorageError | None) -> None:
        """A note was made, or not."""
        gap = self._gaps.get(book)
        if error is None:
            if gap is not None:
                del self._gaps[book]
                over = f"the disk takes notes again; {gap.count} are missing: {book.value}"
                self._withdraw(gap.warning, over)
        elif gap is not None:
            gap.count += 1
        else:
            # First: the warning is a note in the log itself.
            gap = self._gaps[book] = _Gap(f"{error}. Until then: {book.value}")
            self._warn(gap.warning)


def attempt(write: Callable[[], object]) -> StorageError | None:
    """Write; the error with which the disk refused."""
    try:
        write()
    except StorageError as error:
        return error
    return None
