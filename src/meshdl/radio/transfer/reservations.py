"""When a WANT names who shall answer, and keeps all others off the channel meanwhile.

Theory of operation
===================

Two senders that do not hear each other spoil each other's bursts at everybody between them,
and neither knows. Whoever asks knows: symbols have numbers, so an answer of which most is
missing shows as gaps. From then on, for :data:`TURNS_FOR_S`, his WANTs have a TURN: the
station that he heard last answers with one burst and waits for the next TURN; all others who
hear it are silent for as long. Those are the stations that would have spoilt it.

A TURN that nobody takes up is followed by a WANT without one: the named station may be gone; or
by one for whoever has it, if there was a carrier and no frame. A WANT that nobody answered is
followed by one with a TURN, if others are on the channel: what was answered may have been
spoilt from beginning to end. When that helps twice, the channel is one of those where turns
are needed. Where little is lost no TURN is sent, for each costs as much air as a WANT.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.pace import Pace, whole_frames
from meshdl.wire.onair.codes import ContentTag, station_tag
from meshdl.wire.onair.pdus import (
    FIRST_REPAIR_ID,
    SYMBOL_OCTETS,
    Form,
    Symbols,
)
from meshdl.wire.onair.turn import TURN_S_MAX, Turn

LOSS_MUCH = 0.5
"""Noise that loses so much makes a channel useless; bursts that overlap lose more."""

SPAN_MIN = 60
"""Symbols that must have been sent before their loss says anything: a dozen frames."""

UNREAD_FRAMES = 6.0
UNREAD_SHARE = 0.15
"""A carrier for so many frames, of which no more could be read, while an answer is waited for:
two bursts at once. Noise that loses every fifth frame loses so many in a row once in thousands
of bursts."""

TURNS_FOR_S = 900.0
"""Who is hidden from whom changes slowly; finding out again costs an answer."""

HELPED_OFTEN = 2
"""Once may be chance: a WANT gets lost like any frame."""

SPOILT_FOR_S = 180.0
"""So long a carrier without frames tells of stations that spoil answers; twice the longest
time between two tries but the last."""

RIVAL_FOR_S = 60.0
YIELD_SLOTS = 2.0
"""Who has had a turn lets others, whose WANTs were heard within that time, ask first."""

ANSWERS_MAX = 64
"""Contents whose answers are judged at once; the oldest is forgotten."""


@dataclass(slots=True)
class _Answer:
    """What came for one WANT.

    Attributes:
        spans: first id, end, and how many came, by object, form, pass and sender.
        turn: was beside the WANT.
        ends_at: when that burst is over.
    """

    turn: Turn | None = None
    ends_at: float | None = None
    spans: dict[tuple[ObjectKey, Form, bool, Callsign | None], tuple[int, int, int]] = field(
        default_factory=dict
    )

    @property
    def sent(self) -> int:
        """Symbols between the first and the last that came."""
        return sum(end - first for first, end, _ in self.spans.values())

    def loss(self) -> float:
        """Which part of them did not come."""
        came = sum(count for _, _, count in self.spans.values())
        return max(0.0, 1.0 - came / self.sent) if self.sent else 0.0


class Reservations:
    """Of one station that asks.

    Args:
        waits: whether anything is asked for now.
    """

    def __init__(self, waits: Callable[[], bool]) -> None:
        self._waits = waits
        self._answers: dict[ContentTag, _Answer] = {}
        self._until = self._rival_until = float("-inf")
        self._helped = 0
        self._busy_since: float | None = None
        self._read_s = 0.0
        self._spoilt_at = float("-inf")

    def rival_heard(self, *, now: float) -> None:
        """Somebody else asks too."""
        self._rival_until = now + RIVAL_FOR_S

    def frame_heard(self, traits: ModemTraits, pace: Pace) -> None:
        """A frame could be read."""
        self._read_s += traits.frame_s(pace.frame_octets)

    def carrier(self, *, busy: bool, traits: ModemTraits, pace: Pace, now: float) -> None:
        """The channel became busy or free."""
        since, self._busy_since = self._busy_since, now if busy else None
        read_s, self._read_s = self._read_s, 0.0
        if busy or since is None or not self._waits():
            return
        carried_s = now - since - traits.burst_overhead_s
        frame_s = traits.frame_s(pace.frame_octets)
        if not read_s and carried_s >= frame_s:
            self._spoilt_at = now
        if carried_s >= UNREAD_FRAMES * frame_s and read_s <= UNREAD_SHARE * carried_s:
            self._until = now + TURNS_FOR_S

    def asked(self, tag: ContentTag, turn: Turn | None) -> None:
        """Our WANT for a content is on the air, or another's that is as good as ours."""
        self._answers.pop(tag, None)
        self._answers[tag] = _Answer(turn)
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]

    def heard(
        self,
        symbols: Symbols,
        sender: Callsign | None,
        traits: ModemTraits,
        pace: Pace,
        *,
        now: float,
    ) -> float | None:
        """Symbols came; from when on we may ask for more, if we asked for one burst."""
        of = symbols.of
        answer = self._answers.get(of.content)
        if answer is None:
            return None
        name = (
            ObjectKey(of.content, of.kind, of.number),
            of.form,
            symbols.first >= FIRST_REPAIR_ID,
            sender,
        )
        end = symbols.first + symbols.count
        turn = answer.turn
        if turn is not None and not answer.spans and now >= self._until:
            self._helped += 1
            if self._helped >= HELPED_OFTEN:
                self._until = now + TURNS_FOR_S
        first, last, count = answer.spans.get(name, (symbols.first, end, 0))
        answer.spans[name] = (min(first, symbols.first), max(last, end), count + symbols.count)
        if turn is not None and turn.holder is not None and answer.ends_at is None:
            octets = min(symbols.count * SYMBOL_OCTETS, traits.payload_octets_max)
            began_at = now - traits.frame_s(octets) - traits.burst_overhead_s
            answer.ends_at = max(now, began_at + turn.seconds)
        if answer.ends_at is None:
            return None
        yields_s = YIELD_SLOTS * pace.slot_s if now < self._rival_until else 0.0
        return answer.ends_at + yields_s

    def turn(
        self,
        tag: ContentTag,
        *,
        holder: Callsign | None,
        lacking: int,
        tries: int,
        heard: bool,
        traits: ModemTraits,
        pace: Pace,
        now: float,
    ) -> Turn | None:
        """The TURN beside our next WANT.

        Args:
            tag: of the content.
            holder: who sent it last, or says to have it; ``None``: nobody is known.
            lacking: symbols that are asked for.
            tries: WANTs since something of it came.
            heard: others were heard on the channel of late.
            traits: of the modem.
            pace: on it.
            now: when.
        """
        answer = self._answers.get(tag)
        if answer is not None and answer.sent >= SPAN_MIN:
            if answer.loss() > LOSS_MUCH:
                self._until = now + TURNS_FOR_S
            elif answer.turn is None:
                self._helped = 0
        spoilt = now - self._spoilt_at < SPOILT_FOR_S
        by_turns, unanswered = now < self._until, tries % 2 == 1 or (tries > 0 and spoilt)
        # After a WANT that nobody answered it is done the other way: its answer may have been
        # spoilt, or the station that it named be gone.
        if unanswered and not spoilt and (by_turns or not heard):
            return None
        if not unanswered and not by_turns:
            return None
        name = None if holder is None or unanswered else station_tag(holder)
        return Turn(turn_s(lacking, traits, pace), name)


def turn_s(lacking: int, traits: ModemTraits, pace: Pace) -> int:
    """Whole seconds for one burst, shorter when few symbols are lacking."""
    frame_s = traits.frame_s(pace.frame_octets)
    a_frame = max(1, pace.frame_octets // SYMBOL_OCTETS)
    most = max(1, whole_frames(pace.burst_s - traits.burst_overhead_s, frame_s))
    # What gets lost, and the spare symbols of every answer, take a frame or two more.
    needed = math.ceil(lacking * (1 + LOSS_MUCH) / a_frame) + 1
    return min(TURN_S_MAX, math.ceil(traits.burst_overhead_s + min(most, needed) * frame_s))
