"""``meshdl radio setup``: look, ask, write, listen.

Theory of operation
===================

Options are answers. On a terminal what they leave open is asked (:mod:`.radio_questions`);
elsewhere it stays as it is. The answers become settings in ``config.toml`` only when all of
them together are right. A station that runs takes them up at once; otherwise the receive test
listens by the modem that the settings name.
With no answer at all and no terminal, what was found is shown and nothing is changed.
"""

import asyncio
import sys
import tomllib
from collections.abc import Mapping

import click
import msgspec

from meshdl.cli import init, radio_questions
from meshdl.cli.console import printable
from meshdl.cli.options import emit
from meshdl.cli.radio_reload import reload_lines, take_up_if_running
from meshdl.cli.radio_words import dial, verdict_words
from meshdl.cli.receive_test import ReceiveTest, receive_test, what_to_check
from meshdl.control.radio_view import RadioReload, RadioStatus
from meshdl.errors import ModemUnavailable
from meshdl.station import config_file
from meshdl.station.config import StationConfig
from meshdl.station.home import Home
from meshdl.station.radio.equipment import Equipment, look
from meshdl.station.radio.outlook import offline_status
from meshdl.station.settings_edit import Value, change_file

LISTEN_MIN_S = 3.0
"""Shorter, and the level of a sound card is not known."""


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """What ``setup --json`` prints.

    Attributes:
        config: the file that was written.
        radio: the settings that were changed.
        status: as ``radio status`` has it.
        test: the receive test; ``None`` when there was none.
        station: what the station that runs has made of it; ``None`` when none runs.
    """

    config: str
    radio: Mapping[str, Value]
    status: RadioStatus
    test: ReceiveTest | None
    station: RadioReload | None


def run(home: Home, given: dict[str, object], *, listen_s: float, as_json: bool) -> None:
    """All of it."""
    asks = interactive() and not as_json
    answers = _answers(given)
    if not answers and not asks:
        _show_equipment(asyncio.run(look()), as_json=as_json)
        return
    stated = _stated(home)
    if asks:
        click.echo("Looking for TNCs, rigctld, serial ports and sound devices ...", err=True)
        answers = radio_questions.ask(asyncio.run(look()), answers, stated, home)
    radio_questions.check_stated(answers, stated)
    settings = _write(home, answers)
    radio = {name: value for name, value in answers.items() if name != "callsign"}
    status = offline_status(home)
    if not as_json:
        _tell(home, radio, status)
    station = asyncio.run(take_up_if_running(home))
    test = None
    if station is None:
        test = _test(settings, listen_s, as_json=as_json)
    elif not as_json:
        _tell_station(station)
    if as_json:
        config = str(home.config_file)
        emit(SetUp(config=config, radio=radio, status=status, test=test, station=station))
    if test is not None and not test.up:
        raise ModemUnavailable(
            f"the settings are written, but the modem is not there: {test.problem}"
        )


def interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _answers(given: Mapping[str, object]) -> dict[str, Value]:
    answers: dict[str, Value] = {}
    for name, value in given.items():
        if name == "dial":
            answers["dial_hz"] = radio_questions.hertz(str(value))
        elif isinstance(value, str) and name in {"mode", "licence_class", "control", "sideband"}:
            answers[name] = radio_questions.mode_named(value.lower())
        elif isinstance(value, str | float):
            answers[name] = value
    return answers


def _stated(home: Home) -> dict[str, Value]:
    """What stands in the file already, the station's callsign too; nothing where there is none."""
    if not home.config_file.exists():
        return {}
    settings = config_file.load(home.config_file)
    document = tomllib.loads(home.config_file.read_text(encoding="utf-8"))
    return {**document.get("radio", {}), "callsign": settings.callsign}


def _write(home: Home, answers: Mapping[str, Value]) -> StationConfig:
    call = answers.get("callsign")
    if not home.config_file.exists() or not home.key_file.exists():
        init.make(home, str(call) if call is not None else None)
    changes: dict[str, Mapping[str, Value]] = {
        "radio": {name: value for name, value in answers.items() if name != "callsign"}
    }
    if call is not None:
        changes["station"] = {"callsign": str(call).strip().upper()}

    def check(settings: StationConfig) -> None:
        if settings.radio is not None:
            settings.radio.declaration(settings.callsign, home.directory)

    return change_file(home.config_file, changes, check=check)


def _tell(home: Home, radio: Mapping[str, Value], now: RadioStatus) -> None:
    click.echo(f"Written to {home.config_file}:")
    for name, value in radio.items():
        click.echo(f"  {name} = {printable(str(value))}")
    click.echo(f"Dial     {dial(now.dial_hz, now.sideband)}")
    if now.verdict is not None:
        click.echo(f"Verdict  {printable(verdict_words(now.verdict))}")
        if now.verdict.remedy:
            click.echo(f"Next     {printable(now.verdict.remedy)}")


def _tell_station(station: RadioReload) -> None:
    for line in reload_lines(station):
        click.echo(printable(line))
    click.echo("See what it hears with: meshdl radio monitor")


def _test(settings: StationConfig, listen_s: float, *, as_json: bool) -> ReceiveTest | None:
    radio = settings.radio
    if radio is None or not radio.modem or listen_s == 0:
        return None
    listen_s = max(listen_s, LISTEN_MIN_S)
    if not as_json:
        click.echo(f"Receive test: listening by {radio.modem} for {listen_s:g} s ...")
    tell = _ignore if as_json else click.echo
    test = asyncio.run(receive_test(radio, settings.callsign, listen_s, tell))
    if not as_json:
        for line in what_to_check(test, radio):
            click.echo(printable(line))
        if test.up:
            click.echo("Next: meshdl up")
    return test


def _ignore(_line: str) -> None:
    """It comes in the JSON."""


def _show_equipment(found: Equipment, *, as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    for line in radio_questions.found_lines(found):
        click.echo(printable(line))
    click.echo("Nothing was changed; answer by options: meshdl radio setup --help")
