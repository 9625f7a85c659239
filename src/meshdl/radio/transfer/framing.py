"""Symbols into frames: as many in each as it takes, without a bit that says so twice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.wire.onair import frames
from meshdl.wire.onair.pdus import AirObject, Pdu, ShortSymbol, Symbols


@dataclass(frozen=True, slots=True)
class Run:
    """Symbols of one object with consecutive ids."""

    of: AirObject
    first: int
    symbols: Sequence[bytes]


def carries_symbols(traits: ModemTraits) -> bool:
    """Whether symbols fit into the modem's frames at all."""
    return traits.payload_octets_max >= frames.SHORT_SYMBOL_OCTETS


def frames_of(
    runs: Sequence[Run], traits: ModemTraits, *, frame_octets: int, own: Callsign
) -> list[bytes]:
    """One burst's frames for these symbols, in order.

    Args:
        runs: what is to be sent.
        traits: of the modem.
        frame_octets: how long a frame may be.
        own: our callsign; it stands in the first frame where frames carry no sender.

    Raises:
        ValueError: symbols do not fit into the modem's frames.
    """
    if not carries_symbols(traits):
        raise ValueError(f"{traits.name} carries no symbols")
    sender = None if traits.carries_sender else own
    made: list[bytes] = []
    waiting: list[Pdu] = []
    used = frames.octets_of_sender(sender)
    for run in runs:
        at = 0
        while at < len(run.symbols):
            fit = frames.symbols_that_fit(run.of, frame_octets, others_octets=used)
            if fit:
                piece = run.symbols[at : at + fit]
                pdu = Symbols(run.of, run.first + at, b"".join(piece))
                waiting.append(pdu)
                used += frames.octets_of(pdu)
                at += len(piece)
            elif waiting:
                made.append(frames.encode(waiting, sender=sender))
                waiting, used, sender = [], 0, None
            elif frames.symbols_that_fit(run.of, frame_octets):
                made.append(frames.encode([], sender=sender))  # it has no room beside it
                used, sender = 0, None
            else:
                made += _short(run, at, sender)
                used, sender = 0, None
                at = len(run.symbols)
    if waiting:
        made.append(frames.encode(waiting, sender=sender))
    return made


def _short(run: Run, at: int, sender: Callsign | None) -> list[bytes]:
    """For frames with room for one symbol only: who sends, the object, then its symbols."""
    tag = frames.object_tag(run.of)
    shorts = [
        frames.encode_short(ShortSymbol(tag, run.first + at + number, symbol))
        for number, symbol in enumerate(run.symbols[at:])
    ]
    return [frames.encode([run.of], sender=sender), *shorts]


def symbols_in_frame(of: AirObject, frame_octets: int) -> int:
    """How many symbols a frame carries, at least one."""
    return max(1, frames.symbols_that_fit(of, frame_octets))


def naming_frames(of: AirObject, frame_octets: int) -> int:
    """How many frames go before its symbols, to say what they are of."""
    return 0 if frames.symbols_that_fit(of, frame_octets) else 1


def airtime_s(run: Run, traits: ModemTraits, frame_octets: int) -> float:
    """What a run takes of a burst, about: its last frame may have room for another run."""
    frames_needed = len(run.symbols) / symbols_in_frame(run.of, frame_octets)
    whole = math.ceil(frames_needed) if traits.fixed_frames else frames_needed
    return (naming_frames(run.of, frame_octets) + whole) * traits.frame_s(frame_octets)
