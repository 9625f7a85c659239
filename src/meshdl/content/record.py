"""Content records: what a station announces about a content, signed by its originator.

A record says who offers what: hash, title, size, callsign, precedence, tags, media
type, from when and until when. It is signed once, by the originator's key, and passed
on unchanged by others; a relay can neither alter it nor make one in another's name.
Whether the key belongs to the callsign is not told here: stations pin that at first
sight.

A whole record has at most 255 octets, so that it travels in one radio frame. Its text
is plain UTF-8, readable by whoever monitors the channel. The octets are laid out in
``docs/protocol/record.md``; there is exactly one encoding of every record.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.content.precedence import Precedence
from meshdl.errors import RecordInvalid
from meshdl.ids import HASH_OCTETS, Callsign, ContentHash, StationKey, callsign, station_key
from meshdl.signatures import signed_by

VERSION = 1

RECORD_MAX_OCTETS = 255
"""With one octet that tells its type it fills an AX.25 information field of the default
length (AX.25 2.2, 6.7.2.3: N1 is 256 octets)."""

TITLE_MAX_OCTETS = 64
"""A line on a small screen. Long tags leave less: :func:`title_room`."""

TAGS_MAX = 4
TAG_MAX_OCTETS = 12
"""``bulletin``, ``wx``: words to filter by, not prose."""

MEDIA_TYPE_MAX_OCTETS = 32
"""Most registered types (RFC 6838) are shorter; a longer one is left out."""

MAX_OCTETS = 2**48 - 1
"""Largest content a record can tell of: 256 TiB."""

MAX_UNIX_S = 2**32 - 1
"""In the year 2106; by then there is another version."""

_CONTEXT = b"meshdl content record\0"
"""Signed before the record, so that no signature made for another purpose fits one."""

_FIXED = struct.Struct(f">BB{HASH_OCTETS}sHIII32s")
_SIGNATURE_OCTETS = 64
_TAG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_UNPRINTABLE = re.compile(
    # Control characters, line breaks, direction overrides, halves of surrogate pairs.
    r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_JOINED_TO_THE_LEFT = re.compile("[\u0300-\u036f\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


def content_named_in(octets: bytes) -> ContentHash | None:
    """Which content a record is of, without looking whether it holds: a hint; ``None``: none."""
    if len(octets) < _FIXED.size + _SIGNATURE_OCTETS or octets[0] != VERSION:
        return None
    return ContentHash(_FIXED.unpack_from(octets)[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRecord:
    """A content as its originator announces it. Made by :func:`sign` and :meth:`decode`.

    Attributes:
        content_hash: names the content.
        title: for people; never empty.
        octets: size of the content, all files together.
        originator: who announces it.
        originator_key: whose signature this is.
        precedence: in which order it should be served.
        tags: lower-case words, in the originator's order.
        media_type: of the file, empty when unknown or a folder.
        created_at: Unix time, seconds.
        expires_at: Unix time, seconds; from then on nobody passes the record on.
        signature: Ed25519 (RFC 8032) over everything else.
    """

    content_hash: ContentHash
    title: str
    octets: int
    originator: Callsign
    originator_key: StationKey
    precedence: Precedence
    tags: tuple[str, ...]
    media_type: str
    created_at: int
    expires_at: int
    signature: bytes

    def is_expired(self, now_unix_s: float) -> bool:
        """Whether the record's time is over at ``now_unix_s``."""
        return now_unix_s >= self.expires_at

    def encode(self) -> bytes:
        """The octets that travel: body and signature."""
        return _body(self) + self.signature

    @classmethod
    def decode(cls, octets: bytes) -> Self:
        """Read a record and verify its signature.

        Raises:
            RecordInvalid: malformed, over a limit, of another version, or not signed
                by the key in it. Expiry is not looked at: see :meth:`is_expired`.
        """
        reader = _Reader(octets)
        version, precedence, content_hash, high, low, created_at, expires_at, key = _FIXED.unpack(
            reader.take(_FIXED.size)
        )
        if version != VERSION:
            raise _refused(f"its version is {version}, not {VERSION}; a newer meshdl may read it")
        if precedence > Precedence.ROUTINE:
            raise _refused(f"there is no precedence {precedence}")
        try:
            originator_key = station_key(key)
        except ValueError as error:
            raise _refused(str(error)) from error
        record = cls(
            content_hash=ContentHash(content_hash),
            octets=high << 32 | low,
            precedence=Precedence(precedence),
            created_at=created_at,
            expires_at=expires_at,
            originator_key=originator_key,
            originator=Callsign(reader.text()),
            title=reader.text(),
            media_type=reader.text(),
            tags=tuple(reader.text() for _ in range(reader.take(1)[0])),
            signature=reader.take(_SIGNATURE_OCTETS),
        )
        problem = "octets follow the signature" if reader.left else _problem(record)
        if problem:
            raise _refused(problem)
        if not signed_by(key, record.signature, _signed(record)):
            raise _refused(f"it is not signed by the key it names for {record.originator}")
        return record


def sign(
    *,
    content_hash: ContentHash,
    title: str,
    octets: int,
    originator: Callsign,
    precedence: Precedence,
    tags: Sequence[str],
    media_type: str,
    created_at: int,
    expires_at: int,
    private_key: Ed25519PrivateKey,
) -> ContentRecord:
    """Make a record of content that this station shares, see :class:`ContentRecord`.

    The title may have :func:`title_room` octets; :func:`shorten_title` makes one fit.
    ``private_key`` is the station's; its public half goes into the record.

    Raises:
        RecordInvalid: a field is over its limit or has a form that is not allowed.
    """
    unsigned = ContentRecord(
        content_hash=content_hash,
        title=title,
        octets=octets,
        originator=originator,
        originator_key=station_key(private_key.public_key().public_bytes_raw()),
        precedence=precedence,
        tags=tuple(tags),
        media_type=media_type,
        created_at=created_at,
        expires_at=expires_at,
        signature=bytes(_SIGNATURE_OCTETS),
    )
    problem = _problem(unsigned)
    if problem:
        raise RecordInvalid(f"no content record can be made of {title[:80]!r}: {problem}")
    return replace(unsigned, signature=private_key.sign(_signed(unsigned)))


def title_room(originator: Callsign, media_type: str, tags: Sequence[str]) -> int:
    """Octets that are left for the title beside the other texts; always some."""
    others = [originator, media_type, *tags]
    # "replace": a text that is no UTF-8 is refused elsewhere, not by this sum.
    taken = sum(1 + len(text.encode(errors="replace")) for text in others)
    # One octet for the length of the title, one for the number of tags.
    left = RECORD_MAX_OCTETS - _FIXED.size - _SIGNATURE_OCTETS - taken - 2
    return min(TITLE_MAX_OCTETS, left)


def shorten_title(title: str, max_octets: int = TITLE_MAX_OCTETS) -> str:
    """Make a title fit for a record: printable, on one line, cut with an ellipsis.

    The cut never falls inside a character, nor between a letter and its accent.

    Raises:
        ValueError: ``max_octets`` leaves no room for the ellipsis.
    """
    ellipsis = "\u2026"
    if max_octets < len(ellipsis.encode()):
        raise ValueError(f"no title has room in {max_octets} octets")
    clean = " ".join(_UNPRINTABLE.sub(" ", title).split()) or "untitled"
    if len(clean.encode()) <= max_octets:
        return clean
    kept = clean.encode()[: max_octets - len(ellipsis.encode())].decode(errors="ignore")
    while kept and _JOINED_TO_THE_LEFT.match(clean[len(kept)]):
        kept = kept[:-1]
    return kept.rstrip() + ellipsis


class _Reader:
    """Takes octets off the front; what is not there is a malformed record."""

    def __init__(self, octets: bytes) -> None:
        if len(octets) > RECORD_MAX_OCTETS:
            raise _refused(f"it has {len(octets)} octets, more than {RECORD_MAX_OCTETS}")
        self._octets = octets
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._octets) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _refused("it ends too early")
        self._at += count
        return self._octets[self._at - count : self._at]

    def text(self) -> str:
        try:
            return self.take(self.take(1)[0]).decode()
        except UnicodeDecodeError:
            raise _refused("a text in it is not UTF-8") from None


def _body(record: ContentRecord) -> bytes:
    texts = [record.originator, record.title, record.media_type, *record.tags]
    encoded = [bytes([len(text.encode())]) + text.encode() for text in texts]
    encoded.insert(3, bytes([len(record.tags)]))
    fixed = _FIXED.pack(
        VERSION,
        record.precedence,
        record.content_hash,
        record.octets >> 32,
        record.octets & 0xFFFFFFFF,
        record.created_at,
        record.expires_at,
        record.originator_key,
    )
    return fixed + b"".join(encoded)


def _signed(record: ContentRecord) -> bytes:
    return _CONTEXT + _body(record)


def _problem(record: ContentRecord) -> str | None:
    """Why ``record`` may not be, or ``None``. The same for ours and for others'."""
    if len(record.content_hash) != HASH_OCTETS:
        return f"a content hash has {HASH_OCTETS} octets"
    if not 0 <= record.octets <= MAX_OCTETS:
        return f"a size of {record.octets} octets is not in 0..{MAX_OCTETS}"
    if not 0 <= record.created_at < record.expires_at <= MAX_UNIX_S:
        return "it must expire after it was created, and before the year 2106"
    return _text_problem(record)


def _text_problem(record: ContentRecord) -> str | None:
    room = title_room(record.originator, record.media_type, record.tags)
    tag = next((tag for tag in record.tags if not _is_tag(tag)), None)
    checks = [
        (_is_callsign(record.originator), f"{record.originator!r} is no callsign"),
        (
            not record.media_type or _is_media_type(record.media_type),
            f"{record.media_type!r} is no media type of up to {MEDIA_TYPE_MAX_OCTETS} octets",
        ),
        (
            len(set(record.tags)) == len(record.tags) <= TAGS_MAX,
            f"it may have {TAGS_MAX} tags, none twice",
        ),
        (
            tag is None,
            f"{tag!r} is no tag: up to {TAG_MAX_OCTETS} of a-z and 0-9, with hyphens inside",
        ),
        (_is_title(record.title), "its title is empty or has characters that cannot be shown"),
        (
            len(record.title.encode(errors="replace")) <= room,
            f"its title is longer than {room} octets; shorten it",
        ),
    ]
    return next((problem for fine, problem in checks if not fine), None)


def _is_title(text: str) -> bool:
    return bool(text) and text == text.strip() and not _UNPRINTABLE.search(text)


def _is_tag(text: str) -> bool:
    return len(text) <= TAG_MAX_OCTETS and bool(_TAG.fullmatch(text))


def _is_media_type(text: str) -> bool:
    return len(text) <= MEDIA_TYPE_MAX_OCTETS and bool(_MEDIA_TYPE.fullmatch(text))


def _is_callsign(text: str) -> bool:
    try:
        return callsign(text) == text
    except ValueError:
        return False


def _refused(problem: str) -> RecordInvalid:
    return RecordInvalid(
        f"a content record is refused: {problem}; its originator should share the content again"
    )
