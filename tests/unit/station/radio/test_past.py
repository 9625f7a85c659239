"""A program that was killed on the air: the next one makes good what it can, from the log."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.radio.stations import HF, VHF

from meshdl.control.log_entry import LogEntry
from meshdl.control.radio_log import RadioFacts
from meshdl.errors import FileUnwritable
from meshdl.ids import Callsign
from meshdl.radio.transmitter_events import Remember
from meshdl.station.log import StationLog
from meshdl.station.radio import past

NOW = 1_790_000_000.0
NAMED = b"DE KA1ABC"


def entry(ago_s: float, event: Any, burst: int, text: str = "", **facts: Any) -> LogEntry:
    radio = RadioFacts(
        event=event, burst=burst, dial_hz=VHF.dial_hz if event == "transmission" else None, **facts
    )
    return LogEntry(
        serial=burst, at=NOW - ago_s, kind="radio", direction="sent", callsign=None,
        station_id=None, content_hash=None, octets=None, path=None, text=text, radio=radio,
    )  # fmt: skip


def burst(ago_s: float, number: int, *frames: bytes, end: str | None = "sent") -> list[LogEntry]:
    began = entry(ago_s, "transmission", number, frames=frames or (b"chunk",), duration_s=2.0)
    return [began] if end is None else [began, entry(ago_s - 2.0, "ended", number, end)]


def looked_back(*entries: LogEntry, station: Any = VHF) -> Remember:
    return past.past_of(entries, station, at=NOW)


@pytest.mark.parametrize("end", [None, "sent", "cut short: the modem is gone: unplugged"])
def test_what_was_sent_without_a_callsign_is_owed(end: str | None) -> None:
    found = looked_back(*burst(100.0, 1, end=end), *burst(50.0, 2, end=end))
    assert found == Remember(((100.0, 2.0), (50.0, 2.0)), 100.0)


@pytest.mark.parametrize("named", [NAMED, NAMED + b"\0\0\0\0\0", NAMED + b"-7 TO VE3ABC"])
def test_what_was_identified_to_its_end_is_not(named: bytes) -> None:
    assert (
        looked_back(*burst(100.0, 1), *burst(50.0, 2, b"chunk", named)).unidentified_for_s is None
    )
    again = looked_back(*burst(100.0, 1), *burst(50.0, 2, named), *burst(20.0, 3))
    assert again.unidentified_for_s == 20.0


@pytest.mark.parametrize("end", [None, "cut short: stuck"])
def test_a_callsign_that_was_cut_off_has_named_nobody(end: str | None) -> None:
    assert (
        looked_back(*burst(100.0, 1), *burst(50.0, 2, NAMED, end=end)).unidentified_for_s == 100.0
    )
    other = looked_back(*burst(100.0, 1), *burst(50.0, 2, b"DE N0AAA"))
    assert other.unidentified_for_s == 100.0


def test_what_was_logged_and_not_keyed_was_not_on_the_air() -> None:
    assert looked_back(*burst(50.0, 1, end="not keyed: something else goes first")) == Remember()


def test_serials_begin_anew_with_every_run() -> None:
    found = looked_back(*burst(100.0, 1, end=None), *burst(50.0, 1, NAMED))
    assert found == Remember(((100.0, 2.0), (50.0, 2.0)))


def test_elsewhere_and_too_late_nothing_is_owed() -> None:
    elsewhere = replace(VHF, dial_hz=146_010_000)
    assert looked_back(*burst(50.0, 1), station=elsewhere).unidentified_for_s is None
    assert looked_back(*burst(601.0, 1)) == Remember(((601.0, 2.0),))
    without_rules = replace(VHF, profile=None)
    assert looked_back(*burst(50.0, 1), station=without_rules).unidentified_for_s is None


def test_a_clock_that_was_set_back_makes_no_airtime_of_the_future() -> None:
    assert looked_back(*burst(-500.0, 1)) == Remember(((0.0, 2.0),), 0.0)


def test_only_the_last_hour_is_read_and_only_the_radio(tmp_path: Any) -> None:
    log = StationLog(tmp_path / "log")
    facts = RadioFacts(event="transmission", burst=1, dial_hz=HF.dial_hz, duration_s=2.0)
    for ago_s in (4_000.0, 3_000.0):
        log.append(at=NOW - ago_s, kind="radio", direction="sent", radio=facts)
    log.append(at=NOW - 10.0, kind="transfer", callsign=Callsign("N0AAA"))
    assert past.read(log, HF, at=NOW) == Remember(((3_000.0, 2.0),))
    log.close()
    with pytest.raises(FileUnwritable):
        list(log.entries())
    assert past.read(log, HF, at=NOW) == Remember()
