"""Where the octets of an object come from that goes on the air."""

from meshdl.ids import ChunkIndex
from meshdl.radio.transfer import events
from meshdl.radio.transfer.contents import AirContent, ObjectKey
from meshdl.wire.onair.pdus import ObjectKind


def reading(content: AirContent, key: ObjectKey) -> events.ReadObject | bytes | None:
    """What the store is asked for, or the octets themselves; ``None``: there are none.

    Args:
        content: which has the object.
        key: of the object; a leaf must be held.
    """
    if content.shape is None:
        return None
    hash_ = content.shape.metainfo.content_hash
    match key.kind:
        case ObjectKind.INFO:
            segments = content.info_segments()
            return segments[key.number] if key.number < len(segments) else None
        case ObjectKind.HASHES:
            return events.ReadObject(key, hash_, ChunkIndex(key.number), 0, 0)
        case ObjectKind.LEAF:
            place = content.shape.place(key.number)
            assert place is not None  # it is held
            return events.ReadObject(key, hash_, place.chunk, place.offset, place.octets)
