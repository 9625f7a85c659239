"""``meshdl init``: home directory, settings, station key."""

import click

from meshdl.cli.options import emit, home_option, json_option, pass_home
from meshdl.errors import ConfigError, FileUnwritable, TargetExists
from meshdl.ids import callsign as parse_callsign
from meshdl.ids import station_id
from meshdl.station import config_file, keys
from meshdl.station.home import Home


@click.command()
@click.option("--callsign", help="As on your licence; an SSID may follow: KA1ABC-7.")
@click.option("--grid", help="Maidenhead locator, e.g. FN42; told to other stations.")
@home_option
@json_option
@pass_home
def init(home: Home, *, callsign: str | None, grid: str | None, as_json: bool) -> None:
    """Make the home directory: config.toml and the station key.

    What is there already is kept: run it again to make a key that is missing. Edit
    config.toml to change a setting.
    """
    if home.config_file.exists() and home.key_file.exists():
        raise TargetExists(
            f"{home.directory} is a station's home already; edit {home.config_file} to change it, "
            "or give another --home"
        )
    make(home, callsign, grid)
    settings = config_file.load(home.config_file)
    identity = station_id(keys.public_key(keys.load(home.key_file)))
    if as_json:
        emit(
            {
                "callsign": settings.callsign,
                "station_id": identity,
                "home": str(home.directory),
                "config": str(home.config_file),
            }
        )
        return
    click.echo(f"Station {settings.callsign} ({identity})")
    click.echo(f"Settings {home.config_file}")
    click.echo(f"Key {home.key_file} (keep a copy; with it lost you are a stranger)")
    click.echo("Next: meshdl up")


def make(home: Home, call: str | None, grid: str | None = None) -> None:
    """Make what is missing of a home: the directory, config.toml, the station key.

    Raises:
        click.UsageError: config.toml is missing, and no callsign was given.
        ConfigError: the callsign or the locator is none.
        FileUnwritable: a file cannot be written.
    """
    home.create()
    if not home.config_file.exists():
        _write_config(home, call, grid)
    if not home.key_file.exists():
        keys.create(home.key_file)


def _write_config(home: Home, call: str | None, grid: str | None) -> None:
    if call is None:
        raise click.UsageError("--callsign is needed: the callsign on your licence")
    try:
        text = config_file.template(call=parse_callsign(call), grid=grid)
    except ValueError as error:
        raise ConfigError("station.callsign", str(error)) from error
    try:
        with home.config_file.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FileUnwritable(
            f"cannot write {home.config_file} ({error.strerror}); "
            "look at the owner and mode of the home directory"
        ) from error
