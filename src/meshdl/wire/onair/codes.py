"""Small codes of the on-air protocol: numbers, callsigns, locators, sizes, the check.

Each value has exactly one code, so that equal PDUs have equal octets. What a stranger sent
and no correct station would is a :exc:`RemoteProtocolError`, and nothing else is. It costs
nobody points: on the air anybody can send under any callsign.
"""

import re
from typing import NewType

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign, ContentHash, callsign

ContentTag = NewType("ContentTag", bytes)
"""The first four octets of a content hash: its name in PDUs."""

StationTag = NewType("StationTag", int)
"""Sixteen bits that stand for a callsign in the shortest frames, see :func:`station_tag`."""

TAG_OCTETS = 4
"""Two of a thousand contents share a tag once in 8,600 such collections. Where it happens,
the leaf hash tells; a longer tag would not keep a forger out either."""

CALL_OCTETS = 6

_CALL_CHARACTERS = " ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/."
_CALL_LENGTH_MAX = 8
_SSIDS = 16

NUMBER_MAX = 2**32 - 1
"""Every number of this protocol fits in 32 bits; five octets of LEB128."""

_NUMBER_OCTETS_MAX = 5

_POLYNOMIAL = 0x8BB7
SIZE_CLASS_MAX = 255
_LOCATOR = re.compile("[A-R]{2}[0-9]{2}(?:[a-x]{2})?")


def content_tag(content: ContentHash) -> ContentTag:
    """The tag of a content."""
    return ContentTag(content[:TAG_OCTETS])


def _table() -> tuple[int, ...]:
    rows = []
    for octet in range(256):
        value = octet << 8
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x8000 else 0)
            value &= 0xFFFF
        rows.append(value)
    return tuple(rows)


_TABLE = _table()


def check_of(octets: bytes) -> int:
    """CRC-16/T10-DIF of ``octets``: polynomial 0x8BB7, no reflection, starts with 0.

    AX.25 and FreeDV check with 0x1021. An error that one polynomial misses is a multiple of
    it; the two have no factor in common, so together they miss no more than 32 bits would.
    """
    value = 0
    for octet in octets:
        value = (value << 8 & 0xFFFF) ^ _TABLE[value >> 8 ^ octet]
    return value


def encode_number(number: int) -> bytes:
    """LEB128: seven bits an octet, low ones first, the high bit says that more follow.

    Raises:
        ValueError: not in 0..NUMBER_MAX.
    """
    if not 0 <= number <= NUMBER_MAX:
        raise ValueError(f"{number} is not in 0..{NUMBER_MAX}")
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def encode_callsign(call: Callsign) -> bytes:
    """Six octets: eight characters of base 40, then four bits of SSID. SSID 0 is none.

    Raises:
        ValueError: it is no callsign.
    """
    name, _, ssid = callsign(call).partition("-")
    number = 0
    for character in name.ljust(_CALL_LENGTH_MAX):
        number = number * len(_CALL_CHARACTERS) + _CALL_CHARACTERS.index(character)
    return (number * _SSIDS + int(ssid or 0)).to_bytes(CALL_OCTETS, "big")


def decode_callsign(octets: bytes) -> Callsign:
    """Read what :func:`encode_callsign` makes.

    Raises:
        RemoteProtocolError: they stand for no callsign.
    """
    number, ssid = divmod(int.from_bytes(octets, "big"), _SSIDS)
    characters = ""
    for _ in range(_CALL_LENGTH_MAX):
        number, digit = divmod(number, len(_CALL_CHARACTERS))
        characters = _CALL_CHARACTERS[digit] + characters
    text = characters.rstrip() + (f"-{ssid}" if ssid else "")
    try:
        read = callsign(text)
    except ValueError:
        read = None
    # A callsign of another form, a space inside, or a number above all codes.
    if read is None or read != text or encode_callsign(read) != octets:
        raise RemoteProtocolError(f"the octets {octets.hex()} stand for no callsign", penalty=0)
    return read


def station_tag(call: Callsign) -> StationTag:
    """The check over a callsign's code: stands for a callsign that others know already."""
    return StationTag(check_of(encode_callsign(call)))


def is_locator(text: str) -> bool:
    """Whether ``text`` is a Maidenhead locator of the form ``FN42`` or ``FN42ab``."""
    return bool(_LOCATOR.fullmatch(text))


def encode_locator(locator: str) -> bytes:
    """Two octets for four characters, four for six, none for an empty text.

    Raises:
        ValueError: it is no locator.
    """
    if not locator:
        return b""
    if not is_locator(locator):
        raise ValueError(f"{locator!r} is no locator: expected a form like FN42 or FN42ab")
    number = 0
    for character, (first, count) in zip(locator, _LOCATOR_DIGITS, strict=False):
        number = number * count + ord(character) - ord(first)
    return number.to_bytes(2 if len(locator) == 4 else 4, "big")


_LOCATOR_DIGITS = (("A", 18), ("A", 18), ("0", 10), ("0", 10), ("a", 24), ("a", 24))


def decode_locator(octets: bytes) -> str:
    """Read what :func:`encode_locator` makes of a locator.

    Raises:
        RemoteProtocolError: the number is above that of the last locator.
    """
    number = int.from_bytes(octets, "big")
    locator = ""
    for first, count in reversed(_LOCATOR_DIGITS[: 4 if len(octets) == 2 else 6]):
        number, digit = divmod(number, count)
        locator = chr(ord(first) + digit) + locator
    if number:
        raise RemoteProtocolError(f"the octets {octets.hex()} stand for no locator", penalty=0)
    return locator


def size_class(octets: int) -> int:
    """The smallest class whose size is at least ``octets``; the last one takes all above."""
    for code in range(SIZE_CLASS_MAX):
        if class_octets(code) >= octets:
            return code
    return SIZE_CLASS_MAX


def class_octets(code: int) -> int:
    """The size that a class stands for, in octets: exact to an eighth, up to 16 GB."""
    exponent, mantissa = divmod(code, 8)
    return (8 + mantissa) << (exponent - 1) if exponent else mantissa


class Reader:
    """Takes values off the front of octets that a stranger sent."""

    def __init__(self, octets: bytes, name: str) -> None:
        """Read ``octets``; ``name`` says in errors what they are."""
        self._octets = octets
        self._at = 0
        self._name = name

    @property
    def left(self) -> int:
        """How many octets were not yet taken."""
        return len(self._octets) - self._at

    @property
    def taken(self) -> int:
        """How many octets were taken."""
        return self._at

    def refuse(self, problem: str) -> RemoteProtocolError:
        """The error to raise: what is wrong with what is being read."""
        return RemoteProtocolError(f"{self._name}: {problem}", penalty=0)

    def take(self, count: int) -> bytes:
        """The next ``count`` octets."""
        if count > self.left:
            raise self.refuse("it ends too early")
        self._at += count
        return self._octets[self._at - count : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def fixed(self, octets: int) -> int:
        """A number of so many octets, the high ones first."""
        return int.from_bytes(self.take(octets), "big")

    def number(self, highest: int = NUMBER_MAX) -> int:
        """A number in LEB128, in as few octets as it takes."""
        value = 0
        for at in range(_NUMBER_OCTETS_MAX):
            octet = self.fixed(1)
            value |= (octet & 0x7F) << 7 * at
            if octet < 0x80:
                if at and not octet:
                    raise self.refuse("a number has more octets than it needs")
                if value > highest:
                    raise self.refuse(f"the number {value} is not in 0..{highest}")
                return value
        raise self.refuse(f"a number has more than {_NUMBER_OCTETS_MAX} octets")

    def tag(self) -> ContentTag:
        """A content tag."""
        return ContentTag(self.take(TAG_OCTETS))

    def callsign(self) -> Callsign:
        """A callsign in six octets."""
        return decode_callsign(self.take(CALL_OCTETS))

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise self.refuse(f"{self.left} octets too many")
