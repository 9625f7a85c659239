"""Writes what happens on the air into the station log, and tells the transmitter when it is safe.

Only an answer of the disk lets a burst be keyed; see :mod:`meshdl.radio.logbook`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from meshdl.air import FrameHeard, ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.control.log_entry import Direction, LogEntry
from meshdl.control.radio_log import RadioFacts
from meshdl.errors import StorageError
from meshdl.ids import Callsign, ContentHash
from meshdl.radio.declaration import Declaration
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.transfer.carried import CARRIED_NOTHING, Carried
from meshdl.radio.transmitter_events import LogCommitted, LogFailed, WriteLog
from meshdl.station.log import StationLog
from meshdl.station.worker import Worker

Answer: TypeAlias = LogCommitted | LogFailed
_Result: TypeAlias = tuple[Answer, LogEntry | None]

_DIRECTIONS: dict[RadioEvent, Direction] = {
    RadioEvent.TRANSMISSION: "sent",
    RadioEvent.RECEPTION: "received",
}
"""Of what was on the air; what was refused, or in the end not keyed, was not sent."""


class RadioLog:
    """The shell between the transmitter's ``WriteLog`` and the station log.

    Args:
        log: the station's one log.
        pens: the thread that writes it.
        answer: takes the answers to the transmitter, in the loop.
        written: takes every entry once it is durable, in the loop.
    """

    def __init__(
        self,
        log: StationLog,
        pens: Worker,
        answer: Callable[[Answer], None],
        *,
        written: Callable[[LogEntry], None] | None = None,
    ) -> None:
        self._log, self._pens, self._answer = log, pens, answer
        self._written = written or _nobody_waits

    def write(self, effect: WriteLog) -> None:
        """Make a record durable and answer."""
        self._pens.submit(
            partial(self._commit, effect.serial, effect.record, None), self._committed
        )

    def heard(self, record: RadioRecord, at: float) -> None:
        """Keep a reception; a log that cannot be written costs the record, not the frame.

        Args:
            record: what was heard.
            at: when it began, Unix time.
        """
        self._pens.submit(partial(self._commit, 0, record, at), self._kept)

    def _committed(self, result: _Result) -> None:
        answer, entry = result
        self._answer(answer)
        if entry is not None:
            self._written(entry)

    def _kept(self, result: _Result) -> None:
        _, entry = result
        if entry is not None:
            self._written(entry)

    def _commit(self, serial: int, record: RadioRecord, at: float | None) -> _Result:
        at = time.time() if at is None else at
        try:
            logged = append(self._log, record, at=at)
        except StorageError as error:
            return LogFailed(serial, str(error)), None
        return LogCommitted(serial), entry_of(record, logged, at=at)


def append(log: StationLog, record: RadioRecord, *, at: float) -> int:
    """Add one record; when this returns it survives a power cut.

    Raises:
        StorageError: the database or the disk refused.
    """
    return log.append(
        at=at,
        kind="radio",
        text=record.text,
        direction=_DIRECTIONS.get(record.event),
        callsign=_other_station(record),
        content=record.content,
        octets=sum(map(len, record.frames)) or None,
        radio=facts_of(record),
    )


def entry_of(record: RadioRecord, serial: int, *, at: float) -> LogEntry:
    """The entry that :func:`append` has written."""
    return LogEntry(
        serial=serial,
        at=at,
        kind="radio",
        direction=_DIRECTIONS.get(record.event),
        callsign=_other_station(record),
        station_id=None,
        content_hash=record.content.hex() if record.content is not None else None,
        octets=sum(map(len, record.frames)) or None,
        path=None,
        text=record.text,
        radio=facts_of(record),
    )


def _other_station(record: RadioRecord) -> Callsign | None:
    heard = record.event is RadioEvent.RECEPTION
    return record.callsign if heard else record.to or record.asked_by


def facts_of(record: RadioRecord) -> RadioFacts:
    """The record as the control API shows it."""
    return RadioFacts(
        event=record.event.value,
        burst=record.burst or None,
        own_call=None if record.event is RadioEvent.RECEPTION else record.callsign,
        to=record.to,
        asked_by=record.asked_by,
        control_operator=record.control_operator,
        control=record.control.value if record.control else None,
        dial_hz=record.dial_hz,
        modem=record.modem or None,
        width_hz=record.width_hz,
        duration_s=record.duration_s,
        power_w=record.power_w,
        snr_db=record.snr_db,
        purpose=record.purpose or None,
        precedence=_precedence(record.precedence),
        third_party=record.third_party,
        chunks=record.chunks,
        octets_before=record.octets_before or None,
        octets_after=record.octets_after or None,
        frames=record.frames,
        verdict=record.verdict or None,
        section=record.section or None,
    )


def reception(
    frame: FrameHeard,
    declaration: Declaration,
    traits: ModemTraits,
    *,
    sender: Callsign | None,
    text: str,
    content: ContentHash | None = None,
    what: Carried = CARRIED_NOTHING,
) -> RadioRecord:
    """What the log keeps of a frame that was heard.

    Args:
        frame: as the modem reported it.
        declaration: where the rig is tuned.
        traits: of the modem.
        sender: whose frame it is, as far as it says.
        text: what the monitor makes of it.
        content: what it is about, if that is known here.
        what: which of it.
    """
    occupied = declaration.occupied(traits)
    return RadioRecord(
        event=RadioEvent.RECEPTION,
        callsign=sender,
        control_operator=declaration.in_charge(),
        control=declaration.control,
        content=content,
        chunks=what.chunks,
        octets_before=what.octets_before,
        octets_after=what.octets_after,
        dial_hz=declaration.dial_hz,
        modem=traits.name,
        width_hz=occupied.width_hz if occupied else None,
        duration_s=traits.frame_s(len(frame.octets)),
        snr_db=frame.snr_db,
        frames=(frame.octets,),
        text=text,
    )


def _precedence(precedence: Precedence | None) -> str | None:
    return None if precedence is None else precedence.name.lower()


def _nobody_waits(_: object) -> None:
    """What became of it is in the file, or the disk is full and the transmitter knows."""
