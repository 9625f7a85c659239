"""``status``, ``peers``, ``trust``: the station and its neighbours."""

import asyncio
import time

import click

from meshdl.cli.console import print_table, printable
from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.cli.present import duration, instant, rate, size
from meshdl.control.client import ControlClient
from meshdl.control.internet_status import InternetStatus, RoomStatus
from meshdl.control.station_status import PeerStatus, StationStatus
from meshdl.ids import StationId
from meshdl.ids import callsign as parse_callsign
from meshdl.station.home import Home


@click.command()
@home_option
@json_option
@pass_home
def status(home: Home, *, as_json: bool) -> None:
    """Show the running station at a glance."""

    async def run() -> StationStatus:
        async with ControlClient(home.directory) as station:
            return await station.status()

    now = asyncio.run(run())
    if as_json:
        emit(now)
        return
    for name, text in (*_facts(now), *_internet(now.internet)):
        click.echo(f"{name:<10}{printable(text)}")
    for warning in now.warnings:
        click.echo(f"Warning: {warning}", err=True)


def _facts(now: StationStatus) -> tuple[tuple[str, str], ...]:
    lan = now.lan
    where = f", port {lan.port} on {', '.join(lan.addresses)}" if lan.port else ""
    return (
        ("Station", f"{now.callsign} ({now.station_id}), meshdl {now.version}"),
        ("Running", f"{duration(time.time() - now.started_at)}, process {now.pid}"),
        ("Home", now.home),
        ("LAN", f"{lan.state}{where}" if lan.enabled else "off"),
        ("Peers", str(now.peers)),
        ("Downloads", str(now.downloads)),
        ("Rates", f"{rate(now.download_octets_per_s)} in, {rate(now.upload_octets_per_s)} out"),
    )


def _internet(internet: InternetStatus) -> list[tuple[str, str]]:
    if not internet.enabled:
        return [("Internet", "off: no server in internet.servers")]
    facts = []
    for server in internet.servers:
        problem = f": {server.problem}" if server.problem else ""
        facts.append(("Internet", f"{server.url} {server.state}{problem}"))
        rooms = ", ".join(_room(room) for room in server.rooms) or "none"
        facts.append(("", f"  rooms {rooms}"))
        if server.ice_servers:
            facts.append(("", f"  STUN and TURN {', '.join(server.ice_servers)}"))
    for path, calls in (("direct", internet.direct), ("relayed", internet.relayed)):
        if calls:
            facts.append(("", f"{path}: {', '.join(calls)}"))
    return facts


def _room(room: RoomStatus) -> str:
    facts = ["closed"] if room.closed else []
    if not room.joined:
        facts.append("not joined")
    if room.expires_at is not None:
        facts.append(f"until {instant(room.expires_at)}")
    return f"{room.name} ({', '.join(facts)})" if facts else room.name


@click.command()
@home_option
@json_option
@pass_home
def peers(home: Home, *, as_json: bool) -> None:
    """List the stations with a link, being dialled, or heard of."""

    async def run() -> list[PeerStatus]:
        async with ControlClient(home.directory) as station:
            return list(await station.peers())

    known = asyncio.run(run())
    if as_json:
        emit(known)
        return
    print_table(
        _HEADINGS,
        [_row(peer) for peer in known],
        empty="No other station yet. See: meshdl doctor",
    )


_HEADINGS = (
    "CALLSIGN", "STATION", "LINK", "PATH", "ADDRESS", ">RTT", ">IN", ">OUT", ">HAS", "LIMIT", "NOTE"
)  # fmt: skip


def _row(peer: PeerStatus) -> tuple[str, ...]:
    return (
        peer.callsign,
        peer.station_id,
        peer.link_state.value,
        "" if peer.path is None else peer.path.value,
        peer.address,
        "" if peer.rtt_ms is None else f"{peer.rtt_ms:.1f} ms",
        size(peer.octets_received),
        size(peer.octets_sent),
        str(peer.contents),
        peer.limited_by.value if peer.limited_by is not None else "",
        peer.note or "",
    )


@click.command()
@click.argument("callsign")
@click.argument("station_id")
@home_option
@json_option
@pass_home
def trust(home: Home, *, callsign: str, station_id: str, as_json: bool) -> None:
    """Accept that CALLSIGN now has the key of STATION_ID.

    A callsign keeps the key it was first seen with. When another key shows up,
    status and the log say so. Ask the operator, on another path, before you trust it.
    """
    try:
        call = parse_callsign(callsign)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

    async def run() -> None:
        async with ControlClient(home.directory) as station:
            await station.trust(call, StationId(station_id.lower()))

    asyncio.run(run())
    if as_json:
        emit({"callsign": call, "station_id": station_id.lower(), "trusted": True})
    else:
        click.echo(f"{call} is pinned to {station_id.lower()} from now on")
