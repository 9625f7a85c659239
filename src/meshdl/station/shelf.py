"""The contents that are open, for the disk thread: does what the swarm core asks of them.

Every method but :meth:`Shelf.read_cached` runs in the disk thread, and returns the input
that the core waits for, also when the disk refuses.
"""

import logging
from collections.abc import Sequence

from meshdl.errors import ContentError, ContentUnknown, StorageError
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.station.runs import runs_of
from meshdl.station.store import Checkpoint, ContentStore
from meshdl.swarm import effects, inputs

_log = logging.getLogger(__name__)


class Shelf:
    """Open stores by content."""

    def __init__(self) -> None:
        self._stores: dict[ContentHash, ContentStore] = {}

    def get(self, content: ContentHash) -> ContentStore | None:
        """The open store of a content."""
        return self._stores.get(content)

    def put(self, content: ContentHash, store: ContentStore) -> None:
        """From now on this store answers for a content."""
        self._stores[content] = store

    def take(self, content: ContentHash) -> ContentStore | None:
        """Take a store off; the caller closes or forgets it."""
        return self._stores.pop(content, None)

    def dirty(self) -> list[ContentHash]:
        """Contents that are being written."""
        return [content for content, store in self._stores.items() if not store.finished]

    # What the core asks for.

    def write(
        self, content: ContentHash, ranges: Sequence[effects.WriteRange]
    ) -> Sequence[inputs.RangeWritten | inputs.StoreFailed]:
        """Write verified ranges of one content; one answer tells of those side by side."""
        store = self._stores.get(content)
        if store is None:
            return _unwritten(content, ranges, _CLOSED)
        runs = runs_of(ranges)
        try:
            store.write_all(runs)
        except StorageError as error:
            return _unwritten(content, ranges, str(error))
        return [
            inputs.RangeWritten(content, run.chunk, run.offset, run.length_octets) for run in runs
        ]

    def write_leaf_hashes(self, effect: effects.WriteLeafHashes) -> inputs.StoreFailed | None:
        """Keep proved leaf hashes."""
        store = self._stores.get(effect.content)
        if store is None:
            return None  # the writes that follow say so
        try:
            store.write_leaf_hashes(effect.chunk, effect.hashes)
        except StorageError as error:
            return inputs.StoreFailed(effect.content, str(error))
        return None

    def read(self, effect: effects.ReadRange) -> inputs.RangeRead | inputs.ReadFailed:
        """Read a range to be served."""
        store = self._stores.get(effect.content)
        if store is None:
            return inputs.ReadFailed(effect.ticket, _CLOSED)
        try:
            octets = store.read(effect.chunk, effect.offset, effect.octets)
        except ContentUnknown as error:
            return inputs.ReadFailed(effect.ticket, str(error))
        except StorageError as error:
            # Unreadable is as bad as changed: the disk, or the user, took the file away.
            return inputs.ReadFailed(effect.ticket, str(error), changed=True)
        return inputs.RangeRead(effect.ticket, octets)

    def read_cached(self, effect: effects.ReadRange) -> inputs.RangeRead | None:
        """Read a range that is in memory; may run in any thread."""
        store = self._stores.get(effect.content)
        if store is None:
            return None
        octets = store.read_cached(effect.chunk, effect.offset, effect.octets)
        return inputs.RangeRead(effect.ticket, octets) if octets is not None else None

    def read_hashes(self, effect: effects.ReadHashes) -> inputs.HashesRead | inputs.ReadFailed:
        """Read Merkle hashes to be served."""
        store = self._stores.get(effect.content)
        if store is None:
            return inputs.ReadFailed(effect.ticket, _CLOSED)
        try:
            file = store.file_with_root(effect.root)
            hashes = store.hashes(
                file, effect.base_layer, effect.index, effect.length, effect.proof_layers
            )
        except (ContentError, StorageError) as error:
            return inputs.ReadFailed(effect.ticket, str(error))
        return inputs.HashesRead(effect.ticket, b"".join(hashes))

    def leaf_hashes(self, content: ContentHash, chunk: ChunkIndex) -> bytes | None:
        """The leaf hashes of a chunk, joined; ``None`` when they are not here."""
        store = self._stores.get(content)
        try:
            return store.leaf_hashes(chunk) if store is not None else None
        except (ContentError, StorageError):
            return None

    # What makes it durable.

    def begin_checkpoint(self, content: ContentHash) -> Checkpoint | inputs.StoreFailed | None:
        """Note what is to be made durable; the checkpoint completes in another thread."""
        store = self._stores.get(content)
        try:
            return store.begin_checkpoint() if store is not None else None
        except StorageError as error:
            return inputs.StoreFailed(content, str(error))

    def finish(self, content: ContentHash) -> inputs.ContentFinished | inputs.StoreFailed:
        """Give a complete download its own name."""
        store = self._stores.get(content)
        if store is None:
            return inputs.StoreFailed(content, _CLOSED)
        try:
            store.finish()
        except StorageError as error:
            return inputs.StoreFailed(content, str(error))
        return inputs.ContentFinished(content)

    def close(self, content: ContentHash) -> None:
        """Make a content durable and let go of it."""
        store = self._stores.pop(content, None)
        if store is None:
            return
        try:
            store.close()
        except StorageError as error:
            _log.warning("closing %s: %s", store.location, error)

    def close_all(self) -> None:
        """Let go of everything."""
        for content in list(self._stores):
            self.close(content)


_CLOSED = "the content was closed meanwhile"


def _unwritten(
    content: ContentHash, ranges: Sequence[effects.WriteRange], reason: str
) -> Sequence[inputs.StoreFailed]:
    octets = sum(len(one.octets) for one in ranges)
    return [inputs.StoreFailed(content, reason, unwritten_octets=octets)]


def complete(content: ContentHash, checkpoint: Checkpoint) -> inputs.StoreFailed | None:
    """Complete a checkpoint, in the sync thread."""
    try:
        checkpoint.complete()
    except StorageError as error:
        return inputs.StoreFailed(content, str(error))
    return None


__all__ = ["Shelf", "complete"]
