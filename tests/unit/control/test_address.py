"""control.json: found by the operator's programs, by nobody else."""

import os
import stat
from pathlib import Path

import pytest

from meshdl.control import address
from meshdl.control.address import ControlAddress
from meshdl.errors import FileUnwritable, StationNotRunning

OURS = ControlAddress(port=4000, token="secret", pid=1)


def test_what_is_published_is_found(tmp_path: Path) -> None:
    address.publish(tmp_path, OURS)
    assert address.find(tmp_path) == OURS


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    address.publish(tmp_path, ControlAddress(port=1, token="old", pid=0))
    address.publish(tmp_path, OURS)
    assert address.find(tmp_path) == OURS


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_only_the_operator_may_read_the_token(tmp_path: Path) -> None:
    address.publish(tmp_path, OURS)
    mode = stat.S_IMODE((tmp_path / address.CONTROL_FILE).stat().st_mode)
    assert mode == 0o600


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b'{"port": "x", "token": "", "pid": 1}'])
def test_a_file_that_is_not_ours_means_no_station(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / address.CONTROL_FILE).write_bytes(octets)
    with pytest.raises(StationNotRunning, match="start it with: meshdl up"):
        address.find(tmp_path)


def test_no_file_means_no_station(tmp_path: Path) -> None:
    with pytest.raises(StationNotRunning, match="meshdl up"):
        address.find(tmp_path)


def test_a_station_withdraws_only_its_own_address(tmp_path: Path) -> None:
    address.publish(tmp_path, OURS)
    address.withdraw(tmp_path, ControlAddress(port=1, token="old", pid=0))
    assert address.find(tmp_path) == OURS
    address.withdraw(tmp_path, OURS)
    assert not (tmp_path / address.CONTROL_FILE).exists()


def test_a_home_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable, match="cannot write"):
        address.publish(tmp_path / "nowhere", OURS)


def test_tokens_are_long_and_differ() -> None:
    assert len(address.new_token()) >= 43
    assert address.new_token() != address.new_token()
