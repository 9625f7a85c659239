"""The program that the README shows runs, and does what it says."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.stations import make_file, run, station

from meshdl.discovery.interfaces import own_addresses
from meshdl.station.config import LanConfig, StationConfig
from meshdl.station.home import HOME_VARIABLE

pytestmark = pytest.mark.real

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_python_program_shares_and_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [program] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    definitions, asked, rest = program.partition("asyncio.run(main())")
    assert asked
    assert not rest.strip()
    make_file(tmp_path / "bulletins" / "7.txt", 900)
    source = make_file(tmp_path / "map.bin", 100_000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))

    async def scenario() -> None:
        async with station(tmp_path, "KA1AA") as alfa:
            link = (await alfa.share(source)).link
            names: dict[str, Any] = {}
            exec(definitions.replace("meshdl:?xt=urn:btmh:1220...", link), names)
            names["StationConfig"] = partial(
                StationConfig,
                download_directory=tmp_path / "downloads",
                lan=LanConfig(allow_loopback=not own_addresses()),
            )
            await names["main"]()

    run(scenario())
    shared, got = capsys.readouterr().out.splitlines()
    assert shared.startswith("meshdl:?xt=urn:btmh:1220")
    assert Path(got).read_bytes() == source.read_bytes()
