"""Whole stations with a radio, for the tests; run as a program, one in a process of its own.

    python -m tests.support.radio_stations DIRECTORY CALL PORT [HASH]

A station at the hub's port that fetches HASH by radio, until it is killed.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.kiss_hub import FAST, KissHub
from tests.support.stations import until

from meshdl.ids import Callsign
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.radio import modem as radio_modem
from meshdl.station.radio_config import RadioConfig
from meshdl.station.station import Station
from meshdl.wire import ax25
from meshdl.wire.onair import frames as onair
from meshdl.wire.onair.pdus import Want

LAWFUL: dict[str, Any] = {
    "rules": "us-part97",
    "licence_class": "technician",
    "control": "local",
    "dial_hz": 1_294_000_000,
    "sideband": "fm",
}
"""On 23 cm, where a symbol rate has no limit."""


@contextmanager
def fast_tncs() -> Iterator[None]:
    """Until the block ends a TNC of 9600 baud has 921,600: its radio waves are in a test."""
    with patch.dict(radio_modem.WAVEFORMS, {"g3ruh-9600": FAST}):
        yield


def sent_by(hub: KissHub, call: str) -> list[bytes]:
    """What a station has put on the air."""
    frames = [ax25.decode(octets) for octets in hub.heard]
    return [one.info for one in frames if str(one.source) == call]


def wants(infos: Iterable[bytes]) -> list[Want]:
    """What was asked for in these frames."""
    frames = [onair.decode(info) for info in infos]
    return [
        pdu
        for one in frames
        if isinstance(one, onair.Frame)
        for pdu in one.pdus
        if isinstance(pdu, Want)
    ]


def radio_station(
    directory: Path,
    call: str,
    port: int,
    *,
    lan: LanConfig | None = None,
    internet: InternetConfig | None = None,
    **radio: Any,
) -> Station:
    """A station at the hub's port; its home and downloads are below ``directory``."""
    settings = LAWFUL | {
        "modem": f"kiss-tcp:127.0.0.1:{port}",
        "mode": "g3ruh-9600",
        "txdelay_ms": 0,
        "txtail_ms": 0,
        "slot_time_ms": 10,
        "persistence": 1.0,
        "duty_cycle_max": 1.0,
        "airtime_s_per_hour": 3600.0,
    }
    config = StationConfig(
        callsign=Callsign(call),
        grid="FN42",
        download_directory=directory / call / "downloads",
        lan=lan or LanConfig(enabled=False),
        internet=internet or InternetConfig(peer_exchange=False),
        radio=RadioConfig(**(settings | radio)),
    )
    (directory / call).mkdir(exist_ok=True)
    return Station(config, home=Home(directory / call / "home"))


async def on_the_air(*stations: Station) -> None:
    """Each of them has its modem, and hears what is sent from here on."""

    async def all_of_them() -> bool:
        found = [await one.view.radio.status() for one in stations]
        return all(one.modem is not None for one in found)

    await until(all_of_them)


async def _main(directory: Path, call: str, port: int, target: str | None) -> None:
    async with radio_station(directory, call, port) as station:
        if target is not None:
            await station.view.download(target, via="rf")
        sys.stdout.write("up\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    target = sys.argv[4] if len(sys.argv) > 4 else None
    with fast_tncs():
        asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), target))
