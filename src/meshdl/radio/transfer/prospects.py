"""What a content would take, as far as is known now: for its price. Changes nothing."""

from meshdl.air import ModemTraits
from meshdl.ids import ContentHash
from meshdl.radio.transfer.parts import Parts
from meshdl.wire.onair.codes import ContentTag, content_tag


class Prospects:
    """Of one transfer core."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def symbols_lacking(self, content: ContentHash) -> int | None:
        """How many symbols of it would do, as far as is known; ``None``: nothing of it is."""
        found = self._parts.contents.find(content)
        return self._parts.asking.symbols_lacking(found) if found is not None else None

    def octets_described(self, content: ContentHash) -> int | None:
        """Octets missing of a content whose metainfo came by radio."""
        found = self._parts.contents.find(content)
        if found is None or found.shape is None:
            return None
        return found.shape.octets_missing

    def likely_mode(self, content: ContentTag, *, now: float) -> ModemTraits | None:
        """The mode in which it would come, as far as is known; ``None`` without a modem."""
        modes = self._parts.modes
        if modes is None:
            return None
        holders = self._parts.stations.holders(content, now=now)[:1]
        return modes.for_answer(holders, now=now)

    def octets_told(self, content: ContentHash) -> int | None:
        """The size of a content as a station tells it in its CQ, at most."""
        tag = content_tag(content)
        haves = (one.haves.get(tag) for one in self._parts.stations)
        return max((have.octets_at_most for have in haves if have is not None), default=None)
