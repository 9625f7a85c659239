"""Messages of the chunks channel: a fixed header, then the octets of one range.

=======  ========  =========================================================
offset   octets    field (big endian)
=======  ========  =========================================================
0        1         kind: 1 = octets of a chunk; others are ignored
1        1         flags: 0; reserved
2        2         reserved: 0
4        4         handle: the asker's number for the content
8        4         chunk index
12       4         offset in the chunk, in octets
16       1-131072  the octets
=======  ========  =========================================================

The specification is ``docs/protocol/chunks.md``.
"""

import struct
from dataclasses import dataclass

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.wire.control import RANGE_OCTETS_MAX

KIND_CHUNK = 1
HEADER = struct.Struct(">BBHIII")
MESSAGE_OCTETS_MAX = HEADER.size + RANGE_OCTETS_MAX


@dataclass(frozen=True, slots=True)
class ChunkOctets:
    """Some octets of a chunk, not yet verified.

    Attributes:
        handle: the number that the asker gave the content.
        offset: where in the chunk they belong, in octets.
        octets: at most ``RANGE_OCTETS_MAX``; a view into the message.
    """

    handle: int
    chunk: ChunkIndex
    offset: int
    octets: memoryview


def encode(handle: int, chunk: ChunkIndex, offset: int, octets: bytes | memoryview) -> bytes:
    """One message: the header and the octets."""
    return b"".join((HEADER.pack(KIND_CHUNK, 0, 0, handle, chunk, offset), octets))


def decode(message: bytes) -> ChunkOctets | None:
    """Take a message apart; ``None`` when its kind is of the future.

    Raises:
        RemoteProtocolError: too short, empty or too long.
    """
    if not HEADER.size < len(message) <= MESSAGE_OCTETS_MAX:
        raise RemoteProtocolError(
            f"chunks message of {len(message)} octets; "
            f"expected {HEADER.size + 1} to {MESSAGE_OCTETS_MAX}"
        )
    kind, _flags, _reserved, handle, chunk, offset = HEADER.unpack_from(message)
    if kind != KIND_CHUNK:
        return None
    return ChunkOctets(handle, ChunkIndex(chunk), offset, memoryview(message)[HEADER.size :])
