"""What the radio is told of contents, and what becomes of what it found."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from meshdl.content import merkle
from meshdl.content.metainfo import Metainfo
from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord
from meshdl.ids import Callsign, ChunkIndex, ContentHash, StationKey
from meshdl.radio.transfer import events
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.sim.radio_memory import content_of
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.radio.contents import RadioContents
from meshdl.swarm import effects, inputs
from meshdl.wire.onair.codes import content_tag
from meshdl.wire.onair.pdus import ObjectKind

CONTENT = content_of("map.bin", Random(1).randbytes(100_000), chunk_octets=65_536)
"""Two chunks: of four leaves, and of three."""

HASH = CONTENT.content
FIRST_HASHES = b"".join(merkle.hash_leaves(CONTENT.octets[:65_536]))


@dataclass
class Stores:
    """Open stores that answer at once."""

    hashes: dict[ChunkIndex, bytes] = field(default_factory=dict)
    octets: bytes | None = None

    def read_leaf_hashes(
        self, _: ContentHash, chunk: ChunkIndex, answer: Callable[[bytes | None], None]
    ) -> None:
        answer(self.hashes.get(chunk))

    def read_leaf(
        self,
        _: ContentHash,
        chunk: ChunkIndex,
        offset: int,
        octets: int,
        answer: Callable[[bytes | None], None],
    ) -> None:
        start = chunk * 65_536 + offset
        answer(self.octets[start : start + octets] if self.octets is not None else None)


@dataclass
class Others:
    """Everything around: library, records, what was overheard, and both cores."""

    entries: dict[ContentHash, CatalogueEntry] = field(default_factory=dict)
    stores: Stores = field(default_factory=Stores)
    radio: list[Any] = field(default_factory=list)
    swarm: list[Any] = field(default_factory=list)
    overheard: list[Metainfo] = field(default_factory=list)
    named: list[Callable[[Any], None]] = field(default_factory=list)
    room: bool = True
    now: inputs.ContentOpened | None = None

    def find(self, content: ContentHash) -> CatalogueEntry | None:
        return self.entries.get(content)

    def change(self, entry: CatalogueEntry) -> None:
        self.entries[entry.content_hash] = entry

    def keep(self, metainfo: Metainfo) -> bool:
        self.overheard.append(metainfo)
        return self.room

    def heard_on_air(self, record: bytes, named: Callable[[Any], None]) -> None:
        self.named.append(named)

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.radio if isinstance(one, kind)]


def entry(**changes: Any) -> CatalogueEntry:
    downloading = CatalogueEntry(
        content_hash=HASH,
        state=StoredState.DOWNLOADING,
        path=Path("/home/op/map.bin"),
        title="map.bin",
        octets=100_000,
        precedence=Precedence.ROUTINE,
        added_at=0.0,
        via="rf",
    )
    return replace(downloading, **changes)


def opened(have: int = 0, partial: dict[int, int] | None = None) -> inputs.ContentOpened:
    held = {ChunkIndex(chunk): leaves for chunk, leaves in (partial or {}).items()}
    return inputs.ContentOpened(HASH, CONTENT.metainfo, CONTENT.hashes, have, held)


def with_contents(scenario: Callable[[RadioContents, Others], None]) -> Others:
    async def whole() -> Others:
        others = Others()
        contents = RadioContents(
            others,  # type: ignore[arg-type] # what is used of it
            others,  # type: ignore[arg-type]
            others,  # type: ignore[arg-type]
            offers=lambda octets, _: octets <= 50_000,
            radio=others.radio.append,
            swarm=others.swarm.append,
            held=lambda _: others.now,
            changed=lambda _: None,
            lacking=lambda _: 17,
        )
        scenario(contents, others)
        return others

    return asyncio.run(whole())


def test_after_a_restart_the_radio_knows_leaves_and_leaf_hashes_and_asks_for_the_rest() -> None:
    def restart(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry()
        others.stores.hashes[ChunkIndex(0)] = FIRST_HASHES
        contents.told(opened(have=0b10, partial={0: 0b0101}))
        contents.told(inputs.StartDownload(HASH, Precedence.PRIORITY, by_links=False))

    others = with_contents(restart)
    hold = others.of(events.Hold)[0]
    assert hold.held == 0b111_0101
    assert others.of(events.LeafHashesHeld) == [
        events.LeafHashesHeld(HASH, ChunkIndex(0), FIRST_HASHES)
    ]
    assert others.swarm == [inputs.LeafHashesLearned(HASH, ChunkIndex(0), FIRST_HASHES)]
    assert others.radio[-1] == events.Fetch(HASH, Precedence.PRIORITY)


def test_what_any_path_wrote_is_told_leaf_by_leaf() -> None:
    def write(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry()
        contents.told(opened())
        contents.told(inputs.RangeWritten(HASH, ChunkIndex(1), 16_384, 100_000 - 65_536 - 16_384))
        contents.leaf_hashes_proved(effects.WriteLeafHashes(HASH, ChunkIndex(0), FIRST_HASHES))

    others = with_contents(write)
    assert [one.number for one in others.of(events.LeafHeld)] == [5, 6]
    assert others.of(events.LeafHashesHeld)[0].hashes == FIRST_HASHES


def test_what_the_settings_do_not_offer_is_told_only_when_it_is_wanted_by_radio() -> None:
    def share(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry(via="auto", state=StoredState.SHARING)
        contents.told(opened(have=0b11))
        assert others.radio == []
        assert HASH not in contents
        others.entries[HASH] = entry(via="hybrid")
        others.now = opened(have=0b01)
        contents.told(inputs.StartDownload(HASH))

    others = with_contents(share)
    assert [type(one) for one in others.radio] == [events.Hold, events.Fetch]
    assert others.of(events.Hold)[0].held == 0b1111


def test_a_pause_a_failure_and_an_end_stop_spending_airtime() -> None:
    for event in (
        inputs.PauseDownload(HASH),
        inputs.StoreFailed(HASH, "no room"),
        inputs.ContentFinished(HASH),
        inputs.ContentRemoved(HASH),
    ):

        def stop(contents: RadioContents, others: Others, event: inputs.SwarmInput = event) -> None:
            others.entries[HASH] = entry()
            contents.told(opened())
            contents.told(inputs.StartDownload(HASH, by_links=False))
            assert contents.fetching == {HASH}
            contents.told(event)
            assert contents.fetching == frozenset()

        others = with_contents(stop)
        assert others.of(events.StopFetch) == [events.StopFetch(HASH)]
        gone = isinstance(event, inputs.StoreFailed | inputs.ContentRemoved)
        assert others.of(events.Unhold) == ([events.Unhold(HASH)] if gone else [])


def test_a_start_tells_anew_what_is_held_for_what_came_in_a_pause_was_not_kept() -> None:
    def again(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry()
        contents.told(opened(partial={0: 0b1}))
        contents.told(inputs.RangeWritten(HASH, ChunkIndex(0), 16_384, 16_384))
        contents.told(inputs.StartDownload(HASH, by_links=False))

    others = with_contents(again)
    assert [one.held for one in others.of(events.Hold)] == [0b1, 0b11]


def test_a_download_by_links_spends_no_airtime() -> None:
    def start(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry(via="auto")
        contents.told(inputs.StartDownload(HASH))

    assert with_contents(start).radio == []


def test_what_was_found_goes_into_the_download_whoever_wanted_it() -> None:
    def find(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry(via="webrtc")
        contents.found(events.MetainfoFound(CONTENT.metainfo, {}, CONTENT.hashes, b"", False))
        contents.found(events.LeafHashesFound(HASH, ChunkIndex(0), FIRST_HASHES))
        contents.found(events.LeafFound(HASH, 1, ChunkIndex(0), 16_384, b"leaf", wanted=False))

    others = with_contents(find)
    assert others.swarm == [
        inputs.MetainfoLearned(HASH, CONTENT.metainfo, {}, CONTENT.hashes),
        inputs.LeafHashesLearned(HASH, ChunkIndex(0), FIRST_HASHES),
        inputs.LeafLearned(HASH, ChunkIndex(0), 16_384, b"leaf"),
    ]
    assert others.overheard == []


def test_what_nobody_here_asked_for_is_kept_if_there_is_room() -> None:
    for room in (True, False):

        def overhear(contents: RadioContents, others: Others, room: bool = room) -> None:
            others.room = room
            contents.found(events.MetainfoFound(CONTENT.metainfo, {}, CONTENT.hashes, b"", False))

        others = with_contents(overhear)
        assert others.overheard == [CONTENT.metainfo]
        assert len(others.swarm) == (1 if room else 0)


def test_objects_are_read_for_an_answer_or_said_to_be_gone() -> None:
    tag = content_tag(HASH)
    leaf = ObjectKey(tag, ObjectKind.LEAF, 5)
    hashes = ObjectKey(tag, ObjectKind.HASHES, 0)

    def read(contents: RadioContents, others: Others) -> None:
        wanted = events.ReadObject(leaf, HASH, ChunkIndex(1), 16_384, 16_384)
        contents.read(wanted)
        others.stores.octets = CONTENT.octets
        contents.read(wanted)
        others.stores.hashes[ChunkIndex(0)] = FIRST_HASHES
        contents.read(events.ReadObject(hashes, HASH, ChunkIndex(0), 0, 0))

    assert with_contents(read).radio == [
        events.ObjectRead(leaf, None),
        events.ObjectRead(leaf, CONTENT.octets[81_920:98_304]),
        events.ObjectRead(hashes, FIRST_HASHES),
    ]


def test_what_is_found_to_be_encrypted_is_told_before_the_first_of_it_is_read() -> None:
    leaf = ObjectKey(content_tag(HASH), ObjectKind.LEAF, 0)

    def read(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry()
        others.stores.octets = b"Salted__" + CONTENT.octets[8:]
        contents.told(opened(have=0b11))
        contents.read(events.ReadObject(leaf, HASH, ChunkIndex(0), 0, 16_384))

    told = with_contents(read).radio
    held = [one for one in told if isinstance(one, events.Hold)]
    assert [one.cleartext for one in held] == [True, False]
    assert isinstance(told[-1], events.ObjectRead)


def test_symbols_are_counted_of_what_is_wanted_and_described() -> None:
    def fetch(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry()
        contents.told(inputs.StartDownload(HASH, Precedence.ROUTINE, by_links=False))
        assert contents.symbols_lacking(HASH) is None  # it is not known how many
        contents.told(opened())
        assert contents.symbols_lacking(HASH) == 17
        contents.told(inputs.PauseDownload(HASH))
        assert contents.symbols_lacking(HASH) is None

    with_contents(fetch)


def record(precedence: Precedence) -> ContentRecord:
    return ContentRecord(
        content_hash=HASH,
        title="Insulin",
        octets=100_000,
        originator=Callsign("N0AAA"),
        originator_key=StationKey(b"k" * 32),
        precedence=precedence,
        tags=(),
        media_type="",
        created_at=1_790_000_000,
        expires_at=1_790_100_000,
        signature=b"",
    )


def after_its_record(said: Precedence, **changes: Any) -> Others:
    def fetch(contents: RadioContents, others: Others) -> None:
        others.entries[HASH] = entry(title=HASH.hex()[:12], **changes)
        started = inputs.StartDownload(HASH, others.entries[HASH].precedence, by_links=False)
        contents.told(started)
        contents.found(events.MetainfoFound(CONTENT.metainfo, {}, CONTENT.hashes, b"record", True))
        [named] = others.named
        named(record(said))
        contents.told(opened())

    return with_contents(fetch)


def test_who_asks_for_an_emergency_asks_as_urgently_as_its_record_says() -> None:
    others = after_its_record(Precedence.EMERGENCY)
    assert others.of(events.Fetch)[-1] == events.Fetch(HASH, Precedence.EMERGENCY)
    assert others.of(events.Hold)[-1].precedence is Precedence.EMERGENCY
    assert others.entries[HASH].title == "Insulin"


def test_a_precedence_that_the_operator_gave_stays() -> None:
    others = after_its_record(Precedence.EMERGENCY, precedence=Precedence.PRIORITY)
    assert [one.precedence for one in others.of(events.Fetch)] == [Precedence.PRIORITY]
    assert others.of(events.Hold)[-1].precedence is Precedence.PRIORITY
