"""How two WebRTC ends come to know each other's session descriptions.

The transport makes offers and answers; it does not care who carries them. On the local
network discovery does, by one HTTP request; across the Internet a signalling server.
"""

from dataclasses import dataclass
from typing import Protocol

from meshdl.ids import StationId


@dataclass(frozen=True, slots=True)
class Offer:
    """A session description of a station that dials.

    Attributes:
        station: who says that it dials. A hope until the handshake proves it.
        sdp: the description, candidates included.
    """

    station: StationId
    sdp: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The session description that answers an offer; fields as in :class:`Offer`."""

    station: StationId
    sdp: str


class OfferExchange(Protocol):
    """Carries an offer to a station and its answer back."""

    async def exchange(self, station: StationId, offer: Offer) -> Answer:
        """Ask ``station`` to answer ``offer``.

        Raises:
            LinkRefused: it answered that it does not want to, or what it answered is
                no answer; the message says why.
            LinkError: it could not be reached.
        """
