"""The only way to the air.

Theory of operation
===================

Traffic enters by :class:`Submit`, leaves by :class:`Key`. In between, always in this
order: the rules are asked; it waits its turn by precedence; channel access finds a moment
for it; the rules are asked again, for time has passed; a log record of this very burst is
made durable; it is keyed. A burst without a durable record is never keyed, so a full disk
silences the station and the status says why.

    IDLE      nothing may go now                          something may -> ASKING
    ASKING    channel access looks for a moment           ChannelGranted -> LOGGING
    LOGGING   the record of one burst is being written    LogCommitted -> ON_AIR
              and the rig asked, see :mod:`.rig_dial`     and RigRead
    ON_AIR    one burst is on the air                     BurstEnded -> IDLE

While a record is written the channel may be taken, or the disk be slow: then a logged
burst goes back to ASKING and needs no second record. More urgent traffic that came meanwhile
goes first; the log then says that the other was not keyed. A burst that is on the air then is
curtailed: the modem begins no further frame, and tells how many it has sent; the others wait
again. So emergency traffic waits for one frame, or one burst where the modem has no say.

Identification is not traffic: this core makes it itself, alone or as the last frame of a
burst, see :mod:`meshdl.radio.identification`. At the last moment it goes out without
waiting for a gap, for that is the station's duty.

The kill switch (:class:`SwitchOff`) unkeys at once, empties the queue and holds until
:class:`SwitchOn`: nothing goes out after it, not even our callsign; what is owed then is
told in the log and the status. A transmitter that does not unkey in time is switched off in
the same way, and switched on again it stays silent until that burst is over or the modem has
started anew: never two bursts at once. Everything silent stays able to listen.

The clock may jump forward (a machine that slept): a burst whose end is overdue then counts
as stuck. It never runs backward here: an earlier ``now`` is taken for the latest one seen.
"""

from collections.abc import Callable
from typing import assert_never

from meshdl.air import BurstEnded, CarrierChanged, ModemDown, ModemTraits, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.errors import LocalProtocolError
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.burst import OnItsWay
from meshdl.radio.control_point import ControlPoint
from meshdl.radio.declaration import Declaration
from meshdl.radio.identification import Identification
from meshdl.radio.keyer import Keyer, State
from meshdl.radio.logbook import Logbook
from meshdl.radio.rig_dial import RigDial
from meshdl.radio.rules import Level, Verdict
from meshdl.radio.standing import Standing, urgent
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.turns import Turn, Turns
from meshdl.radio.waiting import Waiting

STUCK = "the transmitter did not unkey in time; look at the radio, then: meshdl radio on"


class Transmitter:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        declaration: what the operator declared.
        limits: of bursts and airtime.
        hold_off_s: how long routine and welfare traffic waits after emergency traffic.
        off_because: the kill switch was used before a restart; ``None``: it is on.
    """

    def __init__(
        self,
        declaration: Declaration,
        *,
        limits: AirtimeLimits | None = None,
        hold_off_s: float = 60.0,
        off_because: str | None = None,
    ) -> None:
        limits = limits or AirtimeLimits()
        self._effects: list[events.TransmitterEffect] = []
        self._log = Logbook(self._effects)
        self._standing = Standing(
            declaration, burst_max_s=limits.burst_max_s, off_because=off_because
        )
        self._owed = Identification(self._standing.identify_every_s())
        self._turns = Turns(limits, self._owed, hold_off_s)
        self._control = ControlPoint(
            self._standing, self._owed, self._turns, self._log, self._effects
        )
        self._keyer = Keyer(self._standing, self._owed, self._turns, self._log, self._control)
        self._rig = RigDial(self._standing, self._owed, self._control, self._keyer, self._effects)
        self._wanted: Precedence | None = None
        self._now = float("-inf")

    def receive(self, event: events.TransmitterInput, *, now: float) -> None:
        """Take one input.

        Raises:
            LocalProtocolError: traffic that no modem could send, or an answer to nothing.
        """
        now = self._now = max(now, self._now)
        self._take(event, now)
        self._advance(now)

    def expire(self, *, now: float) -> None:
        """Act on every deadline at or before ``now``."""
        now = self._now = max(now, self._now)
        for serial in self._log.expire(now=now):
            if (logging := self._keyer.logging(serial)) is not None:
                self._keyer.unlogged(logging)
        self._rig.expire(now=now)
        way = self._keyer.way
        if way is not None and self._keyer.state is State.ON_AIR and now >= way.ends_by:
            self._control.switch_off(STUCK, now=now)
            self._keyer.give_up(way, STUCK, now=now)
            self._empty(STUCK, now)
        self._advance(now)

    def deadline(self) -> float | None:
        """When :meth:`expire` must be called next."""
        times = [self._log.deadline(), self._control.deadline(), self._rig.deadline()]
        times += [waiting.expires_at() for waiting in self._turns.queue]
        if self._keyer.state is State.ON_AIR and self._keyer.way is not None:
            times.append(self._keyer.way.ends_by)
        if self._keyer.state in {State.IDLE, State.ASKING} and not self.silent_because():
            ready_at = self._turns.ready_at(self._standing, now=self._now)
            times += [self._owed.due_at(), self._owed.last_moment(), ready_at]
        # What lies behind us was acted on already.
        return min((at for at in times if at is not None and at > self._now), default=None)

    def effects(self) -> list[events.TransmitterEffect]:
        """Drain what must be done, oldest first."""
        drained = list(self._effects)
        self._effects.clear()
        return drained

    def silent_because(self) -> str:
        """Why nothing can be keyed now; empty when it can."""
        if self._standing.off_because is not None:
            return f"off: {self._standing.off_because}"
        if self._keyer.stuck is not None:
            return f"the modem still sends burst {self._keyer.stuck}; look at the radio"
        if self._log.failure is not None:
            return f"the station log cannot be written: {self._log.failure}"
        if missing := self._standing.declaration.missing():
            return f"receiving only: {', '.join(missing)} not set"
        no_modem = "" if self._standing.modem is not None else "no modem"
        return self._standing.rig_silence() or no_modem

    def verdict(self, traffic: Traffic) -> Verdict:
        """What rules and switch would say of this traffic now; for showing."""
        return self._standing.verdict(traffic, now=self._now)

    def permitted(self) -> tuple[ModemTraits, ...]:
        """Modes of the modem that may be sent in here; none where nothing may be sent at all."""
        return self._standing.permitted()

    @property
    def declaration(self) -> Declaration:
        """What holds now."""
        return self._standing.declaration

    def status(self) -> events.Status:
        """What the operator sees."""
        hold_off = self._turns.hold_off_until
        return events.Status(
            on_air=self._keyer.state is State.ON_AIR,
            silent_because=self.silent_because(),
            mode=self._owed.mode,
            owed=self._owed.owed,
            identification_due_at=self._owed.due_at(),
            waiting=len(self._turns.queue),
            airtime_s=self._turns.budget.spent_s(now=self._now),
            emergency_until=self._standing.emergency_until,
            hold_off_until=hold_off if hold_off > self._now else None,
        )

    # -- Inputs ------------------------------------------------------------------------------

    def _take(self, event: events.TransmitterInput, now: float) -> None:  # noqa: C901, PLR0912 - one flat match
        match event:
            case events.Submit(traffic):
                self._submit(traffic, now)
            case events.Withdraw(withdraw_key, reason):
                self._withdraw(withdraw_key, reason, now)
            case events.LogCommitted(serial):
                self._log.committed(serial)
                if (way := self._keyer.logging(serial)) is not None:
                    way.logged = True
                    self._ready(way, now)
            case events.LogFailed(serial, reason):
                self._log.failed(serial, reason, now=now)
                if (way := self._keyer.logging(serial)) is not None:
                    self._keyer.unlogged(way)
            case events.ChannelGranted():
                self._granted(now)
            case events.ExchangeGoesOn():
                self._owed.goes_on(now=now)
            case events.EmergencyHeard():
                self._turns.hold_off(now=now)
            case events.SwitchOff() | events.ShutDown():
                self._control.take(event, now=now)
                self._empty(self._standing.off_because or "the station is shutting down", now)
            case (
                events.SwitchOn()
                | events.DeclareEmergency()
                | events.EndEmergency()
                | events.Reconfigure()
                | events.Remember()
            ):
                self._control.take(event, now=now)
            case events.RigRead():
                if (way := self._rig.read(event, now=now)) is not None:
                    self._ready(way, now)
            case events.RigSilent(reason):
                self._rig.silent(reason, now=now)
            case ModemUp():
                self._modem(event, "the modem has started anew", now)
            case ModemDown(reason):
                self._modem(None, f"the modem is gone: {reason}", now)
            case CarrierChanged(busy):
                self._keyer.busy = busy
            case BurstEnded():
                self._keyer.unkeyed(event, now=now)
            case _:
                assert_never(event)

    def _submit(self, traffic: Traffic, now: float) -> None:
        if traffic.purpose is Purpose.IDENTIFICATION:
            raise LocalProtocolError("the transmitter identifies by itself")
        self._standing.check_frames(traffic)
        verdict = self._standing.verdict(traffic, now=now)
        # Without a dial there is no verdict: it waits until the rig tells.
        if verdict.level is Level.BLOCKED and not self._standing.dial_is_waited_for:
            self._keyer.refuse(traffic, verdict, now=now)
            return
        if (crowded_out := self._turns.queue.add(traffic, now=now)) is not None:
            self._effects.append(events.Dropped(crowded_out, "the queue is full"))

    def _withdraw(self, withdraw_key: str, reason: str, now: float) -> None:
        self._drop(lambda one: one.traffic.withdraw_key == withdraw_key, reason)
        way = self._keyer.way
        if way is not None and way.burst.waiting and way.burst.traffic.withdraw_key == withdraw_key:
            self._keyer.cut_short(reason, now=now)

    def _modem(self, modem: ModemUp | None, reason: str, now: float) -> None:
        way = self._keyer.way
        if way is not None and self._keyer.state is State.ON_AIR:
            way.cut_short = reason
            self._keyer.ended(way, now=now)
        if modem != self._standing.modem:  # frames were cut to fit the other one
            self._empty(reason, now)
        self._standing.modem, self._keyer.busy, self._keyer.stuck = modem, False, None

    def _empty(self, reason: str, now: float) -> None:
        """Nothing that waits or is being sent is wanted any more."""
        self._drop(lambda _: True, reason)
        way = self._keyer.way
        identifying = way is not None and way.burst.waiting is None
        if not (identifying and self._standing.closing and self._standing.off_because is None):
            off = self._standing.off_because is not None
            self._keyer.cut_short(reason, now=now, unkeyed=off)

    def _drop(self, goes: Callable[[Waiting], bool], reason: str) -> None:
        self._effects += [events.Dropped(one, reason) for one in self._turns.queue.sweep(goes)]

    # -- Deciding ----------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        self._control.expire(now=now)
        self._drop(lambda one: (one.expires_at() or now + 1) <= now, "waited too long")
        while self._keyer.state in {State.IDLE, State.ASKING} and self._step(now):
            pass
        if self._keyer.state is State.ON_AIR:
            self._keyer.make_way(self._turn(now))

    def _step(self, now: float) -> bool:
        """One decision; whether another one may follow at once."""
        settled = self._control.settle(silent=bool(self.silent_because()), now=now)
        if self._control.modem_leaves():
            self._modem(None, "the modem is exchanged for another", now)
        way, turn = self._keyer.way, self._turn(now)
        if way is not None and (settled or self._overtaken(way, turn, now)):
            self._keyer.give_back(way, "something else goes first", now=now)
            return True
        if turn is not None and turn.forced:
            self._want(None)
            if way is None:
                self._keyer.begin(turn, now=now)
            else:
                self._keyer.go(way, forced=True, now=now)
            return self._keyer.state is State.IDLE
        wanted = way.burst.traffic.precedence if way else turn.precedence if turn else None
        self._keyer.state = State.IDLE if wanted is None else State.ASKING
        self._want(wanted)
        return False

    def _turn(self, now: float) -> Turn | None:
        if self.silent_because() or self._control.finished:
            return None
        return self._turns.next(self._standing, now=now, signing_off=self._control.signing_off)

    def _overtaken(self, way: OnItsWay, turn: Turn | None, now: float) -> bool:
        """Whether something must go before a burst that is already in the log."""
        if self.silent_because() or self._control.finished:
            return True
        if way.burst.waiting is None:
            return False
        traffic = way.burst.traffic
        if self._control.signing_off or self._turns.held(traffic, now=now):
            return True
        last_moment = turn is not None and turn.forced and not way.burst.identifies
        return turn is not None and (
            turn.overtakes(traffic) or (last_moment and not urgent(traffic))
        )

    def _granted(self, now: float) -> None:
        if self._keyer.state is not State.ASKING:
            return  # it was wanted no more, or has just been overtaken
        self._wanted, way = None, self._keyer.way
        if way is None or self._overtaken(way, self._turn(now), now):
            self._go(way, now)
        else:
            self._keyer.go(way, now=now)

    def _ready(self, way: OnItsWay, now: float) -> None:
        if not (way.logged and way.dial_known):
            return
        if self._keyer.moment_over(way, now=now):
            self._keyer.state = State.ASKING
        else:
            self._go(way, now)

    def _go(self, way: OnItsWay | None, now: float) -> None:
        """The channel is ours: key what is in the log, or put what must go first there."""
        turn = self._turn(now)
        if way is not None and not self._overtaken(way, turn, now):
            self._keyer.key(way, now=now)
            return
        if way is not None:
            self._keyer.give_back(way, "something else goes first", now=now)
            turn = self._turn(now)
        if turn is not None:
            self._keyer.begin(turn, now=now)

    def _want(self, precedence: Precedence | None) -> None:
        if precedence is not self._wanted:
            self._wanted = precedence
            self._effects.append(events.ChannelWanted(precedence))
