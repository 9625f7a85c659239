"""What symbols stand for, as the log tells it: chunks, and octets before and after compression."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshdl.content.metainfo import Metainfo
from meshdl.radio.transfer.contents import leaf_place
from meshdl.wire.onair.pdus import SYMBOL_OCTETS, AirObject, ObjectKind


@dataclass(frozen=True, slots=True)
class Carried:
    """Of one content.

    Attributes:
        chunks: of which there were leaves or hashes, in order; none without metainfo.
        octets_before: of content, before compression; 0 without metainfo.
        octets_after: of all symbols, as sent.
    """

    chunks: tuple[int, ...] = ()
    octets_before: int = 0
    octets_after: int = 0

    def and_more(self, more: "Carried") -> "Carried":
        """Both together."""
        return Carried(
            tuple(sorted({*self.chunks, *more.chunks})),
            self.octets_before + more.octets_before,
            self.octets_after + more.octets_after,
        )


CARRIED_NOTHING = Carried()


def carried(metainfo: Metainfo | None, symbols: Iterable[tuple[AirObject, int]]) -> Carried:
    """What so many symbols of these objects carry."""
    chunks: set[int] = set()
    before = after = 0
    for of, count in symbols:
        after += count * SYMBOL_OCTETS
        if metainfo is None or of.kind is ObjectKind.INFO:
            continue
        if of.kind is ObjectKind.HASHES:
            chunks.add(of.number)
        elif (place := leaf_place(metainfo, of.number)) is not None:
            chunks.add(place.chunk)
            before += round(place.octets * count / of.form.source_symbols)
    return Carried(tuple(sorted(chunks)), before, after)
