"""In which mode a burst goes out: the one that costs the least airtime and will be heard.

Theory of operation
===================

A mode is usable when it is no wider than the rules allow and needs no more SNR than there is.
Of the usable ones the choice is the one in which *this* burst takes the least time. So a
leaf goes out in a wide mode with long frames, and a short answer in one with short frames,
by one rule.

What SNR there is, is learned from frames that were heard. It counts as follows:

- a lower one counts at once, a higher one only ``HYSTERESIS_DB`` later, so that a path that
  wavers by less than that is used in one mode;
- what does not arrive although the SNR says it should (fading, noise at the other end) raises
  a penalty by ``PENALTY_STEP_DB``; what arrives lowers it slowly;
- after ``STALE_AFTER_S`` without a frame nothing is known. Then, as at the beginning, the
  most robust usable mode is taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meshdl.air import ModemTraits

HYSTERESIS_DB = 3.0
"""The library's estimates of one and the same path differ by 1 to 2 dB."""

STALE_AFTER_S = 600.0
"""An HF path is another one after ten minutes."""

PENALTY_STEP_DB = 2.0
PENALTY_RELIEF_DB = 0.5
PENALTY_MAX_DB = 12.0
LOSS_HIGH = 0.3
"""Above that, a mode that is half as fast and loses nothing is better."""

LOSS_LOW = 0.1


@dataclass(frozen=True, slots=True)
class ModeOffer:
    """A mode that a modem can send in.

    Attributes:
        traits: of the modem in it.
        needs_snr_db: in 3 kHz, so that most frames arrive.
    """

    traits: ModemTraits
    needs_snr_db: float

    @property
    def width_hz(self) -> float:
        """What it occupies."""
        return self.traits.audio_high_hz - self.traits.audio_low_hz

    def airtime_s(self, octets: int) -> float:
        """Of a burst that carries so many octets, in as few frames as may be."""
        longest = self.traits.payload_octets_max
        whole, rest = divmod(octets, longest)
        return self.traits.burst_s([longest] * whole + [rest] * bool(rest))


class ModeChooser:
    """For one channel. Times are seconds on the caller's clock.

    Args:
        offers: the modes that there are; at least one.
    """

    def __init__(self, offers: Iterable[ModeOffer]) -> None:
        self._offers: Sequence[ModeOffer] = tuple(offers)
        assert self._offers
        self._counted_db: float | None = None
        self._heard_at = 0.0
        self._penalty_db = 0.0

    def heard(self, snr_db: float, *, now: float) -> None:
        """A frame was heard."""
        counted = self._snr_db(now)
        self._heard_at = now
        if counted is None or snr_db < counted:
            self._counted_db = snr_db
        else:
            self._counted_db = max(counted, snr_db - HYSTERESIS_DB)

    def delivered(self, loss: float) -> None:
        """How much of what was sent did not arrive, 0 to 1, as its receivers tell."""
        if loss > LOSS_HIGH:
            self._penalty_db = min(self._penalty_db + PENALTY_STEP_DB, PENALTY_MAX_DB)
        elif loss < LOSS_LOW:
            self._penalty_db = max(self._penalty_db - PENALTY_RELIEF_DB, 0.0)

    def choose(self, octets: int, *, width_max_hz: float, now: float) -> ModeOffer | None:
        """The mode for a burst that carries so many octets.

        Args:
            octets: at least 1.
            width_max_hz: that the rules allow here.
            now: the time.

        Returns:
            ``None`` when every mode is too wide.
        """
        fitting = [offer for offer in self._offers if offer.width_hz <= width_max_hz]
        snr_db = self._snr_db(now)
        usable = [
            offer
            for offer in fitting
            if snr_db is not None and offer.needs_snr_db <= snr_db - self._penalty_db
        ]
        if usable:
            return min(usable, key=lambda offer: (offer.airtime_s(octets), offer.needs_snr_db))
        return min(fitting, key=lambda offer: self._robustness(offer, octets), default=None)

    def _snr_db(self, now: float) -> float | None:
        return self._counted_db if now - self._heard_at <= STALE_AFTER_S else None

    def _robustness(self, offer: ModeOffer, octets: int) -> tuple[float, float]:
        # Modes within a decibel of each other are equally robust; the faster one then.
        return (round(offer.needs_snr_db / 2), offer.airtime_s(octets))
