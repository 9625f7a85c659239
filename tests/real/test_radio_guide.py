"""From a TNC to a first transfer, as the guide to the radio tells it; real commands, stations."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import adif_io
import pytest
from click.testing import CliRunner
from tests.support.kiss_hub import kiss_hub

from meshdl.cli.main import meshdl

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform == "win32", reason="stations are ended by SIGTERM"),
]

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "radio.md"
WITHIN_S = 200.0
OPTIONS = {
    "mode": "--mode", "rules": "--rules", "licence_class": "--class", "control": "--control",
    "dial_hz": "--dial", "sideband": "--sideband",
}  # fmt: skip


def what_the_guide_sets() -> list[str]:
    """What its wizard has written, as options."""
    shown = re.search(r"(?m)^    Written to .*\n((?:      \w+ = .*\n)+)", GUIDE.read_text("utf-8"))
    assert shown is not None
    settings = dict(re.findall(r"(\w+) = (.+)", shown[1]))
    assert settings.pop("modem").startswith("kiss-tcp:")
    settings["dial_hz"] = str(int(settings["dial_hz"]) / 1e6)
    assert settings.keys() == OPTIONS.keys()
    return [word for name, value in settings.items() for word in (OPTIONS[name], value)]


class Operator:
    """Who types commands at one station."""

    def __init__(self, home: Path) -> None:
        self.home = home

    async def types(self, *words: str) -> str:
        """A command that ends well; what it prints."""
        line = ["--home", str(self.home), *words]
        async with asyncio.timeout(WITHIN_S):
            done = await asyncio.to_thread(CliRunner().invoke, meshdl, line)
        assert done.exit_code == 0, f"{words}: {done.output}"
        return done.output

    async def sets_up(self, call: str, port: int) -> None:
        modem = f"kiss-tcp:127.0.0.1:{port}"
        told = await self.types(
            "radio", "setup", "--callsign", call, "--modem", modem, *what_the_guide_sets(),
            "--listen", "0",
        )  # fmt: skip
        assert "Verdict  LEGAL" in told
        config = self.home / "config.toml"
        # Nothing comes by the network.
        config.write_text(config.read_text().replace("# enabled = true", "enabled = false"))

    @asynccontextmanager
    async def station(self) -> AsyncIterator[None]:
        """``meshdl up``, until the block ends."""
        up = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "meshdl", "--home", str(self.home), "up",
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(WITHIN_S):
                while not await self._is_up():
                    assert up.returncode is None
            yield
        finally:
            up.send_signal(signal.SIGTERM)
            await up.wait()

    async def _is_up(self) -> bool:
        shown = json.loads(await self.types("radio", "status", "--json"))
        return bool(shown["running"] and shown["modem"])


@pytest.mark.timeout(400)
def test_an_operator_gets_from_a_tnc_to_a_first_transfer_by_the_guide(tmp_path: Path) -> None:
    source = tmp_path / "net-roster.txt"
    source.write_text("".join(f"{n:02d} N0AA{chr(65 + n)}  net control\n" for n in range(12)))

    async def scene() -> None:
        alfa, bravo = Operator(tmp_path / "a"), Operator(tmp_path / "b")
        async with kiss_hub() as hub:
            await alfa.sets_up("N0AAA", hub.port)
            await bravo.sets_up("N0BBB", hub.port)
            async with AsyncExitStack() as stations:
                await stations.enter_async_context(alfa.station())
                await stations.enter_async_context(bravo.station())
                assert "may transmit" in await bravo.types("radio", "status")
                shared = await alfa.types("share", str(source))
                [content] = re.findall(r"(?m)^\s+hash\s+([0-9a-f]{64})$", shared)
                got = await bravo.types(
                    "get", content, "--via", "rf", "--yes", "-o", str(tmp_path / "got")
                )
                assert re.search(r" of air, \d+ identifications?, done \d\d:\d\dZ", got)
                assert "verified" in got
                heard = await bravo.types("radio", "status")
                assert re.search(r"(?m)^Heard +N0AAA", heard)
                assert "nothing is transmitted" in await bravo.types("radio", "off")
            # A station that has stopped leaves a log that is right, and others can read.
            assert "sent" in await bravo.types("log", "--kind", "radio")
            await bravo.types("log", "verify")
            qsos, _ = adif_io.read_from_string(await bravo.types("log", "--adif"))
            assert [(one["CALL"], one["STATION_CALLSIGN"]) for one in qsos] == [("N0AAA", "N0BBB")]

    asyncio.run(scene())
    assert (tmp_path / "got" / source.name).read_bytes() == source.read_bytes()
