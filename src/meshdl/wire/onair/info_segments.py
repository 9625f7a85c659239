"""INFO: all that a station must have before it can verify a content's leaves.

It holds the content record, the info dictionary and the hashes of all chunks, one after
the other. Like a leaf it goes out in objects of at most 16 KiB, here called *segments*.
Each begins with its check, how many segments there are, and its own length, so that a
wrong one is found by itself and the zeros that fill its last symbol are told from it. What
counts is verified when all are there, by the content hash, the files' roots and the
record's signature.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from meshdl.content.metainfo import MAX_INFO_OCTETS
from meshdl.content.record import RECORD_MAX_OCTETS
from meshdl.errors import RemoteProtocolError
from meshdl.ids import HASH_OCTETS, ContentHash
from meshdl.wire.onair.codes import TAG_OCTETS, ContentTag, Reader, content_tag, encode_number
from meshdl.wire.onair.pdus import INFO_SEGMENTS_MAX, OBJECT_OCTETS_MAX, SYMBOL_OCTETS

VERSION = 1

SEGMENTS_MAX = INFO_SEGMENTS_MAX

_HEAD = struct.Struct(">4sBH")
"""Check, number of segments - 1, octets that follow."""

_CHECK_OCTETS = 4
SEGMENT_PAYLOAD_OCTETS_MAX = OBJECT_OCTETS_MAX - _HEAD.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What the segments of an INFO hold, not yet verified but for the content tag.

    Attributes:
        record: octets of a content record; empty when the sender has none.
        info_octets: the info dictionary (BEP 52) as it is hashed.
        chunk_hashes: for every file of more than one chunk, in the order of the info
            dictionary, the hashes of its chunks: BEP 52's piece layers, joined.
    """

    record: bytes
    info_octets: bytes
    chunk_hashes: bytes

    @property
    def content(self) -> ContentHash:
        """Hash of the content that the info dictionary describes."""
        return ContentHash(sha256(self.info_octets).digest())


def segments(info: Info) -> list[bytes]:
    """The INFO as objects to send.

    Raises:
        ValueError: it does not fit in SEGMENTS_MAX segments, or a part is over its limit.
    """
    if len(info.record) > RECORD_MAX_OCTETS or len(info.chunk_hashes) % HASH_OCTETS:
        raise ValueError("an INFO holds one record and whole hashes")
    whole = b"".join(
        (
            bytes([VERSION]),
            encode_number(len(info.record)),
            info.record,
            encode_number(len(info.info_octets)),
            info.info_octets,
            info.chunk_hashes,
        )
    )
    step = SEGMENT_PAYLOAD_OCTETS_MAX
    payloads = [whole[at : at + step] for at in range(0, len(whole), step)]
    if len(payloads) > SEGMENTS_MAX:
        raise ValueError(
            f"an INFO of {len(whole)} octets is too long for the air: {SEGMENTS_MAX * step} are "
            "allowed; share fewer files at once, for instance as an archive"
        )
    tag = content_tag(info.content)
    return [
        _segment(tag, number, len(payloads), payload) for number, payload in enumerate(payloads)
    ]


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that is what it says.

    Attributes:
        count: how many segments the INFO has.
        payload: what this one adds.
    """

    count: int
    payload: bytes


def read_segment(content: ContentTag, number: int, octets: bytes) -> Segment:
    """Check a segment, with or without zeros behind it.

    Raises:
        RemoteProtocolError: it is not right: damaged, or of another content.
    """
    refusal = RemoteProtocolError(
        f"segment {number} of the INFO of {content.hex()} is not right", penalty=0
    )
    if len(octets) < _HEAD.size or len(octets) > OBJECT_OCTETS_MAX + SYMBOL_OCTETS:
        raise refusal
    if not 0 <= number < SEGMENTS_MAX:
        raise refusal
    check, highest, length = _HEAD.unpack_from(octets)
    end = _HEAD.size + length
    wrong = _check(content, number, octets[_CHECK_OCTETS:end]) != check
    if wrong or not length or number > highest or len(octets) < end or any(octets[end:]):
        raise refusal
    return Segment(highest + 1, octets[_HEAD.size : end])


def _segment(content: ContentTag, number: int, count: int, payload: bytes) -> bytes:
    checked = _HEAD.pack(b"", count - 1, len(payload))[_CHECK_OCTETS:] + payload
    return _check(content, number, checked) + checked


def join(content: ContentTag, found: Mapping[int, bytes]) -> Info | None:
    """Put segments together; ``None`` while some are missing.

    Args:
        content: whose INFO it is.
        found: segments by number; each is checked again.

    Raises:
        RemoteProtocolError: segments of different INFOs, or together they are none of
            this content.
    """
    read = {number: read_segment(content, number, octets) for number, octets in found.items()}
    counts = {segment.count for segment in read.values()}
    if len(counts) > 1:
        raise RemoteProtocolError(f"segments of different INFOs of {content.hex()}", penalty=0)
    if not counts or len(read) < counts.pop():
        return None
    whole = b"".join(read[number].payload for number in range(len(read)))
    info = _read(Reader(whole, f"INFO of {content.hex()}"))
    if info is not None and content_tag(info.content) != content:
        raise RemoteProtocolError(
            f"an INFO of {content.hex()} that describes another content", penalty=0
        )
    return info


def _read(reader: Reader) -> Info | None:
    if reader.fixed(1) != VERSION:
        return None
    record = reader.take(reader.number(RECORD_MAX_OCTETS))
    info_octets = reader.take(reader.number(MAX_INFO_OCTETS))
    chunk_hashes = reader.rest()
    if len(chunk_hashes) % HASH_OCTETS:
        raise reader.refuse("its last hash is not whole")
    return Info(record=record, info_octets=info_octets, chunk_hashes=chunk_hashes)


def _check(content: ContentTag, number: int, body: bytes) -> bytes:
    assert len(content) == TAG_OCTETS
    return sha256(content + bytes([number]) + body).digest()[:_CHECK_OCTETS]
