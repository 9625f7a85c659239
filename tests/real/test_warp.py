"""The engine's quicker way to a link, with an end that takes the longer one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.real.test_internet import serving, station
from tests.support.stations import make_file, run

from meshdl.demo import processes
from meshdl.ids import Callsign
from meshdl.transports import warp

pytestmark = pytest.mark.real

WITHOUT = "".join(f"{trial}/Disabled/" for trial in warp.WARP)
MIB = 1024 * 1024


def test_a_station_links_with_one_whose_engine_knows_no_warp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So old stations, and browsers, are as good as before."""

    async def whole() -> None:
        async with serving() as server, station(tmp_path, "KA1AAA", server) as ours:
            monkeypatch.setenv("WRTC_FIELD_TRIALS", WITHOUT)  # for whoever starts from now on
            settings = (
                f'[lan]\nenabled = false\n[internet]\nservers = ["ws://127.0.0.1:{server.port}"]\n'
            )
            async with processes.station(
                tmp_path / "other", Callsign("KA1BBB"), settings=settings
            ) as theirs:
                there = await ours.share(make_file(tmp_path / "there.bin", MIB))
                await theirs.download(there)
                back = await theirs.share(make_file(tmp_path / "back.bin", MIB))
                got = await ours.download(back.link)
                assert Path(got.location).read_bytes() == (tmp_path / "back.bin").read_bytes()

    run(whole())


@pytest.mark.parametrize("wish", ["", "WebRTC-Sctp-Snap/Disabled/"])
def test_warp_is_on_unless_the_environment_says_otherwise(wish: str) -> None:
    program = (
        "import webrtc\n"
        "from meshdl.transports import warp\n"
        "warp.set_up(loopback=False)\n"
        "webrtc.RTCPeerConnection().close()\n"
        "warp.set_up(loopback=True)\n"  # too late, and harmless
        "print(dict(webrtc.field_trials))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"WRTC_FIELD_TRIALS": wish},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = warp.WARP | ({"WebRTC-Sctp-Snap": "Disabled"} if wish else {})
    assert done.stdout.strip() in {str(expected), str(dict(reversed(expected.items())))}
