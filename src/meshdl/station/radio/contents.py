"""Contents between the store, the swarm core and the radio: what is held, wanted, and comes.

Theory of operation
===================

There is one state machine of a download, in the swarm core, and one store. The radio brings
leaves to the first and reads from the second. This module tells each what the other needs
to know, and keeps nothing but what it told:

- everything that the library tells the swarm core passes by here (:meth:`told`): a content
  that is open becomes ``Hold``, a range that is written ``LeafHeld``, a start ``Fetch``;
- what the radio found becomes an input of the swarm core (:meth:`found`), which verifies
  it, has it written and cancels what peers were asked for; ``LeafHeld`` comes back by the
  first way, whichever path delivered.

So neither path fetches what the other brought. A content is told to the radio when it may go
on the air: small and urgent enough for the settings, or asked for by radio by the operator.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from meshdl.content import merkle
from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord
from meshdl.control.content_status import Via
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.radio.transfer import events
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.library import Library
from meshdl.station.radio.opened import leaves_held, unfinished_chunks
from meshdl.station.radio.overheard import Overheard
from meshdl.station.radio.plain import Plain
from meshdl.station.record_book import RecordBook
from meshdl.swarm import effects, inputs
from meshdl.swarm.inputs import SwarmInput
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.pdus import ObjectKind

COMES_FOR_S = 60.0
"""Longer than a burst and the pause behind it."""

BY_RADIO: frozenset[Via] = frozenset({"rf", "hybrid"})

Found: TypeAlias = events.MetainfoFound | events.LeafHashesFound | events.LeafFound


@dataclass(slots=True)
class _Told:
    """What the radio knows of a content.

    Attributes:
        held: leaves that are here, numbered as on the air.
    """

    metainfo: Metainfo
    chunk_hashes: tuple[bytes, ...]
    held: int
    precedence: Precedence
    declared: bool


class RadioContents:
    """See the theory of operation.

    Args:
        library: of the station.
        records: of the station.
        overheard: keeps what nobody here asked for.
        offers: whether a content of that size and precedence goes on the air.
        radio: takes inputs of the transfer core.
        swarm: takes inputs of the swarm core.
        held: what the swarm core has of a content now.
        changed: told which content an observer should look at again.
        lacking: how many symbols of a content would do, as far as the radio knows it.

    Attributes:
        failures: why a content that is wanted cannot be had by radio.
    """

    def __init__(
        self,
        library: Library,
        records: RecordBook,
        overheard: Overheard,
        *,
        offers: Callable[[int, Precedence], bool],
        radio: Callable[[events.TransferInput], None],
        swarm: Callable[[SwarmInput], None],
        held: Callable[[ContentHash], inputs.ContentOpened | None],
        changed: Callable[[ContentHash], None],
        lacking: Callable[[ContentHash], int | None],
    ) -> None:
        self._library, self._records, self._offers = library, records, offers
        self._overheard, self._lacking, self._plain = overheard, lacking, Plain(library)
        self._radio, self._swarm, self._held, self._changed = radio, swarm, held, changed
        self._told: dict[ContentHash, _Told] = {}
        self._offered: dict[ContentHash, bytes] = {}
        self._fetching: set[ContentHash] = set()
        self._heard_at: dict[ContentTag, float] = {}
        self._loop = asyncio.get_running_loop()
        self.failures: dict[ContentHash, str] = {}

    def __contains__(self, content: ContentHash) -> bool:
        """Whether the radio knows what is here of it."""
        return content in self._told

    @property
    def fetching(self) -> frozenset[ContentHash]:
        """Contents that airtime may be spent on, and that are not whole."""
        return frozenset(self._fetching)

    def comes(self, content: ContentHash) -> bool:
        """Whether symbols of a content that is wanted were heard within the last minute."""
        heard_at = self._heard_at.get(content_tag(content))
        return (
            content in self._fetching
            and heard_at is not None
            and self._loop.time() - heard_at < COMES_FOR_S
        )

    def symbols_lacking(self, content: ContentHash) -> int | None:
        """How many symbols must still be heard of a content that is wanted and described."""
        # Undescribed, it would be those of the description alone.
        known = content in self._fetching and content in self._told
        return self._lacking(content) if known else None

    def offer(self, offers: Callable[[int, Precedence], bool], overheard_octets_max: int) -> None:
        """What goes on the air, and what is kept of others', changes from now on."""
        self._offers, self._overheard.octets_max = offers, overheard_octets_max
        for content in [*self._library.entries]:
            self.meet(content)

    def meet(self, content: ContentHash) -> None:
        """Tell the radio of a content that was opened earlier, if it goes on the air."""
        held, entry = self._held(content), self._library.find(content)
        if held is None or entry is None:
            return
        goes = self._goes(entry, held)
        if goes and content not in self._told:
            self._opened(held)
        elif not goes and self._told.pop(content, None) is not None:
            self._radio(events.Unhold(content))

    def _goes(self, entry: CatalogueEntry, event: inputs.ContentOpened) -> bool:
        """Whether the operator's wish, or the settings, put it on the air."""
        offered = self._offers(event.metainfo.total_octets, event.precedence)
        return offered or entry.via in BY_RADIO  # as of all that is overheard

    def try_again(self) -> None:
        """What failed may go now: the radio asks by itself."""
        failed, self.failures = self.failures, {}
        for content in failed:
            self._changed(content)

    # What the library tells the swarm core.

    def told(self, event: SwarmInput) -> None:
        """Tell the radio what follows from an input of the swarm core."""
        match event:
            case inputs.ContentOpened():
                self._opened(event)
            case inputs.RangeWritten():
                self._written(event)
            case inputs.StartDownload(content, precedence):
                self._started(content, precedence)
            case inputs.PauseDownload(content):
                self._stop(content)
            case inputs.ContentFinished(content):
                self._stop(content)
            case inputs.ContentRemoved(content) | inputs.StoreFailed(content):
                self._gone(content)
            case inputs.OfferRecord(content, record):
                self._recorded(content, record)
            case _:
                pass  # the radio has no part in it

    def leaf_hashes_proved(self, effect: effects.WriteLeafHashes) -> None:
        """A path brought leaf hashes; the radio need not ask for them."""
        if effect.content in self._told:
            held = events.LeafHashesHeld(effect.content, effect.chunk, effect.hashes)
            self._radio(held)

    # What the radio tells.

    def symbols_heard(self, symbols: tuple[NewSymbol, ...]) -> None:
        """New symbols came; whoever watches their contents should look again."""
        now = self._loop.time()
        tags = {one.key.content for one in symbols}
        for content in self._fetching:
            if content_tag(content) in tags:
                came = self.comes(content)
                self._heard_at[content_tag(content)] = now
                self._changed(content)
                if not came:
                    self._loop.call_later(COMES_FOR_S, self._look_again, content)

    def _look_again(self, content: ContentHash) -> None:
        """Whoever watches shall see when nothing comes any more."""
        self._changed(content)
        if self.comes(content):
            self._loop.call_later(COMES_FOR_S, self._look_again, content)

    def found(self, effect: Found) -> None:
        """Give the swarm core what came by radio."""
        match effect:
            case events.MetainfoFound(metainfo, layers, hashes, record):
                content = metainfo.content_hash
                if record:
                    self._records.heard_on_air(record, self._named)
                if self._library.find(content) is None and not self._overheard.keep(metainfo):
                    return
                self._swarm(inputs.MetainfoLearned(content, metainfo, layers, hashes))
            case events.LeafHashesFound(content, chunk, hashes):
                self._swarm(inputs.LeafHashesLearned(content, chunk, hashes))
            case events.LeafFound():
                self._swarm(
                    inputs.LeafLearned(effect.content, effect.chunk, effect.offset, effect.octets)
                )

    def read(self, effect: events.ReadObject) -> None:
        """Read an object to be sent; the radio is answered."""
        told = self._told.get(effect.content)
        metainfo = told.metainfo if told is not None else None
        self._plain.look(metainfo, partial(self._looked, effect))

    def _looked(self, effect: events.ReadObject, encrypted: bool) -> None:
        told = self._told.get(effect.content)
        if encrypted and told is not None:
            self._hold(effect.content, told)  # now the transmitter refuses it, with the section
        answer = partial(self._answer, effect)
        if effect.key.kind is ObjectKind.HASHES:
            self._library.stores.read_leaf_hashes(effect.content, effect.chunk, answer)
        else:
            self._library.stores.read_leaf(
                effect.content, effect.chunk, effect.offset, effect.octets, answer
            )

    def failed(self, effect: events.FetchFailed) -> None:
        """Show why a content does not come."""
        self.failures[effect.content] = effect.reason
        self._changed(effect.content)

    # How.

    def _named(self, record: ContentRecord) -> None:
        content = record.content_hash
        entry = self._library.find(content)
        if entry is None:
            return
        if entry.overheard or entry.title == content.hex()[:12]:
            entry = replace(entry, title=record.title)
        urgent = entry.precedence is Precedence.ROUTINE and record.precedence < entry.precedence
        if urgent:  # the operator has not said otherwise
            entry = replace(entry, precedence=record.precedence)
        self._library.change(entry)
        if urgent and content in self._fetching:
            # Else an emergency would hold back those who ask for it.
            self._radio(events.Fetch(content, entry.precedence))

    def _answer(self, effect: events.ReadObject, octets: bytes | None) -> None:
        self._radio(events.ObjectRead(effect.key, octets))

    def _opened(self, event: inputs.ContentOpened) -> None:
        entry = self._library.find(event.content)
        if entry is None or not self._goes(entry, event):
            return
        told = self._told[event.content] = _Told(
            metainfo=event.metainfo,
            chunk_hashes=event.chunk_hashes,
            held=leaves_held(event),
            precedence=min(event.precedence, entry.precedence),
            declared=entry.state is StoredState.SHARING,
        )
        self._hold(event.content, told)
        for chunk in unfinished_chunks(event):
            answer = partial(self._leaf_hashes_read, event.content, chunk)
            self._library.stores.read_leaf_hashes(event.content, chunk, answer)

    def _leaf_hashes_read(
        self, content: ContentHash, chunk: ChunkIndex, hashes: bytes | None
    ) -> None:
        """Of an unfinished chunk, from an earlier run: neither path need ask for them again."""
        if hashes is not None and content in self._told:
            self._radio(events.LeafHashesHeld(content, chunk, hashes))
            self._swarm(inputs.LeafHashesLearned(content, chunk, hashes))

    def _hold(self, content: ContentHash, told: _Told) -> None:
        self._radio(
            events.Hold(
                metainfo=told.metainfo,
                chunk_hashes=told.chunk_hashes,
                held=told.held,
                precedence=told.precedence,
                record=self._offered.get(content, b""),
                declared=told.declared,
                cleartext=content not in self._plain.encrypted,
            )
        )

    def _written(self, event: inputs.RangeWritten) -> None:
        told = self._told.get(event.content)
        if told is None:
            return
        first = event.chunk * told.metainfo.leaves_per_chunk + event.offset // merkle.LEAF_OCTETS
        for number in range(first, first + -(-event.octets // merkle.LEAF_OCTETS)):
            told.held |= 1 << number
            self._radio(events.LeafHeld(event.content, number))

    def _started(self, content: ContentHash, precedence: Precedence) -> None:
        entry = self._library.find(content)
        if entry is None or entry.overheard or entry.via not in BY_RADIO:
            self._stop(content)
            return
        self.failures.pop(content, None)
        self._fetching.add(content)
        told = self._told.get(content)
        held = self._held(content) if told is None else None
        if held is not None:
            self._opened(held)
        elif told is not None:
            # What came while nothing was wanted was not kept; this is what is here.
            self._hold(content, told)
        self._radio(events.Fetch(content, precedence))

    def _stop(self, content: ContentHash) -> None:
        if content in self._fetching:
            self._fetching.discard(content)
            self._heard_at.pop(content_tag(content), None)
            self._radio(events.StopFetch(content))

    def _gone(self, content: ContentHash) -> None:
        self._stop(content)
        self.failures.pop(content, None)
        if self._told.pop(content, None) is not None:
            self._radio(events.Unhold(content))

    def _recorded(self, content: ContentHash, record: bytes) -> None:
        if self._offered.get(content) == record:
            return
        self._offered[content] = record
        told = self._told.get(content)
        if told is not None:
            self._hold(content, told)
