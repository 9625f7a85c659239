"""All symbols of one form of one leaf, right ones and wrong ones.

Theory of operation
===================

Symbols are kept until the leaf is verified; the decoder gets each as it comes. At rank K
what it decodes is put before *judge*, who compares a hash. If the judge says no, at least
one symbol was wrong, and more symbols are needed to say which. The set then asks for a
surplus, and whenever that reaches the next of :data:`SURPLUS_STEPS` it tries to do

1. without the symbols that contradict the others (:mod:`meshdl.radio.erasure.locator`),
2. without all symbols of one sender, for each of the few that sent most.

When the largest surplus is there and nothing helped, the set *starts over*: it forgets all
symbols, and for a while takes none of the sender that had most of them. So one sender who
sends nothing but rubbish, even rubbish that agrees with itself, delays a leaf and does not
prevent it. Nothing can prevent a leaf from being jammed; it costs bounded memory and work.

What was wrong is known for certain when the leaf is: then all symbols are made anew.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from meshdl.radio.erasure.decoder import Decoder
from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.erasure.ids import is_symbol_id
from meshdl.radio.erasure.locator import locate

SURPLUS_STEPS = (2, 3, 4, 6, 9, 14, 21, 32, 48, 64, 96, 128, 171)
"""When to look for wrong symbols. Two surplus symbols find one. An attempt costs up to a
fifth of a second in a leaf of 342 symbols, so there are few."""

SURPLUS_MIN = 64
"""Symbols kept beyond K at least. Of symbols of 48 octets 48 wrong ones can be found by
what they contradict; more room is of use against a single sender."""


def surplus_max(source_symbols: int) -> int:
    """How many symbols are kept beyond K: half of K for large leaves.

    So a leaf is found when one in three is wrong and they are of one sender.
    """
    return max(SURPLUS_MIN, source_symbols // 2)


SENDERS_TRIED_MAX = 3
"""How many senders are left out, one at a time, in one attempt."""

VARIANTS_MAX = 2
"""Octets kept under one id. The second may be the right ones."""

SENDERS_MAX = 4
"""Whom a symbol is known to come from. More would only be the same again."""


@dataclass(frozen=True, slots=True)
class WrongSymbol:
    """A symbol that is not one of the leaf that was verified.

    Attributes:
        symbol_id: what it claimed to be.
        senders: callsigns it came from; an empty one where that is not known.
    """

    symbol_id: int
    senders: tuple[str, ...]


@dataclass(slots=True)
class _Symbol:
    symbol_id: int
    octets: bytes
    senders: list[str]

    @property
    def pair(self) -> tuple[int, bytes]:
        return self.symbol_id, self.octets


class SymbolSet:
    """See the theory of operation.

    Args:
        source_symbols: K.
        symbol_octets: of every symbol.
        judge: is given decoded octets, padding included; says whether they are the leaf's.
    """

    def __init__(
        self, source_symbols: int, symbol_octets: int, judge: Callable[[bytes], bool]
    ) -> None:
        self._count, self._octets, self._judge = source_symbols, symbol_octets, judge
        self._symbols: list[_Symbol] = []
        self._decoder = Decoder(source_symbols, symbol_octets)
        self._surplus_max = surplus_max(source_symbols)
        self._decided_at = -1
        self._set_aside: str | None = None
        self._refused = 0
        self.restarts = 0

    @property
    def rank(self) -> int:
        """How many symbols were of use so far."""
        return self._decoder.rank

    @property
    def held(self) -> int:
        """How many symbols are kept."""
        return len(self._symbols)

    @property
    def needed(self) -> int:
        """How many more it takes until there is something to decide."""
        if self._decoder.missing:
            return self._decoder.missing
        return next((one - self._surplus for one in SURPLUS_STEPS if one > self._surplus), 1)

    def accepts(self, symbol_id: int, octets: bytes) -> bool:
        """Whether that could be one of its symbols."""
        return is_symbol_id(symbol_id, self._count) and len(octets) == self._octets

    def add(self, symbol_id: int, octets: bytes, sender: str) -> bool:
        """Keep a symbol; whether it says anything new."""
        if self._is_refused(sender):
            return False
        variants = [one for one in self._symbols if one.symbol_id == symbol_id]
        for one in variants:
            if one.octets == octets:
                if sender not in one.senders and len(one.senders) < SENDERS_MAX:
                    one.senders.append(sender)
                return False
        if len(variants) >= VARIANTS_MAX or not self._has_room():
            return False
        self._symbols.append(_Symbol(symbol_id, octets, [sender]))
        self._decoder.add([(symbol_id, octets)])
        return True

    def decide(self) -> bytes | None:
        """What was decoded, if the judge agrees. Call it after every :meth:`add`."""
        surplus = self._surplus
        if self._decoder.missing or surplus <= self._decided_at:
            return None
        if self._decided_at < 0 and self._judge(decoded := self._decoder.octets()):
            return decoded
        due = self._decided_at < 0 or surplus in SURPLUS_STEPS or surplus == self._surplus_max
        self._decided_at = surplus
        if due and surplus >= SURPLUS_STEPS[0]:
            return self._decoded_without_wrong()
        return None

    def reconsider(self) -> None:
        """Begin to decide anew: the judge has changed."""
        self._decided_at = -1

    def wrong(self, form_octets: bytes) -> tuple[WrongSymbol, ...]:
        """Which symbols are none of what was decoded at last."""
        ids = [one.symbol_id for one in self._symbols]
        right = Encoder(form_octets, self._octets).symbols(ids)
        return tuple(
            WrongSymbol(one.symbol_id, tuple(one.senders))
            for one, octets in zip(self._symbols, right, strict=True)
            if one.octets != octets
        )

    @property
    def _surplus(self) -> int:
        return len(self._symbols) - self._count

    def _decoded_without_wrong(self) -> bytes | None:
        pairs = [one.pair for one in self._symbols]
        suspects = locate(pairs, self._count)
        if suspects:
            decoded = self._decoded_without(suspects)
            if decoded is not None and self._judge(decoded):
                return decoded
        for sender in self._loudest():
            theirs = [at for at, one in enumerate(self._symbols) if one.senders == [sender]]
            decoded = self._decoded_without(theirs)
            if decoded is not None and self._judge(decoded):
                return decoded
        if self._surplus >= self._surplus_max:
            self._start_over()
        return None

    def _has_room(self) -> bool:
        if self._surplus < self._surplus_max:
            return True
        if not self._decoder.missing:
            # Complete, and nobody can judge it yet.
            return False
        # So many symbols and not complete: only second variants of ids can do that.
        self._start_over()
        return True

    def _decoded_without(self, positions: Collection[int]) -> bytes | None:
        without = set(positions)
        kept = [one.pair for at, one in enumerate(self._symbols) if at not in without]
        if len(kept) < self._count:
            return None
        decoder = Decoder(self._count, self._octets)
        decoder.add(kept)
        return None if decoder.missing else decoder.octets()

    def _loudest(self) -> list[str]:
        counted = Counter(one.senders[0] for one in self._symbols if len(one.senders) == 1)
        return [sender for sender, _ in counted.most_common(SENDERS_TRIED_MAX)]

    def _start_over(self) -> None:
        loudest = self._loudest()
        # With nobody else to hope for, setting the only sender aside would help nobody.
        everybody = {sender for one in self._symbols for sender in one.senders}
        self._set_aside = loudest[0] if loudest and len(everybody) > 1 else None
        self._symbols.clear()
        self._decoder = Decoder(self._count, self._octets)
        self._decided_at, self._refused = -1, 0
        self.restarts += 1

    def _is_refused(self, sender: str) -> bool:
        if self._set_aside is None or sender != self._set_aside:
            return False
        self._refused += 1
        if self._refused >= self._count:
            # Nobody else has finished the leaf meanwhile; perhaps this one was right.
            self._set_aside = None
        return True
