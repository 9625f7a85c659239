"""Public keys that prove nothing, computed from the curve's equation; and all others."""

from hypothesis import strategies as st

from meshdl.ids import station_key

P = 2**255 - 19
"""The field of edwards25519 (RFC 8032, 5.1)."""

D = -121665 * pow(121666, -1, P) % P
"""Of its equation, -x² + y² = 1 + dx²y²."""

Point = tuple[int, int]

NEUTRAL: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The sum of two points (RFC 8032, 5.1.4, in plain coordinates)."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def times(factor: int, point: Point) -> Point:
    """A multiple of a point."""
    total = NEUTRAL
    for bit in f"{factor:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def point(y: int, sign: int) -> Point | None:
    """The point with this y and the lowest bit of x (RFC 8032, 5.1.3); ``None``: there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return (x if x % 2 == sign else -x % P, y)


def encoded(y: int, sign: int) -> bytes:
    """As 32 octets, also where y is no number of the field."""
    return (y | sign << 255).to_bytes(32, "little")


def _small_order() -> frozenset[Point]:
    """L times any point is one of them, L being the prime order of the base point."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        anywhere = point(y, 0)
        if anywhere is not None:
            torsion = times(order, anywhere)
            found.update(times(factor, torsion) for factor in range(8))
        y += 1
    return frozenset(found)


SMALL_ORDER = _small_order()
"""The eight points whose order divides 8."""

SMALL_ORDER_KEYS = sorted(encoded(y, x % 2) for x, y in SMALL_ORDER)

NOT_CANONICAL_KEYS = [
    *(encoded(y, sign) for y in range(P, 2**255) for sign in (0, 1)),
    # x = 0 has no sign.
    encoded(1, 1),
    encoded(P - 1, 1),
]
"""All there are: the field ends 19 below a power of two."""

WEAK_KEYS = SMALL_ORDER_KEYS + NOT_CANONICAL_KEYS


def _is_key(octets: bytes) -> bool:
    try:
        station_key(octets)
    except ValueError:
        return False
    return True


station_keys = st.binary(min_size=32, max_size=32).filter(_is_key)
"""Whatever may be a station's key, most of which no station has."""
