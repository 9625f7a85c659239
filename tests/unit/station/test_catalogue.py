"""The catalogue keeps wishes, records and pins, within limits, over restarts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.weak_keys import SMALL_ORDER_KEYS

from meshdl.content import record as records
from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord
from meshdl.errors import ContentUnknown
from meshdl.ids import Callsign, ContentHash, StationKey
from meshdl.station import pin_table, record_table
from meshdl.station.catalogue import MIGRATIONS, Catalogue
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.database import Database
from meshdl.station.pin_table import Pinned

ALICE, BOB, US = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
KA1ABC, KA1XYZ = Callsign("KA1ABC"), Callsign("KA1XYZ")
KEY, OTHER_KEY = StationKey(b"k" * 32), StationKey(b"o" * 32)
NOW = 1_700_000_000.25

ENTRY = CatalogueEntry(
    content_hash=ContentHash(b"a" * 32),
    state=StoredState.DOWNLOADING,
    path=Path("/downloads/maps \u00e9"),
    title="Maps",
    octets=None,
    precedence=Precedence.WELFARE,
    added_at=NOW,
    in_place=True,
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite3")
    yield opened
    opened.close()


def content(number: int) -> ContentHash:
    return ContentHash(number.to_bytes(32))


def record(
    number: int, key: Ed25519PrivateKey = ALICE, *, created: int = 1000, title: str = "Maps"
) -> ContentRecord:
    return records.sign(
        content_hash=content(number),
        title=title,
        octets=5,
        originator=KA1ABC,
        precedence=Precedence.ROUTINE,
        tags=[],
        media_type="",
        created_at=created,
        expires_at=created + 1000,
        private_key=key,
    )


# Contents.


def test_contents_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite3"
    first = Catalogue(path)
    later = replace(ENTRY, content_hash=content(1), added_at=NOW + 1, octets=2**60, error="why")
    first.put(later)
    first.put(ENTRY)
    first.close()
    first.close()
    again = Catalogue(path)
    assert again.entries() == (ENTRY, later)
    assert again.entry(ENTRY.content_hash) == ENTRY
    again.close()


def test_what_is_known_of_a_content_is_replaced(catalogue: Catalogue) -> None:
    catalogue.put(ENTRY)
    better = replace(ENTRY, octets=7, path=Path("/elsewhere"))
    catalogue.put(better)
    assert catalogue.entries() == (better,)


@pytest.mark.parametrize("state", StoredState)
def test_a_state_is_kept_with_its_error(catalogue: Catalogue, state: StoredState) -> None:
    entry = replace(ENTRY, state=state, error="old")
    catalogue.put(entry)
    assert catalogue.entry(ENTRY.content_hash) == entry


def test_a_content_that_is_not_there_is_unknown(catalogue: Catalogue) -> None:
    with pytest.raises(ContentUnknown, match="meshdl ls"):
        catalogue.entry(content(1))
    catalogue.remove(content(1))


def test_a_removed_content_takes_our_record_along_and_nobody_elses(catalogue: Catalogue) -> None:
    catalogue.put(replace(ENTRY, content_hash=content(1)))
    catalogue.records.remember([record(1, US)], own=True, now=1000.0)
    catalogue.records.remember([record(1, ALICE)], own=False, now=1000.0)
    catalogue.remove(content(1))
    assert catalogue.entries() == ()
    assert [one.octets for one in catalogue.records.all(now=1000.0)] == [record(1).encode()]


# Records.


def test_records_are_kept_as_they_came(catalogue: Catalogue) -> None:
    assert catalogue.records.remember([record(1), record(2)], own=False, now=1000.0) == 2
    assert catalogue.records.remember([record(1)], own=False, now=1001.0) == 0
    found = catalogue.records.of(content(1), now=1001.0)
    assert found is not None
    assert (found.octets, found.own, found.first_seen) == (record(1).encode(), False, 1000.0)
    assert ContentRecord.decode(found.octets) == record(1)
    assert catalogue.records.of(content(3), now=1001.0) is None


def test_a_newer_record_of_the_same_originator_replaces_the_older(catalogue: Catalogue) -> None:
    new = record(1, created=1100, title="Better maps")
    catalogue.records.remember([new], own=False, now=1100.0)
    assert catalogue.records.remember([record(1)], own=False, now=1101.0) == 0
    catalogue.records.remember([record(1, created=1200)], own=False, now=1200.0)
    assert [one.octets for one in catalogue.records.all(now=1200.0)] == [
        record(1, created=1200).encode()
    ]


def test_our_own_record_is_shown_first_and_else_the_newest(catalogue: Catalogue) -> None:
    ours, alices, bobs = record(1, US), record(1, ALICE, created=1100), record(1, BOB, created=1200)
    catalogue.records.remember([alices, bobs], own=False, now=1200.0)
    shown = catalogue.records.of(content(1), now=1200.0)
    assert shown is not None
    assert shown.octets == bobs.encode()
    catalogue.records.remember([ours], own=True, now=1200.0)
    shown = catalogue.records.of(content(1), now=1200.0)
    assert shown is not None
    assert (shown.octets, shown.own) == (ours.encode(), True)


def test_an_expired_record_is_neither_taken_nor_shown(catalogue: Catalogue) -> None:
    assert catalogue.records.remember([record(1)], own=False, now=2000.0) == 0
    catalogue.records.remember([record(1)], own=False, now=1999.9)
    assert len(catalogue.records.all(now=1999.9)) == 1
    assert catalogue.records.all(now=2000.0) == ()
    assert catalogue.records.of(content(1), now=2000.0) is None
    catalogue.records.remember([record(2, created=1500)], own=False, now=2000.0)
    assert [one.content_hash for one in catalogue.records.all(now=0.0)] == [content(2)]


def test_the_oldest_records_of_others_give_way(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_table, "RECORDS_MAX", 3)
    catalogue.records.remember([record(9, US)], own=True, now=1000.0)
    for number in range(5):
        catalogue.records.remember([record(number)], own=False, now=1001.0 + number)
    held = [one.content_hash for one in catalogue.records.all(now=1010.0)]
    assert held == [content(9), content(4), content(3), content(2)]


def test_one_originator_does_not_push_out_the_others(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_table, "RECORDS_MAX", 6)
    monkeypatch.setattr(record_table, "RECORDS_PER_KEY_MAX", 2)
    catalogue.records.remember([record(1, BOB)], own=False, now=1000.0)
    flood = [record(number) for number in range(10, 30)]
    catalogue.records.remember(flood, own=False, now=1001.0)
    held = {one.content_hash for one in catalogue.records.all(now=1001.0)}
    assert content(1) in held
    assert len(held) == 3


# Pins.


def test_a_callsign_keeps_the_first_key_it_was_seen_with(catalogue: Catalogue) -> None:
    assert catalogue.pins.pin(KA1ABC, KEY, now=1.0) is Pinned.NEW
    assert catalogue.pins.pin(KA1ABC, KEY, now=3.0) is Pinned.MATCHES
    assert catalogue.pins.pin(KA1ABC, KEY, now=2.0) is Pinned.MATCHES  # the clock was set back
    assert catalogue.pins.pin(KA1ABC, OTHER_KEY, now=4.0) is Pinned.DIFFERS
    pin = catalogue.pins.all()[KA1ABC]
    assert (pin.key, pin.first_seen, pin.last_seen) == (KEY, 1.0, 3.0)


def test_another_key_takes_its_place_only_when_that_is_meant(catalogue: Catalogue) -> None:
    catalogue.pins.pin(KA1ABC, KEY, now=1.0)
    catalogue.pins.pin(KA1XYZ, KEY, now=1.0)
    catalogue.pins.repin(KA1ABC, OTHER_KEY, now=2.0)
    assert catalogue.pins.pin(KA1ABC, KEY, now=3.0) is Pinned.DIFFERS
    pin = catalogue.pins.all()[KA1ABC]
    assert (pin.key, pin.first_seen, pin.last_seen) == (OTHER_KEY, 2.0, 2.0)
    assert catalogue.pins.all()[KA1XYZ].key == KEY
    catalogue.pins.repin(Callsign("W1AW"), KEY, now=4.0)
    assert catalogue.pins.pin(Callsign("W1AW"), KEY, now=5.0) is Pinned.MATCHES


def test_a_pinned_key_that_anybody_can_sign_for_is_no_pin(catalogue: Catalogue) -> None:
    catalogue.pins.repin(KA1ABC, StationKey(SMALL_ORDER_KEYS[0]), now=1.0)
    assert KA1ABC not in catalogue.pins.all()
    assert catalogue.pins.pin(KA1ABC, KEY, now=2.0) is not Pinned.DIFFERS
    assert catalogue.pins.all()[KA1ABC].key == KEY


def test_the_stations_not_seen_for_longest_are_forgotten(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin_table, "PINS_MAX", 2)
    calls = [Callsign(f"KA1A{letter}") for letter in "ABC"]
    for at, call in enumerate([calls[0], calls[1], calls[0], calls[2]]):
        catalogue.pins.pin(call, KEY, now=float(at))
    assert list(catalogue.pins.all()) == [calls[0], calls[2]]


def test_what_was_shared_before_files_had_an_owner_stays_the_operators(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    old = Database(path, MIGRATIONS[:3])
    for number, state in enumerate(StoredState):
        old.change(
            "INSERT INTO contents VALUES (?, ?, '/x', 'x', 1, 3, 0.0, '', 'auto', 0)",
            (bytes([number]) * 32, state.value),
        )
    old.close()
    catalogue = Catalogue(path)
    kept = {entry.state for entry in catalogue.entries() if entry.in_place}
    # What was broken then may have been either: a file too many is better than one too few.
    assert kept == {StoredState.SHARING, StoredState.BROKEN}
    catalogue.close()
