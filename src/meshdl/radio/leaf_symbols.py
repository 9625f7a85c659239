"""The symbols of one leaf, from everybody, in every form, over days and modes.

What else goes on the air in symbols, segments of the INFO and lists of leaf hashes, is
collected in the same way: only its *proof* is another than a leaf's.

Theory of operation
===================

A symbol that was heard goes to the :class:`~meshdl.radio.symbol_set.SymbolSet` of its form.
Whichever set is first to decode octets that make the leaf of the known hash ends the work.
Nothing else ever leaves here: octets are handed out only when their hash is right, so a
corrupt symbol cannot reach the store.

The proof need not be known yet: somebody who only overhears collects first, and learns
hash and length with the metainfo (:meth:`LeafSymbols.learn`). Until then a form is
believed to fit.

Room is bounded by the number of forms and each set's own bounds. A form too many takes the
place of the one with the fewest symbols of use. The leaf as it is has a place of its own,
which no invented form can take.
"""

import enum
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeAlias

from meshdl.radio.erasure.encoder import SYMBOL_OCTETS
from meshdl.radio.forms import restore
from meshdl.radio.symbol_set import SymbolSet, WrongSymbol
from meshdl.wire.onair.pdus import Codec, Form

COMPRESSED_FORMS_MAX = 3
"""Collected at once beside the leaf as it is: two for two versions of meshdl on one channel,
and one in which a form that nobody made, or that has just begun, displaces only the like."""


class Proof(Protocol):
    """What tells the right octets from all others."""

    def fits(self, form: Form) -> bool:
        """Whether the right octets can have this form."""

    def proven(self, form: Form, decoded: bytes) -> bytes | None:
        """The octets that a form was made from, if they are the right ones.

        Args:
            form: how they were made.
            decoded: the form's octets, with the zeros that fill up the last symbol.
        """


@dataclass(frozen=True, slots=True)
class Leaf:
    """The proof of a leaf.

    Attributes:
        leaf_hash: SHA-256, from the Merkle tree of the content.
        octets: its length, 1 to 16,384.
    """

    leaf_hash: bytes
    octets: int

    def fits(self, form: Form) -> bool:
        """See :class:`Proof`."""
        return form.fits(self.octets)

    def proven(self, form: Form, decoded: bytes) -> bytes | None:
        """See :class:`Proof`."""
        octets = restore(form, decoded, self.octets)
        if octets is None or sha256(octets).digest() != self.leaf_hash:
            return None
        return octets


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolHeard:
    """One symbol of this leaf was received.

    Attributes:
        form: what it was cut from.
        symbol_id: which it is.
        octets: of the symbol.
        sender: callsign of who sent it; empty when not known.
    """

    form: Form
    symbol_id: int
    octets: bytes
    sender: str = ""


class Refusal(enum.Enum):
    """Why a symbol was not even looked at."""

    NOT_THIS_LEAF = enum.auto()
    """A leaf of that length has no such form."""
    NO_SUCH_SYMBOL = enum.auto()
    """Its form has no such id, or symbols of another length."""
    COMPLETE = enum.auto()
    """The leaf is there already."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was kept."""

    reason: Refusal


@dataclass(frozen=True, slots=True)
class Kept:
    """The leaf is not there yet.

    Attributes:
        new: the symbol says something new; it belongs in the journal.
    """

    new: bool


@dataclass(frozen=True, slots=True)
class LeafVerified:
    """The leaf, with the right hash.

    Attributes:
        octets: of the leaf.
        form: the form whose symbols gave it. It may be sent on in this form.
        form_octets: that form.
        wrong: symbols that were none of this leaf.
    """

    octets: bytes
    form: Form
    form_octets: bytes
    wrong: tuple[WrongSymbol, ...]


Outcome: TypeAlias = Kept | Refused | LeafVerified


class LeafSymbols:
    """Collects until the leaf is verified.

    Args:
        proof: ``None`` while it is not known.
        symbol_octets: of every symbol.
    """

    def __init__(self, proof: Proof | None, symbol_octets: int = SYMBOL_OCTETS) -> None:
        self._proof, self._symbol_octets = proof, symbol_octets
        self._sets: dict[Form, SymbolSet] = {}
        self._complete = False

    @property
    def held(self) -> int:
        """How many symbols are kept, over all forms."""
        return sum(one.held for one in self._sets.values())

    def wanted(self) -> list[tuple[Form, int]]:
        """Forms that symbols are there of, each with how many more it needs; best first."""
        needs = [(form, one.needed) for form, one in self._sets.items() if one.held]
        return sorted(needs, key=lambda need: (need[1], need[0].pack()))

    def receive(self, heard: SymbolHeard) -> Outcome:
        """Take one symbol."""
        if self._complete:
            return Refused(Refusal.COMPLETE)
        if self._proof is not None and not self._proof.fits(heard.form):
            return Refused(Refusal.NOT_THIS_LEAF)
        chosen = self._sets.get(heard.form) or self._new_set(heard.form)
        if not chosen.accepts(heard.symbol_id, heard.octets):
            return Refused(Refusal.NO_SUCH_SYMBOL)
        self._make_room(heard.form)
        self._sets[heard.form] = chosen
        if not chosen.add(heard.symbol_id, heard.octets, heard.sender):
            return Kept(new=False)
        return self._decided(heard.form) or Kept(new=True)

    def learn(self, proof: Proof) -> LeafVerified | None:
        """The proof is known now; perhaps that is all that was missing."""
        self._proof = proof
        for form in [one for one in self._sets if not proof.fits(one)]:
            del self._sets[form]
        for form, chosen in list(self._sets.items()):
            chosen.reconsider()
            if verified := self._decided(form):
                return verified
        return None

    def _decided(self, form: Form) -> LeafVerified | None:
        if self._proof is None:
            return None
        chosen = self._sets[form]
        decoded = chosen.decide()
        if decoded is None:
            return None
        octets = self._proof.proven(form, decoded)
        assert octets is not None  # the judge has just said so
        wrong = chosen.wrong(decoded)
        self._sets.clear()
        self._complete = True
        return LeafVerified(octets, form, decoded, wrong)

    def _is_proven(self, form: Form, decoded: bytes) -> bool:
        return self._proof is not None and self._proof.proven(form, decoded) is not None

    def _new_set(self, form: Form) -> SymbolSet:
        return SymbolSet(
            form.source_symbols,
            self._symbol_octets,
            lambda decoded: self._is_proven(form, decoded),
        )

    def _make_room(self, form: Form) -> None:
        if form in self._sets:
            return
        raw = form.codec is Codec.RAW
        rivals = [one for one in self._sets if (one.codec is Codec.RAW) == raw]
        if len(rivals) >= (1 if raw else COMPRESSED_FORMS_MAX):
            del self._sets[min(rivals, key=lambda one: self._sets[one].rank)]
