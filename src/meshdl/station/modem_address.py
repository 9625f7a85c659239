"""How settings name a modem, what it sends, and what keys the radio; parsed, nothing opened.

kiss-tcp:HOST:PORT          a TNC over TCP: Dire Wolf, and many others
kiss-serial:DEVICE[@RATE]   a TNC at a serial port, real or of USB or Bluetooth
direwolf                    a Dire Wolf that the station runs itself, by the sound card
freedv                      FreeDV data modes by the sound card
wav:DIRECTORY               FreeDV recordings: heard from DIRECTORY/in, sent to DIRECTORY/out

vox                         what keys the radio: its own ear
rigctld                     Hamlib, at the address of ``radio.rigctld``
rts:DEVICE, dtr:DEVICE      a control line of a serial port
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from meshdl.errors import ConfigError

KISS_MODES = ("afsk-1200", "g3ruh-9600")
"""How a TNC modulates. It does not tell, and the law asks: so the operator says it."""

DIRE_WOLF_MODE_DEFAULT = "afsk-1200"
"""Our own Dire Wolf does what it is told."""

FREEDV_MODES = ("datac0", "datac1", "datac3", "datac4", "datac13")
"""One of them, or:"""

FREEDV_AUTO = "auto"
"""Each burst in the mode that the rules and the path suggest; what a sound card does unless told
otherwise."""

RECORDINGS_MODE_DEFAULT = "datac1"
"""Nobody tells how well a recording will be heard; its channel is mostly a good one."""

BIT_RATES = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
BIT_RATE_DEFAULT = 9600
DEVICE_LENGTH_MAX = 255

_HOST_PORT = re.compile(
    r"(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.%a-z]+\]):(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class KissTcp:
    """A TNC over TCP."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class KissSerial:
    """A TNC at a serial port.

    Attributes:
        bit_rate: between computer and TNC, bit/s; nothing to do with the air.
    """

    device: str
    bit_rate: int = BIT_RATE_DEFAULT


@dataclass(frozen=True, slots=True)
class DireWolf:
    """Dire Wolf as a child of the station; its sound devices are settings of their own."""


@dataclass(frozen=True, slots=True)
class SoundCard:
    """FreeDV by the sound card; its devices are settings of their own."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """FreeDV by files."""

    directory: Path


ModemAddress: TypeAlias = KissTcp | KissSerial | DireWolf | SoundCard | Recordings


MODE_DEFAULTS: dict[type[ModemAddress], str] = {
    DireWolf: DIRE_WOLF_MODE_DEFAULT,
    SoundCard: FREEDV_AUTO,
    Recordings: RECORDINGS_MODE_DEFAULT,
}
"""Of a TNC the operator must say it."""


@dataclass(frozen=True, slots=True)
class Vox:
    """The radio keys itself, or nothing keys it."""


@dataclass(frozen=True, slots=True)
class RigPtt:
    """Hamlib keys it."""


@dataclass(frozen=True, slots=True)
class LinePtt:
    """A control line of a serial port keys it.

    Attributes:
        line: ``rts`` or ``dtr``.
    """

    device: str
    line: str


PttAddress: TypeAlias = Vox | RigPtt | LinePtt


def parse_modem(text: str) -> ModemAddress:
    """Read ``radio.modem``.

    Raises:
        ConfigError: it is none of the forms.
    """
    kind, _, rest = text.partition(":")
    match kind:
        case "kiss-tcp":
            return KissTcp(*host_and_port("radio.modem", rest))
        case "kiss-serial" if rest:
            return _serial(rest)
        case "direwolf" if not rest:
            return DireWolf()
        case "freedv" if not rest:
            return SoundCard()
        case "wav" if rest:
            return Recordings(_directory(rest))
        case _:
            raise ConfigError(
                "radio.modem",
                f"{text!r} is no modem: expected a form like kiss-tcp:127.0.0.1:8001, "
                "kiss-serial:/dev/ttyUSB0@9600, direwolf, freedv, or wav:/home/me/recordings",
            )


def parse_ptt(text: str) -> PttAddress:
    """Read ``radio.ptt``.

    Raises:
        ConfigError: it is none of the forms.
    """
    kind, _, rest = text.partition(":")
    match kind:
        case "vox" if not rest:
            return Vox()
        case "rigctld" if not rest:
            return RigPtt()
        case "rts" | "dtr" if rest:
            return LinePtt(_device("radio.ptt", rest), kind)
        case _:
            raise ConfigError(
                "radio.ptt",
                f"{text!r} is none of 'vox', 'rigctld', 'rts:DEVICE' and 'dtr:DEVICE'",
            )


def host_and_port(setting: str, text: str) -> tuple[str, int]:
    """``HOST:PORT``; the brackets of an IPv6 address are taken off.

    Raises:
        ConfigError: it is no such thing; the error names ``setting``.
    """
    found = _HOST_PORT.fullmatch(text)
    if found is None or not 1 <= int(found["port"]) <= 65_535:
        raise ConfigError(setting, f"{text!r} is no address: expected HOST:PORT")
    return found["host"].strip("[]"), int(found["port"])


def check_mode(modem: ModemAddress, mode: str) -> str:
    """The mode of this modem, by default where it is ours to choose.

    Raises:
        ConfigError: the modem has no such mode, or the operator must say it.
    """
    modes = modes_to_set(modem)
    default = MODE_DEFAULTS.get(type(modem), "")
    if not mode and not default:
        raise ConfigError(
            "radio.mode",
            f"say how the TNC modulates ({' or '.join(modes)}): it does not tell, and what it "
            "occupies depends on it",
        )
    if mode and mode not in modes:
        raise ConfigError("radio.mode", f"{mode!r} is none of this modem: {', '.join(modes)}")
    return mode or default


def modes_to_set(modem: ModemAddress) -> tuple[str, ...]:
    """What ``radio.mode`` may be with this modem."""
    match modem:
        case SoundCard():
            return (FREEDV_AUTO, *FREEDV_MODES)
        case Recordings():
            return FREEDV_MODES
        case _:
            return KISS_MODES


def _serial(text: str) -> KissSerial:
    device, at, rate = text.rpartition("@")
    if not at:
        return KissSerial(_device("radio.modem", text))
    if not rate.isdecimal() or int(rate) not in BIT_RATES:
        rates = ", ".join(map(str, BIT_RATES))
        raise ConfigError("radio.modem", f"{rate!r} bit/s is no rate of a TNC: {rates}")
    return KissSerial(_device("radio.modem", device), int(rate))


def _device(setting: str, text: str) -> str:
    if not text or len(text) > DEVICE_LENGTH_MAX or not text.isprintable():
        raise ConfigError(setting, f"{text!r:.60} is no serial port: like /dev/ttyUSB0, or COM3")
    return text


def _directory(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:  # of pathlib: "~name", and nobody has that name
        raise ConfigError("radio.modem", f"{text!r}: {error}") from error
    if not path.is_absolute():
        raise ConfigError("radio.modem", f"{text!r} must be absolute, or begin with ~")
    return path
