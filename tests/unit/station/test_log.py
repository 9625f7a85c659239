"""The station log is only ever added to, and tells everything in order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshdl.control.log_entry import LogQuery
from meshdl.errors import StorageError
from meshdl.ids import Callsign, ContentHash, StationId
from meshdl.links import Path as LinkPath
from meshdl.station import log as logs
from meshdl.station.log import StationLog

KA1ABC, KA1XYZ = Callsign("KA1ABC"), Callsign("KA1XYZ")
CONTENT = ContentHash(b"\xab" * 32)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[StationLog]:
    opened = StationLog(tmp_path / "log.sqlite3")
    yield opened
    opened.close()


def transfer(log: StationLog, at: float, callsign: Callsign = KA1ABC, text: str = "maps") -> int:
    return log.append(
        at=at,
        kind="transfer",
        direction="received",
        callsign=callsign,
        station_id=StationId("0123456789abcdef"),
        content=CONTENT,
        octets=2**40,
        path=LinkPath.LAN,
        text=text,
    )


def serials(log: StationLog, query: LogQuery | None = None) -> list[int]:
    return [entry.serial for entry in log.entries(query)]


def test_an_entry_comes_back_whole_after_a_restart(tmp_path: Path) -> None:
    first = StationLog(tmp_path / "log.sqlite3")
    serial = transfer(first, 5.25)
    first.close()
    again = StationLog(tmp_path / "log.sqlite3")
    (entry,) = again.entries()
    again.close()
    assert (entry.serial, entry.at, entry.kind, entry.direction) == (
        serial,
        5.25,
        "transfer",
        "received",
    )
    assert (entry.callsign, entry.station_id) == ("KA1ABC", "0123456789abcdef")
    assert (entry.content_hash, entry.octets) == ("ab" * 32, 2**40)
    assert (entry.path, entry.text) == (LinkPath.LAN, "maps")


def test_what_is_not_known_stays_unknown(log: StationLog) -> None:
    log.append(at=1.0, kind="event", text="started")
    (entry,) = log.entries()
    assert (entry.direction, entry.callsign, entry.station_id) == (None, None, None)
    assert (entry.content_hash, entry.octets, entry.path) == (None, None, None)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log",
        "UPDATE log SET text = 'nothing happened'",
        "INSERT OR REPLACE INTO log (serial, at, kind, text) VALUES (1, 1, 'event', 'nothing')",
    ],
)
def test_no_entry_is_ever_changed_or_deleted(log: StationLog, statement: str) -> None:
    transfer(log, 1.0)
    with pytest.raises(StorageError, match="only ever added to"):
        log._database.change(statement)
    assert [entry.text for entry in log.entries()] == ["maps"]


def test_queries_narrow_the_choice(log: StationLog) -> None:
    transfer(log, 10.0)
    log.append(at=20.0, kind="identification", direction="sent", callsign=KA1ABC)
    transfer(log, 30.0, KA1XYZ)
    log.append(at=40.0, kind="event", text="stopped")
    assert serials(log) == [1, 2, 3, 4]
    assert serials(log, LogQuery(kind="transfer")) == [1, 3]
    assert serials(log, LogQuery(kind="identification")) == [2]
    assert serials(log, LogQuery(since=20.0)) == [2, 3, 4]
    assert serials(log, LogQuery(until=20.0)) == [1]
    assert serials(log, LogQuery(callsign="KA1XYZ")) == [3]
    assert serials(log, LogQuery(content_hash="ab" * 32)) == [1, 3]
    assert serials(log, LogQuery(content_hash="ab")) == []
    assert serials(log, LogQuery(kind="transfer", callsign="KA1ABC", since=0.0)) == [1]


def test_a_limit_keeps_the_newest_in_order(log: StationLog) -> None:
    for at in range(6):
        transfer(log, float(at), KA1ABC if at % 2 else KA1XYZ)
    assert serials(log, LogQuery(limit=2)) == [5, 6]
    assert serials(log, LogQuery(limit=2, callsign="KA1ABC")) == [4, 6]
    assert serials(log, LogQuery(limit=100)) == [1, 2, 3, 4, 5, 6]
    assert serials(log, LogQuery(limit=0)) == []


def test_order_is_the_order_of_adding_even_when_the_clock_jumps(log: StationLog) -> None:
    for at in (100.0, 50.0, 75.0):
        transfer(log, at)
    assert [entry.at for entry in log.entries()] == [100.0, 50.0, 75.0]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_a_long_log_is_read_in_pages(
    log: StationLog, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAGE_ENTRIES", 2)
    for at in range(count):
        transfer(log, float(at))
    reading = log.entries()
    found = [next(reading).serial] if count else []
    transfer(log, 9.0)
    found += [entry.serial for entry in reading]
    assert found == (list(range(1, count + 1)) if count else [1])


def test_text_of_others_is_one_short_line(log: StationLog) -> None:
    transfer(log, 1.0, text="a\r\nb\x1b[31m\u202e" + "c" * 1000)
    (entry,) = log.entries()
    assert entry.text.startswith("a  b [31m c")
    assert len(entry.text) == logs.TEXT_MAX
