"""What a TNC is told, and what its traits promise."""

import pytest

from meshdl.transports.modems.tnc import AFSK_1200, G3RUH_9600, TncSettings, Waveform
from meshdl.wire import kiss


def test_settings_are_said_before_anything_else_to_the_port_that_is_used() -> None:
    settings = TncSettings(port=3, txdelay_ms=250, persistence=0.25, slot_time_ms=100, txtail_ms=50)
    said = [
        (one.port, one.command, one.octets) for one in kiss.Decoder().frames(settings.commands())
    ]
    assert said == [
        (3, 1, b"\x19"),
        (3, 2, b"\x3f"),
        (3, 3, b"\x0a"),
        (3, 4, b"\x05"),
        (3, 5, b"\0"),
    ]


@pytest.mark.parametrize(
    ("waveform", "frames", "octets", "measured_bps"),
    # docs/howto would say what a real Dire Wolf carried: payload over key-down time.
    [(AFSK_1200, 10, 200, 1017), (AFSK_1200, 10, 256, 1080), (G3RUH_9600, 40, 256, 8456)],
)
def test_the_computed_airtime_is_that_of_a_real_tnc(
    waveform: Waveform, frames: int, octets: int, measured_bps: float
) -> None:
    traits = TncSettings(waveform=waveform, txdelay_ms=100).traits
    computed_bps = 8 * frames * octets / traits.burst_s([octets] * frames)
    # Measured from outside, with the latency of its audio: a little less.
    assert 0.9 * computed_bps < measured_bps < computed_bps


@pytest.mark.parametrize(
    ("persistence", "slot_time_ms", "access_within_s"),
    [(1.0, 100, 0.1), (0.5, 50, 0.25), (0.25, 100, 1.1)],
)
def test_access_takes_as_long_as_nineteen_of_twenty_times(
    persistence: float, slot_time_ms: float, access_within_s: float
) -> None:
    settings = TncSettings(persistence=persistence, slot_time_ms=slot_time_ms)
    assert settings.traits.access_within_s == pytest.approx(access_within_s)
    assert 1 - (1 - persistence) ** (access_within_s * 1000 / slot_time_ms) >= 0.95


def test_ax25_tells_who_sends() -> None:
    assert TncSettings().traits.carries_sender


@pytest.mark.parametrize(
    "setting",
    [
        {"payload_octets_max": 13},
        {"payload_octets_max": 1001},
        {"port": 16},
        {"txdelay_ms": 3000.0},
        {"persistence": 0.0},
        {"ahead_s": 0.0},
    ],
)
def test_what_a_tnc_cannot_take_is_refused_at_once(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"."):
        TncSettings(**setting)  # type: ignore[arg-type]
