"""``meshdl radio``: the radio's settings, state, switch and monitor.

What a verb needs is imported when it is called: the kill switch waits for no library.
"""

import asyncio
import time
from pathlib import Path

import click

from meshdl.cli.console import printable
from meshdl.cli.kill_switch import silence
from meshdl.cli.options import Seconds, emit, home_option, json_option, pass_home
from meshdl.control.client import ControlClient
from meshdl.control.radio_view import RadioStatus
from meshdl.errors import LinkError
from meshdl.station.home import Home
from meshdl.station.radio import switch

EMERGENCY_HOURS_MAX = 24.0


@click.group()
@home_option
def radio() -> None:
    """Set up, look at, switch off and on, and monitor the radio."""


@radio.command()
@click.option(
    "--modem", help="kiss-tcp:HOST:PORT, kiss-serial:DEVICE@RATE, direwolf, freedv, wav:DIRECTORY."
)
@click.option("--mode", help="How a TNC modulates (afsk-1200, g3ruh-9600), or a FreeDV mode.")
@click.option("--ptt", help="Of a sound card: vox, rigctld, rts:DEVICE, dtr:DEVICE.")
@click.option("--rigctld", metavar="HOST:PORT", help="Hamlib, for dial and PTT.")
@click.option("--audio-input", metavar="NAME", help="Sound device that hears the radio.")
@click.option("--audio-output", metavar="NAME", help="Sound device that the radio sends.")
@click.option("--callsign", help="As on your licence; an SSID may follow: KA1ABC-7.")
@click.option("--rules", help="Your country's rules: us-part97, or a .toml file in the home.")
@click.option("--class", "licence_class", help="Licence class of the control operator.")
@click.option("--control", help="local, remote, or automatic when nobody attends.")
@click.option("--control-operator", metavar="CALL", help="Who is in charge, if not the licensee.")
@click.option("--dial", metavar="MHZ", help="What the rig shows, in MHz: 14.103.")
@click.option("--sideband", help="usb, lsb or fm.")
@click.option("--power-w", type=float, metavar="W", help="Transmitter power, for the log.")
@click.option(
    "--listen",
    "listen_s",
    type=click.FloatRange(0.0, 3600.0),
    default=10.0,
    show_default=True,
    help="Seconds of the receive test; 0 for none.",
)
@json_option
@home_option
@pass_home
def setup(home: Home, /, *, listen_s: float, as_json: bool, **answers: object) -> None:
    """Find a modem, write the [radio] table of config.toml, and listen.

    A station that runs on this home takes the settings up at once.

    On a terminal it asks for whatever no option answers. What the law asks you to state (rules,
    licence class, control, dial) is never guessed: without it the station only receives.
    """
    from meshdl.cli.radio_setup import run

    given = {name: value for name, value in answers.items() if value is not None}
    run(home, given, listen_s=listen_s, as_json=as_json)


@radio.command()
@home_option
@json_option
@pass_home
def reload(home: Home, *, as_json: bool) -> None:
    """Have the running station take up the [radio] table of config.toml as it stands now.

    It identifies on the old settings first, if that is owed. Downloads go on.
    """
    from meshdl.cli.radio_reload import reload_lines, take_up

    told = asyncio.run(take_up(home))
    if as_json:
        emit(told)
        return
    for line in reload_lines(told):
        click.echo(printable(line))


@radio.command()
@home_option
@json_option
@pass_home
def status(home: Home, *, as_json: bool) -> None:
    """Show whether the radio is on the air, what it has used, and what the rules say.

    Without a running station it judges the settings.
    """
    from meshdl.cli.radio_words import status_lines

    now, running = asyncio.run(_status(home))
    if as_json:
        emit({"running": running} | _builtins(now))
        return
    for name, text in status_lines(now, at=time.time()):
        click.echo(f"{name:<10}{printable(text)}")


async def _status(home: Home) -> tuple[RadioStatus, bool]:
    try:
        async with ControlClient(home.directory) as station:
            return await station.radio.status(), True
    except LinkError:
        from meshdl.station.radio.outlook import offline_status

        return offline_status(home), False


@radio.command()
@click.option("--reason", default="", help="For the log.")
@home_option
@json_option
@pass_home
def off(home: Home, *, reason: str, as_json: bool) -> None:
    """Silence the transmitter now, and until `meshdl radio on`, over restarts too."""
    done = silence(home, reason)
    if done.ended is not None and not as_json:
        click.echo(
            f"The station did not answer, and its process {done.ended} was ended; start it again "
            "with: meshdl up",
            err=True,
        )
    _tell_switch(off=True, running=done.running, as_json=as_json, ended=done.ended)


@radio.command()
@home_option
@json_option
@pass_home
def on(home: Home, *, as_json: bool) -> None:
    """Allow transmissions again; a fault of the transmitter is forgotten."""
    running = True
    try:
        asyncio.run(_switch_on(home))
    except LinkError:
        if home.held():
            raise
        switch.remember(home.radio_off_file, None)
        running = False
    _tell_switch(off=False, running=running, as_json=as_json)


async def _switch_on(home: Home) -> None:
    async with ControlClient(home.directory) as station:
        await station.radio.switch_on()


def _tell_switch(*, off: bool, running: bool, as_json: bool, ended: int | None = None) -> None:
    if as_json:
        emit({"off": off, "running": running} | ({"ended": ended} if off else {}))
        return
    what = "off: nothing is transmitted" if off else "on: the rules decide what is transmitted"
    when = "" if running else "; no station runs, the next one starts so"
    click.echo(f"The radio is {what}{when}")


@radio.command()
@click.option(
    "--read",
    "recording",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A recording instead: pcapng, pcap, octets of a KISS TNC, or WAV.",
)
@click.option(
    "--write",
    "capture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what is heard as pcapng; a file that is there is gone on with.",
)
@click.option("--seconds", type=Seconds(), help="End after so long.")
@json_option
@home_option
@pass_home
def monitor(
    home: Home,
    *,
    recording: Path | None,
    capture: Path | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Explain everything that is heard, ours and others', until Ctrl-C.

    From the running station; without one by the modem of the settings, receiving only.
    """
    from meshdl.cli.radio_monitor import run

    run(home, recording=recording, capture_path=capture, seconds=seconds, as_json=as_json)


@radio.group()
@home_option
def emergency() -> None:
    """Declare that life or property is in danger, and that it is over."""


@emergency.command()
@click.argument("reason")
@click.option(
    "--hours",
    type=click.FloatRange(0.0, EMERGENCY_HOURS_MAX, min_open=True),
    default=1.0,
    show_default=True,
    help="How long it holds; declare it again for longer.",
)
@home_option
@json_option
@pass_home
def declare(home: Home, *, reason: str, hours: float, as_json: bool) -> None:
    """Declare an emergency because of REASON, which is logged.

    Until it ends, emergency traffic goes first, and what the rules forbid otherwise is sent with
    a warning. You answer for it (47 CFR 97.403).
    """
    if not reason.strip():
        raise click.UsageError("give the reason: what is in danger, and where")
    _tell_emergency(asyncio.run(_declare(home, reason, hours * 3600)), as_json=as_json)


async def _declare(home: Home, reason: str, for_s: float) -> RadioStatus:
    async with ControlClient(home.directory) as station:
        return await station.radio.declare_emergency(reason=reason, for_s=for_s)


@emergency.command()
@home_option
@json_option
@pass_home
def end(home: Home, *, as_json: bool) -> None:
    """Say that the emergency is over."""
    _tell_emergency(asyncio.run(_end(home)), as_json=as_json)


async def _end(home: Home) -> RadioStatus:
    async with ControlClient(home.directory) as station:
        return await station.radio.end_emergency()


def _tell_emergency(now: RadioStatus, *, as_json: bool) -> None:
    from meshdl.cli.present import instant

    if as_json:
        emit({"emergency_until": now.emergency_until})
    elif now.emergency_until is None:
        click.echo("No emergency is declared")
    else:
        click.echo(f"Emergency declared until {instant(now.emergency_until)}")


def _builtins(now: RadioStatus) -> dict[str, object]:
    import msgspec

    shown: dict[str, object] = msgspec.to_builtins(now)
    return shown
