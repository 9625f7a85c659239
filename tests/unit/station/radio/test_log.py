"""The station log keeps all of the radio, and answers only for what is durable."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, VHF, traffic

from meshdl.air import FrameHeard
from meshdl.content.precedence import Precedence
from meshdl.control.log_entry import LogQuery
from meshdl.ids import Callsign, ContentHash
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.transmitter_events import LogCommitted, LogFailed, WriteLog
from meshdl.station.log import StationLog
from meshdl.station.radio.log import Answer, RadioLog, append, reception
from meshdl.station.worker import Worker

CONTENT = ContentHash(b"\xab" * 32)


def write(path: Path, *records: RadioRecord, close_first: bool = False) -> list[Answer]:
    async def whole() -> list[Answer]:
        log, pens, answers = StationLog(path), Worker("log"), list[Answer]()
        radio_log = RadioLog(log, pens, answers.append)
        if close_first:
            log.close()
        for serial, record in enumerate(records, start=1):
            radio_log.write(WriteLog(serial, record))
        await pens.close()
        log.close()
        return answers

    return asyncio.run(whole())


def test_every_field_of_a_transmission_comes_back_after_a_restart(tmp_path: Path) -> None:
    rig = Rig()
    rig.submit(
        traffic(
            b"\x00\xff" * 20, precedence=Precedence.PRIORITY, content=CONTENT, chunks=(7,),
            octets_before=90, octets_after=40, note="symbols 0-9",
        )
    )  # fmt: skip
    rig.run(60.0)
    assert write(tmp_path / "log", *rig.records) == [
        LogCommitted(serial + 1) for serial in range(len(rig.records))
    ]
    log = StationLog(tmp_path / "log")
    entries = list(log.entries(LogQuery(kind="radio")))
    first = entries[0]
    assert (first.direction, first.callsign, first.octets) == ("sent", "N0AAA", 40)
    assert (first.content_hash, first.text) == (CONTENT.hex(), "symbols 0-9")
    facts = first.radio
    assert facts is not None
    assert (facts.event, facts.own_call, facts.control_operator) == (
        "transmission", "KA1ABC", "KA1ABC",
    )  # fmt: skip
    assert (facts.dial_hz, facts.modem, facts.width_hz) == (145_010_000, "AFSK 1200", 15_000.0)
    assert (facts.precedence, facts.purpose, facts.control) == ("priority", "exchange", "local")
    assert facts.duration_s == pytest.approx(AFSK.burst_s([40]), abs=0.001)
    assert facts.to == "N0AAA"
    assert (facts.chunks, facts.octets_before, facts.octets_after) == ((7,), 90, 40)
    assert facts.frames == (b"\x00\xff" * 20,)  # convertible to what was sent
    assert (facts.verdict, "97.111(a)(1)" in (facts.section or "")) == ("LEGAL", True)
    events = [entry.radio.event for entry in entries if entry.radio]
    assert events == ["transmission", "ended", "transmission", "ended"]
    assert log.verify().wrong_at is None
    log.close()


def test_a_reception_is_kept_with_what_was_heard(tmp_path: Path) -> None:
    frame = FrameHeard(octets=b"CQ", at=5.0, snr_db=7.5)
    log = StationLog(tmp_path / "log")
    append(log, reception(frame, VHF, AFSK, sender=Callsign("N0AAA"), text="CQ of N0AAA"), at=9.0)
    [entry] = log.entries()
    assert (entry.at, entry.direction, entry.callsign) == (9.0, "received", "N0AAA")
    assert entry.radio is not None
    assert (entry.radio.snr_db, entry.radio.frames) == (7.5, (b"CQ",))
    line = msgspec.json.encode(entry)
    assert json.loads(line)["radio"]["frames"] == ["Q1E="]
    log.close()


def test_a_record_that_cannot_be_written_is_a_failure_and_no_commit(tmp_path: Path) -> None:
    record = RadioRecord(event=RadioEvent.SWITCH, text="off")
    [answer] = write(tmp_path / "log", record, close_first=True)
    assert isinstance(answer, LogFailed)
    assert "log" in answer.reason


def test_a_full_disk_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = StationLog(tmp_path / "log")
    # SQLite's own limit stands in for the disk's: the same error code.
    pages = log._database.rows("PRAGMA page_count")[0][0]
    log._database.rows(f"PRAGMA max_page_count = {pages}")
    frames = (b"x" * 60_000,)
    with pytest.raises(Exception, match="make room"):
        append(log, RadioRecord(event=RadioEvent.TRANSMISSION, frames=frames), at=1.0)
    log._database.rows("PRAGMA max_page_count = 1000000")
    append(log, RadioRecord(event=RadioEvent.TRANSMISSION, frames=frames), at=2.0)
    assert log.verify().wrong_at is None
    assert [entry.at for entry in log.entries()] == [2.0]
    log.close()


@pytest.mark.parametrize("event", RadioEvent)
def test_only_what_was_on_the_air_has_a_direction(tmp_path: Path, event: RadioEvent) -> None:
    log = StationLog(tmp_path / "log")
    append(log, RadioRecord(event=event, to=Callsign("N0AAA")), at=1.0)
    [entry] = log.entries()
    expected = {RadioEvent.TRANSMISSION: "sent", RadioEvent.RECEPTION: "received"}
    assert entry.direction == expected.get(event)
    log.close()
