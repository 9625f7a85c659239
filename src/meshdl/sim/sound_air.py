"""A channel of sound on virtual time: real FreeDV waveforms through noise and fading.

The clock is the world's, the codec is the real one: a burst is made into sound when it is
keyed, goes through one :class:`~meshdl.sim.audio_channel.AudioChannel` for each listener, and
what each listener's receiver reads in it is told at the end of each frame. So whole transfers
on HF take seconds. Two bursts at once spoil each other's frames as on any simulated channel;
sounds are not added up.
"""

from collections.abc import Callable

import numpy as np

from meshdl.air import FrameHeard, ModemReport, ModemTraits
from meshdl.sim.air import SimAir, SimModem, Transmission
from meshdl.sim.audio_channel import AudioChannel, Fading
from meshdl.sim.world import World
from meshdl.transports.modems.codec2 import SAMPLE_RATE_HZ
from meshdl.transports.modems.freedv import FreedvReceiver, FreedvSender, Heard
from meshdl.transports.modems.freedv_modes import FreedvMode, keyed_traits

PAUSE_S = 0.4
"""Before a burst and behind it, so that a receiver sees that it is over."""

PIECE_SAMPLES = 800
"""As a sound card gives it."""

KEY_UP_S = 0.3
TAIL_S = 0.05
"""As those of :mod:`meshdl.transports.modems.sound_modem`."""


class SoundAir(SimAir):
    """One channel.

    Args:
        world: the clock and the dice.
        modes: that everybody sends in and listens for; the first is that of :attr:`traits`.
        snr_db: at every listener, in 3 kHz; ``None`` for no noise.
        fading: of every path.
    """

    def __init__(
        self,
        world: World,
        *modes: FreedvMode,
        snr_db: float | None = None,
        fading: Fading | None = None,
    ) -> None:
        super().__init__(world)
        self._snr_db, self._fading = snr_db, fading
        self._senders = {mode.name: FreedvSender(mode) for mode in modes}
        self._receivers: dict[str, FreedvReceiver] = {}
        self._channels: dict[tuple[str, str], AudioChannel] = {}
        self._read: dict[str, tuple[Transmission, dict[int, Heard]]] = {}
        self._silence = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ), np.int16)

    @property
    def traits(self) -> ModemTraits:
        """Of every modem here, in the first mode."""
        return self._traits()[0]

    @property
    def others(self) -> tuple[ModemTraits, ...]:
        """Of every modem here, in the other modes."""
        return self._traits()[1:]

    def becomes(self, *, snr_db: float | None, fading: Fading | None = None) -> None:
        """All paths change, from the next burst on."""
        self._snr_db, self._fading = snr_db, fading
        self._channels.clear()

    def modem(
        self,
        name: str,
        traits: ModemTraits,
        report: Callable[[ModemReport], None],
        *,
        others: tuple[ModemTraits, ...] = (),
    ) -> SimModem:
        """Put a modem on the channel."""
        self._receivers[name] = FreedvReceiver([one.mode for one in self._senders.values()])
        return super().modem(name, traits, report, others=others)

    def arrives(
        self, listener: SimModem, transmission: Transmission, number: int
    ) -> FrameHeard | None:
        """What the listener's receiver has read of one frame."""
        read = self._read.get(listener.name)
        if read is None or read[0] is not transmission:
            read = (transmission, self._carried(listener, transmission))
            self._read[listener.name] = read
        heard = read[1].get(number)
        if heard is None:
            return None
        return FrameHeard(octets=heard.octets, at=self.world.now, snr_db=heard.snr_db)

    def close(self) -> None:
        """Give the codecs' memory back."""
        for sender in self._senders.values():
            sender.close()
        for receiver in self._receivers.values():
            receiver.close()

    def _carried(self, listener: SimModem, transmission: Transmission) -> dict[int, Heard]:
        """The frames of a burst that a listener can read, by number."""
        pieces = self._senders[transmission.traits.name].burst(transmission.frames)
        sound = np.concatenate([self._silence, *pieces, self._silence])
        sound = self._channel(transmission.sender, listener).carry(sound)
        receiver = self._receivers[listener.name]
        read: dict[int, Heard] = {}
        sent = transmission.traits.payload_octets_max
        wanted = [frame.ljust(sent, b"\0") for frame in transmission.frames]
        after = 0
        for begin in range(0, len(sound), PIECE_SAMPLES):
            for heard in receiver.feed(sound[begin : begin + PIECE_SAMPLES]):
                number = _number_of(heard.octets, wanted, after)
                if number is not None:
                    read[number], after = heard, number
        return read

    def _traits(self) -> tuple[ModemTraits, ...]:
        modes = (one.mode for one in self._senders.values())
        return tuple(
            keyed_traits(mode, key_up_s=KEY_UP_S, tail_s=TAIL_S, busy=True) for mode in modes
        )

    def _channel(self, sender: SimModem, listener: SimModem) -> AudioChannel:
        path = (sender.name, listener.name)
        if path not in self._channels:
            self._channels[path] = AudioChannel(
                snr_db=self._snr_db, fading=self._fading, seed=self.world.rng.getrandbits(32)
            )
        return self._channels[path]


def _number_of(octets: bytes, frames: list[bytes], after: int) -> int | None:
    """Which frame of a burst was read, from that one on, or an earlier one that was read again.

    ``None``: none of them. A receiver goes back to what it remembers, and may find the end of
    a burst before this one there.
    """
    for first in (after, 0):
        if octets in frames[first:]:
            return frames.index(octets, first)
    return None
