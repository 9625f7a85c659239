"""STUN and TURN servers that are not there, or not what they say, are told as such."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.real

SCRIPT = """
import asyncio, webrtc
webrtc.allow_loopback()
from meshdl.transports import ice_probe
from meshdl.wire.signalling import IceServer
ice_probe.PROBE_WITHIN_S = 0.5
async def whole():
    silent = await ice_probe.probe([IceServer(("stun:127.0.0.1:9",))], relay=False)
    print(silent.heard, silent.answered, silent.refusals)
    none = await ice_probe.probe([IceServer(("turn:127.0.0.1:9",))], relay=True)
    print(none.heard, none.relayed == "", none.refusals != [])
asyncio.run(whole())
"""


def test_a_silent_server_is_not_heard_and_one_without_credentials_not_asked() -> None:
    # In a process of its own: whether loopback is used is decided once in a process.
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.splitlines() == ["False False []", "False True True"], done.stderr
