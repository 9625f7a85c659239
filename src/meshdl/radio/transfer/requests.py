"""One object that is owed to whoever asked for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio.transfer.contents import AirContent, ObjectKey
from meshdl.radio.transfer.pace import SLOTS_OF_ANSWER, Pace
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import Form, ObjectKind, Want
from meshdl.wire.onair.turn import Turn

REQUESTS_MAX = 256
"""Objects that are owed at once: four megabytes, hours of airtime."""

ASKERS_MAX = 32
"""Of one object; more than anybody hears on one channel."""

KIND_ORDER = {ObjectKind.INFO: 0, ObjectKind.HASHES: 1, ObjectKind.LEAF: 2}
"""In a burst: what is needed to understand the rest comes first."""

SLOTS_FOR_MORE = 1.5
"""Between a WANT and its answer: whoever needs more says so, and is answered in one go."""


@dataclass(slots=True)
class Request:
    """One object that is owed.

    Attributes:
        left: symbols that are in no burst yet; ``None`` until the object is read.
        in_burst: symbols in the burst that is on its way.
        askers: who asked, and whether they are attended, as they say.
        by_turns: it goes out one burst at a time, whenever an asker gives a turn.
    """

    key: ObjectKey
    precedence: Precedence
    form: Form | None
    needed: int
    hold_until: float
    since: float
    left: int | None = None
    in_burst: int = 0
    by_turns: bool = False
    askers: dict[Callsign | None, bool] = field(default_factory=dict)

    @property
    def kin(self) -> tuple[ContentTag, bool, bool]:
        """What goes in one burst has this in common."""
        return self.key.content, self.attended, self.by_turns

    @property
    def attended(self) -> bool:
        """Whether an answer is one to a station that is attended, and whose name is known."""
        return any(attended for who, attended in self.askers.items() if who is not None)

    def urgency(self, served_at: Mapping[Callsign | None, float]) -> tuple[int, float, float]:
        """The least comes first: by precedence, then whoever was served least lately."""
        never = float("-inf")
        served = min((served_at.get(asker, never) for asker in self.askers), default=never)
        return (int(self.precedence), served, self.since)


def entries(want: Want, content: AirContent) -> Iterator[tuple[ObjectKey, Form | None, int]]:
    """What a WANT asks for of what is here: object, form that the asker has, symbols needed."""
    for wanted in want.wanted:
        run = wanted.objects
        for number in range(run.first, run.first + min(run.count, REQUESTS_MAX)):
            key = ObjectKey(want.content, run.kind, number)
            if content.has(key):
                yield key, wanted.form, wanted.needed


def can_answer(want: Want, content: AirContent | None) -> bool:
    """Whether anything that a WANT asks for is here, and may be sent."""
    return content is not None and any(True for _ in entries(want, content))


def for_more_slots(*, crowd: bool, urgent: bool) -> float:
    """How long an answer waits for those who may ask for more.

    They do so at once, and are answered with the first. An emergency waits for nobody: what is
    next in the queue may be a long burst.
    """
    return SLOTS_FOR_MORE if crowd and not urgent else 0.0


def spread_s(turn: Turn | None, pace: Pace, *, alone: bool) -> float:
    """Over which time answers of all who have it are spread, so that they hear each other."""
    if turn is not None and turn.holder is None:
        # Some may not: as far as the channel is kept free.
        return float(turn.seconds)
    return 0.0 if alone else SLOTS_OF_ANSWER * pace.slot_s
