"""``meshdl get --via rf``: the price first, and nothing is begun without consent."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.fake_radio import price_of, radio_of
from tests.support.fake_station import MAP_HASH, FakeStation, content_of

from meshdl.cli import airtime
from meshdl.cli.main import meshdl
from meshdl.control.content_status import ContentState
from meshdl.control.radio_view import AirContent, RadioStationHeard
from meshdl.control.server import ControlServer
from meshdl.errors import ConfigError
from meshdl.ids import Callsign, ContentHash

Run = Callable[..., Result]

AT_1420Z = 1_790_000_400.0
WHOLE = content_of(
    MAP_HASH, state=ContentState.COMPLETE, octets_done=4_000_000, chunks_done=4, sources=()
)


@pytest.fixture
def station() -> FakeStation:
    found = FakeStation(held={MAP_HASH: WHOLE})
    found.radio.asked_price = price_of(MAP_HASH.hex(), done_at=AT_1420Z)
    return found


@pytest.fixture
def run(tmp_path: Path, station: FakeStation) -> Run:
    def invoke(*words: str, answer: str | None = None, target: str = MAP_HASH.hex()) -> Result:
        async def whole() -> Result:
            async with ControlServer(station, home=tmp_path):
                arguments = ["get", target, *words, "--home", str(tmp_path)]
                return await asyncio.to_thread(CliRunner().invoke, meshdl, arguments, input=answer)

        return asyncio.run(whole())

    return invoke


@pytest.fixture
def somebody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtime, "_somebody_there", lambda: True)


def begun(station: FakeStation) -> list[object]:
    return [told for told in station.told if told[0] == "download"]


def test_the_price_is_told_and_agreed_to_beforehand(run: Run, station: FakeStation) -> None:
    result = run("--via", "rf", "--yes")
    assert result.exit_code == 0
    line = "3 min 10 s of air, 2 identifications, done 14:20Z (16.4 kB by AFSK 1200)\n"
    assert result.stderr == line
    assert station.radio.told == [("price", MAP_HASH.hex())]
    assert begun(station) == [("download", MAP_HASH.hex(), None, None, "rf")]


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_without_somebody_to_ask_nothing_is_begun(
    run: Run, station: FakeStation, more: tuple[str, ...]
) -> None:
    result = run("--via", "hybrid", *more)
    assert result.exit_code == 77
    assert "add --yes" in result.stderr
    assert begun(station) == []


@pytest.mark.usefixtures("somebody_there")
@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 77)])
def test_the_operator_is_asked(run: Run, station: FakeStation, answer: str, code: int) -> None:
    result = run("--via", "rf", answer=answer)
    assert result.exit_code == code
    assert len(begun(station)) == (1 if code == 0 else 0)


def test_links_cost_no_airtime(run: Run, station: FakeStation) -> None:
    for via in ("auto", "webrtc"):
        assert run("--via", via).exit_code == 0
    assert station.radio.told == []


def test_what_costs_nothing_needs_no_consent(run: Run, station: FakeStation) -> None:
    station.radio.asked_price = price_of(MAP_HASH.hex(), airtime_s=0.0)
    assert run("--via", "rf").exit_code == 0


def test_a_radio_that_is_silent_says_why(run: Run, station: FakeStation) -> None:
    station.radio.asked_price = price_of(MAP_HASH.hex(), silent_because="off: storm")
    assert "as long as it is so: off: storm" in run("--via", "rf", "--yes").stderr


def test_without_a_radio_the_setting_is_named(run: Run, station: FakeStation) -> None:
    station.radio.failure = ConfigError("radio", "there is no such table")
    result = run("--via", "rf", "--yes")
    assert result.exit_code == 78
    assert "radio: there is no such table" in result.stderr


@pytest.mark.usefixtures("somebody_there")
def test_when_the_size_comes_the_operator_is_asked_again(run: Run, station: FakeStation) -> None:
    unknown = content_of(MAP_HASH, state=ContentState.WAITING, octets=None, sources=())
    station.held[MAP_HASH] = unknown
    station.radio.asked_price = price_of(MAP_HASH.hex(), basis="info", octets=None)

    async def describe() -> None:
        while not station.feed.watched:
            await asyncio.sleep(0.005)
        station.radio.asked_price = price_of(MAP_HASH.hex(), airtime_s=4_000.0)
        station.change(content_of(MAP_HASH))

    def begin(_: ContentHash) -> None:
        station.change_task = asyncio.create_task(describe())  # type: ignore[attr-defined]

    station.after_download = begin
    result = run("--via", "rf", answer="y\nn\n")
    assert result.exit_code == 77
    assert "for its description alone" in result.stderr
    assert "1 h 6 min of air" in result.stderr
    assert station.held[MAP_HASH].state is ContentState.PAUSED
    assert len(begun(station)) == 1


def on_the_air(*tags: str) -> RadioStationHeard:
    return RadioStationHeard(
        callsign=Callsign("N0AAA"), locator="", gateway=False, heard_at=AT_1420Z,
        snr_db=None, hears_us_db=None,
        contents=tuple(
            AirContent(tag=tag, octets_at_most=896, precedence="emergency", complete=True)
            for tag in tags
        ),
    )  # fmt: skip


@pytest.mark.usefixtures("somebody_there")
def test_what_only_a_station_on_the_air_tells_of_is_described_first(
    run: Run, station: FakeStation
) -> None:
    del station.held[MAP_HASH]
    tag = MAP_HASH.hex()[:8]
    station.radio.shown = radio_of(stations=(on_the_air("deadbeef", tag),))
    station.radio.after_describe = lambda: station.change(WHOLE)
    result = run("--via", "rf", target=tag[:5], answer="y\ny\n")
    assert result.exit_code == 0, result.output
    assert f"Asked on the air what {tag} is" in result.stderr
    assert f"\n{tag} is Map of the county\n" in result.stderr
    assert station.radio.told == [
        ("price", tag), ("describe", tag), ("price", MAP_HASH.hex()),
    ]  # fmt: skip
    assert begun(station) == [("download", MAP_HASH.hex(), None, None, "rf")]


@pytest.mark.parametrize("digits", ["beef", "dead", MAP_HASH.hex()[:9]])
def test_nothing_is_asked_of_digits_that_mean_nothing_or_two_things(
    run: Run, station: FakeStation, digits: str
) -> None:
    del station.held[MAP_HASH]
    station.radio.shown = radio_of(stations=(on_the_air("deadbeef", "deadbee0"),))
    result = run("--via", "rf", "--yes", target=digits)
    assert "see: meshdl radio status" in result.stderr
    assert result.exit_code != 0
    assert station.radio.told == []


def test_a_description_that_nobody_sends_is_given_up(run: Run, station: FakeStation) -> None:
    del station.held[MAP_HASH]
    station.radio.shown = radio_of(stations=(on_the_air("deadbeef"),))
    result = run("--via", "rf", "--yes", "--timeout", "0.05", target="dead")
    assert result.exit_code == 69
    assert "nobody has told" in result.stderr


def test_by_links_nobody_on_the_air_is_asked(run: Run, station: FakeStation) -> None:
    del station.held[MAP_HASH]
    station.radio.shown = radio_of(stations=(on_the_air("deadbeef"),))
    assert "see: meshdl ls --network" in run(target="dead").stderr
    assert station.radio.told == []


def test_waiting_for_airtime_is_told_apart_from_airtime() -> None:
    price = price_of(MAP_HASH.hex(), held_back_s=300.0)
    waits = "of which a sender may have to wait 5 min 0 s (airtime limits)"
    assert waits in airtime.price_line(price)
    assert "wait" not in airtime.price_line(price_of(MAP_HASH.hex()))


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [(0.4, "1 s"), (59.0, "59 s"), (190.0, "3 min 10 s"), (7260.0, "2 h 1 min")],
)
def test_airtime_is_spoken_as_people_do(seconds: float, spoken: str) -> None:
    price = price_of(MAP_HASH.hex(), airtime_s=seconds)
    assert airtime.price_line(price).startswith(f"{spoken} of air")
