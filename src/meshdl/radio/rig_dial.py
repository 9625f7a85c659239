"""Where the rig really is: the rules are judged by what it shows, not by what a setting says.

Theory of operation
===================

With ``Declaration.rig`` the dial is not stated but read. It is read from time to time, so
that the status shows it, and once more for every burst: while its record is being written
the rig is asked (:class:`~.transmitter_events.ReadRig`), and only with both answers the burst
goes out. So nobody turns a knob between the verdict and the key.

::

    RigRead, as before   -> the burst goes on its way
    RigRead, elsewhere   -> its record names another dial: back in the queue, and judged anew;
                            a burst that is on the air is cut short where it may not be
    RigSilent, or nothing within RIG_ANSWERS_WITHIN_S -> silence, and the status says why

What was owed on the old dial cannot be paid any more once the rig is elsewhere; the log says
so. A knob that moved by less than the signal is wide has gone nowhere: whoever heard us hears
our callsign too.
"""

from dataclasses import replace
from typing import Protocol

from meshdl.radio import transmitter_events as events
from meshdl.radio.burst import RIG_ANSWERS_WITHIN_S, OnItsWay
from meshdl.radio.control_point import ControlPoint
from meshdl.radio.declaration import Declaration
from meshdl.radio.identification import Identification
from meshdl.radio.rules import Level
from meshdl.radio.standing import Standing

SILENT = f"it has not answered within {RIG_ANSWERS_WITHIN_S:.0f} s"
TUNED = "the rig was tuned elsewhere"


class Carries(Protocol):
    """What is needed of the keyer, which only the transmitter may use."""

    way: OnItsWay | None

    def on_air(self, serial: int) -> OnItsWay | None:
        """The burst of this serial, if it is being sent."""

    def logging(self, serial: int | None) -> OnItsWay | None:
        """The burst of this serial, if its record is being written, or its rig asked."""

    def give_back(self, way: OnItsWay, reason: str, *, now: float) -> None:
        """Put a burst that was not keyed back in the queue."""

    def cut_short(self, reason: str, *, now: float) -> None:
        """Nobody wants the burst any more."""


class RigDial:
    """Takes what the rig tells into the standing of the transmitter."""

    def __init__(
        self,
        standing: Standing,
        owed: Identification,
        control: ControlPoint,
        carries: Carries,
        effects: list[events.TransmitterEffect],
    ) -> None:
        self._standing, self._owed, self._control = standing, owed, control
        self._carries, self._effects = carries, effects

    def read(self, reading: events.RigRead, *, now: float) -> OnItsWay | None:
        """The rig has told where it is; the burst for which it was asked, if that still waits."""
        before, knew = self._standing.declaration, not self._standing.rig_problem
        if not before.rig:
            return None  # asked before the settings changed
        sideband = reading.sideband or before.sideband
        declaration = replace(before, dial_hz=reading.dial_hz, sideband=sideband)
        self._standing.declaration, self._standing.rig_problem = declaration, ""
        if declaration != before:
            self._moved(before, declaration, now)
        if declaration != before or not knew:
            self._effects.append(events.Tuned(reading.dial_hz))
        way = self._carries.logging(reading.serial)
        if way is not None:
            way.dial_known = True
        return way

    def silent(self, reason: str, *, now: float) -> None:
        """The rig does not tell. What is on the air goes on: it was tuned right a moment ago."""
        if not self._standing.declaration.rig:
            return
        self._standing.rig_problem = reason
        way = self._carries.way
        if way is not None and self._carries.on_air(way.serial) is None:
            self._carries.give_back(way, f"the rig's dial is not known: {reason}", now=now)

    def deadline(self) -> float | None:
        """When a rig that was asked counts as silent."""
        way = self._carries.way
        if way is None or way.dial_known or self._carries.logging(way.serial) is None:
            return None
        return way.asked_at + RIG_ANSWERS_WITHIN_S

    def expire(self, *, now: float) -> None:
        """Wait no longer."""
        due = self.deadline()
        if due is not None and now >= due:
            self.silent(SILENT, now=now)

    def _moved(self, before: Declaration, declaration: Declaration, now: float) -> None:
        """The rig is elsewhere now."""
        if self._owed.owed and not self._overlap(before, declaration):
            self._control.unidentified(TUNED, now=now)
            self._owed.paid()
        way = self._carries.way
        if way is None:
            return
        if self._carries.on_air(way.serial) is None:
            self._carries.give_back(way, TUNED, now=now)
            return
        verdict = self._standing.verdict(way.burst.traffic, now=now)
        if verdict.level is Level.BLOCKED:
            self._carries.cut_short(f"{TUNED}: {verdict}", now=now)

    def _overlap(self, before: Declaration, after: Declaration) -> bool:
        modem = self._standing.modem
        traits = modem.traits if modem is not None else None
        old = before.occupied(traits) if traits is not None else None
        new = after.occupied(traits) if traits is not None else None
        if old is None or new is None:
            return False
        return old.low_hz < new.high_hz and new.low_hz < old.high_hz
