"""What one run of one station writes and reads, whoever carries it.

Servers and peers may carry signals of the same session: they are counted through and opened
once, so that none of the carriers can repeat what came by another.
"""

from collections import OrderedDict
from typing import assert_never

from meshdl.signalling import proofs
from meshdl.signalling.client_events import (
    Description,
    MoreCandidates,
    Refusal,
    SendSignal,
    SignalBody,
)
from meshdl.signalling.envelope import Opener, seal
from meshdl.wire.json_messages import TEXT_MAX
from meshdl.wire.signals import (
    Address,
    Answer,
    Candidates,
    Envelope,
    Offer,
    SessionRefused,
    Signal,
)

SESSIONS_MAX = 4096
"""Sessions whose serial numbers are remembered; a session has a dozen signals, in seconds."""


class Letters:
    """Seals what goes out and opens what comes in.

    Args:
        own: this run of this station.
        sign: with the station's key.
    """

    def __init__(self, own: Address, sign: proofs.Sign) -> None:
        self._own, self._sign = own, sign
        self._opener = Opener(own)
        self._serials: OrderedDict[bytes, int] = OrderedDict()

    def seal(self, event: SendSignal, recipient: Address, *, carrier_now_ms: float) -> Envelope:
        """Close what is to be said to one run of a station."""
        serial = self._serials.pop(event.session, -1) + 1
        self._serials[event.session] = serial
        if len(self._serials) > SESSIONS_MAX:
            self._serials.popitem(last=False)
        head = (self._own, recipient, event.session, serial, max(int(carrier_now_ms), 0))
        return seal(_signal(head, event.body), self._sign)

    def open(
        self, envelope: Envelope, *, sender: Address | None, carrier_now_ms: float
    ) -> tuple[Signal, SignalBody] | None:
        """What came, and what it says; ``None`` when its kind is of the future.

        Raises:
            RemoteProtocolError: see :meth:`meshdl.signalling.envelope.Opener.open`.
        """
        signal = self._opener.open(envelope, sender=sender, carrier_now_ms=carrier_now_ms)
        return (signal, _body(signal)) if signal is not None else None


def _signal(head: tuple[Address, Address, bytes, int, int], body: SignalBody) -> Signal:
    match body:
        case Description(sdp, is_answer):
            return Answer(*head, sdp) if is_answer else Offer(*head, sdp)
        case MoreCandidates(candidates):
            return Candidates(*head, candidates)
        case Refusal(reason):
            return SessionRefused(*head, reason[:TEXT_MAX])
        case _:
            assert_never(body)


def _body(signal: Signal) -> SignalBody:
    match signal:
        case Offer(sdp=sdp):
            return Description(sdp, is_answer=False)
        case Answer(sdp=sdp):
            return Description(sdp, is_answer=True)
        case Candidates(candidates=candidates):
            return MoreCandidates(candidates)
        case SessionRefused(reason=reason):
            return Refusal(reason)
        case _:
            assert_never(signal)
