"""``meshdl key``: the station key, and how another one takes its place."""

import click

from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.ids import station_id
from meshdl.station import config_file, key_rotation, keys
from meshdl.station.home import Home
from meshdl.station.rooms import Rooms


@click.group()
@home_option
def key() -> None:
    """Show the station key, or make a new one that the old one signs for."""


@key.command()
@home_option
@json_option
@pass_home
def show(home: Home, *, as_json: bool) -> None:
    """Show the public half of the station key, and how many it has had."""
    callsign = config_file.load(home.config_file).callsign
    public = keys.public_key(keys.load(home.key_file))
    chain = key_rotation.load(home.rotations_file, callsign=callsign, key=public)
    shown = {
        "callsign": callsign,
        "station_id": station_id(public),
        "station_key": public.hex(),
        "rotations": len(chain),
    }
    if as_json:
        emit(shown)
        return
    click.echo(f"Station   {callsign} ({shown['station_id']})")
    click.echo(f"Key       {shown['station_key']}")
    click.echo(f"Rotations {len(chain)}")


@key.command()
@home_option
@json_option
@pass_home
def rotate(home: Home, *, as_json: bool) -> None:
    """Make a new station key; the old one signs for it and is then deleted.

    Stop the station before. Stations and servers that know the old key accept the new
    one by its signature. It does not help against somebody who has stolen the old key
    and was there before you: tell the others by another path to "meshdl trust" you.
    """
    callsign = config_file.load(home.config_file).callsign
    done = key_rotation.rotate(home, callsign)
    lost = _rooms_of_the_old_key(home)
    if as_json:
        told = {"callsign": callsign, "old_station_id": done.old, "station_id": done.new}
        emit(told | {"rooms_lost": lost})
        return
    click.echo(f"Station {callsign} is {done.new} from now on; {done.old} signed for it")
    click.echo(f"Key {home.key_file} (keep a new copy, with {home.rotations_file})")
    for name in lost:
        click.echo(f"Ask for a new invitation to {name}: the one there is was for the old key")
    click.echo("Next: meshdl up")


def _rooms_of_the_old_key(home: Home) -> list[str]:
    present = keys.public_key(keys.load(home.key_file))
    rooms = Rooms(home.rooms_directory).to_be_in((), present)
    return [one.name for one in rooms if one.problem]
