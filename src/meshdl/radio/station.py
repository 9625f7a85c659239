"""One radio of a station: transfer, channel access and the door to the air, put together.

Theory of operation
===================

Three cores, each with the four verbs, and one queue between them. An input goes to
whichever core it is for; what a core wants of another goes there at once; what is left is
for the shell. So whoever drives a radio sees one core.

::

    FrameHeard --decode--> Transfer --Transmit--> Transmitter --WriteLog, Key, ...--> shell
                              ^                    |       ^
                              '---Sent, NotSent----'       |
                                        ChannelWanted --> ChannelAccess --Granted

The transmitter is the only one that makes a ``Key``; this module passes it on.
"""

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from meshdl.air import (
    BurstEnded,
    CarrierChanged,
    FrameHeard,
    ModemDown,
    ModemReport,
    ModemUp,
)
from meshdl.errors import RemoteProtocolError
from meshdl.radio import transmitter_events as door
from meshdl.radio.channel_access import AccessInput, ChannelAccess, Reserved, Wanted
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.transfer import events
from meshdl.radio.transfer.terms import Terms
from meshdl.radio.transfer.transfer import Transfer
from meshdl.radio.transmitter import Transmitter
from meshdl.wire.onair import frames

Operator: TypeAlias = (
    door.DeclareEmergency
    | door.EndEmergency
    | door.SwitchOff
    | door.SwitchOn
    | door.Reconfigure
    | door.ShutDown
    | door.Remember
)
"""What the operator does, and the end and the past of the program."""

Answer: TypeAlias = door.LogCommitted | door.LogFailed | door.RigRead | door.RigSilent
"""Of the log and of the rig."""


@dataclass(frozen=True, slots=True)
class FrameUnread:
    """A frame that looks like ours and is not right; the monitor says more.

    Attributes:
        reason: what is wrong with it.
    """

    octets: bytes
    reason: str


RadioInput: TypeAlias = ModemReport | Operator | Answer | events.TransferInput

RadioEffect: TypeAlias = (
    Key
    | Curtail
    | Abort
    | door.WriteLog
    | door.Switched
    | door.Reconfigured
    | door.ReadRig
    | door.Finished
    | door.Refused
    | FrameUnread
    | events.ReadObject
    | events.MetainfoFound
    | events.LeafHashesFound
    | events.LeafFound
    | events.KeepSymbols
    | events.ForgetSymbols
    | events.StationHeard
    | events.WrongSymbols
    | events.FetchFailed
)
"""For the shell: modem, rig, log, store, journal, and whoever looks on."""


class RadioStation:
    """Sans-I/O core; see :class:`meshdl.core.Core` for the four verbs.

    Args:
        transmitter: the door.
        transfer: what goes through it.
        rng: the dice of channel access.
        persistence: *p* of routine traffic.
    """

    def __init__(
        self,
        transmitter: Transmitter,
        transfer: Transfer,
        *,
        rng: Random,
        persistence: float = 0.25,
    ) -> None:
        self.transmitter, self.transfer = transmitter, transfer
        self._access = ChannelAccess(rng, persistence=persistence)
        self._effects: list[RadioEffect] = []
        self.modem: ModemUp | None = None

    # The four verbs.

    def receive(self, event: RadioInput, *, now: float) -> None:  # noqa: C901 - one flat match
        """Take one input."""
        match event:
            case FrameHeard():
                self._frame_heard(event, now)
            case ModemUp():
                if event != self.modem:
                    # Or what the door drops now would be made again for the modem before.
                    self.transfer.receive(ModemDown("another modem"), now=now)
                self.modem = event
                self._access.receive(event, now=now)
                self.transmitter.receive(event, now=now)
                self._settle(now)
                self.transfer.receive(event, now=now)
                self._permit(now)
            case ModemDown():
                self.modem = None
                # First who would else send again what the others drop.
                self.transfer.receive(event, now=now)
                self._access.receive(event, now=now)
                self.transmitter.receive(event, now=now)
            case CarrierChanged():
                self._access.receive(event, now=now)
                self.transmitter.receive(event, now=now)
                self.transfer.receive(event, now=now)
            case BurstEnded():
                self._access.receive(event, now=now)
                self.transmitter.receive(event, now=now)
            case (
                door.LogCommitted()
                | door.LogFailed()
                | door.RigRead()
                | door.RigSilent()
                | door.DeclareEmergency()
                | door.EndEmergency()
                | door.SwitchOff()
                | door.Reconfigure()
                | door.ShutDown()
                | door.Remember()
            ):
                self.transmitter.receive(event, now=now)
            case door.SwitchOn():
                self.transmitter.receive(event, now=now)
                self.transfer.receive(events.OnAirAgain(), now=now)
            case _:
                self.transfer.receive(event, now=now)
        self._settle(now)

    def expire(self, *, now: float) -> None:
        """Act on every deadline at or before ``now``."""
        for core in (self._access, self.transmitter, self.transfer):
            due = core.deadline()
            if due is not None and due <= now:
                core.expire(now=now)
        self._settle(now)

    def deadline(self) -> float | None:
        """When :meth:`expire` must next be called."""
        cores = (self._access, self.transmitter, self.transfer)
        times = (core.deadline() for core in cores)
        return min((at for at in times if at is not None), default=None)

    def effects(self) -> list[RadioEffect]:
        """Drain what must now be done, oldest first."""
        drained, self._effects = self._effects, []
        return drained

    # How.

    def _frame_heard(self, heard: FrameHeard, now: float) -> None:
        self._access.receive(heard, now=now)
        try:
            frame = frames.decode(heard.octets)
        except RemoteProtocolError as error:
            self._effects.append(FrameUnread(heard.octets, str(error)))
            return
        if frame is not None:
            self.transfer.receive(events.Heard(frame, heard.sender, heard.snr_db), now=now)

    def _permit(self, now: float) -> None:
        """Tell which of the modem's modes may be sent in here."""
        names = frozenset(one.name for one in self.transmitter.permitted())
        self.transfer.receive(events.ModesPermitted(names), now=now)

    def _settle(self, now: float) -> None:
        """Pass between the cores whatever they want of each other, until nothing is left."""
        moved = True
        while moved:
            moved = False
            for effect in self.transfer.effects():
                moved = True
                self._from_transfer(effect, now)
            for passage in self.transmitter.effects():
                moved = True
                self._from_transmitter(passage, now)
            for _ in self._access.effects():
                moved = True
                self.transmitter.receive(door.ChannelGranted(), now=now)

    def _from_transfer(self, effect: events.TransferEffect, now: float) -> None:
        match effect:
            case events.Transmit(traffic):
                self.transmitter.receive(door.Submit(traffic), now=now)
            case events.Withdraw(key, reason):
                self.transmitter.receive(door.Withdraw(key, reason), now=now)
            case events.Reserve(until, ours):
                self._to_access(Reserved(until, ours), now)
            case events.ExchangeGoesOn():
                self.transmitter.receive(door.ExchangeGoesOn(), now=now)
            case events.EmergencyHeard():
                self.transmitter.receive(door.EmergencyHeard(), now=now)
            case _:
                self._effects.append(effect)

    def _from_transmitter(self, effect: door.TransmitterEffect, now: float) -> None:
        match effect:
            case door.ChannelWanted(precedence):
                self._to_access(Wanted(precedence), now)
            case door.Sent(traffic):
                self.transfer.receive(events.Sent(traffic), now=now)
            case door.Refused(traffic, verdict):
                self._effects.append(effect)
                refused = events.NotSent(traffic, verdict.reason, refused=True)
                self.transfer.receive(refused, now=now)
            case door.Dropped(traffic, reason):
                self.transfer.receive(events.NotSent(traffic, reason), now=now)
            case door.Tuned():
                self._permit(now)
                self.transfer.receive(events.OnAirAgain(), now=now)
            case door.Reconfigured():
                self._effects.append(effect)
                self._reconfigured(effect, now)
            case _:
                self._effects.append(effect)

    def _reconfigured(self, effect: door.Reconfigured, now: float) -> None:
        order = effect.order
        if order.modem_changes:
            self.modem = None
            gone = ModemDown("the modem is exchanged for another")
            self.transfer.receive(gone, now=now)
            self._access.receive(gone, now=now)
        terms = Terms(
            burst_max_s=effect.burst_max_s,
            # A station that only receives would have every call refused.
            calls=not order.declaration.missing(),
            attended=order.declaration.attended,
        )
        self.transfer.receive(events.TermsChanged(terms), now=now)
        self._permit(now)

    def _to_access(self, event: AccessInput, now: float) -> None:
        self._access.receive(event, now=now)
