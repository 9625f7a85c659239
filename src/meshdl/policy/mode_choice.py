"""In which mode a burst goes out: the one that costs the least airtime and will be heard.

Theory of operation
===================

A mode is in reach when it needs no more SNR than there is at the station that is to hear it.
Of the modes in reach the choice is the one in which *this* burst takes the least time. So a
leaf goes out in a wide mode with long frames, and a short answer in one with short frames, by
one rule. Which modes the rules allow was decided before.

What SNR a station has of us, it reports; until it has, what we have of it counts instead, for
a path is the same in both directions, though noise and power are not. So it counts:

- a lower one at once, a higher one only ``HYSTERESIS_DB`` later, so that a path that wavers
  by less than that is used in one mode;
- what does not arrive although the SNR says it should (fading, noise that comes and goes)
  raises a penalty by ``PENALTY_STEP_DB``, and where next to nothing arrives, at once by so
  much that the mode is out of reach; what arrives lowers it slowly;
- after ``STALE_AFTER_S`` without news nothing is known. Then, as at the beginning, and where
  no mode is in reach, the most robust one is taken.
"""

from collections.abc import Sequence

from meshdl.air import ModemTraits

HYSTERESIS_DB = 3.0
"""The library's estimates of one and the same path differ by 1 to 2 dB."""

STALE_AFTER_S = 600.0
"""An HF path is another one after ten minutes."""

PENALTY_STEP_DB = 2.0
PENALTY_RELIEF_DB = 0.5
PENALTY_MAX_DB = 20.0
"""From a strong signal down to the most robust mode."""

LOSS_HIGH = 0.3
"""Above that, a mode that is half as fast and loses nothing is better."""

LOSS_LOW = 0.1
LOSS_TOTAL = 0.8
"""What little arrives then is chance."""


class PathEstimate:
    """How well one station hears us. Times are seconds on the caller's clock."""

    def __init__(self) -> None:
        self._counted_db = 0.0
        self._known_at = float("-inf")
        self._reported_at = float("-inf")
        self._penalty_db = 0.0

    def heard(self, snr_db: float, *, now: float) -> None:
        """We have heard the station so."""
        if now - self._reported_at > STALE_AFTER_S:
            self._count(snr_db, now)

    def reported(self, snr_db: float, *, now: float) -> None:
        """The station has heard us so, as it says."""
        if now - self._reported_at > STALE_AFTER_S:
            self._known_at = float("-inf")  # what we heard says nothing any more
        self._reported_at = now
        self._count(snr_db, now)

    def delivered(self, loss: float, *, needs_snr_db: float, now: float) -> None:
        """How much of what was sent did not arrive.

        Args:
            loss: 0 to 1, as the station's next request tells.
            needs_snr_db: of the mode in which it was sent.
            now: the time.
        """
        if loss > LOSS_HIGH:
            self._penalty_db += PENALTY_STEP_DB
            known_db = self.snr_db(now=now)
            if loss > LOSS_TOTAL and known_db is not None:
                self._penalty_db += max(0.0, known_db - needs_snr_db + PENALTY_RELIEF_DB)
            self._penalty_db = min(self._penalty_db, PENALTY_MAX_DB)
        elif loss < LOSS_LOW:
            self._penalty_db = max(self._penalty_db - PENALTY_RELIEF_DB, 0.0)

    def snr_db(self, *, now: float) -> float | None:
        """What may be counted on; ``None``: nothing is known."""
        if now - self._known_at > STALE_AFTER_S:
            return None
        return self._counted_db - self._penalty_db

    def _count(self, snr_db: float, now: float) -> None:
        known = now - self._known_at <= STALE_AFTER_S
        if not known:
            self._counted_db, self._penalty_db = snr_db, 0.0
        elif snr_db < self._counted_db:
            self._counted_db = snr_db
        else:
            self._counted_db = max(self._counted_db, snr_db - HYSTERESIS_DB)
        self._known_at = now


def in_reach(
    modes: Sequence[ModemTraits], snr_db: float | None, *, frame_octets: int
) -> tuple[ModemTraits, ...]:
    """The modes in which a burst will be heard.

    Args:
        modes: that there are, and that the rules allow; at least one.
        snr_db: at whoever is to hear it; ``None``: nobody knows.
        frame_octets: one of them must take frames of that length, if any does.

    Returns:
        At least one: where none is robust enough, the most robust that takes such frames,
        and what is no less robust.
    """
    longest = max(one.payload_octets_max for one in modes)
    frame_octets = min(frame_octets, longest)
    needs_db = min(one.needs_snr_db for one in modes if one.payload_octets_max >= frame_octets)
    if snr_db is not None:
        needs_db = max(needs_db, snr_db)
    return tuple(one for one in modes if one.needs_snr_db <= needs_db)


def cheapest(modes: Sequence[ModemTraits], octets: int) -> ModemTraits:
    """The mode in which a burst of so many octets takes the least time; of equals the robust one.

    Args:
        modes: at least one.
        octets: in as few frames as may be.
    """
    return min(modes, key=lambda one: (_airtime_s(one, octets), one.needs_snr_db))


def _airtime_s(traits: ModemTraits, octets: int) -> float:
    longest = traits.payload_octets_max
    whole, rest = divmod(octets, longest)
    return traits.burst_s([longest] * whole + [rest] * bool(rest))
