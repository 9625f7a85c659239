"""TLS between stations and a real ``meshdl signal`` with a certificate that the test made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.real.test_internet import serving
from tests.support.certificates import Certificate, authority, issued
from tests.support.stations import hash_of, make_file, run, until, until_linked
from tests.support.strangers import SignalProcess, signal_process

from meshdl.discovery.interfaces import own_addresses
from meshdl.errors import FileUnreadable
from meshdl.ids import Callsign
from meshdl.station.config import InternetConfig, LanConfig, StationConfig
from meshdl.station.home import Home
from meshdl.station.station import Station

pytestmark = pytest.mark.real

MIB = 1024 * 1024


@contextmanager
def tls_server(directory: Path, certificate: Certificate) -> Iterator[SignalProcess]:
    crt, key = certificate.write(directory, "server")
    with signal_process(directory, "--certificate", str(crt), "--key", str(key)) as running:
        yield running


def station(tmp_path: Path, call: str, port: int, *, ca_file: Path | None) -> Station:
    home = Home(tmp_path / call / "home")
    config = StationConfig(
        callsign=Callsign(call),
        download_directory=tmp_path / call / "downloads",
        lan=LanConfig(enabled=False, allow_loopback=not own_addresses()),
        internet=InternetConfig(
            servers=(f"wss://127.0.0.1:{port}",),
            ca_file=str(ca_file) if ca_file is not None else "",
        ),
    )
    return Station(config, home=home)


async def warning_of(one: Station) -> str:
    """The first thing that the operator is told."""

    async def told() -> bool:
        return bool((await one.view.status()).warnings)

    await until(told)
    return (await one.view.status()).warnings[0]


def test_stations_that_trust_its_authority_meet_at_a_server_with_a_certificate(
    tmp_path: Path,
) -> None:
    ca = authority()
    trusted, _ = ca.write(tmp_path, "ca")
    path = make_file(tmp_path / "bulletin.bin", MIB)

    async def whole(server: SignalProcess) -> None:
        async with (
            station(tmp_path, "KA1AAA", server.port, ca_file=trusted) as alice,
            station(tmp_path, "KA1BBB", server.port, ca_file=trusted) as bob,
        ):
            got = await bob.download(hash_of(await alice.share(path)))
            assert Path(got.location).read_bytes() == path.read_bytes()

    with tls_server(tmp_path, issued(ca, "127.0.0.1")) as server:
        run(whole(server))


def test_a_certificate_of_ones_own_making_can_be_named_as_trusted(tmp_path: Path) -> None:
    own = issued(None, "127.0.0.1")
    named, _ = own.write(tmp_path, "own")

    crt, key = own.write(tmp_path, "server")

    async def whole() -> None:
        async with (
            serving(certificate=crt, key=key) as server,
            station(tmp_path, "KA1AAA", server.port, ca_file=named),
            station(tmp_path, "KA1BBB", server.port, ca_file=named) as bob,
        ):
            await until_linked(bob)

    run(whole())


CA = authority()
OTHER = authority("another authority of this test")
BAD: dict[str, tuple[Certificate, Certificate | None, str]] = {
    "another-name": (issued(CA, "signal.example.org"), CA, "is for another name; check the name"),
    "expired": (issued(CA, "127.0.0.1", days=(-30, -1)), CA, "has run out; whoever runs the"),
    "not-yet": (issued(CA, "127.0.0.1", days=(1, 30)), CA, "is not valid yet; is the clock"),
    "self-signed": (issued(None, "127.0.0.1"), CA, "name it as internet.ca_file"),
    "another-authority": (issued(OTHER, "127.0.0.1"), CA, "name it as internet.ca_file"),
    "not-the-systems": (issued(CA, "127.0.0.1"), None, "name it as internet.ca_file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_certificate_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    certificate, trusted, advice = BAD[name]
    ca_file = trusted.write(tmp_path, "ca")[0] if trusted is not None else None

    crt, key = certificate.write(tmp_path, "server")

    async def whole() -> None:
        async with (
            serving(certificate=crt, key=key) as server,
            station(tmp_path, "KA1AAA", server.port, ca_file=ca_file) as one,
        ):
            warning = await warning_of(one)
            assert warning.startswith("the certificate of 127.0.0.1 ")
            assert advice in warning

        assert server.core.counts["messages"] == 0, "nobody told it who he is"

    run(whole())


def test_a_server_without_tls_is_no_secret_channel(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            serving() as server,
            station(tmp_path, "KA1AAA", server.port, ca_file=None) as one,
        ):
            assert "is it ws:// rather than wss://" in await warning_of(one)

    run(whole())


def test_a_ca_file_that_is_none_keeps_the_station_from_starting(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")

    async def whole() -> None:
        for path in (wrong, tmp_path / "missing.pem"):
            with pytest.raises(FileUnreadable, match=r"internet\.ca_file"):
                async with station(tmp_path, "KA1AAA", 1, ca_file=path):
                    raise AssertionError("it started")

    run(whole())
