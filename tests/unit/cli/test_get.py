"""``meshdl get``: 0 only when every octet is verified; nothing is lost otherwise."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.support.fake_station import BULLETIN_HASH, MAP_HASH, FakeStation, content_of

from meshdl.cli.main import meshdl
from meshdl.control.changes import ContentRemoved
from meshdl.control.content_status import ContentState
from meshdl.control.server import ControlServer
from meshdl.ids import ContentHash

Run = Callable[..., Result]

HALF = content_of(MAP_HASH)
WAITING = content_of(MAP_HASH, state=ContentState.WAITING, sources=())
WHOLE = content_of(
    MAP_HASH, state=ContentState.COMPLETE, octets_done=4_000_000, chunks_done=4, sources=()
)


@pytest.fixture
def station() -> FakeStation:
    return FakeStation()


@pytest.fixture
def run(tmp_path: Path, station: FakeStation) -> Run:
    def invoke(*words: str) -> Result:
        async def whole() -> Result:
            async with ControlServer(station, home=tmp_path):
                arguments = ["get", *words, "--home", str(tmp_path)]
                return await asyncio.to_thread(CliRunner().invoke, meshdl, arguments)

        return asyncio.run(whole())

    return invoke


def soon(station: FakeStation, *changes: Callable[[], None]) -> None:
    """Once a download has begun and is watched, change one thing after the other."""

    async def go() -> None:
        async with asyncio.timeout(10.0):
            while not station.feed.watched:
                await asyncio.sleep(0.005)
        for change in changes:
            change()

    def begin(_: ContentHash) -> None:
        station.change_task = asyncio.create_task(go())  # type: ignore[attr-defined]

    station.after_download = begin


def test_a_download_ends_when_everything_is_verified(run: Run, station: FakeStation) -> None:
    soon(station, lambda: station.change(WHOLE))
    result = run(MAP_HASH.hex())
    assert result.exit_code == 0
    assert result.stdout == "Map of the county: 4.0 MB verified, /home/op/Meshdl/map.pdf\n"
    shown = "Map of the county  50 %  2/4 chunks  1.0 MB/s  ETA 0:02  W1AW (lan 1.0 MB/s)"
    assert shown in result.stderr


def test_what_is_here_already_needs_no_download(run: Run, station: FakeStation) -> None:
    station.held[MAP_HASH] = WHOLE
    assert run(MAP_HASH.hex()).exit_code == 0


def test_options_reach_the_station(run: Run, station: FakeStation, tmp_path: Path) -> None:
    station.held[MAP_HASH] = WHOLE
    run(MAP_HASH.hex(), "-o", str(tmp_path), "--via", "webrtc", "--precedence", "emergency")
    assert station.told == [("download", MAP_HASH.hex(), str(tmp_path), "emergency", "webrtc")]


def test_the_first_digits_of_an_announced_hash_are_enough(run: Run, station: FakeStation) -> None:
    station.held[BULLETIN_HASH] = content_of(BULLETIN_HASH, state=ContentState.COMPLETE)
    assert run("bbbbbb").exit_code == 0
    [(_, target, *_)] = station.told
    assert str(target).endswith(BULLETIN_HASH.hex())


def test_a_torrent_file_is_sent_whole(run: Run, station: FakeStation, tmp_path: Path) -> None:
    station.held[MAP_HASH] = WHOLE
    (tmp_path / "map.torrent").write_bytes(b"d4:infode" * 200_000)
    assert run(str(tmp_path / "map.torrent")).exit_code == 0
    assert station.told[0][1] == b"d4:infode" * 200_000
    assert run(str(tmp_path / "none.torrent")).exit_code == 66


def test_nonsense_is_bad_data(run: Run) -> None:
    result = run("nonsense")
    assert result.exit_code == 65
    assert "'nonsense' is no link" in result.stderr
    assert "ls --network" in result.stderr


def test_a_title_that_one_content_of_the_network_has_is_enough(
    run: Run, station: FakeStation
) -> None:
    station.held[BULLETIN_HASH] = content_of(
        BULLETIN_HASH, title="Bulletin 7", state=ContentState.COMPLETE
    )
    assert run("Bulletin 7").exit_code == 0
    [(_, target, *_)] = station.told
    assert str(target).endswith(BULLETIN_HASH.hex())
    assert run("bulletin 8").exit_code == 65


def test_a_title_of_digits_is_a_title_where_no_hash_begins_so(
    run: Run, station: FakeStation
) -> None:
    station.held[MAP_HASH] = msgspec.structs.replace(WHOLE, title="2026")
    assert run("2026").exit_code == 0
    station.held[MAP_HASH] = msgspec.structs.replace(WHOLE, title="bbbb")
    station.held[BULLETIN_HASH] = content_of(BULLETIN_HASH)
    assert run("bbbb", "--detach").exit_code == 0
    assert [str(target)[-64:] for _, target, *_ in station.told] == [
        MAP_HASH.hex(),
        BULLETIN_HASH.hex(),
    ]


def test_a_title_that_several_have_begins_nothing(run: Run, station: FakeStation) -> None:
    station.held[MAP_HASH] = msgspec.structs.replace(WHOLE, title="Bulletin 7")
    result = run("Bulletin 7")
    assert result.exit_code == 66
    assert MAP_HASH.hex()[:12] in result.stderr
    assert BULLETIN_HASH.hex()[:12] in result.stderr
    assert station.told == []


def test_patience_is_a_number(run: Run, station: FakeStation) -> None:
    for nonsense in ("nan", "inf", "0", "-1", "soon"):
        assert run(MAP_HASH.hex(), "--timeout", nonsense).exit_code == 64
    assert station.told == []


def test_detach_leaves_the_download_to_the_station(run: Run, station: FakeStation) -> None:
    result = run(MAP_HASH.hex(), "--detach")
    assert result.exit_code == 0
    assert "the station goes on" in result.stdout
    assert [command[0] for command in station.told] == ["download"]


def test_what_nobody_has_is_given_up_and_kept_paused(run: Run, station: FakeStation) -> None:
    station.held[MAP_HASH] = WAITING
    result = run(MAP_HASH.hex(), "--timeout", "0.05")
    assert result.exit_code == 69
    assert "no station within reach has had Map of the county for 0.05 s" in result.stderr
    assert f"meshdl resume {MAP_HASH.hex()}" in result.stderr
    assert station.held[MAP_HASH].state is ContentState.PAUSED


def test_patience_counts_only_while_nobody_has_it(run: Run, station: FakeStation) -> None:
    def later() -> None:
        station.change(HALF)
        asyncio.get_running_loop().call_later(2.2, station.change, WHOLE)

    station.held[MAP_HASH] = WAITING
    soon(station, later)
    assert run(MAP_HASH.hex(), "--timeout", "2.0").exit_code == 0


def test_a_broken_download_says_what_is_wrong(run: Run, station: FakeStation) -> None:
    broken = content_of(MAP_HASH, state=ContentState.BROKEN, error="the disk is full; make room")
    soon(station, lambda: station.change(broken))
    result = run(MAP_HASH.hex())
    assert result.exit_code == 74
    assert "Error: Map of the county: the disk is full; make room" in result.stderr


def test_a_download_that_somebody_paused_is_not_done(run: Run, station: FakeStation) -> None:
    paused = content_of(MAP_HASH, state=ContentState.PAUSED)
    soon(station, lambda: station.change(paused))
    result = run(MAP_HASH.hex())
    assert (result.exit_code, "meshdl resume" in result.stderr) == (75, True)


def test_a_download_that_somebody_removed_is_not_done(run: Run, station: FakeStation) -> None:
    soon(station, lambda: station.feed.publish(ContentRemoved(MAP_HASH.hex())))
    assert run(MAP_HASH.hex()).exit_code == 66


def test_a_station_that_stops_ends_the_command(run: Run, station: FakeStation) -> None:
    soon(station, station.feed.close)
    result = run(MAP_HASH.hex())
    assert (result.exit_code, "meshdl up" in result.stderr) == (69, True)


def test_json_is_one_status_a_line_and_the_last_is_final(run: Run, station: FakeStation) -> None:
    soon(station, lambda: station.change(HALF), lambda: station.change(WHOLE))
    lines = [json.loads(line) for line in run(MAP_HASH.hex(), "--json").stdout.splitlines()]
    assert {line["state"] for line in lines[:-1]} == {"downloading"}
    assert lines[-1]["state"] == "complete"


def test_other_contents_are_not_mistaken_for_ours(run: Run, station: FakeStation) -> None:
    other = content_of(BULLETIN_HASH, state=ContentState.BROKEN, error="not ours")
    soon(station, lambda: station.change(other), lambda: station.change(WHOLE))
    result = run(MAP_HASH.hex())
    assert (result.exit_code, "not ours" in result.output) == (0, False)
