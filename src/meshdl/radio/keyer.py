"""One burst at a time: its log record, its keying, its end. The only place that makes a ``Key``.

The :class:`~meshdl.radio.transmitter.Transmitter` decides what goes next; this carries one
burst through the states that its theory of operation describes, and books what it cost.
"""

import enum

from meshdl.air import BurstEnded
from meshdl.radio import transmitter_events as events
from meshdl.radio.burst import (
    RIG_ANSWERS_WITHIN_S,
    Burst,
    OnItsWay,
    identification_burst,
    next_burst,
    record_of,
    record_of_burst,
)
from meshdl.radio.control_point import ControlPoint
from meshdl.radio.identification import Identification
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.logbook import Logbook
from meshdl.radio.rules import Level, Verdict
from meshdl.radio.standing import Standing, urgent
from meshdl.radio.traffic import Traffic
from meshdl.radio.turns import Turn, Turns
from meshdl.radio.waiting import Waiting

GRANT_S_MAX = 1.0
"""A moment that channel access found is over after this: somebody else may have begun."""

STUCK_AFTER_S = 5.0
"""Grace for a burst that takes longer than computed, and for an abort to be carried out."""

STUCK_FACTOR = 1.25
"""Bit stuffing and a slow sound card stretch a burst by no more."""

THIRD_PARTIES_MAX = 8
"""Foreign stations named in one identification."""


class State(enum.Enum):
    """Of the transmitter; see its theory of operation."""

    IDLE = enum.auto()
    ASKING = enum.auto()
    LOGGING = enum.auto()
    ON_AIR = enum.auto()


class Keyer:
    """Carries one burst.

    Attributes:
        state: of the transmitter.
        way: the burst that has a log record; ``None`` in IDLE and mostly in ASKING.
        busy: others are on the channel, as far as the modem hears.
        stuck: the serial of a burst that was given up and that the modem may still send.
    """

    def __init__(
        self,
        standing: Standing,
        owed: Identification,
        turns: Turns,
        log: Logbook,
        control: ControlPoint,
    ) -> None:
        self._standing, self._owed, self._turns = standing, owed, turns
        self._log, self._control, self._effects = log, control, log.effects
        self.state = State.IDLE
        self.way: OnItsWay | None = None
        self.busy = False
        self.stuck: int | None = None

    def on_air(self, serial: int) -> OnItsWay | None:
        """The burst of this serial, if it is being sent."""
        way = self.way if self.state is State.ON_AIR else None
        return way if way is not None and way.serial == serial else None

    def logging(self, serial: int | None) -> OnItsWay | None:
        """The burst of this serial, if its record is being written, or its rig asked."""
        way = self.way if self.state is State.LOGGING else None
        return way if way is not None and way.serial == serial else None

    def begin(self, turn: Turn, *, now: float) -> None:
        """Compose the burst of this turn and have its record written, if the rules agree."""
        self.state = State.IDLE
        burst = self._compose(turn, now)
        if burst.waiting is not None:
            self._turns.queue.remove(burst.waiting)
        verdict = self._verdict(burst, now)
        if verdict.level is Level.BLOCKED:
            self._refuse_burst(burst, verdict, now)
            return
        serial = self._log.next_serial()
        record = record_of_burst(burst, serial, self._standing.declaration, verdict)
        self._log.write(record, now=now)
        self.way = OnItsWay(burst, serial, granted_at=now, forced=turn.forced)
        self.state = State.LOGGING
        self._ask_rig(self.way, now)

    def moment_over(self, way: OnItsWay, *, now: float) -> bool:
        """Whether the moment that channel access found has passed while the log was written."""
        rig_s = RIG_ANSWERS_WITHIN_S if self._standing.declaration.rig else 0.0
        return not way.forced and (self.busy or now > way.granted_at + GRANT_S_MAX + rig_s)

    def go(self, way: OnItsWay, *, now: float, forced: bool = False) -> None:
        """Another moment was found for a burst with a record: key it, or ask the rig again."""
        if not self._standing.declaration.rig:
            self.key(way, now=now)
            return
        way.granted_at, way.forced = now, way.forced or forced
        self.state = State.LOGGING
        self._ask_rig(way, now)

    def _ask_rig(self, way: OnItsWay, now: float) -> None:
        if self._standing.declaration.rig:
            way.dial_known, way.asked_at = False, now
            self._effects.append(events.ReadRig(way.serial))

    def key(self, way: OnItsWay, *, now: float) -> None:
        """The record is durable and the channel is ours: go, if the rules still agree."""
        burst = way.burst
        verdict = self._verdict(burst, now)
        if verdict.level is Level.BLOCKED:
            self._record_end(way, f"not keyed: {verdict.reason}", 0.0, now)
            self.way, self.state = None, State.IDLE
            self._refuse_burst(burst, verdict, now)
            return
        self._effects.append(Key(way.serial, burst.frames, burst.burst_s, burst.traits.name))
        self.state = State.ON_AIR
        way.keyed_at = now
        lasts_s = burst.burst_s * STUCK_FACTOR + STUCK_AFTER_S
        way.ends_by = now + burst.traits.access_within_s + lasts_s
        self._owed.keyed(burst.traits.name, ends_at=now + burst.burst_s, now=now)
        self._owed.in_emergency |= self._standing.emergency(now=now)
        self._turns.budget.spend(burst.burst_s, now=now)
        partner = self._standing.foreign_partner(burst.traffic)
        if partner is not None and partner not in self._owed.others:
            self._owed.others = (*self._owed.others, partner)[-THIRD_PARTIES_MAX:]

    def give_up(self, way: OnItsWay, reason: str, *, now: float) -> None:
        """It did not unkey in time. Nothing is keyed until it has, or the modem starts anew."""
        way.cut_short, self.stuck = reason, way.serial
        self.ended(way, now=now)

    def unkeyed(self, told: BurstEnded, *, now: float) -> None:
        """The modem says that a burst is over."""
        if (way := self.on_air(told.serial)) is not None:
            self.ended(way, frames=told.frames, now=now)
        elif told.serial == self.stuck:  # it was given up, and ends at last
            self.stuck = None

    def make_way(self, turn: Turn | None) -> None:
        """No further frame of the burst that is on the air, if this turn is a more urgent one."""
        way = self.way
        if way is None or way.burst.waiting is None or way.curtailed or way.cut_short:
            return
        if turn is not None and turn.overtakes(way.burst.traffic):
            way.curtailed = True
            self._effects.append(Curtail(way.serial))

    def ended(self, way: OnItsWay, *, frames: int | None = None, now: float) -> None:
        """The transmitter is unkeyed.

        Args:
            way: what it sent.
            frames: how many were sent, if not all.
            now: when.
        """
        self.way, self.state = None, State.IDLE
        self._owed.ended(now=now)
        if way.burst.waiting is not None:
            self._control.still_to_sign_off(now=now)
        carried = len(way.burst.frames)
        sent = carried if frames is None else min(frames, carried)
        self._record_end(way, _outcome(way, sent), now - way.keyed_at, now)
        if urgent(way.burst.traffic):
            self._turns.hold_off(now=now)
        if way.cut_short:
            self._owed.want(now=now)
            if way.burst.waiting is not None:
                self._effects.append(events.Dropped(way.burst.traffic, way.cut_short))
            return
        if sent < carried:
            self._turns.budget.ended_after(now - way.keyed_at)
        elif way.burst.identifies:
            self._owed.paid()
        if way.burst.waiting is not None:
            self._went_on(way.burst.waiting, min(sent, way.burst.own_frames))

    def _went_on(self, waiting: Waiting, frames: int) -> None:
        """So many frames of this have been on the air; what is left waits again."""
        waiting.sent_frames += frames
        if waiting.remaining():
            self._turns.queue.put(waiting)
        else:
            self._effects.append(events.Sent(waiting.traffic))

    def cut_short(self, reason: str, *, now: float, unkeyed: bool = False) -> None:
        """Nobody wants the burst any more: unkey (unless that was told already), or do not key."""
        way = self.way
        if way is None:
            return
        if self.state is State.ON_AIR:
            if not way.cut_short:
                if not unkeyed:
                    self._effects.append(Abort(reason))
                way.cut_short, way.ends_by = reason, now + STUCK_AFTER_S
            return
        self._record_end(way, f"not keyed: {reason}", 0.0, now)
        self.way, self.state = None, State.IDLE
        if way.burst.waiting is not None:
            self._effects.append(events.Dropped(way.burst.traffic, reason))

    def give_back(self, way: OnItsWay, reason: str, *, now: float) -> None:
        """Put a burst that was not keyed back in the queue; the log says so."""
        self._record_end(way, f"not keyed: {reason}", 0.0, now)
        self.unlogged(way)

    def unlogged(self, way: OnItsWay) -> None:
        """Its record could not be written: back in the queue."""
        self.way, self.state = None, State.IDLE
        if way.burst.waiting is not None:
            self._turns.queue.put(way.burst.waiting)

    def refuse(self, traffic: Traffic, verdict: Verdict, *, now: float) -> None:
        """Tell whoever submitted it, and the log."""
        self._effects.append(events.Refused(traffic, verdict))
        record = record_of(
            traffic,
            RadioEvent.REFUSAL,
            self._standing.declaration,
            self._standing.traits_for(traffic),
            verdict,
        )
        self._log.refusal(record, verdict.reason, now=now)

    def _compose(self, turn: Turn, now: float) -> Burst:
        if turn.waiting is not None:
            traits = self._standing.traits_for(turn.waiting.traffic)
            assert traits is not None  # nothing has its turn without a modem
            burst = next_burst(
                turn.waiting,
                traits,
                self._owed,
                spoken=self._standing.spoken(self._owed.others, traits),
                burst_max_s=self._turns.burst_max_s,
                now=now,
            )
            if burst is not None:
                return burst
        traits = self._standing.identifying_mode(self._owed.mode)
        return identification_burst(self._standing.spoken(self._owed.others, traits), traits)

    def _verdict(self, burst: Burst, now: float) -> Verdict:
        emergency = self._owed.in_emergency and burst.waiting is None
        return self._standing.verdict(burst.traffic, now=now, emergency=emergency)

    def _refuse_burst(self, burst: Burst, verdict: Verdict, now: float) -> None:
        if burst.waiting is not None:
            self.refuse(burst.traffic, verdict, now=now)
            return
        self._control.unidentified(verdict.reason, now=now)
        self._owed.paid()  # asking again would be refused again

    def _record_end(self, way: OnItsWay, outcome: str, duration_s: float, now: float) -> None:
        declaration = self._standing.declaration
        record = RadioRecord(
            event=RadioEvent.ENDED,
            burst=way.serial,
            callsign=declaration.callsign,
            control_operator=declaration.in_charge(),
            duration_s=duration_s,
            text=outcome,
        )
        self._log.write(record, now=now)


def _outcome(way: OnItsWay, sent: int) -> str:
    """What the log says of a burst that was on the air."""
    if way.cut_short:
        return f"cut short: {way.cut_short}"
    carried = len(way.burst.frames)
    if sent < carried:
        return f"sent {sent} of {carried} frames: something more urgent goes first"
    return "sent"
