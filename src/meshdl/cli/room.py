"""``meshdl room``: rooms of one's own, invitations to them, and what one was invited to."""

import secrets
import sys
import time
from pathlib import Path

import click

from meshdl.cli.console import print_table
from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.cli.present import instant
from meshdl.errors import ConfigError, FileUnreadable
from meshdl.ids import StationKey, callsign, station_id, station_key
from meshdl.signalling.invitation import (
    BOUND_DAYS,
    BOUND_DAYS_MAX,
    DAY_S,
    LINK_MAX,
    OPEN_DAYS,
    OPEN_DAYS_MAX,
    SCHEME,
    Invitation,
)
from meshdl.station import config_file, keys
from meshdl.station.catalogue import Catalogue
from meshdl.station.home import Home
from meshdl.station.private_file import write_private
from meshdl.station.rooms import Room, Rooms

NEXT = "A station that runs notices within seconds; see: meshdl status"


@click.group()
@home_option
def room() -> None:
    """Make closed rooms, invite stations to them, join and leave.

    A room is where stations see each other at a signalling server. A station that runs
    notices within seconds what changes here.
    """


@room.command()
@click.argument("name")
@home_option
@json_option
@pass_home
def create(home: Home, *, name: str, as_json: bool) -> None:
    """Make the closed room NAME, with a key of its own, and be in it."""
    home.create()
    whole = Rooms(home.rooms_directory).create(name)
    if as_json:
        emit({"room": name, "whole_name": whole, "key": str(home.rooms_directory / f"{name}.key")})
        return
    click.echo(f"Room {name} is made; its key is {home.rooms_directory / name}.key (keep a copy)")
    click.echo(f"Invite others with: meshdl room invite {name}")
    click.echo(NEXT)


@room.command()
@click.argument("name")
@click.option(
    "--for",
    "guest",
    metavar="CALLSIGN|KEY",
    help="One station: a callsign that was met before, or what its `meshdl key show` prints.",
)
@click.option(
    "--days",
    type=click.IntRange(1, BOUND_DAYS_MAX),
    help=f"How long it holds: {OPEN_DAYS} by default (at most {OPEN_DAYS_MAX}); "
    f"{BOUND_DAYS} with --for.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to a file that only you can read.",
)
@home_option
@json_option
@pass_home
def invite(
    home: Home,
    *,
    name: str,
    guest: str | None,
    days: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Print an invitation to the room NAME, which must be your own.

    With --for it is of use to that station alone. Without it, whoever reads it can join
    until it ends: hand it over like a key. Invitations cannot be taken back; make the
    room anew to get rid of a member before its time.
    """
    station = _guest(home, guest) if guest is not None else None
    if station is None and days is not None and days > OPEN_DAYS_MAX:
        raise click.UsageError(
            f"an invitation for whoever has it holds {OPEN_DAYS_MAX} days at most; give --for"
        )
    default = OPEN_DAYS if station is None else BOUND_DAYS
    until_s = int(time.time()) + (days or default) * DAY_S
    made = Rooms(home.rooms_directory).invite(
        name, station=station, seed=secrets.token_bytes(32), expires_at_s=until_s
    )
    if output is not None:
        write_private(output, f"{made.to_text()}\n".encode("ascii"))
    if as_json:
        emit(
            {
                "room": name,
                "expires_at": until_s,
                "station_id": station_id(station) if station else None,
                "link": made.to_text() if output is None else None,
                "file": str(output.absolute()) if output else None,
            }
        )
        return
    click.echo(made.to_text() if output is None else f"Wrote {output}")
    whom = f"for station {station_id(station)}" if station else "for whoever has it"
    click.echo(f"Holds until {instant(until_s)}, {whom}", err=True)


@room.command()
@click.argument("invitation")
@home_option
@json_option
@pass_home
def join(home: Home, *, invitation: str, as_json: bool) -> None:
    """Join a room by INVITATION: the link, a file that holds it, or - for stdin.

    A link on the command line can be seen by other users of this machine.
    """
    found = Invitation.parse(_text_of(invitation))
    Rooms(home.rooms_directory).join(found, _own_key(home))
    if as_json:
        emit({"room": found.name, "expires_at": found.expires_at_s})
        return
    click.echo(f"Room {found.name} is joined, until {instant(found.expires_at_s)}")
    click.echo(NEXT)


@room.command()
@home_option
@json_option
@pass_home
def ls(home: Home, *, as_json: bool) -> None:
    """List the rooms of the station."""
    settings = config_file.load(home.config_file)
    rooms = Rooms(home.rooms_directory).to_be_in(settings.internet.rooms, _own_key(home))
    if as_json:
        emit(
            [
                {
                    "room": one.name,
                    "entry": one.entry.value,
                    "whole_name": one.whole_name,
                    "expires_at": one.expires_at_s,
                    "problem": one.problem,
                }
                for one in rooms
            ]
        )
        return
    print_table(
        ("ROOM", "ENTRY", "UNTIL", "KEY", "NOTE"),
        [_row(one) for one in rooms],
        empty="No rooms. See: internet.rooms in config.toml, and meshdl room join",
    )


@room.command()
@click.argument("name")
@click.option("--delete-key", is_flag=True, help="Of a room of your own: nobody gets it back.")
@home_option
@json_option
@pass_home
def leave(home: Home, *, name: str, delete_key: bool, as_json: bool) -> None:
    """Forget the invitation to the room NAME."""
    Rooms(home.rooms_directory).leave(name, delete_key=delete_key)
    if as_json:
        emit({"room": name, "left": True})
        return
    click.echo(f"Room {name} is left")
    click.echo(NEXT)


def _row(one: Room) -> tuple[str, ...]:
    until = "" if one.expires_at_s is None else instant(one.expires_at_s)
    key = one.whole_name.partition("#")[2][:16]
    return (one.name, one.entry.value, until, key, one.problem)


def _own_key(home: Home) -> StationKey:
    return keys.public_key(keys.load(home.key_file))


def _guest(home: Home, text: str) -> StationKey:
    """The key of a station that is named by it or by its callsign."""
    try:
        return station_key(bytes.fromhex(text))
    except ValueError:
        pass
    try:
        call = callsign(text)
    except ValueError as error:
        raise click.UsageError(
            f"{text!r} is neither a callsign nor a station key of 64 hexadecimal digits"
        ) from error
    catalogue = Catalogue(home.catalogue_file)
    try:
        pin = catalogue.pins.all().get(call)
    finally:
        catalogue.close()
    if pin is None:
        raise ConfigError(
            "--for", f"{call} was never met; ask its operator for what `meshdl key show` prints"
        )
    return pin.key


def _text_of(invitation: str) -> str:
    if invitation.startswith(f"{SCHEME}:"):
        return invitation
    if invitation == "-":
        return sys.stdin.read(LINK_MAX + 1)
    path = Path(invitation)
    try:
        with path.open("rb") as file:
            return file.read(LINK_MAX + 1).decode("ascii", "replace")
    except OSError as error:
        raise FileUnreadable(f"cannot read {path} ({error.strerror})") from error
