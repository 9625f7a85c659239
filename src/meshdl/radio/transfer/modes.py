"""In which of a modem's modes a burst goes out, and how long waits are on such a channel.

Theory of operation
===================

A modem with one mode has no choice. Of several, those that the rules permit here count
(:class:`~.events.ModesPermitted`); where they permit none, all, and the door says why nothing
goes out. Of these :mod:`meshdl.policy.mode_choice` takes the cheapest that whoever is meant will
hear. With several stations the one that hears us worst decides; a call, which is for everybody,
goes out in the most robust mode that carries it.

Waits are those of the slowest of these modes: others may be heard in any of them.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from meshdl.air import ModemTraits, ModemUp
from meshdl.content.merkle import LEAF_OCTETS
from meshdl.ids import Callsign
from meshdl.policy.mode_choice import cheapest, in_reach
from meshdl.radio.transfer.framing import carries_symbols
from meshdl.radio.transfer.pace import SHORT_FRAME_OCTETS, Pace, pace_of
from meshdl.radio.transfer.stations import Stations
from meshdl.wire.onair.frames import SHORT_SYMBOL_OCTETS

UNANSWERED_DB = 6.0
"""A request that was not answered is repeated as if it were heard so much worse."""


class Modes:
    """Of one modem, while it is there.

    Args:
        modem: as it reported.
        stations: those heard, and how well.
        burst_max_s: what one key-down may last.

    Attributes:
        permitted: what is chosen from.
        pace: how long to wait for others.
    """

    def __init__(self, modem: ModemUp, stations: Stations, *, burst_max_s: float) -> None:
        self._all, self._stations, self._burst_max_s = modem.modes, stations, burst_max_s
        self.permit([])

    def cap(self, burst_max_s: float) -> None:
        """The operator allows other bursts."""
        self._burst_max_s = burst_max_s
        self.permit([one.name for one in self.permitted])

    def permit(self, names: Collection[str]) -> None:
        """Of these modes the rules say that they may be sent in."""
        permitted = tuple(one for one in self._all if one.name in names)
        self.permitted = permitted or self._all
        paces = [pace_of(one, burst_max_s=self._burst_max_s) for one in self.permitted]
        self.pace = replace(
            paces[0],
            slot_s=max(one.slot_s for one in paces),
            quiet_s=max(one.quiet_s for one in paces),
            answer_s=max(one.answer_s for one in paces),
        )

    def pace_in(self, traits: ModemTraits) -> Pace:
        """The same, with the frames and bursts of one mode."""
        own = pace_of(traits, burst_max_s=self._burst_max_s)
        return replace(self.pace, frame_octets=own.frame_octets, burst_s=own.burst_s)

    def for_symbols(
        self, hearers: Iterable[Callsign | None], octets: int, *, now: float
    ) -> ModemTraits | None:
        """The mode for symbols; ``None``: no mode carries any.

        Args:
            hearers: who asked for them; ``None`` is somebody whose name is not known.
            octets: of all the symbols that are to be sent.
            now: the time.
        """
        carrying = tuple(filter(carries_symbols, self.permitted))
        if not carrying:
            return None
        snr_db = self._snr_db(hearers, now=now)
        return cheapest(in_reach(carrying, snr_db, frame_octets=SHORT_SYMBOL_OCTETS), octets)

    def for_answer(self, senders: Iterable[Callsign | None], *, now: float) -> ModemTraits:
        """The mode in which these would send us a leaf, if they hear us as we hear them."""
        return self.for_symbols(senders, LEAF_OCTETS, now=now) or self.calling

    def for_notice(
        self, hearers: Iterable[Callsign | None], *, tries: int, now: float
    ) -> tuple[ModemTraits, ...]:
        """Modes in which a short frame will be heard; :func:`that_carries` takes one of them.

        Args:
            hearers: who is to hear it; nobody: everybody.
            tries: how often it was sent in vain.
            now: the time.
        """
        snr_db = self._snr_db(hearers, now=now)
        if snr_db is not None:
            snr_db -= UNANSWERED_DB * tries
        return in_reach(self.permitted, snr_db, frame_octets=SHORT_FRAME_OCTETS)

    @property
    def slowest(self) -> ModemTraits:
        """The mode whose frames are the longest."""
        return max(self.permitted, key=lambda one: one.frame_s(self.pace_in(one).frame_octets))

    @property
    def calling(self) -> ModemTraits:
        """The mode of a call to everybody."""
        modes = self.for_notice((), tries=0, now=0.0)
        return that_carries(modes, SHORT_FRAME_OCTETS) or cheapest(modes, SHORT_FRAME_OCTETS)

    def _snr_db(self, hearers: Iterable[Callsign | None], *, now: float) -> float | None:
        """Of the one that hears us worst; ``None``: not known of all."""
        found = [self._stations.snr_db(one, now=now) for one in hearers]
        known = [one for one in found if one is not None]
        return min(known, default=None) if len(known) == len(found) else None


def that_carries(modes: Collection[ModemTraits], octets: int) -> ModemTraits | None:
    """The cheapest of these that takes a frame of so many octets, if one does."""
    fitting = [one for one in modes if one.payload_octets_max >= octets]
    return cheapest(fitting, octets) if fitting else None
