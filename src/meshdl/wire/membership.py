"""What a station shows to be in a closed room; who signs what: :mod:`meshdl.signalling.proofs`."""

from meshdl.ids import station_key
from meshdl.wire.json_messages import JsonValue, Octets32, Seconds, Signature


class RoomInvitation(JsonValue, frozen=True):
    """Leave to let others into a closed room: the room's key signs an invite key.

    Attributes:
        expires_at_s: since 1970 (UTC).
    """

    key: Octets32
    expires_at_s: Seconds
    signature: Signature

    def __post_init__(self) -> None:
        """Refuse what is no station key (ValueError; when read, an error of the message)."""
        station_key(self.key)


class Membership(JsonValue, frozen=True):
    """Leave to be in a closed room: the room's key, or an invite key, signs the station's.

    Attributes:
        expires_at_s: since 1970 (UTC); no later than the invitation.
        invitation: when it is an invite key that signs.
    """

    expires_at_s: Seconds
    signature: Signature
    invitation: RoomInvitation | None = None
