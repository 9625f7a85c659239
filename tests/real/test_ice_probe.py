"""STUN and TURN servers that are not there, or not what they say, are told as such."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bench.ports import free_port
from tests.support.nat import need_program
from tests.support.processes import until

pytestmark = pytest.mark.real

SCRIPT = """
import asyncio, webrtc
webrtc.allow_loopback()
from meshdl.transports import ice_probe
from meshdl.station.internet_doctor import UNREACHED
from meshdl.wire.signalling import IceServer
ice_probe.PROBE_WITHIN_S = 0.5
async def whole():
    silent = await ice_probe.probe([IceServer(("stun:127.0.0.1:9",))], relay=False)
    print(silent.heard, silent.answered, silent.refusals)
    nowhere = await ice_probe.probe([IceServer(("stun:nowhere.invalid",))], relay=False)
    print(nowhere.heard, {one[-len(UNREACHED):] == UNREACHED for one in nowhere.refusals})
    none = await ice_probe.probe([IceServer(("turn:127.0.0.1:9",))], relay=True)
    print(none.heard, none.relayed == "", none.refusals != [])
asyncio.run(whole())
"""


def test_a_silent_server_is_not_heard_and_one_without_credentials_not_asked() -> None:
    # In a process of its own: whether loopback is used is decided once in a process.
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=50, check=False
    )
    said = ["False False []", "False {True}", "False True True"]
    assert done.stdout.splitlines() == said, done.stderr


WRONG_SECRET = """
import asyncio, sys, webrtc
webrtc.allow_loopback()
from meshdl.signalling import turn
from meshdl.station.internet_doctor import judge_turn
from meshdl.transports.ice_probe import probe
async def whole():
    url = f"turn:127.0.0.1:{sys.argv[1]}"
    for secret in ("another", "the secret"):
        server = turn.credentials((url,), secret, "0" * 16, expires_at_s=2_000_000_000)
        print(judge_turn("it", await probe([server], relay=True)).text)
asyncio.run(whole())
"""


def test_a_turn_server_with_another_secret_refuses_with_words(tmp_path: Path) -> None:
    need_program("turnserver", "coturn")
    port = free_port()
    with subprocess.Popen(
        [
            "turnserver", "-n", "--use-auth-secret", "--static-auth-secret=the secret",
            "--realm=test", "--listening-ip=127.0.0.1", f"--listening-port={port}",
            "--no-cli", "--log-file=stdout", f"--pidfile={tmp_path / 'pid'}",
            f"--db={tmp_path / 'db'}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    ) as server:  # fmt: skip
        try:
            until(lambda: listens(port), "coturn listens")
            done = subprocess.run(
                [sys.executable, "-c", WRONG_SECRET, str(port)],
                capture_output=True, text=True, timeout=50, check=False,
            )  # fmt: skip
        finally:
            server.terminate()
    refused, taken = done.stdout.splitlines()
    assert refused == (
        "it: refused: Unauthorized. (401); tell the operator of the signalling server"
    ), done.stderr
    assert taken.startswith("it would relay at 127.0.0.1:"), done.stderr


def listens(port: int) -> bool:
    with socket.socket() as probing:
        return probing.connect_ex(("127.0.0.1", port)) == 0
