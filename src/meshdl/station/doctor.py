"""Looks at everything a station needs, and says what to do about what is not right.

Each check is a small function that returns a :class:`Finding` and raises nothing of
ours. ``FAIL``: the station cannot do its work. ``WARN``: it can, and the operator
should know.
"""

import errno
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from meshdl.control.client import ControlClient
from meshdl.control.station_status import StationStatus
from meshdl.errors import LinkError, MeshdlError
from meshdl.station import config_file, keys
from meshdl.station.config import LAN_PORT_DEFAULT, LanConfig, StationConfig
from meshdl.station.finding import Finding, Verdict
from meshdl.station.home import Home
from meshdl.station.internet_doctor import examine_internet
from meshdl.station.mdns_check import MulticastSilent, hear_ourselves, own_addresses
from meshdl.station.radio.doctor import examine_radio

if sys.platform != "win32":
    import resource

FREE_OCTETS_FAIL = 64 << 20
"""Less, and the catalogue itself is in danger."""

FREE_OCTETS_WARN = 1 << 30

OPEN_FILES_WARN = 512
"""64 links, the files of a few contents and the sockets of discovery take about 300."""

CLOCK_EARLIEST = 1_735_689_600.0
"""2025-01-01: meshdl is younger, so a clock before it was never set."""

CLOCK_LATEST = 4_102_444_800.0
"""2100-01-01."""

CLOCK_JUMP_S = 0.5
"""A clock that is being slewed moves a thousandth of this during the checks."""


async def examine(home: Home) -> AsyncIterator[Finding]:
    """Look at everything, quick checks first; three seconds, with servers or a radio more."""
    wall_at, steady_at = time.time(), time.monotonic()
    yield check_home(home)
    settings, finding = check_config(home)
    yield finding
    yield check_key(home)
    lan = settings.lan if settings is not None else LanConfig()
    if settings is not None:
        yield check_disk(settings.download_directory)
    yield check_open_files()
    addresses = own_addresses()
    yield check_interfaces(addresses, lan)
    status, finding = await check_station(home)
    yield finding
    for warning in status.warnings if status is not None else ():
        yield Finding(Verdict.WARN, "station", warning)
    yield check_lan_port(lan, status)
    yield await check_webrtc(loopback=lan.allow_loopback or not addresses)
    yield await check_mdns(addresses)
    async for finding in examine_internet(home, settings):
        yield finding
    async for finding in examine_radio(home, settings):
        yield finding
    drift_s = (time.time() - wall_at) - (time.monotonic() - steady_at)
    yield check_clock(now=time.time(), drift_s=drift_s)


def check_home(home: Home) -> Finding:
    """The home directory is there and can be written."""
    if not home.directory.is_dir():
        return Finding(
            Verdict.FAIL,
            "home",
            f"there is no {home.directory}; make it with: meshdl init --callsign YOURCALL",
        )
    try:
        with tempfile.TemporaryFile(dir=home.directory):
            pass
    except OSError as error:
        return Finding(
            Verdict.FAIL,
            "home",
            f"cannot write in {home.directory} ({error.strerror}); look at its owner and mode",
        )
    return Finding(Verdict.OK, "home", str(home.directory))


def check_config(home: Home) -> tuple[StationConfig | None, Finding]:
    """The settings can be read and are right."""
    try:
        settings = config_file.load(home.config_file)
    except MeshdlError as error:
        return None, Finding(Verdict.FAIL, "config", str(error))
    return settings, Finding(Verdict.OK, "config", f"{settings.callsign}, {home.config_file}")


def check_key(home: Home) -> Finding:
    """The station key is there, is a key, and is nobody else's to read."""
    try:
        keys.load(home.key_file)
    except MeshdlError as error:
        return Finding(Verdict.FAIL, "key", str(error))
    exposed = keys.exposed_to(home.key_file)
    if exposed is not None:
        return Finding(
            Verdict.WARN,
            "key",
            f"{home.key_file} can be read by {exposed}; give it to yourself alone: "
            f"chmod 600 {home.key_file}",
        )
    return Finding(Verdict.OK, "key", "present, and readable by its owner only")


def check_disk(directory: Path) -> Finding:
    """There is room where downloads land."""
    present = next(path for path in (directory, *directory.parents) if path.exists())
    return judge_disk(directory, shutil.disk_usage(present).free)


def judge_disk(directory: Path, free_octets: int) -> Finding:
    """What so much room means."""
    text = f"{free_octets / 1e9:.1f} GB free for {directory}"
    if free_octets < FREE_OCTETS_FAIL:
        return Finding(Verdict.FAIL, "disk", f"{text}; make room")
    if free_octets < FREE_OCTETS_WARN:
        return Finding(Verdict.WARN, "disk", f"{text}; large downloads will not fit")
    return Finding(Verdict.OK, "disk", text)


def check_open_files() -> Finding:
    """The system lets this process open enough files and sockets."""
    if sys.platform == "win32":
        return Finding(Verdict.OK, "files", "no limit of the system to look at")
    else:  # noqa: RET505 - one branch a platform, for the type checker
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return judge_open_files(sys.maxsize if soft == resource.RLIM_INFINITY else soft)


def judge_open_files(limit: int) -> Finding:
    """What such a limit means."""
    if limit < OPEN_FILES_WARN:
        return Finding(
            Verdict.WARN,
            "files",
            f"at most {limit} open files; raise it (ulimit -n 4096), or lower lan.max_links",
        )
    return Finding(Verdict.OK, "files", "enough open files are allowed")


def check_interfaces(addresses: tuple[str, ...], lan: LanConfig) -> Finding:
    """There is a network that other stations can be on."""
    if addresses:
        return Finding(Verdict.OK, "network", ", ".join(addresses))
    if lan.allow_loopback:
        return Finding(Verdict.WARN, "network", "loopback only: stations of this machine meet")
    return Finding(
        Verdict.FAIL,
        "network",
        "no interface with an address but loopback; plug in a cable, join a wireless network, or "
        "set lan.allow_loopback = true for stations on this machine alone",
    )


async def check_station(home: Home) -> tuple[StationStatus | None, Finding]:
    """A station runs on this home and answers."""
    try:
        async with ControlClient(home.directory) as station:
            status = await station.status()
    except LinkError as error:
        return None, Finding(Verdict.WARN, "station", str(error))
    except MeshdlError as error:
        return None, Finding(Verdict.FAIL, "station", str(error))
    running = f"{status.callsign} runs as process {status.pid} with {status.peers} peers up"
    return status, Finding(Verdict.OK, "station", running)


def check_lan_port(lan: LanConfig, status: StationStatus | None) -> Finding:
    """The port that other stations dial is ours or can be."""
    if not lan.enabled:
        return Finding(Verdict.WARN, "port", "the local network is switched off (lan.enabled)")
    if status is not None and status.lan.port is not None:
        return Finding(Verdict.OK, "port", f"{status.lan.port}, taken by this station")
    port = lan.port or LAN_PORT_DEFAULT
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("", port))
    except OSError as error:
        return _port_taken(port, error, configured=lan.port is not None)
    return Finding(Verdict.OK, "port", f"{port} is free")


def _port_taken(port: int, error: OSError, *, configured: bool) -> Finding:
    reason = "is in use" if error.errno == errno.EADDRINUSE else f"is refused ({error.strerror})"
    if configured:
        return Finding(
            Verdict.FAIL,
            "port",
            f"{port} {reason}; end the program that has it, or set another lan.port",
        )
    return Finding(Verdict.OK, "port", f"{port} {reason}; the station will take any free one")


async def check_webrtc(*, loopback: bool) -> Finding:
    """Two connections in this process exchange a message."""
    try:
        from meshdl.transports.self_test import exchange_a_message
    except ImportError as error:
        return Finding(
            Verdict.FAIL, "webrtc", f"the WebRTC library does not load ({error}); reinstall meshdl"
        )
    try:
        took_s = await exchange_a_message(loopback=loopback)
    except LinkError as error:
        return Finding(Verdict.FAIL, "webrtc", str(error))
    return Finding(Verdict.OK, "webrtc", f"a message went there and back in {took_s * 1e3:.0f} ms")


async def check_mdns(addresses: tuple[str, ...]) -> Finding:
    """What we announce by multicast is heard on this machine."""
    try:
        took_s = await hear_ourselves(addresses or ("127.0.0.1",))
    except MulticastSilent as error:
        return Finding(Verdict.FAIL, "mdns", str(error))
    return Finding(Verdict.OK, "mdns", f"our announcement was heard after {took_s:.2f} s")


def check_clock(*, now: float, drift_s: float) -> Finding:
    """The clock can date records and log entries.

    Args:
        now: Unix time.
        drift_s: how much more it went forward than the monotonic clock meanwhile.
    """
    if not CLOCK_EARLIEST <= now < CLOCK_LATEST:
        year = time.gmtime(now).tm_year
        return Finding(
            Verdict.FAIL,
            "clock",
            f"the year is {year}; set the clock, or records expire at the wrong time",
        )
    if abs(drift_s) > CLOCK_JUMP_S:
        return Finding(
            Verdict.WARN,
            "clock",
            f"it jumped by {drift_s:+.1f} s during these checks; let one program alone set it",
        )
    return Finding(Verdict.OK, "clock", f"{time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(now))}")
