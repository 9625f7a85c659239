"""Objects on their way to us: symbols come in, verified objects come out.

Whatever the object is, its symbols are gathered in every form that is heard
(:mod:`meshdl.radio.leaf_symbols`), and only octets that their proof accepts come out: the
hash of a leaf, the root of leaf hashes, the check of a segment of an INFO.

What was asked for and what is merely overheard are gathered alike; when there is no room,
what was not asked for and was heard least lately goes.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex
from meshdl.radio.leaf_symbols import Kept, LeafSymbols, LeafVerified, Proof, SymbolHeard
from meshdl.radio.transfer.contents import AirContent, ObjectKey, Shape
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.info_segments import read_segment
from meshdl.wire.onair.pdus import (
    NEEDED_MAX,
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    Form,
    ObjectKind,
    Objects,
    Symbols,
    Wanted,
)

OBJECTS_MAX = 256
"""Gathered at once: 4 MiB of symbols, and the working memory of so many decoders."""

INTRODUCED_MAX = 64
"""Objects that short symbols may refer to; an hour of the slowest mode has fewer."""


@dataclass(frozen=True, slots=True)
class SegmentProof:
    """A segment of an INFO proves itself; see :mod:`meshdl.wire.onair.info_segments`."""

    content: ContentTag
    number: int

    def fits(self, form: Form) -> bool:
        """It goes out as it is."""
        return form.codec is Codec.RAW

    def proven(self, _form: Form, decoded: bytes) -> bytes | None:
        """The segment, zeros behind it and all."""
        try:
            read_segment(self.content, self.number, decoded)
        except RemoteProtocolError:
            return None
        return decoded


@dataclass(frozen=True, slots=True)
class LeafHashesProof:
    """Leaf hashes of a chunk are proved by the chunk's hash."""

    shape: Shape
    chunk: ChunkIndex

    def fits(self, form: Form) -> bool:
        """They go out as they are."""
        return form == Form(Codec.RAW, form.source_symbols) and form.fits(
            self.shape.leaf_hashes_octets(self.chunk)
        )

    def proven(self, _form: Form, decoded: bytes) -> bytes | None:
        """The hashes, joined."""
        octets = decoded[: self.shape.leaf_hashes_octets(self.chunk)]
        return octets if self.shape.are_leaf_hashes(self.chunk, octets) else None


@dataclass(frozen=True, slots=True)
class Gathered:
    """An object is here, and it is right.

    Attributes:
        octets: of the object; behind a segment, zeros may follow.
        wrong_senders: callsigns that sent symbols of something else under its name.
    """

    key: ObjectKey
    octets: bytes
    wrong_senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewSymbol:
    """A symbol that says something new; it is worth keeping over a restart."""

    key: ObjectKey
    form: Form
    symbol: int
    octets: bytes
    sender: str


class Gathering:
    """All objects that are being gathered.

    Args:
        asked: whether an object was asked for; others make room for it.
    """

    def __init__(self, asked: Callable[[ObjectKey], bool]) -> None:
        self._asked = asked
        self._objects: OrderedDict[ObjectKey, LeafSymbols] = OrderedDict()
        self._introduced: OrderedDict[int, AirObject] = OrderedDict()

    def introduce(self, tag: int, described: AirObject) -> None:
        """Short symbols of this tag will be of that object."""
        self._introduced[tag] = described
        self._introduced.move_to_end(tag)
        if len(self._introduced) > INTRODUCED_MAX:
            self._introduced.popitem(last=False)

    def introduced(self, tag: int) -> AirObject | None:
        """What a short symbol's tag stands for."""
        return self._introduced.get(tag)

    def receive(
        self, content: AirContent, symbols: Symbols, sender: str
    ) -> tuple[list[NewSymbol], Gathered | None]:
        """Take symbols; those that were new, and the object if it is whole now."""
        of = symbols.of
        key = ObjectKey(of.content, of.kind, of.number)
        new: list[NewSymbol] = []
        for at in range(symbols.count):
            octets = symbols.octets[at * SYMBOL_OCTETS : (at + 1) * SYMBOL_OCTETS]
            one = NewSymbol(key, of.form, symbols.first + at, octets, sender)
            is_new, gathered = self.take(content, one)
            if gathered is not None:
                return new, gathered
            if is_new:
                new.append(one)
        return new, None

    def take(self, content: AirContent, one: NewSymbol) -> tuple[bool, Gathered | None]:
        """Take one symbol, perhaps of an earlier run; whether it was new, and the object."""
        key = one.key
        if not _is_lacking(content, key):
            return False, None
        gathering = self._objects.get(key)
        if gathering is None:
            self._make_room()
            gathering = self._objects[key] = LeafSymbols(proof_of(content, key))
        self._objects.move_to_end(key)
        outcome = gathering.receive(
            SymbolHeard(form=one.form, symbol_id=one.symbol, octets=one.octets, sender=one.sender)
        )
        match outcome:
            case LeafVerified():
                del self._objects[key]
                return True, _gathered(key, outcome)
            case Kept(new):
                return new, None
            case _:
                return False, None

    def learned(self, content: AirContent) -> Gathered | None:
        """More is known of a content: something of it that was only waiting for that."""
        for key, gathering in list(self._objects.items()):
            if key.content != content.tag:
                continue
            if not _is_lacking(content, key):
                del self._objects[key]
                continue
            proof = proof_of(content, key)
            verified = gathering.learn(proof) if proof is not None else None
            if verified is not None:
                del self._objects[key]
                return _gathered(key, verified)
        return None

    def wanted(self, key: ObjectKey) -> Wanted:
        """How to ask for the rest of an object."""
        objects = Objects(key.kind, key.number, 1)
        gathering = self._objects.get(key)
        forms = gathering.wanted() if gathering is not None else []
        if not forms:
            return Wanted(objects)
        form, needed = forms[0]
        return Wanted(objects, min(needed, NEEDED_MAX), form)

    def forget(self, tag: ContentTag) -> None:
        """Nobody wants this content any more."""
        for key in [one for one in self._objects if one.content == tag]:
            del self._objects[key]

    def _make_room(self) -> None:
        if len(self._objects) >= OBJECTS_MAX:
            goes = next((key for key in self._objects if not self._asked(key)), None)
            self._objects.pop(goes if goes is not None else next(iter(self._objects)))


def proof_of(content: AirContent, key: ObjectKey) -> Proof | None:
    """What an object is proved by, if that is known."""
    match key.kind:
        case ObjectKind.INFO:
            return SegmentProof(key.content, key.number)
        case ObjectKind.HASHES:
            shape = content.shape
            return LeafHashesProof(shape, ChunkIndex(key.number)) if shape is not None else None
        case ObjectKind.LEAF:
            return content.shape.leaf(key.number) if content.shape is not None else None


def _is_lacking(content: AirContent, key: ObjectKey) -> bool:
    """Whether an object is of use: it may exist, and it is not here."""
    shape = content.shape
    match key.kind:
        case ObjectKind.INFO:
            return shape is None and key.number not in content.segments
        case ObjectKind.HASHES:
            return shape is None or shape.lacks_leaf_hashes(ChunkIndex(key.number))
        case ObjectKind.LEAF:
            return shape is None or bool(shape.missing >> key.number & 1)


def _gathered(key: ObjectKey, verified: LeafVerified) -> Gathered:
    wrong = {sender for one in verified.wrong for sender in one.senders if sender}
    return Gathered(key, verified.octets, tuple(sorted(wrong)))
