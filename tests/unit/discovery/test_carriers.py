"""By which server a signal goes: one that loses it is not the only one that is tried."""

import pytest

from meshdl.discovery import carriers
from meshdl.discovery.carriers import Carriers
from meshdl.ids import StationId

ALICE, BOB = StationId("a" * 16), StationId("b" * 16)
BOTH = ("one", "two")


def test_an_attempt_after_one_that_failed_goes_by_the_next_server() -> None:
    known: Carriers[str] = Carriers()
    assert known.pick(ALICE, b"1", BOTH) == "one"
    known.failed(ALICE)
    assert known.pick(ALICE, b"2", BOTH) == "two"
    assert known.pick(BOB, b"3", BOTH) == "one"
    known.failed(ALICE)
    assert known.pick(ALICE, b"4", BOTH) == "one"


def test_a_session_keeps_its_server_while_that_knows_the_station() -> None:
    known: Carriers[str] = Carriers()
    assert known.pick(ALICE, b"1", BOTH) == "one"
    known.failed(ALICE)
    assert known.pick(ALICE, b"1", BOTH) == "one"
    assert known.pick(ALICE, b"1", ("two",)) == "two"
    assert known.pick(ALICE, b"1", BOTH) == "two"
    assert known.pick(ALICE, b"1", ()) is None


def test_an_answer_goes_back_by_the_server_that_brought_the_offer() -> None:
    known: Carriers[str] = Carriers()
    known.brought(b"1", "two")
    assert known.pick(ALICE, b"1", BOTH) == "two"


def test_no_more_is_remembered_than_there_are_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carriers, "SESSIONS_MAX", 2)
    monkeypatch.setattr(carriers, "STATIONS_MAX", 1)
    known: Carriers[str] = Carriers()
    for session in (b"1", b"2", b"3"):
        known.brought(session, "two")
    assert [known.pick(ALICE, session, BOTH) for session in (b"3", b"1")] == ["two", "one"]
    known.failed(ALICE)
    known.failed(BOB)
    assert [known.pick(one, b"new" + one.encode(), BOTH) for one in (ALICE, BOB)] == ["one", "two"]
