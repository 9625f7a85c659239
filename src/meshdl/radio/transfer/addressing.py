"""Who a short frame says that sends it, in which mode it goes out, and what else it has room for.

Theory of operation
===================

Where a modem has no addresses, a frame names its sender: by callsign, or by the tag that stands
for it, which is four octets shorter. The shortest frames have room for the tag alone. Where the
modem has several modes the tag is taken when that makes a shorter burst, the callsign was on
the air lately, and the frame was not sent in vain before: who missed the callsign must hear it.

What room is left, the mode's frames being of one length, is for reports: how we hear those that
the frame is for. They choose the mode of their answer by it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from meshdl.air import ModemTraits
from meshdl.ids import Callsign
from meshdl.radio.transfer.modes import that_carries
from meshdl.radio.transfer.stations import Stations
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import StationTag, station_tag
from meshdl.wire.onair.pdus import Pdu
from meshdl.wire.onair.reports import Reports

NAMED_FOR_S = 600.0
"""Our callsign was on the air so lately that others know what its tag stands for."""

REPORTS_MAX = 4
"""In one frame: of each content that it asks for, who has it."""

Sender: TypeAlias = Callsign | StationTag | None


@dataclass(frozen=True, slots=True)
class Addressed:
    """A frame, and the mode for it.

    Attributes:
        named: our callsign is in it, and not only its tag.
    """

    octets: bytes
    traits: ModemTraits
    named: bool


class Addressing:
    """Of one station's short frames.

    Args:
        own: our callsign.
        stations: those heard, and how well.
    """

    def __init__(self, own: Callsign, stations: Stations) -> None:
        self._own, self._stations = own, stations
        self._named_at = float("-inf")

    def sender(self, traits: ModemTraits, *, calls: bool) -> Sender:
        """What a frame of this mode must say of its sender."""
        if traits.carries_sender:
            return None
        tight = traits.payload_octets_max < frames.SHORT_SYMBOL_OCTETS and not calls
        return station_tag(self._own) if tight else self._own

    def shorter(self, sender: Sender, *, now: float) -> Sender:
        """What is shorter, if others know by now what it stands for."""
        named = sender is not None and now - self._named_at <= NAMED_FOR_S
        return station_tag(self._own) if named else sender

    def was_named(self, *, now: float) -> None:
        """A frame with our callsign was on the air."""
        self._named_at = now

    def frame(
        self,
        pdus: Sequence[Pdu],
        senders: tuple[Sender, Sender],
        modes: Collection[ModemTraits],
        hearers: Iterable[Callsign],
        *,
        now: float,
    ) -> Addressed:
        """One frame of these PDUs.

        Args:
            pdus: what is to be said; the longest frame of these modes has room for it.
            senders: the longer and the shorter name of ours.
            modes: in which it will be heard.
            hearers: who is to hear it.
            now: the time.
        """
        long, short = (frames.encode(pdus, sender=one) for one in senders)
        traits, shorter = (that_carries(modes, len(octets)) for octets in (long, short))
        assert traits is not None
        assert shorter is not None
        if shorter.frame_s(len(short)) < traits.frame_s(len(long)):
            return Addressed(short, shorter, named=False)
        reports = (self._stations.report(one, now=now) for one in hearers)
        told = tuple(one for one in reports if one is not None)[:REPORTS_MAX]
        reported = [Reports(told), *pdus] if told else pdus
        longer = frames.encode(reported, sender=senders[0])
        if len(longer) <= traits.payload_octets_max:
            long = longer
        return Addressed(long, traits, named=isinstance(senders[0], str))
