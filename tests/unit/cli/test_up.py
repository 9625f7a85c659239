"""``meshdl up``: on which event loop a station runs."""

import asyncio
import sys
from pathlib import Path

import pytest

from meshdl.cli import up
from meshdl.ids import Callsign
from meshdl.station.config import StationConfig
from meshdl.station.home import Home


@pytest.mark.parametrize("there", [True, False])
def test_a_station_runs_on_uvloop_where_it_exists(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def serve(settings: StationConfig, home: Home) -> None:
        seen.append(type(asyncio.get_running_loop()).__module__.partition(".")[0])

    monkeypatch.setattr(up, "_serve", serve)
    if not there:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    up._run(StationConfig(callsign=Callsign("KA1ABC")), Home(tmp_path))
    assert seen == ["uvloop" if there and sys.platform != "win32" else "asyncio"]
