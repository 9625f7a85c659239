"""A content between whole stations without a radio: their bursts are recordings, carried over."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.radio_stations import radio_station
from tests.support.stations import hash_of, make_file, run

from meshdl.cli.main import meshdl
from meshdl.station.station import Station

pytestmark = pytest.mark.real

HF: dict[str, Any] = {
    "mode": "datac1", "licence_class": "general", "dial_hz": 14_103_000, "sideband": "usb",
}  # fmt: skip


def station(directory: Path, call: str) -> Station:
    """Its bursts go to ``out``, and what is in ``in`` it hears."""
    return radio_station(directory, call, 1, **HF, modem=f"wav:{directory / call / 'air'}")


def test_a_content_comes_whole_by_recordings_that_somebody_carries(tmp_path: Path) -> None:
    source = make_file(tmp_path / "form.bin", 700)
    alfas, bravos = (tmp_path / call / "air" for call in ("N0AAA", "N0BBB"))
    for ours, theirs in ((alfas, bravos), (bravos, alfas)):
        (ours / "out").mkdir(parents=True)
        theirs.mkdir(exist_ok=True, parents=True)
        # Whatever leaves the one is with the other at once.
        (theirs / "in").symlink_to(ours / "out")

    async def scenario() -> None:
        async with station(tmp_path, "N0AAA") as alfa, station(tmp_path, "N0BBB") as bravo:
            content = hash_of(await alfa.share(source))
            got = await bravo.download(content, via="rf")
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())
    # Whoever gets one without a station can have it explained.
    lines = []
    for recording in sorted((alfas / "out").iterdir()):
        told = CliRunner().invoke(meshdl, ["radio", "monitor", "--read", str(recording)])
        assert told.exit_code == 0, told.output
        lines += told.stdout.splitlines()
    assert any("leaf 0" in line for line in lines)
    assert "identifies as N0AAA" in lines[-1]
