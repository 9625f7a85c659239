"""Contacts, as loggers know them, from the log's bursts.

A contact is with one station, on one dial and modem, and two-way: something went to it and
something came from it. It ends when neither happens for ten minutes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meshdl.control.log_entry import LogEntry

CONTACT_ENDS_AFTER_S = 600.0
"""As long as a callsign lasts (47 CFR 97.119(a))."""

OPEN_MAX = 1_000
"""Contacts going on at once; the oldest goes first. Forged callsigns fill no memory."""


@dataclass(slots=True, kw_only=True)
class Contact:
    """One contact.

    Attributes:
        call: the other station.
        own_call: ours.
        operator: who was in charge here.
        dial_hz: what the rig showed.
        modem: its name.
        began_at: Unix time, seconds. ``ended_at`` likewise.
        sent: bursts to it. ``received``: frames from it.
        power_w: ours.
    """

    call: str
    own_call: str = ""
    operator: str = ""
    dial_hz: int | None = None
    modem: str = ""
    began_at: float
    ended_at: float
    sent: int = 0
    received: int = 0
    power_w: float | None = None


class Contacts:
    """Collects log entries, oldest first, and gives out contacts as they end."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int | None, str], Contact] = {}

    def add(self, entry: LogEntry) -> list[Contact]:
        """Take one entry; which contacts have ended by then."""
        ended = self.flush(before=entry.at - CONTACT_ENDS_AFTER_S)
        facts = entry.radio
        if facts is None or facts.event not in {"transmission", "reception"}:
            return ended
        sent = facts.event == "transmission"
        if entry.callsign is None:
            return ended
        call = entry.callsign.partition("-")[0]
        key = (call, facts.dial_hz, facts.modem or "")
        contact = self._open.get(key)
        if contact is None:
            if len(self._open) >= OPEN_MAX:
                del self._open[next(iter(self._open))]
            contact = Contact(
                call=call,
                dial_hz=facts.dial_hz,
                modem=facts.modem or "",
                began_at=entry.at,
                ended_at=entry.at,
            )
            self._open[key] = contact
        contact.ended_at = max(contact.ended_at, entry.at + (facts.duration_s or 0.0) * sent)
        contact.sent += sent
        contact.received += not sent
        if sent:
            contact.own_call = facts.own_call or ""
            contact.operator = facts.control_operator or ""
            contact.power_w = facts.power_w
        return ended

    def flush(self, *, before: float = float("inf")) -> list[Contact]:
        """End contacts that have been quiet since then; without it, all."""
        quiet = [key for key, one in self._open.items() if one.ended_at < before]
        ended = [self._open.pop(key) for key in quiet]
        return [one for one in ended if one.sent and one.received]


def contacts_of(entries: Iterable[LogEntry]) -> Iterator[Contact]:
    """All contacts in these entries, in the order in which they ended."""
    contacts = Contacts()
    for entry in entries:
        yield from contacts.add(entry)
    yield from contacts.flush()
