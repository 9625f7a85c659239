"""One burst: which frames of a traffic go out in the next key-down, and its log record."""

from dataclasses import dataclass, replace

from meshdl.air import ModemTraits
from meshdl.radio.declaration import Declaration
from meshdl.radio.identification import Identification
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.radio.rules import Verdict
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.waiting import Waiting

RIG_ANSWERS_WITHIN_S = 8.0
"""Two questions, dial and mode, with three seconds for each reply, and the way there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What is about to be keyed.

    Attributes:
        waiting: whose frames it carries; ``None`` when it only identifies.
        traffic: the same for the rules and the log.
        traits: of the mode that it goes out in.
        frames: payloads, an identification that rides along included.
        own_frames: how many of them are the traffic's.
        identifies: our callsign is in it.
        burst_s: computed airtime.
    """

    waiting: Waiting | None
    traffic: Traffic
    traits: ModemTraits
    frames: tuple[bytes, ...]
    own_frames: int
    identifies: bool
    burst_s: float


@dataclass(slots=True)
class OnItsWay:
    """A burst between its choice and its end.

    Attributes:
        burst: which.
        serial: of its log record.
        granted_at: when channel access found a moment for it.
        forced: it waits for no moment.
        keyed_at: when it was keyed; 0 before.
        ends_by: when it counts as stuck.
        cut_short: why it was aborted; empty if it was not.
        curtailed: the modem was told to begin no further frame.
        logged: its record is durable.
        dial_known: the rig was asked for its dial since the moment was found, or need not be.
        asked_at: when it was asked.
    """

    burst: Burst
    serial: int
    granted_at: float
    forced: bool
    keyed_at: float = 0.0
    ends_by: float = 0.0
    cut_short: str = ""
    curtailed: bool = False
    logged: bool = False
    dial_known: bool = True
    asked_at: float = 0.0


def identification_burst(frames: tuple[bytes, ...], traits: ModemTraits) -> Burst:
    """A burst that carries our callsign and nothing else."""
    return Burst(
        waiting=None,
        traffic=Traffic(
            frames=frames,
            purpose=Purpose.IDENTIFICATION,
            note="identification",
            mode=traits.name,
        ),
        traits=traits,
        frames=frames,
        own_frames=0,
        identifies=True,
        burst_s=traits.burst_s(map(len, frames)),
    )


def next_burst(
    waiting: Waiting,
    traits: ModemTraits,
    owed: Identification,
    *,
    spoken: tuple[bytes, ...],
    burst_max_s: float,
    now: float,
) -> Burst | None:
    """As many frames as one burst may last, and ``spoken`` when our callsign is due by its end.

    ``None`` when not one frame fits beside the callsign: then identify first.
    """
    remaining = waiting.remaining()
    rides = owed.rides(until=now + burst_max_s)
    length_s = traits.burst_s(map(len, spoken)) if rides else traits.burst_overhead_s
    taken = 0
    for frame in remaining:
        length_s += traits.frame_s(len(frame))
        if length_s > burst_max_s:
            break
        taken += 1
    if taken == 0:
        return None
    frames = remaining[:taken] + (spoken if rides else ())
    return Burst(
        waiting=waiting,
        traffic=waiting.traffic,
        traits=traits,
        frames=frames,
        own_frames=taken,
        identifies=rides,
        burst_s=traits.burst_s(map(len, frames)),
    )


def record_of(
    traffic: Traffic,
    event: RadioEvent,
    declaration: Declaration,
    traits: ModemTraits | None,
    verdict: Verdict,
) -> RadioRecord:
    """What the log keeps of a traffic under a verdict."""
    occupied = declaration.occupied(traits) if traits else None
    return RadioRecord(
        event=event,
        callsign=declaration.callsign,
        to=traffic.to,
        asked_by=traffic.asked_by,
        control_operator=declaration.in_charge(),
        control=declaration.control,
        dial_hz=declaration.dial_hz,
        modem=traits.name if traits else "",
        width_hz=occupied.width_hz if occupied else None,
        power_w=declaration.power_w,
        purpose=traffic.purpose.value,
        precedence=traffic.precedence,
        third_party=traffic.third_party,
        content=traffic.content,
        chunks=traffic.chunks,
        octets_before=traffic.octets_before,
        octets_after=traffic.octets_after,
        verdict=verdict.level.name,
        section=verdict.section,
        text=traffic.note,
    )


def record_of_burst(
    burst: Burst, serial: int, declaration: Declaration, verdict: Verdict
) -> RadioRecord:
    """What the log keeps of a burst before it is keyed."""
    record = record_of(burst.traffic, RadioEvent.TRANSMISSION, declaration, burst.traits, verdict)
    return replace(record, burst=serial, duration_s=burst.burst_s, frames=burst.frames)
