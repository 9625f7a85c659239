"""The two sides of the transmitter: what it is told, and what it asks to be done."""

from dataclasses import dataclass
from typing import TypeAlias

from meshdl.air import BurstEnded, CarrierChanged, ModemDown, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.declaration import Declaration, Sideband
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.radio.log_records import RadioRecord
from meshdl.radio.rules import Verdict
from meshdl.radio.traffic import Traffic

# -- Inputs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Submit:
    """Somebody wants this on the air. Later: :class:`Sent`, :class:`Refused`, :class:`Dropped`."""

    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nobody wants the traffic of this key any more; a burst of it is cut short."""

    withdraw_key: str
    reason: str


@dataclass(frozen=True, slots=True)
class LogCommitted:
    """The record with this serial is durable."""

    serial: int


@dataclass(frozen=True, slots=True)
class LogFailed:
    """The record with this serial could not be written."""

    serial: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelGranted:
    """Channel access says: now. Answers :class:`ChannelWanted`."""


@dataclass(frozen=True, slots=True)
class EmergencyHeard:
    """Another station's emergency traffic was received."""


@dataclass(frozen=True, slots=True)
class ExchangeGoesOn:
    """The other side of an exchange of ours was just heard: the communication is not over."""


@dataclass(frozen=True, slots=True)
class DeclareEmergency:
    """The operator declares that life or property is in danger.

    Attributes:
        by: who declares it, for the log.
        reason: likewise.
        for_s: how long it holds, at most :data:`~meshdl.radio.standing.EMERGENCY_S_MAX`.
    """

    by: str
    reason: str
    for_s: float


@dataclass(frozen=True, slots=True)
class EndEmergency:
    """The operator says that it is over."""

    by: str


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """The kill switch: silence now."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class SwitchOn:
    """The operator allows transmissions again; a fault is forgotten."""

    by: str


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Another dial, class, control mode or modem. Takes effect after signing off on the old one.

    Attributes:
        limits: of bursts and airtime; ``None``: as they are.
        hold_off_s: after emergency traffic; ``None``: as it is.
        modem_changes: another modem takes over: from the signing off until it is up nothing is
            keyed.
    """

    declaration: Declaration
    limits: AirtimeLimits | None = None
    hold_off_s: float | None = None
    modem_changes: bool = False


@dataclass(frozen=True, slots=True)
class RigRead:
    """What the rig shows, read just now.

    Attributes:
        dial_hz: where it is tuned.
        sideband: how it sends audio; ``None``: it cannot tell.
        serial: of the :class:`ReadRig` that this answers; ``None``: nobody asked.
    """

    dial_hz: int
    sideband: Sideband | None = None
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class RigSilent:
    """The rig does not tell where it is tuned.

    Attributes:
        reason: for people.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The program ends: sign off, then :class:`Finished`."""


@dataclass(frozen=True, slots=True)
class Remember:
    """What an earlier run of the program sent, as its log tells.

    Attributes:
        bursts: of the last hour, the oldest first: how long ago each began, and its length, s.
        unidentified_for_s: how long our callsign has been owed on this dial; ``None``: it is not.
    """

    bursts: tuple[tuple[float, float], ...] = ()
    unidentified_for_s: float | None = None


TransmitterInput: TypeAlias = (
    Submit
    | Withdraw
    | LogCommitted
    | LogFailed
    | ChannelGranted
    | EmergencyHeard
    | ExchangeGoesOn
    | DeclareEmergency
    | EndEmergency
    | SwitchOff
    | SwitchOn
    | Reconfigure
    | ShutDown
    | Remember
    | RigRead
    | RigSilent
    | ModemUp
    | ModemDown
    | CarrierChanged
    | BurstEnded
)

# -- Effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteLog:
    """Make this record durable, then answer :class:`LogCommitted` or :class:`LogFailed`."""

    serial: int
    record: RadioRecord


@dataclass(frozen=True, slots=True)
class ChannelWanted:
    """Channel access is to find a moment for traffic of this precedence; ``None``: no more."""

    precedence: Precedence | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The last frame of this traffic has been on the air."""

    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Refused:
    """The rules, or the state of the station, forbid this traffic."""

    traffic: Traffic
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Dropped:
    """This traffic will not be sent, or not whole, for another reason than the rules."""

    traffic: Traffic
    reason: str


@dataclass(frozen=True, slots=True)
class Switched:
    """Remember over restarts whether the radio is off, and why; ``None``: it is on."""

    off_because: str | None


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The new declaration holds from now on.

    Attributes:
        order: what was ordered; with ``modem_changes`` the new modem may be run.
        burst_max_s: longest burst that the operator allows.
    """

    order: Reconfigure
    burst_max_s: float


@dataclass(frozen=True, slots=True)
class ReadRig:
    """Ask the rig where it is tuned, then answer :class:`RigRead` or :class:`RigSilent`.

    Attributes:
        serial: the answer's.
    """

    serial: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """The rig was tuned elsewhere, or tells its dial again: what was refused may be lawful."""

    dial_hz: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Signed off; nothing more will be keyed."""


TransmitterEffect: TypeAlias = (
    WriteLog
    | ChannelWanted
    | Key
    | Curtail
    | Abort
    | Sent
    | Refused
    | Dropped
    | Switched
    | Reconfigured
    | ReadRig
    | Tuned
    | Finished
)

# -- What it shows ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the operator sees.

    Attributes:
        on_air: a burst is being sent.
        silent_because: why nothing can be keyed now; empty when it can.
        mode: of the last burst; empty: there was none.
        owed: our callsign is owed.
        identification_due_at: when it will be asked for.
        waiting: traffics in the queue.
        airtime_s: used in the last hour.
        emergency_until: end of a declared emergency.
        hold_off_until: until when routine and welfare traffic waits; ``None``: it does not.
    """

    on_air: bool
    silent_because: str
    mode: str
    owed: bool
    identification_due_at: float | None
    waiting: int
    airtime_s: float
    emergency_until: float | None
    hold_off_until: float | None
