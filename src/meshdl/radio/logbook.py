"""The transmitter's side of the station log: what is being written, and whether it works.

A record counts once :class:`LogCommitted` names it. When a record fails, or is not answered
in time, the log has failed until a later record is durable; one is tried from time to time.
While it has failed nothing may be keyed.
"""

from collections import OrderedDict
from dataclasses import replace

from meshdl.errors import LocalProtocolError
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.transmitter_events import TransmitterEffect, WriteLog

ANSWER_WITHIN_S = 30.0
"""A worn SD card takes seconds. What takes longer than this hangs."""

RETRY_EVERY_S = 30.0

REFUSAL_EVERY_S = 60.0
"""The same refusal is written down once in this time: who asks every second fills no disk."""

REFUSALS_MAX = 64
"""Different refusals remembered."""


class Logbook:
    """Writes records as effects into the list that it is given."""

    def __init__(self, effects: list[TransmitterEffect]) -> None:
        self.failure: str | None = None
        self.effects = effects
        self._serial = 0
        self._failed_serial = 0
        self._failed_at = 0.0
        self._unanswered: dict[int, float] = {}
        self._refusals: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def write(self, record: RadioRecord, *, now: float) -> int:
        """Ask for a record; its serial."""
        self._serial += 1
        self._unanswered[self._serial] = now
        self.effects.append(WriteLog(self._serial, record))
        return self._serial

    def next_serial(self) -> int:
        """Which serial the next record will have."""
        return self._serial + 1

    def refusal(self, record: RadioRecord, reason: str, *, now: float) -> None:
        """Write down a refusal, unless the same one was written just now or the log fails."""
        key = (record.section, reason)
        written_at, more = self._refusals.pop(key, (float("-inf"), 0))
        if self.failure is not None or now < written_at + REFUSAL_EVERY_S:
            self._refusals[key] = (written_at, more + 1)
            return
        self._refusals[key] = (now, 0)
        if len(self._refusals) > REFUSALS_MAX:
            self._refusals.popitem(last=False)
        text = f"{reason} (and {more} more of these)" if more else reason
        facts = f"{record.text}: {text}" if record.text else text
        self.write(replace(record, text=facts), now=now)

    def committed(self, serial: int) -> None:
        """A record is durable.

        Raises:
            LocalProtocolError: it was not asked for.
        """
        if serial > self._serial or serial < 1:
            raise LocalProtocolError(f"log record {serial} was not asked for")
        self._unanswered.pop(serial, None)
        if serial > self._failed_serial:
            self.failure = None

    def failed(self, serial: int, reason: str, *, now: float) -> None:
        """A record could not be written.

        Raises:
            LocalProtocolError: it was not asked for.
        """
        if serial > self._serial or serial < 1:
            raise LocalProtocolError(f"log record {serial} was not asked for")
        self._unanswered.pop(serial, None)
        self._failed_serial = max(self._failed_serial, serial)
        self._failed_at, self.failure = now, reason

    def deadline(self) -> float | None:
        """When :meth:`expire` has something to do."""
        if self._unanswered:
            return min(self._unanswered.values()) + ANSWER_WITHIN_S
        return None if self.failure is None else self._failed_at + RETRY_EVERY_S

    def expire(self, *, now: float) -> list[int]:
        """Give up records that are not answered, try a failed log again; which were given up."""
        overdue = [one for one, at in self._unanswered.items() if now >= at + ANSWER_WITHIN_S]
        for serial in overdue:
            self.failed(serial, "the log disk does not answer", now=now)
        due = self.deadline()
        if not self._unanswered and due is not None and now >= due:
            text = f"the log had failed: {self.failure}"
            self.write(RadioRecord(event=RadioEvent.LOG, text=text), now=now)
        return overdue
