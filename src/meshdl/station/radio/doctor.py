"""What ``meshdl doctor`` says of the radio: rules, switch, modem, rig, sound, clock, log.

Nothing is keyed. Devices that the running station holds are left to it; it tells of them by
its control API.
"""

import asyncio
import ctypes
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from meshdl.control.client import ControlClient
from meshdl.control.radio_view import RadioStatus
from meshdl.errors import MeshdlError, RigUnavailable
from meshdl.radio.rules import Level
from meshdl.station.config import StationConfig
from meshdl.station.finding import Finding, Verdict
from meshdl.station.home import Home
from meshdl.station.modem_address import Recordings, RigPtt, SoundCard, parse_ptt
from meshdl.station.radio.listening import Listener
from meshdl.station.radio.modem import rig_of
from meshdl.station.radio.outlook import declaration_of, outlook
from meshdl.station.radio.switch import off_because
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.levels import Verdict as LevelVerdict

LOG_FREE_OCTETS_FAIL = 16 << 20
"""A record has a few kB; when one cannot be written the transmitter stays silent."""

LOG_FREE_OCTETS_WARN = 256 << 20

MODEM_WITHIN_S = 3.0
"""Until it must be there; a sound card's level is known after two."""

DIAL_OFF_HZ_MAX = 10
"""Between the rig and the settings: rigs round to 10 Hz."""

_TIME_ERROR = 5
"""What adjtimex(2) answers while nobody keeps the clock."""

_TIMEX_OCTETS = 512
"""More than any system's struct timex has."""


async def examine_radio(home: Home, settings: StationConfig | None) -> AsyncIterator[Finding]:
    """Look at the radio; nothing is said where none is set up. Takes about three seconds."""
    radio = settings.radio if settings is not None else None
    if settings is None or radio is None:
        return
    yield check_rules(settings, radio, home)
    yield check_switch(home)
    status = await _running(home)
    if status is not None:
        yield check_running_modem(status)
    else:
        async for finding in check_modem(settings, radio):
            yield finding
    rig = await check_rig(radio)
    if rig is not None:
        yield rig
    yield judge_log_disk(shutil.disk_usage(home.directory).free)
    yield judge_clock(clock_is_kept())


def check_rules(settings: StationConfig, radio: RadioConfig, home: Home) -> Finding:
    """The declaration is complete, and the rules allow a call where the dial is."""
    try:
        missing = declaration_of(settings, radio, home).missing()
        verdict = outlook(settings, radio, home)
    except MeshdlError as error:
        return Finding(Verdict.FAIL, "rules", str(error))
    if missing:
        text = f"receiving only: {', '.join(missing)} not set; see: meshdl radio setup"
        return Finding(Verdict.WARN, "rules", text)
    if off_because(home.radio_off_file) is not None or not radio.modem:
        return Finding(Verdict.OK, "rules", f"{radio.rules}, class {radio.licence_class}")
    return Finding(
        Verdict.OK if verdict.level is Level.LEGAL else Verdict.WARN, "rules", str(verdict)
    )


def check_switch(home: Home) -> Finding:
    """The kill switch."""
    because = off_because(home.radio_off_file)
    if because is None:
        return Finding(Verdict.OK, "switch", "on")
    return Finding(Verdict.WARN, "switch", f"off ({because}); switch on with: meshdl radio on")


def check_running_modem(status: RadioStatus) -> Finding:
    """The modem of a station that runs."""
    if status.modem is None:
        return Finding(Verdict.FAIL, "modem", status.modem_problem or "it is not there")
    silent = f"; silent: {status.silent_because}" if status.silent_because else ""
    return Finding(Verdict.OK, "modem", f"{status.modem}, used by the running station{silent}")


async def check_modem(settings: StationConfig, radio: RadioConfig) -> AsyncIterator[Finding]:
    """The modem is there, and sound comes in."""
    if not radio.modem:
        yield Finding(Verdict.WARN, "modem", "radio.modem is not set; see: meshdl radio setup")
        return
    listener = Listener(radio, settings.callsign)
    problem = listener_problem = "it does not answer"
    with suppress(TimeoutError):
        async with asyncio.timeout(MODEM_WITHIN_S), aclosing(listener.receptions()) as receptions:
            async for reception in receptions:
                problem = str(getattr(reception, "reason", ""))
                if isinstance(radio.modem_address(), SoundCard) and not problem:
                    continue  # until its level is known
                break
    if problem:
        known = problem if problem != listener_problem else listener.trouble or problem
        yield Finding(Verdict.FAIL, "modem", f"{radio.modem}: {known}")
        return
    yield Finding(Verdict.OK, "modem", f"{radio.modem} is there{_unproved(radio)}")
    level = listener.level
    if level is not None:
        text = f"{level.verdict.value}, peak {level.peak_dbfs} dBFS"
        good = level.verdict is LevelVerdict.GOOD
        yield Finding(Verdict.OK if good else Verdict.WARN, "sound", text)


async def check_rig(radio: RadioConfig) -> Finding | None:
    """``rigctld`` answers, its dial is where the settings say, and it does not transmit."""
    rig = rig_of(radio)
    if rig is None:
        return None
    keys = isinstance(parse_ptt(radio.ptt), RigPtt)
    try:
        return judge_rig(radio, await rig.dial_hz(), keyed=keys and await rig.ptt())
    except RigUnavailable as error:
        return Finding(Verdict.FAIL, "rig", str(error))
    finally:
        await rig.close()


def judge_rig(radio: RadioConfig, dial_hz: int, *, keyed: bool) -> Finding:
    """What such a rig means."""
    shown = f"the rig shows {dial_hz / 1e6:.6f} MHz"
    if keyed:
        return Finding(Verdict.WARN, "rig", f"{shown} and transmits now")
    stated = radio.dial_hz
    if stated is not None and abs(dial_hz - stated) > DIAL_OFF_HZ_MAX:
        return Finding(
            Verdict.WARN,
            "rig",
            f"{shown}, radio.dial_hz says {stated / 1e6:.6f}; a station that runs goes by the rig, "
            "and this command by the setting: meshdl radio setup --dial",
        )
    return Finding(Verdict.OK, "rig", shown)


def judge_log_disk(free_octets: int) -> Finding:
    """Whether there is room for what must be logged before it is sent."""
    text = f"{free_octets / 1e6:.0f} MB free for the station log"
    if free_octets < LOG_FREE_OCTETS_FAIL:
        return Finding(Verdict.FAIL, "log", f"{text}; nothing is transmitted unlogged: make room")
    if free_octets < LOG_FREE_OCTETS_WARN:
        return Finding(Verdict.WARN, "log", f"{text}; make room before it is full")
    return Finding(Verdict.OK, "log", text)


def judge_clock(kept: bool | None) -> Finding:
    """What it means that somebody keeps the clock, or nobody does."""
    if kept is None:
        text = "this system does not tell who keeps the clock; the log's times are its UTC"
        return Finding(Verdict.OK, "utc", text)
    if kept:
        return Finding(Verdict.OK, "utc", "the clock is kept; the log's times are right")
    return Finding(
        Verdict.WARN,
        "utc",
        "nobody keeps the clock, and the log's times may be off; start an NTP or GPS time service",
    )


def clock_is_kept() -> bool | None:
    """Whether the system's clock is kept by NTP, GPS or the like; ``None``: it does not tell."""
    if sys.platform != "linux":
        return None
    state = ctypes.create_string_buffer(_TIMEX_OCTETS)  # modes 0: only asks
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    answer = -1 if adjtimex is None else int(adjtimex(state))
    return None if answer < 0 else answer != _TIME_ERROR


async def _running(home: Home) -> RadioStatus | None:
    try:
        async with ControlClient(home.directory) as station:
            return await station.radio.status()
    except MeshdlError:
        return None


def _unproved(radio: RadioConfig) -> str:
    if isinstance(radio.modem_address(), SoundCard | Recordings):
        return ""
    return "; whether it hears is shown by: meshdl radio monitor"
