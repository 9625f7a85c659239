"""Objects that are being sent: the form they go out in, and which symbols come next.

The first pass is the source symbols; whatever is asked for after that gets repair symbols,
of which every one is new to everybody. Where a station begins among them is its own
(:mod:`meshdl.radio.erasure.ids`), so two that answer at once duplicate nothing.
"""

from collections import OrderedDict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from meshdl.ids import Callsign
from meshdl.radio.erasure.encoder import Encoder
from meshdl.radio.erasure.ids import (
    FIRST_REPAIR_ID,
    LAST_ID,
    first_repair_id,
    next_repair_ids,
)
from meshdl.radio.forms import FormedLeaf, choose_form, raw_form
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.framing import Run
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import NEEDED_MAX, AirObject, Form, ObjectKind

SOURCES_MAX = 64
"""Objects kept ready: a megabyte, and all that a few WANTs ask for."""

HEARD_IDS_MAX = 4_096
"""Of an object: a dozen times what it takes. Whoever claims more keeps nobody from sending."""

LOSS_START = 0.1
LOSS_MAX = 0.6
LOSS_WEIGHT = 0.5
"""Of the latest observation. Who asks again first lost most, so half of it is near the mean."""


@dataclass(slots=True)
class Source:
    """One object, ready to be sent.

    Attributes:
        formed: its form and the octets of it.
        sent: symbols sent since the last WANT for it.
        unsent: symbols that were owed and not sent, when it had taken its airtime.
        sent_in_db: the SNR that the mode needs which they were sent in.
        heard_ids: of repair symbols that others sent; they are nothing new to anybody.
        sent_to: who asked for them.
        source_next: the source symbol that comes next; K when all have been sent.
    """

    of: AirObject
    formed: FormedLeaf
    encoder: Encoder
    repair_next: int
    source_next: int = 0
    sent: int = 0
    unsent: int = 0
    sent_in_db: float = 0.0
    heard_ids: set[int] = field(default_factory=set)
    sent_to: set[Callsign | None] = field(default_factory=set)

    def next_run(self, count: int) -> Run:
        """The next symbols, at most ``count``, with consecutive ids."""
        total = self.encoder.source_symbols
        if self.source_next < total:
            first = self.source_next
            count = min(count, total - first)
            self.source_next += count
        else:
            ids = next_repair_ids(self.repair_next, count, self.heard_ids)
            first = ids[0]
            count = next((at for at, one in enumerate(ids) if one != first + at), len(ids))
            self.repair_next = first + count if first + count <= LAST_ID else FIRST_REPAIR_ID
        self.sent += count
        return Run(self.of, first, self.encoder.symbols(range(first, first + count)))

    def told(self, form: Form | None, asked: int, asker: Callsign | None) -> tuple[int, int] | None:
        """What a WANT tells of the symbols since the last one: how many, and how many got lost.

        Args:
            form: of which the asker has some; ``None``: it has nothing.
            asked: what it lacks.
            asker: who asks.
        """
        if self.sent and form == self.formed.form:
            found = self.sent, max(0, asked - self.unsent)
        elif self.sent and form is None and asker in self.sent_to:
            found = self.sent, self.sent
        else:
            return None
        self.sent = self.unsent = 0
        return found

    def heard(self, first: int, count: int) -> None:
        """Another station sent these: they need not be sent from here again."""
        if first >= FIRST_REPAIR_ID:
            if len(self.heard_ids) < HEARD_IDS_MAX:
                self.heard_ids.update(range(first, first + count))
        elif first <= self.source_next < first + count:
            self.source_next = first + count


class Sources:
    """Those that were asked for lately.

    Args:
        own: our callsign.
        salt: 32 bits drawn when the station started.
    """

    def __init__(self, own: Callsign, salt: int) -> None:
        self._own, self._salt = own, salt
        self._sources: OrderedDict[ObjectKey, Source] = OrderedDict()

    def get(self, key: ObjectKey) -> Source | None:
        """The source of an object, if its octets are here."""
        found = self._sources.get(key)
        if found is not None:
            self._sources.move_to_end(key)
        return found

    def put(
        self, key: ObjectKey, octets: bytes, wanted: Sequence[tuple[Form, int]], content: bytes
    ) -> Source:
        """Make an object ready, in the form that costs least airtime."""
        if key.kind is ObjectKind.LEAF:
            formed = choose_form(octets, wanted).leaf
        else:
            formed = raw_form(octets)
        of = AirObject(content=key.content, kind=key.kind, number=key.number, form=formed.form)
        start = first_repair_id(self._own, content, key.number << 2 | key.kind, self._salt)
        source = Source(of, formed, Encoder(formed.octets), start)
        if any(form == formed.form for form, _ in wanted):
            # The asker has some already, and nobody knows which.
            source.source_next = source.encoder.source_symbols
        self._sources[key] = source
        self._sources.move_to_end(key)
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        return source

    def arrived(
        self, tag: ContentTag, asker: Callsign | None, owed: Container[ObjectKey]
    ) -> Iterator[tuple[int, float]]:
        """Symbols of other objects that were sent to a station that asks for these now.

        With them the SNR that their mode needs.
        """
        for key, source in self._sources.items():
            if key.content == tag and key not in owed and source.sent and asker in source.sent_to:
                yield source.sent, source.sent_in_db
                source.sent = 0
                source.sent_to.clear()

    def drop(self, key: ObjectKey) -> None:
        """Another form of it is wanted, or it is here no more."""
        self._sources.pop(key, None)


SPARE_SYMBOLS = 4
"""Sent beyond what is expected to arrive: a round of asking costs more than a frame."""


class Loss:
    """How much of what we send gets lost at those who ask again."""

    def __init__(self) -> None:
        self.estimate = LOSS_START

    def observe(self, sent: int, needed: int) -> None:
        """Of ``sent`` symbols the neediest station lacks ``needed``."""
        if sent:
            seen = min(LOSS_MAX, needed / sent)
            self.estimate += LOSS_WEIGHT * (seen - self.estimate)

    def to_send(self, needed: int) -> int:
        """So many are sent so that ``needed`` arrive, more often than not."""
        return round(needed / (1.0 - self.estimate) + 0.5) + SPARE_SYMBOLS


ANSWER_AIRTIME_S = 300.0
"""Since the last WANT for a content, where the mode is chosen: whoever still lacks something then
asks again, and tells how it hears us now. The fastest mode has sent two leaves by then."""


@dataclass(slots=True)
class Sending:
    """How the sending of one content goes.

    Attributes:
        mode: it goes out in.
        loss: in that mode.
        airtime_s: since the last WANT, where the mode is chosen.
    """

    mode: str = ""
    loss: Loss = field(default_factory=Loss)
    airtime_s: float = 0.0

    def goes_on_in(self, mode: str) -> None:
        """What got lost in another mode says nothing of this one."""
        if mode != self.mode:
            self.mode, self.loss = mode, Loss()

    @property
    def is_long(self) -> bool:
        """Whether it is time to hear from whoever asked."""
        return self.airtime_s >= ANSWER_AIRTIME_S


def symbols_asked(source: Source, form: Form | None, needed: int) -> int:
    """How many symbols a WANT's entry asks for, of the form that is sent."""
    total = source.encoder.source_symbols
    if form != source.formed.form or not needed:
        return total
    return total if needed == NEEDED_MAX < total else needed
