"""What follows when an object is whole: metainfo, leaf hashes, a leaf for the store."""

from meshdl.content.metainfo import chunk_hashes, parse_info
from meshdl.errors import MetainfoInvalid, RemoteProtocolError, UnsafePath
from meshdl.ids import ChunkIndex
from meshdl.radio.transfer import events
from meshdl.radio.transfer.asking import Asking
from meshdl.radio.transfer.contents import AirContent, Shape, layers_of
from meshdl.radio.transfer.gathering import Gathered, Gathering
from meshdl.wire.onair.info_segments import join, read_segment
from meshdl.wire.onair.pdus import ObjectKind


class Completion:
    """Takes whole objects; tells the station.

    Args:
        gathering: has symbols that may only have waited for this.
        asking: need not ask for it any more.
        effects: takes what the station is told.
    """

    def __init__(
        self, gathering: Gathering, asking: Asking, effects: list[events.TransferEffect]
    ) -> None:
        self._gathering, self._asking, self._effects = gathering, asking, effects

    def whole(self, content: AirContent, gathered: Gathered) -> None:
        """An object is here."""
        key = gathered.key
        self._effects.append(events.ForgetSymbols(key))
        if gathered.wrong_senders:
            self._effects.append(events.WrongSymbols(key, gathered.wrong_senders))
        match key.kind:
            case ObjectKind.INFO:
                self._segment(content, key.number, gathered.octets)
            case ObjectKind.HASHES:
                self._leaf_hashes(content, ChunkIndex(key.number), gathered.octets)
            case ObjectKind.LEAF:
                self._leaf(content, key.number, gathered.octets)

    def tell_again(self, content: AirContent) -> None:
        """What was overheard of a content and not kept is wanted now."""
        shape = content.shape
        assert shape is not None
        shape.held = 0
        metainfo, hashes = shape.metainfo, shape.chunk_hashes
        self._effects.append(
            events.MetainfoFound(metainfo, shape.layers, hashes, content.record, content.wanted)
        )
        for chunk, joined in shape.known_leaf_hashes.items():
            self._effects.append(events.LeafHashesFound(metainfo.content_hash, chunk, joined))

    def learned(self, content: AirContent) -> None:
        """More is known of a content: symbols that waited for it may make something whole."""
        gathered = self._gathering.learned(content)
        while gathered is not None:
            self.whole(content, gathered)
            gathered = self._gathering.learned(content)

    def _leaf(self, content: AirContent, number: int, octets: bytes) -> None:
        shape = content.shape
        assert shape is not None  # nothing else proves a leaf
        place = shape.place(number)
        assert place is not None
        shape.held |= 1 << number
        self._effects.append(
            events.LeafFound(
                content=shape.metainfo.content_hash,
                number=number,
                chunk=place.chunk,
                offset=place.offset,
                octets=octets,
                wanted=content.wanted,
            )
        )
        if not shape.missing:
            self._asking.end(content.tag)

    def _leaf_hashes(self, content: AirContent, chunk: ChunkIndex, octets: bytes) -> None:
        shape = content.shape
        assert shape is not None  # nothing else proves them
        shape.learn_leaf_hashes(chunk, octets)
        found = events.LeafHashesFound(shape.metainfo.content_hash, chunk, octets)
        self._effects.append(found)
        self.learned(content)

    def _segment(self, content: AirContent, number: int, octets: bytes) -> None:
        content.segments[number] = octets
        content.segment_count = read_segment(content.tag, number, octets).count
        try:
            self._metainfo(content)
        except (RemoteProtocolError, MetainfoInvalid, UnsafePath) as error:
            # Each segment was right by itself, and together they are none of this content.
            content.segments.clear()
            content.segment_count = 1
            self._asking.spoiled(content.tag)
            if content.wanted and content.content is not None:
                reason = f"what is sent as its INFO cannot be used: {error}"
                self._effects.append(events.FetchFailed(content.content, reason))

    def _metainfo(self, content: AirContent) -> None:
        info = join(content.tag, content.segments)
        if info is None:
            return
        if content.content is not None and info.content != content.content:
            raise RemoteProtocolError("the INFO is of another content with its tag", penalty=0)
        metainfo = parse_info(info.info_octets)
        layers = layers_of(metainfo, info.chunk_hashes)
        hashes = tuple(chunk_hashes(metainfo, layers))
        content.content, content.record = metainfo.content_hash, info.record
        content.shape = Shape(metainfo, hashes)
        content.segments.clear()
        self._effects.append(
            events.MetainfoFound(metainfo, layers, hashes, info.record, content.wanted)
        )
        if not content.wanted:
            self._asking.end(content.tag)  # it was to be described, and is
        self.learned(content)
