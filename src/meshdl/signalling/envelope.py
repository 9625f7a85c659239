"""Signals between stations, sealed so that whoever carries them can only lose them.

Theory of operation
===================

The sender signs the signal's own text. The signal names the sender's key and run, the
recipient's key and run, the session and a serial number, and the time by the carrier's
clock, so that what is opened

* was written by the key that it names (else it is forged),
* is meant for this very run of this station (else it is misdirected or old),
* is at most :data:`LIFETIME_S` old (else it was held back),
* has not been opened before (else it is repeated).

Times are compared on the carrier's clock, which both stations learn from it, so that a
station whose own clock is wrong can still be reached. A carrier that lies about the time
gains nothing: within one run every signal is opened once.

The description inside holds the fingerprint of the sender's certificate; so a carrier
cannot swap it for its own. The handshake on the link proves it once more.
"""

from collections import OrderedDict

from meshdl.errors import RemoteProtocolError
from meshdl.signalling import proofs
from meshdl.signatures import signed_by
from meshdl.wire.signals import Address, Envelope, Signal, decode_signal, encode_signal

LIFETIME_S = 60.0
"""A link that is not made in fifteen seconds is given up; a carrier may queue, too."""

AHEAD_S = 10.0
"""How far a signal may be dated ahead: two stations learn the carrier's clock with the delay
of their own paths to it."""

REMEMBERED_MAX = 8192
"""Signals remembered as opened. A flood pushes out what is then too old anyway: a carrier
passes on no more than some hundred a second."""

_PREFIX = b"meshdl signal 1\0"


def seal(signal: Signal, sign: proofs.Sign) -> Envelope:
    """Close a signal."""
    text = encode_signal(signal)
    return Envelope(text, sign(_PREFIX + text.encode()))


class Opener:
    """Opens what is sent to one run of one station.

    Args:
        own: the recipient.
        remembered_max: signals remembered as opened.
    """

    def __init__(self, own: Address, *, remembered_max: int = REMEMBERED_MAX) -> None:
        self._own, self._remembered_max = own, remembered_max
        self._opened: OrderedDict[tuple[bytes, bytes, int], None] = OrderedDict()

    def open(
        self, envelope: Envelope, *, sender: Address | None, carrier_now_ms: float
    ) -> Signal | None:
        """What is inside; ``None`` when its type is of the future.

        Args:
            envelope: as it came.
            sender: who the carrier says sent it; ``None``: it does not say.
            carrier_now_ms: the carrier's clock.

        Raises:
            RemoteProtocolError: it is malformed, forged, misdirected, old or repeated.
        """
        signal = decode_signal(envelope.signal)
        if signal is None:
            return None
        if sender is not None and signal.sender != sender:
            raise RemoteProtocolError("a signal of another station than its carrier says")
        signed = _PREFIX + envelope.signal.encode()
        if not signed_by(signal.sender.station_key, envelope.signature, signed):
            raise RemoteProtocolError("a signal whose signature does not hold")
        if signal.recipient != self._own:
            raise RemoteProtocolError("a signal for another station, or for an earlier run")
        age_s = (carrier_now_ms - signal.at_ms) / 1000
        if not -AHEAD_S <= age_s <= LIFETIME_S:
            raise RemoteProtocolError(f"a signal that is {age_s:.0f} s old")
        name = (signal.sender.station_key, signal.session, signal.serial)
        if name in self._opened:
            raise RemoteProtocolError("a signal that came before")
        self._opened[name] = None
        if len(self._opened) > self._remembered_max:
            self._opened.popitem(last=False)
        return signal
