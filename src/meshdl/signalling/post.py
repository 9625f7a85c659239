"""Signals to and from the stations that one server tells of.

The station's side of an envelope: finds the room and the run of the recipient, counts what
is said in a session, and turns what comes into what a transport understands.
"""

from collections import OrderedDict
from typing import assert_never

from meshdl.ids import StationId
from meshdl.signalling import proofs
from meshdl.signalling.client_events import (
    Description,
    MoreCandidates,
    Refusal,
    SendSignal,
    SignalBody,
    SignalReceived,
)
from meshdl.signalling.envelope import Opener, seal
from meshdl.signalling.members import Known, Members
from meshdl.wire.json_messages import TEXT_MAX
from meshdl.wire.signalling import Relay
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


class Post:
    """Seals what goes out and opens what comes in.

    Args:
        own: this run of this station.
        sign: with the station's key.
        members: whom the server told of.
    """

    def __init__(self, own: Address, sign: proofs.Sign, members: Members) -> None:
        self._own, self._sign, self._members = own, sign, members
        self._opener = Opener(own)
        self._serials: OrderedDict[bytes, int] = OrderedDict()

    def relay(self, event: SendSignal, *, now_ms: float) -> Relay | None:
        """The message that asks the server to carry this; ``None``: the station is not known."""
        known = self._members.known.get(event.station)
        if known is None:
            return None
        signal = self._signal(event, known, int(now_ms))
        return Relay(min(known.rooms), event.station, seal(signal, self._sign))

    def receive(
        self, station: StationId, envelope: Envelope, *, now_ms: float
    ) -> SignalReceived | None:
        """What a station says; ``None`` when its kind is of the future.

        Raises:
            RemoteProtocolError: it did not say so, or not to us, or not now.
        """
        sender = self._members.known[station].address
        signal = self._opener.open(envelope, sender=sender, carrier_now_ms=now_ms)
        if signal is None:
            return None
        return SignalReceived(station, signal.session, _body(signal))

    def _signal(self, event: SendSignal, known: Known, at_ms: int) -> Signal:
        serial = self._serials.pop(event.session, -1) + 1
        self._serials[event.session] = serial
        if len(self._serials) > SESSIONS_MAX:
            self._serials.popitem(last=False)
        head = (self._own, known.address, event.session, serial, max(at_ms, 0))
        match event.body:
            case Description(sdp, is_answer):
                return Answer(*head, sdp) if is_answer else Offer(*head, sdp)
            case MoreCandidates(candidates):
                return Candidates(*head, candidates)
            case Refusal(reason):
                return SessionRefused(*head, reason[:TEXT_MAX])
            case _:
                assert_never(event.body)


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
