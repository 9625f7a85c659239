"""What the rules say of a radio as it is set up, before anything is sent and with no station."""

from dataclasses import replace

from meshdl.control.radio_view import LevelName, RadioStatus, RadioVerdict
from meshdl.radio.declaration import Declaration
from meshdl.radio.rules import Level, Verdict
from meshdl.radio.standing import Standing
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transfer.modes import Modes
from meshdl.radio.transfer.stations import Stations
from meshdl.station import config_file
from meshdl.station.config import StationConfig
from meshdl.station.home import Home
from meshdl.station.radio.modem import modes_of
from meshdl.station.radio.switch import off_because
from meshdl.station.radio_config import RadioConfig

NOT_RUNNING = "no station runs; start it with: meshdl up"

LEVELS: dict[Level, LevelName] = {
    Level.LEGAL: "LEGAL",
    Level.WARNING: "WARNING",
    Level.BLOCKED: "BLOCKED",
}

CALL_OCTETS = 40
"""Of a CQ with two contents; a longer one is judged alike, unless it lasts half a minute."""


def declaration_of(settings: StationConfig, radio: RadioConfig, home: Home) -> Declaration:
    """What the operator declares; of a rig that nobody asks, the setting is the dial.

    Raises:
        ConfigError: the rules cannot be read, or know no such class.
    """
    declared = radio.declaration(settings.callsign, home.directory)
    return declared if declared.dial_hz is None else replace(declared, rig=False)


def outlook(settings: StationConfig, radio: RadioConfig, home: Home) -> Verdict:
    """The verdict on a call to everybody, if the station ran.

    Raises:
        ConfigError: as :func:`declaration_of`.
    """
    standing = Standing(
        declaration_of(settings, radio, home),
        burst_max_s=radio.burst_max_s,
        off_because=off_because(home.radio_off_file),
    )
    address = radio.modem_address()
    if address is None:
        return standing.verdict(_call(CALL_OCTETS), now=0.0)
    standing.modem = modes_of(radio, address)
    modes = Modes(standing.modem, Stations(), burst_max_s=radio.burst_max_s)
    modes.permit([one.name for one in standing.modem.modes if standing.permits(one)])
    traits = modes.calling
    octets = min(CALL_OCTETS, traits.payload_octets_max)
    return standing.verdict(_call(octets, traits.name), now=0.0)


def _call(octets: int, mode: str = "") -> Traffic:
    return Traffic(frames=(bytes(octets),), purpose=Purpose.CALL, mode=mode)


def offline_status(home: Home) -> RadioStatus:
    """The radio as its settings and its switch have it, with no station running.

    Raises:
        ConfigError: the settings are wrong, or the rules cannot be read.
        FileUnreadable: the settings cannot be read.
    """
    settings = config_file.load(home.config_file)
    radio = settings.radio
    if radio is None:
        return RadioStatus(enabled=False, callsign=settings.callsign)
    declared = declaration_of(settings, radio, home)
    verdict = outlook(settings, radio, home)
    address = radio.modem_address()
    modem = modes_of(radio, address) if address is not None else None
    off = off_because(home.radio_off_file)
    return RadioStatus(
        enabled=True,
        callsign=declared.identity(),
        modem=modem.traits.name if modem is not None else None,
        modes=tuple(one.name for one in modem.modes) if modem is not None else (),
        modem_problem="" if modem is not None else "radio.modem is not set",
        aborts_at_once=modem.traits.aborts_at_once if modem is not None else None,
        silent_because=f"off: {off}" if off else NOT_RUNNING,
        dial_hz=declared.dial_hz,
        sideband=declared.sideband.value,
        control=declared.control.value if declared.control else None,
        control_operator=declared.in_charge(),
        rules=declared.profile.name if declared.profile else None,
        airtime_limit_s=radio.airtime_s_per_hour,
        verdict=RadioVerdict(
            level=LEVELS[verdict.level],
            section=verdict.section,
            reason=verdict.reason,
            remedy=verdict.remedy,
        ),
    )
