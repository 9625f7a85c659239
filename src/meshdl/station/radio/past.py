"""What an earlier run of the program sent, read from the log: airtime, and a callsign that is owed.

A program that was killed could not sign off, nor does the next one remember how much was sent.
The log knows both, for it is written first. A transmission without an end counts as sent: it
was keyed, or was about to be.
"""

from collections.abc import Iterable, Iterator

from meshdl.control.log_entry import LogEntry, LogQuery
from meshdl.control.radio_log import RadioFacts
from meshdl.errors import StorageError
from meshdl.ids import Callsign
from meshdl.radio.budget import HOUR_S
from meshdl.radio.declaration import Declaration
from meshdl.radio.transmitter_events import Remember
from meshdl.station.log import StationLog


def read(log: StationLog, declaration: Declaration, *, at: float) -> Remember:
    """Look at the last hour of the log; one that cannot be read tells nothing.

    Args:
        log: the station's.
        declaration: who transmits now, and where.
        at: Unix time now.
    """
    try:
        entries = list(log.entries(LogQuery(kind="radio", since=at - HOUR_S)))
    except StorageError:
        return Remember()
    return past_of(entries, declaration, at=at)


def past_of(entries: Iterable[LogEntry], declaration: Declaration, *, at: float) -> Remember:
    """The same of entries, the oldest first.

    Nothing is owed on another dial, where our callsign would be out of place, nor after the
    time within which the law wants it: then it is too late to make it good.
    """
    call, profile = declaration.callsign, declaration.profile
    bursts: list[tuple[float, float]] = []
    owed_at, dial_hz = None, None
    for began_at, facts, whole in _keyed(entries):
        ago_s = max(0.0, at - began_at)  # a clock that was set back meanwhile
        bursts.append((ago_s, facts.duration_s or 0.0))
        dial_hz = facts.dial_hz
        if whole and any(_names(frame, call) for frame in facts.frames):
            owed_at = None
        elif owed_at is None:
            owed_at = at - ago_s
    if owed_at is None or profile is None or dial_hz != declaration.dial_hz:
        return Remember(tuple(bursts))
    owed_for_s = at - owed_at
    in_time = owed_for_s <= profile.identification.every_s
    return Remember(tuple(bursts), owed_for_s if in_time else None)


def _keyed(entries: Iterable[LogEntry]) -> Iterator[tuple[float, RadioFacts, bool]]:
    """Bursts that were on the air: when, what, and whether they were sent to their end."""
    logged: tuple[float, RadioFacts] | None = None
    for entry in entries:
        facts = entry.radio
        if facts is None or facts.event not in {"transmission", "ended"}:
            continue
        if facts.event == "transmission":
            if logged is not None:
                yield *logged, False
            logged = entry.at, facts
        elif logged is not None and facts.burst == logged[1].burst:
            if not entry.text.startswith("not keyed"):
                yield *logged, entry.text == "sent"
            logged = None
    if logged is not None:
        yield *logged, False


def _names(frame: bytes, call: Callsign) -> bool:
    words = frame.rstrip(b"\0 ").decode("latin-1").split(" ")
    named = words[1].partition("-")[0] if len(words) > 1 else ""
    return words[0] == "DE" and named == call.partition("-")[0]
