"""The radio by way of the control API: orders arrive, answers and frames come back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.fake_radio import heard_frame, price_of, radio_of
from tests.support.fake_station import MAP_HASH, FakeStation

from meshdl.control.client import ControlClient
from meshdl.control.endpoints import EVENT_STREAMS_MAX
from meshdl.control.radio_client import RadioClient
from meshdl.control.radio_view import HeardFrame
from meshdl.control.server import ControlServer
from meshdl.errors import ConfigError, LinkClosed, LinkRefused, RemoteProtocolError

ResultT = TypeVar("ResultT")


def command(
    home: Path, station: FakeStation, orders: Callable[[RadioClient], Awaitable[ResultT]]
) -> ResultT:
    async def whole() -> ResultT:
        async with (
            asyncio.timeout(20.0),
            ControlServer(station, home=home),
            ControlClient(home) as client,
        ):
            return await orders(client.radio)

    return asyncio.run(whole())


def test_the_status_comes_as_it_is(tmp_path: Path) -> None:
    station = FakeStation()
    assert command(tmp_path, station, lambda radio: radio.status()) == radio_of()


def test_every_order_arrives_with_what_it_says(tmp_path: Path) -> None:
    station = FakeStation()

    async def orders(radio: RadioClient) -> None:
        off = await radio.switch_off(reason="interference")
        assert off.silent_because == "off: interference"
        assert (await radio.switch_on()).silent_because == ""
        declared = await radio.declare_emergency(reason="flood", for_s=60.0)
        assert declared.emergency_until == 1_790_003_600.0
        assert (await radio.end_emergency()).emergency_until is None
        price = await radio.price("meshdl:?xt=urn:btmh:1220" + MAP_HASH.hex())
        assert price == price_of("aa" * 32)

    command(tmp_path, station, orders)
    assert station.radio.told == [
        ("off", "interference"),
        ("on",),
        ("emergency", "flood", 60.0),
        ("end",),
        ("price", "meshdl:?xt=urn:btmh:1220" + MAP_HASH.hex()),
    ]


def test_a_station_without_a_radio_says_which_setting_is_missing(tmp_path: Path) -> None:
    station = FakeStation()
    station.radio.failure = ConfigError("radio", "there is no such table")
    with pytest.raises(ConfigError, match="radio: there is no such table") as caught:
        command(tmp_path, station, lambda radio: radio.switch_off(reason=""))
    assert caught.value.setting == "radio"


@pytest.mark.parametrize(("reason", "for_s"), [("", 60.0), ("flood", 0.0), ("flood", 90_000.0)])
def test_an_emergency_needs_a_reason_and_an_end(tmp_path: Path, reason: str, for_s: float) -> None:
    with pytest.raises(RemoteProtocolError):
        command(
            tmp_path,
            FakeStation(),
            lambda radio: radio.declare_emergency(reason=reason, for_s=for_s),
        )


def test_frames_are_streamed_until_the_station_stops(tmp_path: Path) -> None:
    station = FakeStation()
    frames = [heard_frame(), heard_frame(source="N0CCC", ours=True, snr_db=3.0)]

    async def orders(radio: RadioClient) -> list[HeardFrame]:
        found: list[HeardFrame] = []
        listening = asyncio.create_task(_collect(radio, found))
        while not station.radio.feed.watched:
            await asyncio.sleep(0)
        for frame in frames:
            station.radio.feed.publish(frame)
        station.radio.feed.close()
        with pytest.raises(LinkClosed):
            await listening
        return found

    assert command(tmp_path, station, orders) == frames


async def _collect(radio: RadioClient, found: list[HeardFrame]) -> None:
    async for frame in radio.heard():
        found.append(frame)  # noqa: PERF401 - what came before the end counts


def test_readers_of_frames_are_counted_with_the_others(tmp_path: Path) -> None:
    station = FakeStation()

    async def orders(radio: RadioClient) -> None:
        readers = [asyncio.create_task(_collect(radio, [])) for _ in range(EVENT_STREAMS_MAX)]
        while len(station.radio.feed._subscriptions) < EVENT_STREAMS_MAX:
            await asyncio.sleep(0.01)
        with pytest.raises(LinkRefused):
            await anext(radio.heard())
        station.radio.feed.close()
        await asyncio.gather(*readers, return_exceptions=True)

    command(tmp_path, station, orders)
