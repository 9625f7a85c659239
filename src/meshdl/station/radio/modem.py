"""Makes the modem that the settings name, and tells its traits without opening anything."""

from collections.abc import Callable
from typing import assert_never

from meshdl.air import ModemUp
from meshdl.ids import Callsign
from meshdl.station.modem_address import (
    FREEDV_AUTO,
    DireWolf,
    KissSerial,
    KissTcp,
    LinePtt,
    ModemAddress,
    Recordings,
    RigPtt,
    SoundCard,
    Vox,
    parse_ptt,
)
from meshdl.station.radio_config import RadioConfig
from meshdl.transports.modems.dire_wolf_settings import DEVICE_DEFAULT, DireWolfSettings
from meshdl.transports.modems.freedv_modes import FREEDV_TRAITS, FreedvMode, keyed_traits
from meshdl.transports.modems.kiss_modem import KissModem
from meshdl.transports.modems.kiss_serial import serial_line
from meshdl.transports.modems.kiss_tcp import tcp_line
from meshdl.transports.modems.modem import Modem
from meshdl.transports.modems.ptt import NoPtt, PushToTalk
from meshdl.transports.modems.rigctld import Rigctld
from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings
from meshdl.wire.capture import Captured

WAVEFORMS = {"afsk-1200": AFSK_1200, "g3ruh-9600": G3RUH_9600}

Overhear = Callable[[Captured], None]


def modes_of(radio: RadioConfig, modem: ModemAddress) -> ModemUp:
    """What each mode of this modem costs and occupies, with these settings."""
    match modem:
        case KissTcp() | KissSerial():
            return ModemUp(_tnc(radio, modem).traits)
        case DireWolf():
            return ModemUp(_dire_wolf(radio, modem).traits)
        case SoundCard():
            key_up_s, tail_s = radio.txdelay_ms / 1000, radio.txtail_ms / 1000
            first, *others = (
                keyed_traits(mode, key_up_s=key_up_s, tail_s=tail_s, busy=True)
                for mode in _freedv(radio, modem)
            )
            return ModemUp(first, tuple(others))
        case Recordings():
            [mode] = _freedv(radio, modem)
            return ModemUp(FREEDV_TRAITS[mode])
        case _:
            assert_never(modem)


def modem_of(
    radio: RadioConfig,
    modem: ModemAddress,
    station: Callsign,
    *,
    receive_only: bool = False,
    overhear: Overhear | None = None,
    unix_time: Callable[[], float] | None = None,
) -> Modem:
    """The modem's shell; nothing is opened before it runs.

    Args:
        radio: the settings.
        modem: that they name.
        station: whose address our frames have, SSID included.
        receive_only: leave PTT alone.
        overhear: is given every AX.25 frame of a TNC, others' too.
        unix_time: for ``overhear``.
    """
    match modem:
        case KissTcp(host, port):
            line = tcp_line(host, port)
        case KissSerial(device, bit_rate):
            line = serial_line(device, bit_rate=bit_rate)
        case DireWolf():
            from meshdl.transports.modems.dire_wolf import DireWolfModem

            return DireWolfModem(
                _dire_wolf(radio, modem),
                station,
                NoPtt() if receive_only else ptt_of(radio),
                overhear=overhear,
                unix_time=unix_time,
            )
        case SoundCard():
            return _sound_modem(radio, modem, NoPtt() if receive_only else ptt_of(radio))
        case Recordings(directory):
            from meshdl.transports.modems.wav_modem import WavModem

            return WavModem(directory / "in", directory / "out", modes=_freedv(radio, modem))
        case _:
            assert_never(modem)
    return KissModem(line, _tnc(radio, modem), station, overhear=overhear, unix_time=unix_time)


def ptt_of(radio: RadioConfig) -> PushToTalk:
    """What keys the radio of a sound card."""
    address = parse_ptt(radio.ptt)
    match address:
        case Vox():
            return NoPtt()
        case RigPtt():
            from meshdl.transports.modems import rig_ptt

            rig = rig_of(radio)
            assert rig is not None  # the settings were checked
            return rig_ptt.RigPtt(rig)
        case LinePtt(device, line):
            from meshdl.transports.modems.serial_ptt import SerialLine, SerialPtt

            return SerialPtt(device, SerialLine(line))
        case _:
            assert_never(address)


def rig_of(radio: RadioConfig) -> Rigctld | None:
    """Hamlib, if there is one; nothing is connected yet."""
    address = radio.rig_address()
    return None if address is None else Rigctld(*address)


def _sound_modem(radio: RadioConfig, modem: ModemAddress, ptt: PushToTalk) -> Modem:
    # PortAudio's binding, which stations without a sound card need not have.
    from meshdl.transports.modems.sound_card import SoundCard as Card
    from meshdl.transports.modems.sound_modem import SoundModem

    return SoundModem(
        Card(radio.audio_input, radio.audio_output),
        ptt,
        modes=_freedv(radio, modem),
        key_up_s=radio.txdelay_ms / 1000,
        tail_s=radio.txtail_ms / 1000,
    )


def _dire_wolf(radio: RadioConfig, modem: DireWolf) -> DireWolfSettings:
    return DireWolfSettings(
        tnc=_tnc(radio, modem),
        audio_input=radio.audio_input or DEVICE_DEFAULT,
        audio_output=radio.audio_output or DEVICE_DEFAULT,
    )


def _tnc(radio: RadioConfig, modem: ModemAddress) -> TncSettings:
    return TncSettings(
        waveform=WAVEFORMS[radio.mode_of(modem)],
        port=radio.kiss_port,
        payload_octets_max=radio.frame_octets,
        txdelay_ms=radio.txdelay_ms,
        txtail_ms=radio.txtail_ms,
        slot_time_ms=radio.slot_time_ms,
        persistence=radio.persistence,
    )


def _freedv(radio: RadioConfig, modem: ModemAddress) -> tuple[FreedvMode, ...]:
    """The mode of the settings; or all that are chosen from, the fastest first."""
    mode = radio.mode_of(modem)
    if mode == FREEDV_AUTO:
        rates = {one: FREEDV_TRAITS[one].payload_bps for one in FreedvMode}
        return tuple(sorted(rates, key=rates.__getitem__, reverse=True))
    return (FreedvMode[mode.upper()],)
