"""Length of the frames that carry symbols: longer where nothing is lost.

What was lost is known from WANTs: who asks again for what was sent tells how much of it he
lacks; who asks for something else lacks nothing of it.
"""

from dataclasses import replace

from meshdl.air import ModemTraits
from meshdl.policy.frame_length import frame_octets
from meshdl.radio.transfer.pace import LONG_FRAME_OCTETS, Pace
from meshdl.radio.transfer.sources import Loss

LENGTHS = (256, 512, 768, 1000)
"""The first is what every station takes without asking; all hold whole symbols, nearly."""

QUIET_SHARE = 0.75
"""Of the silence after which a sender is taken to be through. No frame lasts longer: whoever
lost the one before would think so in the middle of it."""


class FrameLengths:
    """Of one modem."""

    def __init__(self) -> None:
        self._loss = Loss()
        self._octets = LONG_FRAME_OCTETS

    def observe(self, sent: int, lacking: int) -> None:
        """Of so many symbols sent, so many are lacking."""
        self._loss.observe(sent, lacking)

    def of(self, pace: Pace, traits: ModemTraits) -> Pace:
        """The pace, with the length that frames should have now."""
        if traits.fixed_frames:
            return pace
        lengths = [
            octets
            for octets in LENGTHS
            if octets <= traits.payload_octets_max
            and traits.frame_s(octets) <= QUIET_SHARE * pace.quiet_s
        ]
        self._octets = frame_octets(
            [pace.frame_octets, *lengths],
            loss=self._loss.estimate,
            measured_octets=max(self._octets, 1),
            overhead_octets=traits.frame_overhead_s * traits.payload_bps / 8,
        )
        return replace(pace, frame_octets=self._octets)
