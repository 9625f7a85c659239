"""Signals: what one station says to another to make a link, and the envelope around it.

The specification is ``docs/protocol/signalling.md``. Whoever carries an envelope can
neither change nor repeat what is in it, see :mod:`meshdl.signalling.envelope`.
"""

from typing import Annotated, TypeAlias

import msgspec

from meshdl.ids import station_key
from meshdl.wire.json_messages import (
    JsonMessage,
    JsonValue,
    Millis,
    Octets8,
    Octets16,
    Octets32,
    Reader,
    Signature,
    Text,
    Unsigned,
)

SDP_MAX = 32 * 1024
"""Characters of a description; one with forty candidates has about 5 kB."""

SIGNAL_MAX = 48 * 1024
"""Characters of a signal: a description, its JSON escapes, and room."""

CANDIDATES_MAX = 64
"""Candidates in one signal; a machine with ten addresses and two relays has forty."""

CANDIDATE_MAX = 512
"""Characters of one candidate line; those of RFC 8839 have about 120."""

Sdp = Annotated[str, msgspec.Meta(max_length=SDP_MAX)]


class Envelope(JsonValue, frozen=True, gc=False):
    """A signal and its sender's signature, see :mod:`meshdl.signalling.envelope`.

    Attributes:
        signal: the JSON text of a :data:`Signal`.
    """

    signal: Annotated[str, msgspec.Meta(max_length=SIGNAL_MAX)]
    signature: Signature


class Address(JsonValue, frozen=True):
    """One run of one station."""

    station_key: Octets32
    instance: Octets8

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.station_key)


class _Signal(JsonMessage, frozen=True):
    """What all signals share.

    Attributes:
        session: one attempt to link; made by the station that dials.
        serial: counts what the sender says in this session, from 0.
        at_ms: when, by the clock of the server that carries it.
    """

    sender: Address
    recipient: Address
    session: Octets16
    serial: Unsigned
    at_ms: Millis


class Offer(_Signal, frozen=True, tag="offer"):
    """A description (RFC 8829); the first of a session, or one that restarts ICE."""

    sdp: Sdp


class Answer(_Signal, frozen=True, tag="answer"):
    """The description that answers an offer."""

    sdp: Sdp


class Candidate(JsonValue, frozen=True):
    """One way to reach the sender (W3C ``RTCIceCandidateInit``)."""

    candidate: Annotated[str, msgspec.Meta(max_length=CANDIDATE_MAX)]
    sdp_mid: Annotated[str, msgspec.Meta(max_length=32)] = "0"


class Candidates(_Signal, frozen=True, tag="candidates"):
    """More ways, found meanwhile (trickle ICE, RFC 8838)."""

    candidates: Annotated[
        tuple[Candidate, ...], msgspec.Meta(min_length=1, max_length=CANDIDATES_MAX)
    ]


class SessionRefused(_Signal, frozen=True, tag="refused"):
    """The sender does not want this session, or cannot make it; for people why."""

    reason: Text


Signal: TypeAlias = Offer | Answer | Candidates | SessionRefused


_encoder = msgspec.json.Encoder()
_signals: Reader[Signal] = Reader(
    "signal", limit=SIGNAL_MAX, decoder=msgspec.json.Decoder(Signal), kinds=Signal.__args__
)


def encode_signal(signal: Signal) -> str:
    """The text that carries ``signal``."""
    return _encoder.encode(signal).decode("utf-8")


def decode_signal(text: str) -> Signal | None:
    """What is in an envelope, or ``None`` when its type is of the future.

    Raises:
        RemoteProtocolError: it is no signal.
    """
    return _signals.read(text)
