"""The radio in words for people. Pure: no console, no clock."""

from collections.abc import Iterator

from meshdl.cli.present import duration, instant, size
from meshdl.control.radio_view import RadioStationHeard, RadioStatus, RadioVerdict

OFFERED_SHOWN = 12
"""Contents on the air, in the status: more do not fit beside the rest of it."""


def status_lines(now: RadioStatus, *, at: float) -> Iterator[tuple[str, str]]:
    """Each fact with its name; what does not apply is left out."""
    yield "Radio", _state(now)
    yield "Callsign", _who(now)
    yield "Modem", _modem(now)
    yield "Dial", dial(now.dial_hz, now.sideband) + (", of the rig" if now.dial_of == "rig" else "")
    yield "Airtime", f"{now.airtime_s:.0f} s of {now.airtime_limit_s:.0f} s in the last hour"
    yield "ID", _identification(now, at)
    if now.waiting:
        yield "Waiting", f"{now.waiting} to be sent"
    if now.emergency_until is not None:
        yield "Emergency", f"declared until {instant(now.emergency_until)}"
    if now.hold_off_until is not None:
        yield "Hold-off", f"routine traffic waits until {instant(now.hold_off_until)}"
    if now.fetching:
        yield "Fetching", ", ".join(one[:12] for one in now.fetching)
    if now.stations:
        yield "Heard", ", ".join(map(_heard, now.stations))
    yield from (("Offered", text) for text in _offered(now))
    if now.verdict is not None:
        yield "Verdict", verdict_words(now.verdict)
        if now.verdict.remedy:
            yield "Next", now.verdict.remedy


def _offered(now: RadioStatus) -> Iterator[str]:
    """What stations tell of, emergencies first."""
    told = [(one, by.callsign) for by in now.stations for one in by.contents]
    told.sort(key=lambda of: of[0].precedence != "emergency")
    for one, callsign in told[:OFFERED_SHOWN]:
        part = "" if one.complete else ", part of it"
        yield (
            f"{one.tag}  {one.precedence}, up to {size(one.octets_at_most)}, by {callsign}{part}"
        )
    if len(told) > OFFERED_SHOWN:
        yield f"and {len(told) - OFFERED_SHOWN} more"


def verdict_words(verdict: RadioVerdict) -> str:
    """``LEGAL: call at 14.1035 MHz (97.111(b)(2))``."""
    cited = f" ({verdict.section})" if verdict.section else ""
    return f"{verdict.level}: {verdict.reason}{cited}"


def dial(dial_hz: int | None, sideband: str | None) -> str:
    """``14.103000 MHz usb``."""
    if dial_hz is None:
        return "not set"
    return f"{dial_hz / 1e6:.6f} MHz {sideband or ''}".rstrip()


def _state(now: RadioStatus) -> str:
    if not now.enabled:
        return "none: there is no [radio] table; see: meshdl radio setup"
    if now.on_air:
        return "ON AIR"
    return f"silent: {now.silent_because}" if now.silent_because else "listening, may transmit"


def _modem(now: RadioStatus) -> str:
    if now.modem is None:
        return now.modem_problem or "none"
    # Whoever presses the switch must know what it does.
    late = now.aborts_at_once is False
    several = f", each burst in one of {', '.join(now.modes)}" if len(now.modes) > 1 else ""
    return f"{now.modem}{several}{' (when switched off, ends its burst first)' if late else ''}"


def _heard(station: RadioStationHeard) -> str:
    if station.snr_db is None:
        return station.callsign
    back = f", back {station.hears_us_db:+.0f} dB" if station.hears_us_db is not None else ""
    return f"{station.callsign} ({station.snr_db:+.0f} dB{back})"


def _who(now: RadioStatus) -> str:
    charge = now.control_operator
    facts = [f"{now.control} control" if now.control else "control not set"]
    facts += [f"control operator {charge}"] if charge and charge != now.callsign else []
    facts += [f"rules {now.rules}" if now.rules else "no rules"]
    return f"{now.callsign}, {', '.join(facts)}"


def _identification(now: RadioStatus, at: float) -> str:
    if not now.identification_owed or now.identification_due_at is None:
        return "not due: nothing sent since the last one"
    return f"due in {duration(max(0.0, now.identification_due_at - at))}"
