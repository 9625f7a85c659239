"""The ``[radio]`` table: what the operator declares of his transmitter, its limits, its modem.

It becomes a :class:`~meshdl.radio.declaration.Declaration`. Nothing in it has a default that
would let a station transmit: rules, licence class, control and dial are the operator's.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from meshdl.content.precedence import Precedence
from meshdl.errors import ConfigError
from meshdl.ids import Callsign, callsign
from meshdl.radio import profiles
from meshdl.radio.budget import DUTY_WINDOW_S, HOUR_S, AirtimeLimits
from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.profile import PROFILE_MAX_OCTETS, Profile, parse
from meshdl.station.modem_address import (
    FREEDV_AUTO,
    FREEDV_MODES,
    KISS_MODES,
    DireWolf,
    ModemAddress,
    RigPtt,
    check_mode,
    host_and_port,
    parse_modem,
    parse_ptt,
)
from meshdl.transports.modems.dire_wolf_settings import is_device

DIAL_HZ_MAX = 300_000_000_000
"""Above it there is no radio wave (ITU RR 1.5 draws the line at 3 THz, no rig comes near)."""

BURST_MAX_S_LIMIT = 120.0
"""Emergency traffic waits for a burst that is on the air: not longer than this."""

HOLD_OFF_S_LIMIT = 3_600.0

SHARE_OCTETS_LIMIT = 16 << 20
"""Hours of airtime at 9600 baud, days at 1200. What is larger is asked for by name."""

FRAME_OCTETS_LIMIT = 1_000
"""Dire Wolf drops KISS frames whose escaped form is longer than 2048 octets."""

KISS_MS_MAX = 2_550
"""KISS says times in one octet of 10 ms."""

LOGGER_PORT = 2237
"""Where loggers listen for WSJT-X datagrams."""

_OF_MODEMS = (
    "modem", "mode", "ptt", "rigctld", "audio_input", "audio_output", "kiss_port",
    "frame_octets", "txdelay_ms", "txtail_ms", "slot_time_ms", "persistence",
)  # fmt: skip

_PRECEDENCES = {one.name.lower(): one for one in Precedence}

_WORDS = re.compile(r"[a-z0-9][a-z0-9 _-]{0,31}")
_ADDRESS = re.compile(r"(?:(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioConfig:
    """The table as it stands in the file. Absent table: no radio, and nothing else changes.

    Attributes:
        rules: the country's profile, by name, or a ``.toml`` file in the home directory.
        licence_class: of the control operator, in the profile's words.
        control: ``local``, ``remote`` or ``automatic``.
        control_operator: callsign of who is in charge; empty: the station's.
        dial_hz: what the rig shows, where ``rigctld`` does not tell it.
        sideband: ``usb``, ``lsb`` or ``fm``.
        deviation_hz: peak deviation in FM.
        power_w: for the log; 0 when unknown.
        burst_max_s: longest burst.
        airtime_s_per_hour: in any hour.
        duty_cycle_max: share of any ten minutes.
        hold_off_s: silence of routine and welfare traffic after emergency traffic.
        share_max_octets: contents up to this size are offered by radio; 0: none is.
        share_precedence: and of this precedence at least.
        overheard_octets_max: for what others sent and nobody here asked for; 0: none is kept.
        adif_udp: where a logger gets contacts: ``PORT`` on this machine, or ``HOST:PORT``.
        modem: which one, see :mod:`meshdl.station.modem_address`; empty: none.
        mode: how a TNC modulates; the FreeDV mode that is sent, or that it is chosen.
        ptt: what keys the radio of a sound card, Dire Wolf's too.
        rigctld: ``HOST:PORT`` of Hamlib, whose dial is followed then; empty: none.
        audio_input: part of the sound device's name, with Dire Wolf its name in ALSA; empty:
            the system's default.
        audio_output: likewise.
        kiss_port: of a TNC that has several.
        frame_octets: longest payload of a TNC's frame.
        txdelay_ms: from keying to the first flag, or the first sound.
        txtail_ms: from the last octet, or sound, to unkeying.
        slot_time_ms: between two looks of a TNC at the channel.
        persistence: probability that it keys in a free slot.
    """

    table: ClassVar[str] = "radio"

    rules: str = ""
    licence_class: str = ""
    control: str = ""
    control_operator: str = ""
    dial_hz: int | None = None
    sideband: str = "usb"
    deviation_hz: int = 5_000
    power_w: float = 0.0
    burst_max_s: float = 30.0
    airtime_s_per_hour: float = 900.0
    duty_cycle_max: float = 0.5
    hold_off_s: float = 60.0
    share_max_octets: int = 262_144
    share_precedence: str = "routine"
    overheard_octets_max: int = 67_108_864
    adif_udp: str = ""
    modem: str = ""
    mode: str = ""
    ptt: str = "vox"
    rigctld: str = ""
    audio_input: str = ""
    audio_output: str = ""
    kiss_port: int = 0
    frame_octets: int = 256
    txdelay_ms: int = 300
    txtail_ms: int = 50
    slot_time_ms: int = 50
    persistence: float = 0.5

    def __post_init__(self) -> None:
        _one_of("share_precedence", self.share_precedence, list(_PRECEDENCES))
        _one_of("control", self.control, ["", *(one.value for one in Control)])
        _one_of("sideband", self.sideband, [one.value for one in Sideband])
        if self.licence_class and not _WORDS.fullmatch(self.licence_class):
            raise ConfigError("radio.licence_class", f"{self.licence_class!r} is no class")
        if self.control_operator:
            try:
                callsign(self.control_operator)
            except ValueError as error:
                raise ConfigError("radio.control_operator", str(error)) from error
        if self.adif_udp:
            self.logger_address()
        self._check_modem()
        for name, lowest, highest in (
            ("dial_hz", 1, DIAL_HZ_MAX),
            ("deviation_hz", 100, 100_000),
            ("power_w", 0.0, 100_000.0),
            ("burst_max_s", 1.0, BURST_MAX_S_LIMIT),
            ("airtime_s_per_hour", 1.0, HOUR_S),
            ("duty_cycle_max", 0.01, 1.0),
            ("hold_off_s", 0.0, HOLD_OFF_S_LIMIT),
            ("share_max_octets", 0, SHARE_OCTETS_LIMIT),
            ("overheard_octets_max", 0, 1 << 40),
            ("kiss_port", 0, 15),
            ("frame_octets", 14, FRAME_OCTETS_LIMIT),
            ("txdelay_ms", 0, KISS_MS_MAX),
            ("txtail_ms", 0, KISS_MS_MAX),
            ("slot_time_ms", 10, KISS_MS_MAX),
            ("persistence", 0.01, 1.0),
        ):
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                raise ConfigError(f"radio.{name}", f"{value} is not in {lowest}..{highest}")
        allowed_s = min(self.duty_cycle_max * DUTY_WINDOW_S, self.airtime_s_per_hour)
        if self.burst_max_s > allowed_s:
            raise ConfigError(
                "radio.burst_max_s",
                f"one burst of {self.burst_max_s:g} s is more than radio.duty_cycle_max and "
                f"radio.airtime_s_per_hour allow ({allowed_s:g} s); shorten it or raise those",
            )

    def modem_address(self) -> ModemAddress | None:
        """Which modem; ``None`` when none is named."""
        return parse_modem(self.modem) if self.modem else None

    def rig_address(self) -> tuple[str, int] | None:
        """Host and port of Hamlib; ``None`` when there is none."""
        return host_and_port("radio.rigctld", self.rigctld) if self.rigctld else None

    def modem_settings(self) -> tuple[object, ...]:
        """Everything that another modem would be made for."""
        return tuple(getattr(self, name) for name in _OF_MODEMS)

    def mode_of(self, modem: ModemAddress) -> str:
        """The mode, by default where it is ours to choose."""
        return check_mode(modem, self.mode)

    def offers(self, octets: int, precedence: Precedence) -> bool:
        """Whether a content of that size and precedence goes on the air when asked for."""
        least = _PRECEDENCES[self.share_precedence]
        return octets <= self.share_max_octets and precedence <= least

    def limits(self) -> AirtimeLimits:
        """What the transmitter keeps."""
        return AirtimeLimits(
            burst_max_s=self.burst_max_s,
            airtime_s_per_hour=self.airtime_s_per_hour,
            duty_cycle_max=self.duty_cycle_max,
        )

    def declaration(self, call: Callsign, directory: Path) -> Declaration:
        """What the operator declares, with the rules read.

        Args:
            call: the station's callsign; its SSID is no part of a licence.
            directory: the home, where a profile of the operator's own lies.

        Raises:
            ConfigError: there are no such rules, or they know no such class.
        """
        profile = self._profile(directory)
        if profile is not None and self.licence_class not in {"", *profile.classes}:
            raise ConfigError(
                "radio.licence_class",
                f"{profile.name} knows no {self.licence_class!r}; "
                f"there are {', '.join(profile.classes)}",
            )
        return Declaration(
            callsign=_without_ssid(call),
            air_callsign=call,
            profile=profile,
            licence_class=self.licence_class or None,
            control=Control(self.control) if self.control else None,
            control_operator=(
                _without_ssid(callsign(self.control_operator)) if self.control_operator else None
            ),
            dial_hz=self.dial_hz,
            rig=bool(self.rigctld),
            sideband=Sideband(self.sideband),
            deviation_hz=float(self.deviation_hz),
            power_w=self.power_w or None,
        )

    def logger_address(self) -> tuple[str, int] | None:
        """Host and port of :attr:`adif_udp`; ``None`` when there is no logger.

        Raises:
            ConfigError: it is no address.
        """
        if not self.adif_udp:
            return None
        found = _ADDRESS.fullmatch(self.adif_udp)
        if found is None or not 1 <= int(found["port"]) <= 65_535:
            raise ConfigError(
                "radio.adif_udp",
                f"{self.adif_udp!r} is no address: expected a form like "
                f"{LOGGER_PORT} or 192.0.2.7:{LOGGER_PORT}",
            )
        return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])

    def _check_modem(self) -> None:
        modem = self.modem_address()
        if isinstance(modem, DireWolf):
            self._check_dire_wolf()
        if modem is not None:
            self.mode_of(modem)
        elif self.mode not in {"", *KISS_MODES, FREEDV_AUTO, *FREEDV_MODES}:
            raise ConfigError("radio.mode", f"{self.mode!r} is no mode of any modem")
        rig = self.rig_address()
        if isinstance(parse_ptt(self.ptt), RigPtt) and rig is None:
            raise ConfigError("radio.rigctld", "is missing, and radio.ptt needs it: HOST:PORT")

    def _check_dire_wolf(self) -> None:
        if os.name == "nt":
            raise ConfigError(
                "radio.modem",
                "'direwolf' needs a pseudo terminal, which Windows has not: start Dire Wolf "
                "yourself, and name it as kiss-tcp:127.0.0.1:8001",
            )
        for name in ("audio_input", "audio_output"):
            device = getattr(self, name)
            if device and not is_device(device):
                raise ConfigError(
                    f"radio.{name}",
                    f"{device!r:.60} is no sound device of Dire Wolf: like plughw:1,0 "
                    "(arecord -l and aplay -l list them)",
                )

    def _profile(self, directory: Path) -> Profile | None:
        if not self.rules:
            return None
        if not self.rules.endswith(".toml"):
            return profiles.load(self.rules)
        path = directory / self.rules
        try:
            with path.open("rb") as file:
                text = file.read(PROFILE_MAX_OCTETS + 1).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("radio.rules", f"cannot read {path} ({error})") from error
        return parse(text)


def _one_of(name: str, value: str, allowed: list[str]) -> None:
    if value not in allowed:
        words = ", ".join(repr(one) for one in allowed if one)
        raise ConfigError(f"radio.{name}", f"{value!r} is none of {words}")


def _without_ssid(call: Callsign) -> Callsign:
    return Callsign(call.partition("-")[0])
