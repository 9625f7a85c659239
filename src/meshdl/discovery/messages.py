"""Bodies of the two HTTP requests that a station answers on the local network."""

import msgspec

from meshdl.errors import LinkRefused
from meshdl.ids import StationId

OFFER_PATH = "/rtc/offer"
CARD_PATH = "/"

BODY_OCTETS_MAX = 64 * 1024
"""A description has 2 to 5 kB."""

STATION_ID_MAX = 64

REASON_MAX = 200
"""Characters of a stranger's refusal that are shown."""

_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Description(msgspec.Struct, frozen=True):
    """An offer or an answer, and who says so."""

    station: str
    sdp: str


class Card(msgspec.Struct, frozen=True):
    """What a station tells anybody who asks.

    Attributes:
        program: name and version.
        instance: of this run.
    """

    program: str
    callsign: str
    station: str
    instance: str


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was refused, for people."""

    reason: str


def decode_description(octets: bytes) -> tuple[StationId, str]:
    """Read an offer or an answer.

    Raises:
        LinkRefused: malformed.
    """
    if len(octets) > BODY_OCTETS_MAX:
        raise LinkRefused(f"a description of {len(octets)} octets is refused: too long")
    try:
        found = msgspec.json.decode(octets, type=Description)
    except _MALFORMED as error:
        raise LinkRefused(f"a description that is not what it should be: {error}") from error
    if not 0 < len(found.station) <= STATION_ID_MAX:
        raise LinkRefused("a description whose station id is empty or too long")
    return StationId(found.station), found.sdp


def decode_card(octets: bytes) -> Card:
    """Read a card.

    Raises:
        LinkRefused: malformed.
    """
    try:
        return msgspec.json.decode(octets, type=Card)
    except _MALFORMED as error:
        raise LinkRefused(f"it is no station ({error})") from error


def decode_reason(octets: bytes) -> str:
    """Read why a request was refused, as far as that can be read."""
    try:
        return msgspec.json.decode(octets, type=Refusal).reason[:REASON_MAX]
    except _MALFORMED:
        return "no reason given"
