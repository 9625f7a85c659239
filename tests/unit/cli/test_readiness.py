"""Who starts meshdl and wants to know when it is up is told, and nobody else."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meshdl.cli.readiness import tell_ready

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")


@contextmanager
def supervisor(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.setblocking(False)
        yield notify


def test_a_supervisor_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the whole path may be longer than an address may be
    monkeypatch.setenv("NOTIFY_SOCKET", "notify")
    with supervisor("notify") as notify:
        tell_ready()
        assert notify.recv(64) == b"READY=1"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has abstract addresses")
def test_its_address_may_have_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"@{tmp_path.name}"
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with supervisor("\0" + name[1:]) as notify:
        tell_ready()
        assert notify.recv(64) == b"READY=1"


def test_nobody_is_told_who_did_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    def no_socket(*_: object) -> None:
        raise AssertionError("a socket for nobody")

    monkeypatch.setattr(socket, "socket", no_socket)
    tell_ready()


def test_a_supervisor_that_is_gone_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    tell_ready()
    assert "cannot tell" in caplog.text
