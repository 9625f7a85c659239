"""Where the control operator acts: kill switch, emergencies, another dial, end and past of a run.

Named after 47 CFR 97.3(a)(14). It changes the standing of the transmitter and says so in the
log; what must be cut short because of it is left to the transmitter.
"""

from dataclasses import replace
from typing import TypeAlias, assert_never

from meshdl.radio import transmitter_events as events
from meshdl.radio.identification import Identification
from meshdl.radio.keying import Abort
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.logbook import Logbook
from meshdl.radio.standing import EMERGENCY_S_MAX, Standing
from meshdl.radio.turns import Turns

SIGN_OFF_S_MAX = 30.0
"""How long a new dial or the end of the program waits for the signing off."""

Order: TypeAlias = (
    events.SwitchOff
    | events.SwitchOn
    | events.DeclareEmergency
    | events.EndEmergency
    | events.Reconfigure
    | events.ShutDown
    | events.Remember
)


class ControlPoint:
    """Takes the operator's orders.

    Attributes:
        finished: signed off for good.
    """

    def __init__(
        self,
        standing: Standing,
        owed: Identification,
        turns: Turns,
        log: Logbook,
        effects: list[events.TransmitterEffect],
    ) -> None:
        self._standing, self._owed, self._turns = standing, owed, turns
        self._log, self._effects = log, effects
        self._modem_leaves = False
        self._pending: events.Reconfigure | None = None
        self._sign_off_by: float | None = None
        self.finished = False

    @property
    def signing_off(self) -> bool:
        """Only our callsign may go: a new dial or the end waits for it."""
        return self._standing.closing or self._pending is not None

    def take(self, order: Order, *, now: float) -> None:  # noqa: C901 - one flat match
        """Carry out one order."""
        match order:
            case events.SwitchOff(by, reason):
                self.switch_off(f"{by}: {reason}", now=now)
            case events.SwitchOn(by):
                self._standing.off_because = None
                self._effects.append(events.Switched(None))
                self.note(RadioEvent.SWITCH, f"on: {by}", now=now)
                self._owed.want(now=now)
            case events.DeclareEmergency(by, reason, for_s):
                self._standing.emergency_until = now + min(max(for_s, 0.0), EMERGENCY_S_MAX)
                self.note(RadioEvent.EMERGENCY, f"declared by {by}: {reason}", now=now)
            case events.EndEmergency(by):
                self._standing.emergency_until = None
                self.note(RadioEvent.EMERGENCY, f"ended by {by}", now=now)
            case events.Reconfigure():
                if self._pending is not None and self._pending.modem_changes:
                    order = replace(order, modem_changes=True)
                self._pending = order
                self._sign_off(now)
            case events.ShutDown():
                self._standing.closing = True
                self._sign_off(now)
            case events.Remember(bursts, unidentified_for_s):
                self._turns.budget.remember(bursts, now=now)
                if unidentified_for_s is not None:
                    self._owed.remember(since=now - unidentified_for_s)
            case _:
                assert_never(order)

    def switch_off(self, reason: str, *, now: float) -> None:
        """Silence now; a fault does it too. Nothing is written down before the unkeying."""
        self._effects += [Abort(reason), events.Switched(reason)]
        self._standing.off_because = reason
        self.note(RadioEvent.SWITCH, f"off: {reason}", now=now)
        if self._owed.owed:
            self.unidentified("the radio was switched off", now=now)

    def expire(self, *, now: float) -> None:
        """End an emergency that ran out."""
        until = self._standing.emergency_until
        if until is not None and now >= until:
            self._standing.emergency_until = None
            self.note(RadioEvent.EMERGENCY, "ran out", now=now)

    def deadline(self) -> float | None:
        """When an emergency runs out, or a signing off is no longer waited for."""
        times = (self._standing.emergency_until, self._sign_off_by)
        return min((at for at in times if at is not None), default=None)

    def settle(self, *, silent: bool, now: float) -> bool:
        """Do what waited for the signing off, if nothing is owed or it cannot be paid.

        Returns:
            Whether anything was done.
        """
        if self._sign_off_by is None:
            return False
        if self._owed.owed and not silent and now < self._sign_off_by:
            return False
        self._sign_off_by = None
        if self._owed.owed:
            self.unidentified("it could not be sent in time", now=now)
        if self._pending is not None:
            self._reconfigure(self._pending)
        if self._standing.closing:
            self.finished = True
            self._effects.append(events.Finished())
        return True

    def modem_leaves(self) -> bool:
        """Whether the modem was exchanged since this was asked last."""
        leaves, self._modem_leaves = self._modem_leaves, False
        return leaves

    def _reconfigure(self, order: events.Reconfigure) -> None:
        self._pending = None
        self._standing.declare(order.declaration)
        if order.limits is not None:
            self._standing.burst_max_s = order.limits.burst_max_s
            self._turns.limit(order.limits)
        if order.hold_off_s is not None:
            self._turns.set_hold_off(order.hold_off_s)
        self._modem_leaves = order.modem_changes
        self._owed.paid()  # what was owed was owed on the old dial
        self._owed.every_s = self._standing.identify_every_s()
        self._effects.append(events.Reconfigured(order, self._standing.burst_max_s))

    def still_to_sign_off(self, *, now: float) -> None:
        """A burst is over that a signing off had to wait for."""
        if self._sign_off_by is not None:
            self._sign_off_by = now + SIGN_OFF_S_MAX

    def unidentified(self, reason: str, *, now: float) -> None:
        """Write down that our callsign is owed, and that the operator must give it."""
        call = self._standing.declaration.callsign
        text = f"identification is owed: {reason}; give {call} on the air by hand"
        self.note(RadioEvent.UNIDENTIFIED, text, now=now)

    def note(self, event: RadioEvent, text: str, *, now: float, burst: int = 0) -> None:
        """Write down something that is no traffic."""
        declaration = self._standing.declaration
        record = RadioRecord(
            event=event,
            burst=burst,
            callsign=declaration.callsign,
            control_operator=declaration.in_charge(),
            control=declaration.control,
            dial_hz=declaration.dial_hz,
            text=text,
        )
        self._log.write(record, now=now)

    def _sign_off(self, now: float) -> None:
        self._owed.want(now=now)
        if self._sign_off_by is None:
            self._sign_off_by = now + SIGN_OFF_S_MAX
