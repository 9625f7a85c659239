"""Which chunks (or leaves) somebody has: a set of small integers in one Python int.

Set algebra on whole bitfields is one operation on ``bits``, at C speed whatever the
length: ``mine.bits & ~theirs.bits``. Setting one bit copies the int, which at the
largest length we accept (2**20 bits) is 128 KiB and some microseconds.
"""

from collections.abc import Iterator
from typing import Self

_REVERSED_BITS = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
"""BEP 3 counts from the high bit of each octet, Python's ints from the low one."""


class Bitfield:
    """A mutable set of indices in ``[0, length)``.

    Attributes:
        length: number of indices there are, present or not.
    """

    __slots__ = ("_bits", "length")

    def __init__(self, length: int, bits: int = 0) -> None:
        """Make a bitfield of ``length`` indices.

        Raises:
            ValueError: ``bits`` has a bit at or above ``length``, or one is negative.
        """
        if length < 0:
            raise ValueError(f"a bitfield cannot have {length} bits")
        self.length = length
        self._bits = 0
        self.bits = bits

    @classmethod
    def full_of(cls, length: int) -> Self:
        """A bitfield of ``length`` with every index in it."""
        return cls(length, (1 << length) - 1)

    @classmethod
    def from_octets(cls, length: int, octets: bytes) -> Self:
        """Read the form of BEP 3: index 0 is the high bit of the first octet.

        Raises:
            ValueError: too long, too short, or a spare bit at the end is set.
        """
        expected = (length + 7) // 8
        if len(octets) != expected:
            raise ValueError(
                f"a bitfield of {length} bits has {expected} octets, not {len(octets)}"
            )
        # A spare bit that is set lies outside the length, and so is refused.
        return cls(length, int.from_bytes(octets.translate(_REVERSED_BITS), "little"))

    def to_octets(self) -> bytes:
        """The form of BEP 3; spare bits are zero."""
        return self._bits.to_bytes((self.length + 7) // 8, "little").translate(_REVERSED_BITS)

    @property
    def bits(self) -> int:
        """The whole set: bit ``i`` of this int is index ``i``."""
        return self._bits

    @bits.setter
    def bits(self, bits: int) -> None:
        if bits < 0 or bits >> self.length:
            raise ValueError(f"a bit behind the {self.length} of a bitfield is set")
        self._bits = bits

    @property
    def count(self) -> int:
        """How many indices are in the set."""
        return self._bits.bit_count()

    @property
    def full(self) -> bool:
        """Whether every index is in the set; true of a bitfield of none."""
        return self._bits == (1 << self.length) - 1

    def set(self, index: int) -> None:
        """Put ``index`` in.

        Raises:
            IndexError: outside ``[0, length)``.
        """
        self._check(index)
        self._bits |= 1 << index

    def clear(self, index: int) -> None:
        """Take ``index`` out.

        Raises:
            IndexError: outside ``[0, length)``.
        """
        self._check(index)
        self._bits &= ~(1 << index)

    def missing(self) -> Iterator[int]:
        """Indices that are not in the set, ascending."""
        return indices_of(self._bits ^ ((1 << self.length) - 1))

    def copy(self) -> Self:
        """An independent bitfield with the same indices."""
        return type(self)(self.length, self._bits)

    def _check(self, index: int) -> None:
        if not 0 <= index < self.length:
            raise IndexError(f"{index} is outside a bitfield of {self.length}")

    def __contains__(self, index: int) -> bool:
        return 0 <= index < self.length and bool(self._bits >> index & 1)

    def __iter__(self) -> Iterator[int]:
        return indices_of(self._bits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bitfield):
            return NotImplemented
        return self.length == other.length and self._bits == other._bits

    __hash__ = None  # type: ignore[assignment]  # mutable, so never a key

    def __repr__(self) -> str:
        return f"<Bitfield {self.count}/{self.length}>"


def indices_of(bits: int) -> Iterator[int]:
    """Positions of the bits that are set in ``bits``, ascending; linear in its length."""
    # Text search runs in C; taking the lowest bit off a large int copies it each time.
    digits = f"{bits:b}"[::-1]
    index = digits.find("1")
    while index >= 0:
        yield index
        index = digits.find("1", index + 1)
