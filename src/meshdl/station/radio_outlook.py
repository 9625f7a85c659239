"""What the rules say of a radio as it is set up, before anything is sent and with no station."""

from meshdl.content.precedence import Precedence
from meshdl.radio.declaration import Declaration
from meshdl.radio.rules import Verdict
from meshdl.radio.standing import Standing
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.station.config import StationConfig
from meshdl.station.home import Home
from meshdl.station.radio_config import RadioConfig
from meshdl.station.radio_modem import traits_of
from meshdl.station.radio_switch import off_because

CALL_OCTETS = 40
"""Of a CQ with two contents; a longer one is judged alike, unless it lasts half a minute."""


def declaration_of(settings: StationConfig, radio: RadioConfig, home: Home) -> Declaration:
    """What the operator declares.

    Raises:
        ConfigError: the rules cannot be read, or know no such class.
    """
    return radio.declaration(settings.callsign, home.directory)


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
    standing.traits = traits_of(radio, address)
    octets = min(CALL_OCTETS, standing.traits.payload_octets_max)
    return standing.verdict(_call(octets), now=0.0)


def _call(octets: int) -> Traffic:
    return Traffic(frames=(bytes(octets),), purpose=Purpose.CALL, precedence=Precedence.ROUTINE)
