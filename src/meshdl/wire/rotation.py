"""A callsign goes over to another station key: the old key says so, signed.

Theory of operation
===================

A *rotation* is the old key's signature over the callsign, the old and the new key. A
station keeps all that it ever made and shows them to whoever it meets, the oldest first:
each hands over to the old key of the next, the last to the key that the station proves.
Whoever pinned any key of this chain can follow it to the present one and needs to believe
nobody; for everybody else it says nothing.

Nothing here says *when*: whoever stole the old key can make a rotation too. Where the
honest one came first, the pin has moved on and the thief's begins with a key that is no
longer pinned.
"""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec

from meshdl.ids import station_key
from meshdl.signatures import signed_by
from meshdl.wire.json_messages import JsonValue, Octets32, Signature

ROTATIONS_MAX = 8
"""In a chain: 1.2 kB of JSON, and as many signatures to verify. Whoever knew an older key than
these has not met the station for eight keys, and asks its operator."""

_KIND = b"meshdl key rotation 1\0"


class KeyRotation(JsonValue, frozen=True):
    """The old key of a callsign hands over to the next one of the chain."""

    old_key: Octets32
    signature: Signature

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.old_key)


Rotations: TypeAlias = Annotated[tuple[KeyRotation, ...], msgspec.Meta(max_length=ROTATIONS_MAX)]


def statement(*, callsign: str, old_key: bytes, new_key: bytes) -> bytes:
    """The octets that the old key of a callsign signs for the new one."""
    parts = (callsign.encode(), old_key, new_key)
    return _KIND + b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def follows(chain: Sequence[KeyRotation], *, callsign: str, pinned: bytes, shown: bytes) -> bool:
    """Whether the chain leads from the pinned key to the one that is shown.

    Args:
        chain: the oldest first, as it came.
        callsign: of the station.
        pinned: what the callsign went with so far.
        shown: the key that the station has proved.
    """
    new_keys = [*(later.old_key for later in chain[1:]), shown]
    steps = list(zip(chain, new_keys, strict=True)) if chain else []
    first = next((at for at, (one, _) in enumerate(steps) if one.old_key == pinned), None)
    if first is None:
        return False
    return all(
        signed_by(
            one.old_key,
            one.signature,
            statement(callsign=callsign, old_key=one.old_key, new_key=new_key),
        )
        for one, new_key in steps[first:]
    )
