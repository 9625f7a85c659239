"""A whole station that keys its rig for as long as it lives: to hang, in tests.

python -m tests.support.keyed_whole_station DIRECTORY SETTINGS

SETTINGS is the table ``[radio]`` in JSON. It asks for a content that nobody has, and so keys.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from meshdl.ids import Callsign
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.radio_config import RadioConfig
from meshdl.station.station import Station
from meshdl.transports.modems import dire_wolf_burst


async def _main(directory: Path, radio: dict[str, Any]) -> None:
    # Nothing but the end of this process ends a burst in time: the guard of PTT waits as long.
    dire_wolf_burst.ENDS_WITHIN_S = 600.0
    config = StationConfig(
        callsign=Callsign("N0AAA"),
        grid="FN42",
        download_directory=directory / "downloads",
        lan=LanConfig(enabled=False),
        internet=InternetConfig(peer_exchange=False),
        radio=RadioConfig(**radio),
    )
    async with Station(config, home=Home(directory / "home")) as station:
        await station.view.download("ab" * 32, via="rf")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), json.loads(sys.argv[2])))
