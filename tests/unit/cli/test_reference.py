"""The reference says what the program does: no more, no less."""

import re
from dataclasses import fields
from pathlib import Path
from random import Random

import click

from meshdl.cli.exits import EXIT_CODES, INTERRUPTED, NOT_ALLOWED, TEMPORARY, USAGE
from meshdl.cli.main import COMMANDS, meshdl
from meshdl.control.changes import (
    ContentChanged,
    ContentRemoved,
    PeerChanged,
    PeerRemoved,
    StationChanged,
)
from meshdl.control.faults import STATUS
from meshdl.control.routes import ROUTES
from meshdl.signal_server.metrics import exposition
from meshdl.signalling.server import SignallingServer
from meshdl.signalling.server_events import ServerLimits
from meshdl.station.config import (
    ControlConfig,
    InternetConfig,
    LanConfig,
    LimitsConfig,
    StationConfig,
)
from meshdl.station.radio_config import RadioConfig

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
CLI = (REFERENCE / "cli.md").read_text(encoding="utf-8")
CONFIG = (REFERENCE / "config.md").read_text(encoding="utf-8")
SIGNAL = (REFERENCE / "signalling-server.md").read_text(encoding="utf-8")
API = (REFERENCE / "control-api.md").read_text(encoding="utf-8")


def test_every_command_has_its_section() -> None:
    headings = "\n".join(line for line in CLI.splitlines() if line.startswith("### "))
    assert set(re.findall(r"`meshdl (\w+)", headings)) == set(COMMANDS)


def test_every_option_is_told() -> None:
    with meshdl.make_context("meshdl", [], resilient_parsing=True) as context:
        for name in COMMANDS:
            command = meshdl.get_command(context, name)
            assert command is not None
            verbs = command.commands.values() if isinstance(command, click.Group) else ()
            for parameter in (one for each in (command, *verbs) for one in each.params):
                if parameter.param_type_name == "option":
                    assert any(option in CLI for option in parameter.opts), parameter.name


def test_every_verb_of_a_command_is_told() -> None:
    headings = "\n".join(line for line in CLI.splitlines() if line.startswith("### "))
    with meshdl.make_context("meshdl", [], resilient_parsing=True) as context:
        for name in COMMANDS:
            command = meshdl.get_command(context, name)
            for verb in command.commands if isinstance(command, click.Group) else ():
                assert f"`meshdl {name} {verb}" in headings


def test_every_exit_code_is_told() -> None:
    told = {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", CLI)}
    assert told == {0, *EXIT_CODES.values(), USAGE, TEMPORARY, NOT_ALLOWED, INTERRUPTED}


def test_every_setting_is_told() -> None:
    kinds = (LanConfig, InternetConfig, RadioConfig, LimitsConfig, ControlConfig)
    tables = {kind.table: kind for kind in kinds}
    settings = {f"{table}.{f.name}" for table, kind in tables.items() for f in fields(kind)}
    settings |= {f"station.{f.name}" for f in fields(StationConfig) if f.name not in tables}
    assert set(re.findall(r"(?m)^\| `([\w.]+)`", CONFIG)) == settings


def test_every_route_is_told() -> None:
    told = set(re.findall(r"(?m)^\| `([A-Z]+ /[^`]*)`", API))
    assert told == {f"{route.method} {route.path}" for route in ROUTES}


def test_every_status_and_event_is_told() -> None:
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", API)
    told = {int(code) for row in rows for code in row.split(",")}
    assert told >= set(STATUS.values())
    for kind in (StationChanged, ContentChanged, ContentRemoved, PeerChanged, PeerRemoved):
        assert f"`{kind.__struct_config__.tag}`" in API


def test_every_option_of_the_signalling_server_is_told() -> None:
    with meshdl.make_context("meshdl", [], resilient_parsing=True) as context:
        command = meshdl.get_command(context, "signal")
        assert command is not None
        options = {option for parameter in command.params for option in parameter.opts}
    rows = "".join(re.findall(r"(?m)^\| (`-[^|]*) \|", SIGNAL))
    assert set(re.findall(r"`(-[\w-]+)`", rows)) == options


def test_every_limit_of_the_signalling_server_is_told_as_it_is() -> None:
    told = dict(re.findall(r"(?m)^\| `(\w+)` \| (\d+) \|", SIGNAL))
    limits = {f.name: f"{getattr(ServerLimits(), f.name):g}" for f in fields(ServerLimits)}
    limits["octets_per_s"] = f"{ServerLimits().octets_per_s:.0f}"
    assert told == limits


def test_every_metric_of_the_signalling_server_is_told() -> None:
    core = SignallingServer(ServerLimits(), pins={}, rng=Random(1), unix_offset_s=0.0, now=0.0)
    told = re.findall(r"(?m)^\| `(meshdl_signal_\w+)` \| (\w+) \|", SIGNAL)
    assert set(told) == set(re.findall(r"(?m)^# TYPE (\w+) (\w+)$", exposition(core)))
