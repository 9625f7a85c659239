"""The PDUs of the on-air protocol, as values. Their octets are made in :mod:`.bodies`.

A PDU names a content by its tag, and what of it goes out by *object*: a leaf of its octets,
a segment of its INFO (record, info dictionary, chunk hashes), or the leaf hashes of a
chunk. Every object is at most 16 KiB and travels as *symbols* of 48 octets.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.content.layout import MAX_CHUNKS
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.content.precedence import Precedence
from meshdl.wire.onair.codes import (
    NUMBER_MAX,
    SIZE_CLASS_MAX,
    TAG_OCTETS,
    ContentTag,
    class_octets,
    is_locator,
)
from meshdl.wire.onair.reports import Reports
from meshdl.wire.onair.routes import Route
from meshdl.wire.onair.turn import Turn

SYMBOL_OCTETS = 48
"""Ten fill a DATAC1 frame of 510 octets, two one of 126, one a frame of 54, five an AX.25
information field of 256. One size everywhere: what came in one mode counts in the next."""

OBJECT_OCTETS_MAX = LEAF_OCTETS
SOURCE_SYMBOLS_MAX = -(-OBJECT_OCTETS_MAX // SYMBOL_OCTETS)
"""342: what decoding costs grows with its square."""

FIRST_REPAIR_ID = 512
"""Repair symbols have ids from here, source symbols those below K."""

SYMBOL_IDS = 2**16
"""RFC 8681's repair key has 16 bits."""

SYMBOLS_MAX = 255
"""Symbols in one PDU. No frame holds as many."""

NEEDED_MAX = 255
"""Symbols that one entry of a WANT can ask for; it means "255 or more"."""

OBJECT_NUMBER_MAX = (NUMBER_MAX >> 2) - 1
"""Numbers share 32 bits with the kind in some PDUs."""

INFO_SEGMENTS_MAX = 256
"""Segments of one INFO: 4 MiB are hours on any modem, and a segment's number is one octet."""

OBJECTS_MAX = NUMBER_MAX >> 3
"""Of one run; its length shares 32 bits with kind and a flag."""

HAVES_MAX = 255
RUNS_MAX = 255
"""Both counts are one octet, and no frame holds as many."""


class ObjectKind(enum.IntEnum):
    """What an object is a piece of."""

    LEAF = 0
    """A leaf; number: chunk x leaves per chunk + leaf in the chunk."""
    INFO = 1
    """A segment of the INFO of a content; number: of the segment."""
    HASHES = 2
    """The leaf hashes of a chunk; number: of the chunk."""


class Codec(enum.IntEnum):
    """What was done to an object before it was cut in symbols."""

    RAW = 0
    ZSTD = 1
    """RFC 8878, one frame without its magic number."""
    ZSTD_DICTIONARY = 2
    """The same, made with the published dictionary."""


@dataclass(frozen=True, slots=True)
class Form:
    """Which octets the symbols of an object are cut from. Different forms never mix.

    Attributes:
        source_symbols: K; ids from :data:`FIRST_REPAIR_ID` on are repair symbols.
        tag: first two octets of SHA-256 over the compressed octets; 0 of ``RAW``.
    """

    codec: Codec
    source_symbols: int
    tag: int = 0

    def __post_init__(self) -> None:
        _check(
            1 <= self.source_symbols <= SOURCE_SYMBOLS_MAX,
            f"{self.source_symbols} source symbols are not 1 to {SOURCE_SYMBOLS_MAX}",
        )
        _check(0 <= self.tag < 2**16, f"no tag of a form: {self.tag}")
        _check(not self.tag or self.codec is not Codec.RAW, "a raw form has no tag")

    def pack(self) -> int:
        """As 32 bits: codec (4), K (12), tag (16)."""
        return self.codec << 28 | self.source_symbols << 16 | self.tag

    @classmethod
    def unpack(cls, word: int) -> "Form":
        """Read what :meth:`pack` wrote.

        Raises:
            ValueError: no such codec, or a field is out of range.
        """
        return cls(Codec(word >> 28), word >> 16 & 0xFFF, word & 0xFFFF)

    def fits(self, octets: int) -> bool:
        """Whether an object of that length can have this form."""
        raw = -(-octets // SYMBOL_OCTETS)
        if self.codec is Codec.RAW:
            return self.source_symbols == raw
        return self.source_symbols < raw

    def has_symbols(self, first: int, count: int) -> bool:
        """Whether all these ids are of source symbols, or all of repair symbols."""
        if first < FIRST_REPAIR_ID:
            return first >= 0 and first + count <= self.source_symbols
        return first + count <= SYMBOL_IDS


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbours: ``first``, ``first + 1``, ... so many of them."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Objects:
    """Neighbouring objects of one kind."""

    kind: ObjectKind
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Objects that a station wants.

    Attributes:
        needed: symbols of each that would do; 0: as many as it takes.
        form: of which the station has symbols already, so that only those add up.
    """

    objects: Objects
    needed: int = 0
    form: Form | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Have:
    """A content that a station has, all or some of it.

    Attributes:
        size_class: see :func:`meshdl.wire.onair.codes.size_class`.
        info: whether the station has the INFO too.
        chunks: what it has of it, ascending, with gaps between; ``None``: everything.
    """

    content: ContentTag
    precedence: Precedence
    size_class: int
    info: bool = True
    chunks: tuple[Run, ...] | None = None

    def __post_init__(self) -> None:
        _check_tag(self.content)
        _check(0 <= self.size_class <= SIZE_CLASS_MAX, f"no size class: {self.size_class}")
        end = -1
        for run in self.chunks or ():
            _check(run.first > end and run.count > 0, f"chunks out of order at {run}")
            end = run.first + run.count
        _check(end <= MAX_CHUNKS, f"a content has at most {MAX_CHUNKS} chunks")
        _check(len(self.chunks or ()) <= RUNS_MAX, f"more than {RUNS_MAX} runs of chunks")

    @property
    def octets_at_most(self) -> int:
        """Size of the content, to an eighth too large at most."""
        return class_octets(self.size_class)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cq:
    """A call to everybody: I am here, this I have, that I look for.

    Attributes:
        locator: Maidenhead, four or six characters, or empty.
        gateway: whether the station reaches others by the Internet now.
    """

    locator: str = ""
    gateway: bool = False
    haves: tuple[Have, ...] = ()
    seeks: tuple[ContentTag, ...] = ()

    def __post_init__(self) -> None:
        _check(not self.locator or is_locator(self.locator), f"no locator: {self.locator!r}")
        _check(len(self.haves) <= HAVES_MAX, f"more than {HAVES_MAX} contents in one CQ")
        for tag in self.seeks:
            _check_tag(tag)


@dataclass(frozen=True, slots=True)
class Want:
    """Send me these objects of a content.

    Attributes:
        attended: the sender is under local or remote control, so that an automatic station
            may answer it where it may not begin (47 CFR 97.221(c)).
    """

    content: ContentTag
    wanted: tuple[Wanted, ...]
    attended: bool = False

    def __post_init__(self) -> None:
        _check_tag(self.content)
        _check(bool(self.wanted), "a WANT for nothing")
        for entry in self.wanted:
            _check_objects(entry.objects)
            _check(0 <= entry.needed <= NEEDED_MAX, f"{entry.needed} symbols are too many to ask")


@dataclass(frozen=True, slots=True)
class Enough:
    """I have these objects now; send me no more of them."""

    content: ContentTag
    objects: tuple[Objects, ...]

    def __post_init__(self) -> None:
        _check_tag(self.content)
        _check(bool(self.objects), "an ENOUGH of nothing")
        for objects in self.objects:
            _check_objects(objects)


@dataclass(frozen=True, slots=True, kw_only=True)
class AirObject:
    """One object and its form; as a PDU of its own it introduces short symbols.

    Attributes:
        number: which one of its kind, see :class:`ObjectKind`.
    """

    content: ContentTag
    kind: ObjectKind
    number: int
    form: Form

    def __post_init__(self) -> None:
        _check_tag(self.content)
        _check(0 <= self.number <= OBJECT_NUMBER_MAX, f"no object has the number {self.number}")
        _check(
            self.kind is not ObjectKind.INFO or self.number < INFO_SEGMENTS_MAX,
            f"an INFO has at most {INFO_SEGMENTS_MAX} segments, none has the number {self.number}",
        )


@dataclass(frozen=True, slots=True)
class Symbols:
    """Symbols of one object with consecutive ids. SYMBOL, INFO and HASHES are its forms.

    Attributes:
        first: id of the first.
        octets: one symbol after the other.
    """

    of: AirObject
    first: int
    octets: bytes

    def __post_init__(self) -> None:
        count, rest = divmod(len(self.octets), SYMBOL_OCTETS)
        _check(
            0 < count <= SYMBOLS_MAX and not rest,
            f"{len(self.octets)} octets are not 1 to {SYMBOLS_MAX} symbols",
        )
        _check(
            self.of.form.has_symbols(self.first, count),
            f"ids from {self.first} on are of no symbols",
        )

    @property
    def count(self) -> int:
        """How many symbols there are."""
        return len(self.octets) // SYMBOL_OCTETS


@dataclass(frozen=True, slots=True)
class ShortSymbol:
    """One symbol, in the frame that has room for nothing else.

    Attributes:
        object_tag: of an :class:`AirObject` sent before, see
            :func:`meshdl.wire.onair.frames.object_tag`.
    """

    object_tag: int
    symbol: int
    octets: bytes

    def __post_init__(self) -> None:
        _check(0 <= self.object_tag < 2**16, f"no object tag: {self.object_tag}")
        _check(0 <= self.symbol < SYMBOL_IDS, f"no symbol has the id {self.symbol}")
        _check(len(self.octets) == SYMBOL_OCTETS, f"a symbol has {SYMBOL_OCTETS} octets")


Pdu: TypeAlias = Cq | Want | Turn | Enough | AirObject | Symbols | Reports | Route


def _check_tag(tag: ContentTag) -> None:
    _check(len(tag) == TAG_OCTETS, f"a content tag has {TAG_OCTETS} octets, not {len(tag)}")


def _check_objects(objects: Objects) -> None:
    _check(
        0 < objects.count <= OBJECTS_MAX
        and 0 <= objects.first <= OBJECT_NUMBER_MAX + 1 - objects.count,
        f"no objects are {objects}",
    )


def _check(fine: bool, problem: str) -> None:
    if not fine:
        raise ValueError(problem)
