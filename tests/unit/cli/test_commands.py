"""The commands against a served station, as an operator types them."""

import asyncio
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adif_io
import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.support.fake_station import (
    BULLETIN_HASH,
    MAP_HASH,
    PEER_ID,
    FakeStation,
    content_of,
)

from meshdl.cli import doctor
from meshdl.cli.main import COMMANDS, meshdl
from meshdl.control.content_status import ContentState, ShareProgress, ShareSkipped
from meshdl.control.internet_status import InternetStatus, RoomStatus, ServerStatus
from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.radio_log import RadioFacts
from meshdl.control.server import ControlServer
from meshdl.errors import (
    ConfigError,
    DiskFull,
    FileUnreadable,
    HomeInUse,
    LinkRefused,
    LocalProtocolError,
    MeshdlError,
    RecordInvalid,
    RemoteProtocolError,
    TargetExists,
)
from meshdl.ids import Callsign, ContentHash
from meshdl.links import Path as LinkPath
from meshdl.station.finding import Finding, Verdict
from meshdl.station.log import StationLog

Run = Callable[..., Result]

ENTRY = LogEntry(
    serial=1,
    at=1_790_000_000.0,
    kind="transfer",
    direction="received",
    callsign="W1AW",
    station_id=PEER_ID,
    content_hash=MAP_HASH.hex(),
    octets=4_000_000,
    path=LinkPath.LAN,
    text="Map, of the county",
)


@pytest.fixture
def station() -> FakeStation:
    return FakeStation(held={MAP_HASH: content_of(MAP_HASH)}, log_entries=[ENTRY])


@pytest.fixture
def run(tmp_path: Path, station: FakeStation) -> Run:
    """Type a command line; the station is served meanwhile, on a loop of its own."""

    def invoke(*words: str) -> Result:
        async def whole() -> Result:
            async with ControlServer(station, home=tmp_path):
                arguments = [*words, "--home", str(tmp_path)]
                return await asyncio.to_thread(CliRunner().invoke, meshdl, arguments)

        return asyncio.run(whole())

    return invoke


def only_object(result: Result) -> Any:
    [line] = result.stdout.splitlines()
    return json.loads(line)


def test_status_tells_who_and_where(run: Run, station: FakeStation) -> None:
    station.warnings = ("W1AW shows another key than before",)
    result = run("status")
    assert result.exit_code == 0
    assert "KA1ABC (0123456789abcdef)" in result.stdout
    assert "port 7373 on 192.0.2.7" in result.stdout
    assert "1.0 MB/s in" in result.stdout
    assert result.stderr == "Warning: W1AW shows another key than before\n"
    assert only_object(run("status", "--json"))["lan"]["port"] == 7373


def test_status_tells_where_the_station_stands_with_each_server(
    run: Run, station: FakeStation
) -> None:
    assert "Internet  off" in run("status").stdout
    room = RoomStatus(name="county-net", closed=True, joined=True, expires_at=1_800_000_000)
    station.internet = InternetStatus(
        enabled=True,
        servers=(
            ServerStatus(
                url="wss://a.example",
                state="online",
                problem="",
                rooms=(room, RoomStatus(name="cq", closed=False, joined=False)),
                ice_servers=("stun:turn.example:3478",),
            ),
            ServerStatus(
                url="wss://b.example", state="offline", problem="refused\x1b[2J", rooms=()
            ),
        ),
        direct=(Callsign("KA1AAA"),),
        relayed=(Callsign("KB2DEF"),),
    )
    told = run("status").stdout
    assert "wss://a.example online\n" in told
    assert "rooms county-net (closed, until 2027-01-15 08:00:00Z), cq (not joined)" in told
    assert "STUN and TURN stun:turn.example:3478" in told
    assert "wss://b.example offline: refused" in told
    assert "direct: KA1AAA" in told
    assert "relayed: KB2DEF" in told
    assert "\x1b" not in told
    shown = only_object(run("status", "--json"))["internet"]
    assert shown["servers"][0]["rooms"][0]["expires_at"] == 1_800_000_000


def test_what_a_server_says_cannot_command_the_terminal_of_the_doctor() -> None:
    line = doctor._line(Finding(Verdict.WARN, "turn", "turn:\x1b[2Jx: no answer"))
    assert "\x1b[2J" not in line


def test_peers_shows_why_no_more_comes(run: Run) -> None:
    told = run("peers")
    assert "LIMIT" in told.stdout
    shown = only_object(run("peers", "--json"))[0]
    assert (shown["window_octets"], shown["limited_by"]) == (1_000_000, "path")


def test_peers_shows_the_path(run: Run) -> None:
    result = run("peers")
    assert "W1AW" in result.stdout
    assert "lan" in result.stdout
    assert "1.5 ms" in result.stdout
    assert only_object(run("peers", "--json"))[0]["station_id"] == PEER_ID


def test_ls_lists_contents(run: Run, station: FakeStation) -> None:
    broken = content_of(
        BULLETIN_HASH, state=ContentState.BROKEN, error="the file has changed; share it again"
    )
    station.change(broken)
    result = run("ls")
    assert "aaaaaaaaaaaa  downloading  4.0 MB  50 %" in result.stdout
    assert result.stderr == "bbbbbbbbbbbb: the file has changed; share it again\n"
    assert [c["content_hash"] for c in only_object(run("ls", "--json"))] == [
        MAP_HASH.hex(),
        BULLETIN_HASH.hex(),
    ]


def test_ls_with_nothing_says_what_to_do(run: Run, station: FakeStation) -> None:
    station.held.clear()
    assert "meshdl share" in run("ls").stdout


def test_ls_network_shows_who_has_it(run: Run) -> None:
    result = run("ls", "--network")
    assert "Bulletin 7" in result.stdout
    assert "priority" in result.stdout
    assert only_object(run("ls", "--network", "--json"))[0]["held_by"] == ["W1AW"]


def test_a_title_cannot_command_the_terminal(run: Run, station: FakeStation) -> None:
    station.change(content_of(MAP_HASH, title="[bold]\x1b[2Jwiped"))
    output = run("ls").stdout
    assert "\x1b" not in output
    assert "[bold]" in output


@pytest.mark.parametrize(
    "name", ["aaaa", MAP_HASH.hex(), f"magnet:?xt=urn:btmh:1220{MAP_HASH.hex()}"]
)
def test_a_content_is_named_by_digits_hash_or_link(
    run: Run, station: FakeStation, name: str
) -> None:
    assert run("pause", name).stdout == "Map of the county: paused, 50 %\n"
    assert run("resume", name).stdout == "Map of the county: downloading, 50 %\n"
    assert station.told == [("pause", MAP_HASH), ("resume", MAP_HASH)]
    assert only_object(run("pause", name, "--json"))["state"] == "paused"


@pytest.mark.parametrize(("digits", "code"), [("aaa", 65), ("dddd", 66), ("xyz", 65)])
def test_digits_that_name_nothing_are_an_error(
    run: Run, station: FakeStation, digits: str, code: int
) -> None:
    assert run("pause", digits).exit_code == code
    assert station.told == []


def test_digits_that_name_several_are_an_error(run: Run, station: FakeStation) -> None:
    twin = content_of(ContentHash(bytes.fromhex("aaaa" + "ee" * 30)))
    station.change(twin)
    result = run("rm", "aaaa")
    assert (result.exit_code, "give more digits" in result.stderr) == (66, True)


def test_rm_keeps_files_unless_told(run: Run, station: FakeStation) -> None:
    assert run("rm", "aaaa").stdout == f"Removed {MAP_HASH.hex()}\n"
    station.held[MAP_HASH] = content_of(MAP_HASH)
    assert only_object(run("rm", "aaaa", "--delete-files", "--json"))["removed"] is True
    assert station.told == [("remove", MAP_HASH, False), ("remove", MAP_HASH, True)]


def test_torrent_writes_a_file_and_replaces_none(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "map.torrent"
    result = run("torrent", "aaaa", "-o", str(target))
    assert (result.exit_code, target.read_bytes()) == (0, b"d4:infod12:meta versioni2eee")
    assert run("torrent", "aaaa", "-o", str(target)).exit_code == 73
    assert run("torrent", "aaaa", "-o", str(tmp_path / "no" / "where")).exit_code == 74


def test_share_prints_hash_and_link(run: Run, station: FakeStation, tmp_path: Path) -> None:
    (tmp_path / "map.pdf").write_bytes(b"map")
    station.share_steps = [
        ShareProgress(location="map.pdf", octets_done=1, octets=4),
        content_of(MAP_HASH, state=ContentState.SHARING),
    ]
    words = ("share", str(tmp_path / "map.pdf"), "--title", "Map", "--tag", "wx", "--tag", "map")
    result = run(*words, "--precedence", "welfare")
    assert result.exit_code == 0
    assert f"hash  {MAP_HASH.hex()}" in result.stdout
    assert f"link  meshdl:?xt=urn:btmh:1220{MAP_HASH.hex()}" in result.stdout
    assert "25 % of 4 B" in result.stderr
    expected = ("share", (str(tmp_path / "map.pdf"),), "Map", "welfare", ("wx", "map"))
    assert station.told == [expected]
    lines = [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]
    assert [line["type"] for line in lines] == ["progress", "content"]


def test_share_tells_what_is_not_shared(run: Run, station: FakeStation, tmp_path: Path) -> None:
    names = ("old/link", "a\x1b[2J", "b", "c", "d", "e")
    station.share_steps = [
        ShareSkipped(location="maps", names=names, count=7),
        content_of(MAP_HASH, state=ContentState.SHARING),
    ]
    result = run("share", str(tmp_path))
    assert result.exit_code == 0
    assert "Not shared with maps, for they are links or devices: old/link, a" in result.stderr
    assert "b, c, d, 2 more. To share what a link leads to, put a copy there." in result.stderr
    assert "\x1b" not in result.stderr
    lines = [json.loads(line) for line in run("share", str(tmp_path), "--json").stdout.splitlines()]
    assert [line["type"] for line in lines] == ["skipped", "content"]


def test_a_path_that_fails_does_not_hide_what_was_shared_before(
    run: Run, station: FakeStation, tmp_path: Path
) -> None:
    station.share_steps = [content_of(MAP_HASH), FileUnreadable("cannot read b")]
    result = run("share", str(tmp_path))
    assert result.exit_code == 66
    assert MAP_HASH.hex() in result.stdout
    assert "cannot read b" in result.stderr


def test_share_refuses_a_title_for_several(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"")
    result = run("share", str(tmp_path / "a"), str(tmp_path / "b"), "--title", "Both")
    assert result.exit_code == 64


def test_share_of_a_path_that_is_not_there_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    assert run("share", str(tmp_path / "nowhere")).exit_code == 64


def test_trust_pins_the_key_that_was_named(run: Run, station: FakeStation) -> None:
    assert run("trust", "w1aw", PEER_ID.upper()).exit_code == 0
    assert station.told == [("trust", "W1AW", PEER_ID)]
    assert run("trust", "nobody", PEER_ID).exit_code == 64
    assert run("trust", "W1AW", "short").exit_code == 76


def test_the_log_comes_in_three_forms(run: Run, station: FakeStation) -> None:
    text = run("log").stdout
    assert "2026-09-21" in text
    assert "received  W1AW  lan  4.0 MB  aaaaaaaaaaaa  Map, of the county" in text
    assert json.loads(run("log", "--json").stdout)["octets"] == 4_000_000
    [row] = csv.DictReader(io.StringIO(run("log", "--csv").stdout))
    assert (row["callsign"], row["path"], row["text"]) == ("W1AW", "lan", "Map, of the county")
    assert row["at"] == "2026-09-21T14:13:20.000+00:00"


def test_the_log_is_read_from_its_file_when_no_station_runs(tmp_path: Path) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(meshdl, ["--home", str(tmp_path / "home"), *arguments])

    assert run("init", "--callsign", "KA1ABC").exit_code == 0
    assert "meshdl up" in run("log").stderr  # there is none yet
    log = StationLog(tmp_path / "home" / "log.sqlite3")
    radio = RadioFacts(event="transmission", own_call="KA1ABC", to="W1AW", dial_hz=14_103_000)
    for text in ("first", "second"):
        log.append(at=1_790_000_000.0, kind="radio", text=text, direction="sent", radio=radio)
    log.close()
    assert run("log", "--limit", "1").stdout.endswith("second\n")
    assert len(run("log", "--json").stdout.splitlines()) == 2
    assert "4. Station:             KA1ABC" in run("log", "--ics309").stdout
    assert run("log", "--adif").stdout.rstrip().endswith("<EOH>")  # nobody answered


def test_the_log_of_the_radio_comes_as_adif_and_ics_309(run: Run, station: FakeStation) -> None:
    heard = RadioFacts(event="reception", dial_hz=14_103_000, modem="DATAC1", duration_s=5.0)
    sent = msgspec.structs.replace(
        heard, event="transmission", to="W1AW", verdict="LEGAL", section="97.1"
    )
    entry = msgspec.structs.replace(ENTRY, kind="radio", content_hash=None, path=None)
    station.log_entries = [
        msgspec.structs.replace(entry, radio=heard),
        msgspec.structs.replace(entry, radio=sent, direction="sent", text="=1+1"),
    ]
    qsos, _ = adif_io.read_from_string(run("log", "--adif").stdout)
    assert [qso["CALL"] for qso in qsos] == ["W1AW"]
    assert ("log", LogQuery(kind="radio")) in station.told
    assert "COMMUNICATIONS LOG (ICS 309)" in run("log", "--ics309").stdout
    assert "transmission  14.1030 MHz  5.0 s  DATAC1  LEGAL  (97.1)  =1+1" in run("log").stdout
    rows = list(csv.DictReader(io.StringIO(run("log", "--csv").stdout)))
    assert json.loads(rows[1]["radio"])["section"] == "97.1"
    assert rows[1]["text"] == "'=1+1"  # no formula in a spreadsheet


def test_verify_says_whether_the_log_is_as_it_was_written(run: Run, tmp_path: Path) -> None:
    assert run("log", "verify").exit_code == 66
    log = StationLog(tmp_path / "log.sqlite3")
    for text in ("one", "two"):
        log.append(at=1.0, kind="event", text=text)
    log.close()
    found = run("log", "verify")
    assert (found.exit_code, "2 entries, all as they were written" in found.stdout) == (0, True)
    head = found.stdout.split()[-1]
    assert run("log", "verify", "--head", head).exit_code == 0
    assert json.loads(run("log", "verify", "--json").stdout)["head"] == head
    assert run("log", "verify", "--head", "00" * 32).exit_code == 65
    with sqlite3.connect(tmp_path / "log.sqlite3") as connection:
        connection.executescript("DROP TRIGGER log_keeps_words; UPDATE log SET text = 'three'")
    connection.close()
    damaged = run("log", "verify")
    assert (damaged.exit_code, "entry 1 is not as it was written" in damaged.stderr) == (65, True)


def test_the_log_is_narrowed_as_asked(run: Run, station: FakeStation) -> None:
    run("log", "--kind", "event", "--since", "2026-11-23", "--callsign", "w1aw", "--limit", "5")
    expected = LogQuery(kind="event", since=1_795_392_000.0, callsign="W1AW", limit=5)
    assert station.told == [("log", expected)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RecordInvalid("?"), 65),
        (FileUnreadable("?"), 66),
        (LinkRefused("?"), 69),
        (LocalProtocolError("?"), 70),
        (TargetExists("?"), 73),
        (DiskFull("no room; make some"), 74),
        (HomeInUse("?"), 75),
        (RemoteProtocolError("?"), 76),
        (ConfigError("lan.port", "in use"), 78),
        (MeshdlError("?"), 1),
    ],
)
def test_each_remedy_has_its_exit_code(
    run: Run, station: FakeStation, error: MeshdlError, code: int
) -> None:
    station.failure = error
    result = run("status")
    assert (result.exit_code, result.stderr) == (code, f"Error: {error}\n")


def test_without_a_station_every_command_says_how_to_start_one(tmp_path: Path) -> None:
    for words in (["status"], ["ls"], ["get", MAP_HASH.hex()], ["log"], ["peers"]):
        result = CliRunner().invoke(meshdl, ["--home", str(tmp_path), *words])
        assert result.exit_code == 69
        assert result.stderr.startswith("Error: no station runs on")
        assert "meshdl up" in result.stderr


@pytest.mark.parametrize("words", [["stats"], ["--hom"], ["status", "--jsn"], ["pause"]])
def test_a_slip_of_the_finger_is_a_usage_error_with_a_hint(words: list[str]) -> None:
    result = CliRunner().invoke(meshdl, words)
    assert result.exit_code == 64
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("words", [[], ["radio"], ["key"], ["room"]])
def test_no_word_at_all_is_answered_by_the_help_and_no_error(words: list[str]) -> None:
    result = CliRunner().invoke(meshdl, words)
    assert result.exit_code == 64
    assert result.stderr.startswith("Usage: meshdl")
    assert result.stderr.count("Usage:") == 1
    assert "Error" not in result.stderr


@pytest.mark.parametrize("words", [["share"], ["get"], ["get", "-o"], ["rm"], ["--home"]])
def test_a_word_that_is_not_utf_8_is_refused(words: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(meshdl, [*words, os.fsdecode(b"caf\xe9.txt")])
    assert result.exit_code == 64
    assert "caf" in result.stderr
    assert "is not written in UTF-8" in result.stderr


def test_help_lists_every_command() -> None:
    output = CliRunner().invoke(meshdl, ["--help"]).stdout
    for name, entry in COMMANDS.items():
        assert name in output
        assert entry.summary.split()[0] in output


# The demo has homes of its own; a signalling server is no station.
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"demo", "signal"}))
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(meshdl, [name, "--help"])
    assert result.exit_code == 0
    assert "--home" in result.stdout


def test_help_is_quick_because_it_imports_no_more_than_it_needs() -> None:
    script = (
        "import sys; from meshdl.cli.main import meshdl;"
        "meshdl.main(['--help'], standalone_mode=False);"
        "print(sorted({'aiohttp', 'asyncio', 'msgspec', 'numpy', 'rich', 'zeroconf', 'zstandard'}"
        " & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
