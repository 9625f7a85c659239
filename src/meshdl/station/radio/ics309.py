"""The radio part of the log as an ICS-309 Communications Log, in plain text.

The form of the United States' incident command system: who called whom, when, about what.
Bursts of one transmission to one station about one thing within a minute are one line.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from meshdl.control.log_entry import LogEntry

SAME_LINE_S = 60.0

_LINE = "{time:<17} {from_:<10} {to:<10} {message}"
WIDTH = 100
"""Characters of a line; what a landscape sheet carries."""


def to_ics309(entries: Iterable[LogEntry], *, station: str, prepared_at: float) -> Iterator[str]:
    """The whole form, line by line.

    Args:
        entries: of the log, oldest first; what is not of the radio is left out.
        station: our callsign.
        prepared_at: Unix time.
    """
    told = [entry for entry in entries if _message(entry) is not None]
    operators = sorted({entry.radio.control_operator or "" for entry in told if entry.radio} - {""})
    period = f"{_time(told[0].at)} to {_time(told[-1].at)}" if told else "-"
    yield "COMMUNICATIONS LOG (ICS 309)\n"
    yield "1. Incident Name:       ____________________\n"
    yield f"2. Operational Period:  {period} (UTC)\n"
    yield f"3. Radio Operator:      {', '.join(operators) or '____________________'}\n"
    yield f"4. Station:             {station}\n"
    yield "5. Log\n"
    yield _LINE.format(time="Time (UTC)", from_="From", to="To", message="Message") + "\n"
    before: tuple[float, tuple[str, str, str]] | None = None
    for entry in told:
        line = _parties(entry, station)
        if before is None or before[1] != line or entry.at - before[0] > SAME_LINE_S:
            from_, to, message = line
            text = _LINE.format(time=_time(entry.at), from_=from_, to=to, message=message)
            yield text[:WIDTH].rstrip() + "\n"
        before = (entry.at, line)
    yield f"6. Prepared: {_time(prepared_at)} (UTC) by meshdl\n"


def _parties(entry: LogEntry, station: str) -> tuple[str, str, str]:
    message = _message(entry) or ""
    if entry.direction == "received":
        return entry.callsign or "-", "-", message
    own_call = entry.radio.own_call if entry.radio is not None else None
    to = entry.callsign or ("ALL" if entry.direction == "sent" else "-")
    return own_call or station, to, message


def _message(entry: LogEntry) -> str | None:
    facts = entry.radio
    if facts is None or facts.event in {"ended", "log"}:
        return None
    words = [] if facts.event in {"transmission", "reception"} else [facts.event.upper()]
    if facts.precedence not in {None, "routine"}:
        words.append(str(facts.precedence).upper())
    words.append(entry.text or facts.purpose or facts.event)
    if entry.content_hash is not None:
        words.append(f"[{entry.content_hash[:12]}]")
    return " ".join(words)


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}Z"
