"""Signals to and from the stations that one server tells of.

Finds the room and the run of the recipient, and makes sure that what comes is of the station
that the server says it is of.
"""

from meshdl.ids import StationId
from meshdl.signalling.client_events import SendSignal, SignalReceived
from meshdl.signalling.letters import Letters
from meshdl.signalling.members import Members
from meshdl.wire.signalling import Relay
from meshdl.wire.signals import Envelope


class Post:
    """A station's signals by way of one server.

    Args:
        letters: seals and opens.
        members: whom the server told of.
    """

    def __init__(self, letters: Letters, members: Members) -> None:
        self._letters, self._members = letters, members

    def relay(self, event: SendSignal, *, now_ms: float) -> Relay | None:
        """The message that asks the server to carry this; ``None``: the station is not known."""
        known = self._members.known.get(event.station)
        if known is None:
            return None
        envelope = self._letters.seal(event, known.address, carrier_now_ms=now_ms)
        return Relay(min(known.rooms), event.station, envelope)

    def receive(
        self, station: StationId, envelope: Envelope, *, now_ms: float
    ) -> SignalReceived | None:
        """What a station says; ``None`` when its kind is of the future.

        Raises:
            RemoteProtocolError: it did not say so, or not to us, or not now.
        """
        sender = self._members.known[station].address
        opened = self._letters.open(envelope, sender=sender, carrier_now_ms=now_ms)
        if opened is None:
            return None
        signal, body = opened
        return SignalReceived(station, signal.session, body)
