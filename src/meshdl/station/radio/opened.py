"""What is here of a content that the store has just opened. Pure."""

from collections.abc import Iterator

from meshdl.ids import ChunkIndex
from meshdl.swarm import inputs


def leaves_held(event: inputs.ContentOpened) -> int:
    """The set of leaves that are here, numbered as on the air."""
    held, full = 0, event.metainfo.leaves_per_chunk
    for chunk in range(event.metainfo.chunk_count):
        if event.have >> chunk & 1:
            count = event.metainfo.span(ChunkIndex(chunk)).leaf_count
            held |= (1 << count) - 1 << chunk * full
    for chunk, leaves in event.partial.items():
        held |= leaves << chunk * full
    return held


def unfinished_chunks(event: inputs.ContentOpened) -> Iterator[ChunkIndex]:
    """Chunks of several leaves that are not whole."""
    for number in range(event.metainfo.chunk_count):
        chunk = ChunkIndex(number)
        if not event.have >> number & 1 and event.metainfo.span(chunk).width > 1:
            yield chunk
