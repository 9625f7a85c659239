"""The doctor's real parts: WebRTC, multicast, and the whole report.

WebRTC runs in processes of its own: whether it may use loopback is decided once in a
process, by whoever comes first.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from meshdl.station import mdns_check
from meshdl.station.mdns_check import MulticastSilent, hear_ourselves

pytestmark = pytest.mark.real

SUBJECTS = "home config key disk files network station port webrtc mdns internet clock"


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=50.0, check=False
    )


def test_webrtc_carries_a_message_on_this_machine() -> None:
    script = (
        "import asyncio; from meshdl.transports.self_test import exchange_a_message;"
        "print(asyncio.run(exchange_a_message(loopback=True)))"
    )
    result = python("-c", script)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) > 0.0


def test_multicast_is_heard_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns_check, "HEARD_WITHIN_S", 30.0)  # however busy it is
    assert asyncio.run(hear_ourselves(("127.0.0.1",))) > 0.0


def test_an_address_that_is_not_ours_is_silent() -> None:
    with pytest.raises(MulticastSilent, match="look at the network interfaces"):
        asyncio.run(hear_ourselves(("192.0.2.254",)))


def test_the_report_has_a_verdict_on_everything(tmp_path: Path) -> None:
    meshdl = ("-m", "meshdl", "--home", str(tmp_path))
    python(*meshdl, "init", "--callsign", "KA1ABC")
    result = python(*meshdl, "doctor", "--json")
    findings = [json.loads(line) for line in result.stdout.splitlines()]
    assert [finding["subject"] for finding in findings] == SUBJECTS.split()
    failed = any(finding["verdict"] == "FAIL" for finding in findings)
    assert result.returncode == (1 if failed else 0)


def test_a_missing_home_fails(tmp_path: Path) -> None:
    result = python("-m", "meshdl", "--home", str(tmp_path / "nowhere"), "doctor")
    assert result.returncode == 1
    assert result.stdout.startswith("FAIL  home")
