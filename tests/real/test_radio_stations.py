"""Whole stations on one radio channel: real TCP, real disk, real log; only the waves are not."""

from pathlib import Path

import pytest
from tests.support.kiss_hub import kiss_hub
from tests.support.radio_stations import radio_station
from tests.support.stations import hash_of, make_file, run

from meshdl.control.view import ContentState

pytestmark = pytest.mark.real


def test_a_file_comes_by_radio_from_its_bare_hash(tmp_path: Path) -> None:
    source = make_file(tmp_path / "map.bin", 16_384)

    async def scenario() -> None:
        async with (
            kiss_hub() as hub,
            radio_station(tmp_path, "N0AAA", hub.port) as alfa,
            radio_station(tmp_path, "N0BBB", hub.port) as bravo,
        ):
            content = hash_of(await alfa.share(source))
            got = await bravo.download(content, via="rf")
            assert got.state is ContentState.COMPLETE
            assert Path(got.location).read_bytes() == source.read_bytes()

    run(scenario())
