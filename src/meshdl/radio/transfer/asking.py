"""When a WANT goes out, what it asks for, and when another's WANT makes ours needless.

Theory of operation
===================

A content that is wanted has an *ask* with an instant at which its next WANT is due:

- soon, when it becomes wanted, or a station says that it has it;
- when all that the last WANT asked for is here;
- when nothing of it was heard for ``quiet_s``: whoever sent it is through. All who still
  lack something then wait a little longer, the less they lack the longer, so that the
  neediest asks first;
- when nobody answered: after twice the time before, :data:`TRIES_MAX` times. From then on
  seldom, for somebody who has it may come on the air and call nobody.

What was put together of the answers may be of another content: a mistyped hash with the same
first octets, or a forgery. It is asked for again, ever more seldom, else each answer would call
for the next one for ever.

A WANT of another station that asks for all that ours would makes ours needless: whatever
is sent is heard by both. It counts as if it had been ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.radio.transfer.contents import AirContent, Contents, ObjectKey
from meshdl.radio.transfer.gathering import Gathering
from meshdl.radio.transfer.pace import Pace
from meshdl.radio.transfer.stations import Stations
from meshdl.radio.transfer.wishes import ASKED_OBJECTS_MAX, appended, by_object, covers
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.frames import octets_of
from meshdl.wire.onair.pdus import (
    NEEDED_MAX,
    SOURCE_SYMBOLS_MAX,
    SYMBOL_OCTETS,
    ObjectKind,
    Want,
    Wanted,
)

TRIES_MAX = 6
"""With twice the time each, the last one comes some minutes after the first."""

SELDOM_S = 1800.0
"""Then, as a CQ does: one short frame, and a get that runs overnight finds who came late."""

ASKED_AIRTIME_S = 300.0
"""What one WANT may make another station send. Long enough that asking costs little, short
enough that losses are told while they are few; others have their turns in between."""

BACK_OFF_SLOTS = 1.0
BACK_OFF_SLOTS_PER_STATION = 0.75
"""A WANT takes a slot. Of stations spread over nearly as many slots as they are, the first is
mostly alone, and the others hear it and stay silent. The one that answers does not count."""

ALONE_SPREAD = 0.5
"""Of the time until an unanswered WANT is repeated: several times as long as a WANT, so that
two stations that do not hear each other meet at a third no second time."""

SPOILED_S = 30.0
SPOILED_MAX_S = 1800.0
"""First and longest wait after answers that are of another content."""

LACKING_MUCH = 0.5
"""Of what was asked for. Who lacks so much does not wait for others who may lack more."""

SMALL_OBJECT_SYMBOLS = 16
"""What an INFO segment or leaf hashes usually take, while nobody has told yet."""


@dataclass(slots=True)
class _Ask:
    """One content that is asked for.

    Attributes:
        due_at: when the next WANT is due.
        tries: WANTs that had no answer.
        served: symbols came since the last WANT.
        expected: what the last WANT asked for.
        spoils: how often the answers were of another content.
        spoiled: they are so now.
        not_before: for that reason it is not asked for before.
    """

    due_at: float | None
    tries: int = 0
    served: bool = False
    expected: set[ObjectKey] = field(default_factory=set)
    spoils: int = 0
    spoiled: bool = False
    not_before: float = 0.0

    @property
    def next_at(self) -> float | None:
        """When its next WANT goes out."""
        return None if self.due_at is None else max(self.due_at, self.not_before)


class Asking:
    """All asks.

    Args:
        contents: of this station.
        gathering: knows what is still needed.
        stations: those heard, who may ask for the same.
        rng: for back-off.
        attended: this station is under local or remote control.
    """

    def __init__(
        self,
        contents: Contents,
        gathering: Gathering,
        stations: Stations,
        rng: Random,
        *,
        attended: bool,
    ) -> None:
        self._contents, self._gathering, self._rng = contents, gathering, rng
        self._stations, self.attended = stations, attended
        self._asks: dict[ContentTag, _Ask] = {}
        self._reserved_until = float("-inf")

    # What happens.

    def begin(self, tag: ContentTag, pace: Pace, *, now: float) -> None:
        """Ask soon, whatever was before: it is wanted, or more of it is lacking."""
        self._asks[tag] = _Ask(self._after(0.0, pace, now=now))

    def end(self, tag: ContentTag) -> None:
        """Ask no more."""
        self._asks.pop(tag, None)

    def holder_heard(self, tag: ContentTag, pace: Pace, *, now: float) -> None:
        """A station says that it has the content."""
        ask = self._asks.get(tag)
        if ask is not None and (ask.due_at is None or ask.tries > 1):
            ask.tries, ask.due_at = 0, self._after(0.0, pace, now=now)

    def symbols_heard(
        self, tag: ContentTag, pace: Pace, *, burst_ends_at: float | None = None, now: float
    ) -> bool:
        """Somebody sends the content; whether we wait for it.

        Args:
            tag: of the content.
            pace: of the modem.
            burst_ends_at: we asked for one burst only, and then it is over.
            now: when.
        """
        ask = self._asks.get(tag)
        if ask is None:
            return False
        ask.tries, ask.served = 0, True
        lacking = self._lacking(self._contents.get(tag))
        ask.due_at = now + pace.quiet_s + self._back_off_s(lacking, pace)
        if burst_ends_at is not None:
            soon_s = self._rng.random() * pace.slot_s
            ask.due_at = min(ask.due_at, max(now, burst_ends_at) + soon_s)
        return True

    def waits(self) -> bool:
        """Whether anything is asked for."""
        return bool(self._asks)

    def tries(self, *tags: ContentTag) -> int:
        """WANTs for a content since something of it came; of several, the most."""
        return max((self._asks[tag].tries for tag in tags if tag in self._asks), default=0)

    def channel_heard(self, pace: Pace, *, now: float) -> None:
        """Somebody else is on the air: a sender that is not through has to wait for that."""
        if now < self._reserved_until:
            return  # what is heard is what it was reserved for
        for ask in self._asks.values():
            if ask.served and ask.due_at is not None:
                ask.due_at = max(ask.due_at, now + pace.quiet_s)

    def reserved(self, until: float, pace: Pace) -> None:
        """Another station gave the channel away until then."""
        self._reserved_until = until
        for ask in self._asks.values():
            if ask.due_at is not None:
                ask.due_at = max(ask.due_at, until + self._rng.random() * pace.slot_s)

    def arrived(self, key: ObjectKey, pace: Pace, *, now: float) -> None:
        """An object is here."""
        ask = self._asks.get(key.content)
        if ask is not None and ask.spoiled:
            ask.not_before = now + min(SPOILED_MAX_S, SPOILED_S * 2 ** min(ask.spoils, 16))
            ask.spoiled, ask.spoils = False, ask.spoils + 1
        if ask is not None and key in ask.expected:
            ask.expected.discard(key)
            if not ask.expected:
                ask.served = False
                ask.due_at = self._after(0.0, pace, now=now)

    def spoiled(self, tag: ContentTag) -> None:
        """What is arriving, with all that came before, is of another content."""
        ask = self._asks.get(tag)
        if ask is not None:
            ask.spoiled = True

    def overheard(self, want: Want, pace: Pace, *, now: float) -> bool:
        """Another station's WANT; whether it asks for all that we would ask for."""
        ask = self._asks.get(want.content)
        content = self._contents.get(want.content)
        if ask is None or content is None:
            return False
        if self.attended and not want.attended:
            return False  # some may answer us and not them
        theirs = by_object(want)
        ours = by_object(Want(want.content, tuple(self._wishes(content, ASKED_OBJECTS_MAX))))
        covered = all(covers(theirs.get(key), one) for key, one in ours.items())
        if covered:
            ask.due_at = self._after(pace.answer_s, pace, now=now)
            ask.expected, ask.served = set(ours), False
        return covered

    def sent(
        self, tag: ContentTag, objects: Iterable[ObjectKey], pace: Pace, *, now: float
    ) -> None:
        """Our WANT for these objects is on the air."""
        ask = self._asks.get(tag)
        if ask is None:
            return
        ask.expected, ask.served = {key for key in objects if key.content == tag}, False
        ask.tries += 1
        # Who is hidden from us may have asked at the same time, and would do so again.
        spread = 1.0 + ALONE_SPREAD * self._rng.random()
        if ask.tries < TRIES_MAX:
            wait_s = pace.answer_s * 2 ** (ask.tries - 1)
            ask.due_at = self._after(wait_s * spread, pace, now=now)
        else:
            ask.due_at = now + SELDOM_S * spread

    def failed(self, tag: ContentTag, pace: Pace, *, now: float) -> None:
        """Our WANT did not get on the air."""
        ask = self._asks.get(tag)
        if ask is not None:
            ask.due_at = self._after(pace.answer_s, pace, now=now)

    # What follows.

    def deadline(self, *, urgent: bool) -> float | None:
        """When the next WANT is due, for emergency traffic or for all else."""
        times = [one.next_at for tag, one in self._asks.items() if self._is_urgent(tag) is urgent]
        return min((at for at in times if at is not None), default=None)

    def due(self, *, urgent: bool, now: float) -> list[ContentTag]:
        """Contents whose WANT is due, the most urgent first."""
        found = [
            tag
            for tag, one in self._asks.items()
            if one.next_at is not None and one.next_at <= now and self._is_urgent(tag) is urgent
        ]
        return sorted(found, key=self._urgency)

    def postpone(self, tag: ContentTag) -> None:
        """It waits for the channel: not due again before that is decided."""
        ask = self._asks.get(tag)
        if ask is not None:
            ask.due_at = None

    def want(self, tag: ContentTag, traits: ModemTraits, *, room_octets: int) -> Want | None:
        """The WANT for a content, as much of it as fits; ``None``: nothing to ask for.

        Args:
            tag: of the content.
            traits: of the modem that its answer comes by.
            room_octets: what the frame has for it.
        """
        content = self._contents.get(tag)
        if content is None:
            return None
        chosen: list[Wanted] = []
        airtime_s = 0.0
        for wish in self._wishes(content, ASKED_OBJECTS_MAX):
            merged = appended(chosen, wish)
            if octets_of(Want(tag, tuple(merged))) > room_octets:
                break
            chosen = merged
            airtime_s += 8 * SYMBOL_OCTETS * self._symbols(content, wish) / traits.payload_bps
            if airtime_s >= ASKED_AIRTIME_S:
                break
        return Want(tag, tuple(chosen), self.attended) if chosen else None

    def symbols_lacking(self, content: AirContent) -> int:
        """How many symbols of what is known to be missing would do."""
        lacking = (self._gathering.wanted(key) for key in content.missing_objects())
        return sum(self._symbols(content, one) for one in lacking)

    # How.

    def _wishes(self, content: AirContent, at_most: int) -> Iterable[Wanted]:
        for count, key in enumerate(content.missing_objects()):
            if count >= at_most:
                return
            yield self._gathering.wanted(key)

    def _lacking(self, content: AirContent | None) -> float:
        """Which part of what would be asked for is lacking, 0 to 1."""
        if content is None:
            return 1.0
        needed = total = 0
        for wish in self._wishes(content, ASKED_OBJECTS_MAX):
            total += self._symbols(content, Wanted(wish.objects))
            needed += self._symbols(content, wish)
        return min(1.0, needed / total) if total else 0.0

    @staticmethod
    def _symbols(content: AirContent, wish: Wanted) -> int:
        if wish.needed:
            return wish.needed
        if wish.objects.kind is not ObjectKind.LEAF:
            return SMALL_OBJECT_SYMBOLS
        place = content.shape.place(wish.objects.first) if content.shape is not None else None
        return -(-place.octets // SYMBOL_OCTETS) if place is not None else SOURCE_SYMBOLS_MAX

    def _back_off_s(self, lacking: float, pace: Pace) -> float:
        little = 1.0 - min(1.0, lacking / LACKING_MUCH)
        return pace.slot_s * (self._slots() * little + 2 * BACK_OFF_SLOTS * self._rng.random())

    def _after(self, wait_s: float, pace: Pace, *, now: float) -> float:
        return now + wait_s + pace.slot_s * self._slots() * self._rng.random()

    def _slots(self) -> float:
        rivals = max(0, len(self._stations) - 1)
        return BACK_OFF_SLOTS + BACK_OFF_SLOTS_PER_STATION * rivals

    def _is_urgent(self, tag: ContentTag) -> bool:
        content = self._contents.get(tag)
        return content is not None and content.precedence is Precedence.EMERGENCY

    def _urgency(self, tag: ContentTag) -> tuple[int, bytes]:
        content = self._contents.get(tag)
        return (content.precedence if content is not None else NEEDED_MAX, tag)
