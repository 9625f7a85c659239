"""A radio channel on virtual time, and modems on it.

Everybody in range hears a burst frame by frame, unless he sends himself or hears another
burst at the same time: then the frame is lost. Who hears whom is told by pairs, so that
stations can be hidden from each other. A modem may be stuck or unplugged on order.

What is left of a frame by noise is :meth:`SimAir.arrives`: here a throw of dice, in
:mod:`meshdl.sim.sound_air` a real modem's work.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from meshdl.air import (
    BurstEnded,
    CarrierChanged,
    FrameHeard,
    ModemDown,
    ModemReport,
    ModemTraits,
    ModemUp,
)
from meshdl.ids import Callsign
from meshdl.radio.keying import Abort, Curtail, Key
from meshdl.sim.world import World

REMEMBERED_S = 300.0
"""Longer than any burst: until then it may still have spoilt a frame."""


@dataclass(slots=True)
class Transmission:
    """One burst: whose, what, from when to when, in which mode.

    The end moves when it is aborted or curtailed.
    """

    sender: "SimModem"
    frames: tuple[bytes, ...]
    began_at: float
    ends_at: float
    traits: ModemTraits


class SimAir:
    """One channel.

    Args:
        world: the clock and the dice.
        loss: probability that a frame is lost at one receiver by noise alone.
    """

    def __init__(self, world: World, *, loss: float = 0.0) -> None:
        self.world, self.loss = world, loss
        self.modems: list[SimModem] = []
        self.transmissions: list[Transmission] = []
        self._deaf: set[tuple[str, str]] = set()

    def modem(
        self,
        name: str,
        traits: ModemTraits,
        report: Callable[[ModemReport], None],
        *,
        others: tuple[ModemTraits, ...] = (),
    ) -> "SimModem":
        """Put a modem on the channel; it reports ``ModemUp`` at once."""
        modem = SimModem(self, name, traits, report, others)
        self.modems.append(modem)
        modem.plug_in()
        return modem

    def hide(self, one: str, other: str) -> None:
        """These two do not hear each other."""
        self._deaf |= {(one, other), (other, one)}

    def hears(self, listener: "SimModem", sender: "SimModem") -> bool:
        """Whether a burst of ``sender`` reaches ``listener``."""
        return listener is not sender and (listener.name, sender.name) not in self._deaf

    def spoilt(self, listener: "SimModem", transmission: Transmission, from_: float) -> bool:
        """Whether what ``listener`` heard since then was mixed with another burst or his own."""
        return any(
            other.began_at < self.world.now and other.ends_at > from_
            for other in self.transmissions
            if other is not transmission
            and (other.sender is listener or self.hears(listener, other.sender))
        )

    def arrives(
        self,
        listener: "SimModem",  # noqa: ARG002 - here all are alike
        transmission: Transmission,
        number: int,
    ) -> FrameHeard | None:
        """What ``listener`` makes of one frame that nothing has spoilt; ``None``: nothing."""
        if self.world.rng.random() < self.loss:
            return None
        sender = transmission.sender
        return FrameHeard(
            octets=transmission.frames[number],
            at=self.world.now,
            sender=Callsign(sender.name) if sender.traits.carries_sender else None,
        )

    def forget(self) -> None:
        """Drop transmissions that can spoil nothing any more."""
        oldest = self.world.now - REMEMBERED_S
        self.transmissions = [one for one in self.transmissions if one.ends_at > oldest]


@dataclass(eq=False)
class SimModem:
    """One modem: takes a :class:`Key`, reports as real ones do. Its name is its callsign.

    Attributes:
        stuck: it stays keyed whatever it is told, until unplugged.
        others: modes that it sends in, beside that of its traits.
        curtails: it keeps frames back when it is told to; a TNC that was given all does not.
        keyed: every burst that it was given, with the instant.
        ended: of every burst that is over: when, and how many frames of it were sent whole.
    """

    air: SimAir
    name: str
    traits: ModemTraits
    report: Callable[[ModemReport], None]
    others: tuple[ModemTraits, ...] = ()
    stuck: bool = False
    curtails: bool = True
    keyed: list[tuple[float, Key]] = field(default_factory=list)
    ended: dict[int, tuple[float, int]] = field(default_factory=dict)
    _sending: Transmission | None = None
    _heard: int = 0

    @property
    def up(self) -> ModemUp:
        """What it reports when it can be used."""
        return ModemUp(self.traits, self.others)

    def key(self, key: Key) -> None:
        """Send one burst."""
        assert self._sending is None, f"{self.name} is keyed twice"
        world, traits = self.air.world, self.up.mode(key.mode)
        assert traits is not None, f"{self.name} has no mode {key.mode}"
        self.keyed.append((world.now, key))
        self.air.forget()
        ends_at = world.now + key.burst_s
        sending = Transmission(self, key.frames, world.now, ends_at, traits)
        self._sending = sending
        self.air.transmissions.append(sending)
        self._carrier(busy=True)
        for number, (begins_s, ends_s) in enumerate(_spans(sending)):
            world.after(ends_s, partial(self._deliver, sending, number, ends_s - begins_s))
        # Sums of the same lengths may differ in their last bit: the end comes behind all frames.
        world.after(max(key.burst_s, ends_s), partial(self._end, sending, key.serial))

    def curtail(self, curtail: Curtail) -> None:
        """End behind the frame that has begun."""
        sending, now = self._sending, self.air.world.now
        if sending is None or self.stuck or not self.curtails:
            return
        spans = _spans(sending)
        begun = [ends_s for begins_s, ends_s in spans if sending.began_at + begins_s <= now]
        if len(begun) < len(spans):
            sending.ends_at = max(now, sending.began_at + max(begun, default=0.0))
            end = partial(self._end, sending, curtail.serial, len(begun))
            self.air.world.after(sending.ends_at - now + 1e-6, end)  # behind its last frame

    def abort(self, _abort: Abort) -> None:
        """Unkey at once; the end is reported a moment later, as by real modems."""
        sending = self._sending
        if sending is not None and not self.stuck:
            serial = self.keyed[-1][1].serial
            sending.ends_at = self.air.world.now
            self.air.world.after(0.01, partial(self._end, sending, serial))

    def unplug(self, reason: str) -> None:
        """The modem is gone, keyed or not."""
        if self._sending is not None:
            self._sending.ends_at = self.air.world.now
            self._sending = None
            self._carrier(busy=False)
        self.report(ModemDown(reason))

    def plug_in(self) -> None:
        """The modem is back."""
        self.stuck = False
        self.report(self.up)

    def _end(self, sending: Transmission, serial: int, curtailed: int | None = None) -> None:
        if self._sending is sending and not self.stuck:
            self._sending = None
            sending.ends_at = min(sending.ends_at, self.air.world.now)
            lasted_s = sending.ends_at - sending.began_at
            whole = sum(ends_s <= lasted_s + 1e-9 for _, ends_s in _spans(sending))
            self.ended[serial] = sending.ends_at, whole
            self._carrier(busy=False)
            self.report(BurstEnded(serial, curtailed))

    def _deliver(self, sending: Transmission, number: int, frame_s: float) -> None:
        now = self.air.world.now
        if self._sending is not sending or sending.ends_at < now - 1e-9:
            return
        for listener in self.air.modems:
            if self.air.hears(listener, self) and not self.air.spoilt(
                listener, sending, now - frame_s
            ):
                heard = self.air.arrives(listener, sending, number)
                if heard is not None:
                    listener.report(heard)

    def _carrier(self, *, busy: bool) -> None:
        for listener in self.air.modems:
            if self.air.hears(listener, self):
                before = listener._heard > 0  # noqa: SLF001 - modems of one channel
                listener._heard += 1 if busy else -1  # noqa: SLF001
                if before is not (listener._heard > 0):  # noqa: SLF001
                    listener.report(CarrierChanged(busy))


def _spans(sending: Transmission) -> list[tuple[float, float]]:
    """When each frame begins and ends, from key-down on, s."""
    begins_s, spans = sending.traits.burst_overhead_s, []
    for frame in sending.frames:
        spans.append((begins_s, begins_s + sending.traits.frame_s(len(frame))))
        begins_s = spans[-1][1]
    return spans
