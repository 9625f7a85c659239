"""Who may speak to a signalling server: deny list, floods, the challenge, pinned callsigns.

Theory of operation
===================

A socket is *open* until its station has proved its key by signing the server's challenge;
until then it may say nothing else, and it has ten seconds. A callsign goes with the key
that first proved itself with it. Another key needs rotations that lead there from the
old one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshdl.ids import Callsign, StationId, StationKey, callsign, station_id, station_key
from meshdl.policy.bucket import TokenBucket
from meshdl.signalling import proofs
from meshdl.signalling.deny_list import DenyList
from meshdl.signalling.origins import Origin, Origins
from meshdl.signalling.server_events import ServerLimits, Socket, SocketOpened
from meshdl.signatures import signed_by
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import follows

NEW_CALLSIGN_AFTER_MS = 60_000
"""What an origin is told to wait that came with too many callsigns that were new."""


class NotAdmitted(Exception):
    """A refusal with its code, see :data:`meshdl.wire.signalling.REFUSAL_CODES`."""

    def __init__(self, code: str, reason: str, *, retry_after_ms: int = 0) -> None:
        super().__init__(reason)
        self.code, self.reason, self.retry_after_ms = code, reason, retry_after_ms


@dataclass(slots=True)
class Visitor:
    """One socket.

    Attributes:
        opened: as it was told.
        origin: what it shares with the other sockets from there.
        station: set when the socket's station has proved itself.
        claiming: what it proved, while all processes of the server are asked for the pin.
        held: said behind the proof; taken when it is welcome.
        faults: messages that could not be read.
    """

    opened: SocketOpened
    origin: Origin
    nonce: bytes
    opened_at: float
    messages: TokenBucket
    octets: TokenBucket
    station: StationId | None = None
    claiming: wire.Authenticate | None = None
    held: list[wire.StationMessage] = field(default_factory=list)
    faults: int = 0

    def may_say(self, characters: int, *, now: float) -> bool:
        """Whether one more message of this length may be taken; it then counts."""
        return (
            self.messages.take_if_available(1, now=now)
            and self.octets.take_if_available(characters, now=now)
            and self.origin.messages.take_if_available(1, now=now)
        )


@dataclass(frozen=True, slots=True)
class Proved:
    """Who a socket is.

    Attributes:
        pinned: whether the callsign goes with this key already; else it must be pinned.
        old: the key that hands the callsign over.
    """

    callsign: Callsign
    key: StationKey
    pinned: bool
    old: StationKey | None = None


class Admittance:
    """The door of one server.

    Args:
        limits: of the operator.
        pins: callsign to key, as pinned before.
    """

    def __init__(self, limits: ServerLimits, pins: Mapping[Callsign, StationKey]) -> None:
        self._limits = limits
        self._origins = Origins(limits)
        self.pins = dict(pins)
        self.denied = DenyList()
        self.visitors: dict[Socket, Visitor] = {}

    def open(self, event: SocketOpened, *, nonce: bytes, now: float) -> Visitor:
        """Somebody connected.

        Raises:
            NotAdmitted: unwanted, or too many.
        """
        limits = self._limits
        if self.denied.has_address(event.address):
            raise NotAdmitted(
                "denied", "the operator of this server does not want your address; ask them why"
            )
        if len(self.visitors) >= limits.sockets:
            raise NotAdmitted(
                "too-many", "this server is full; name another one, too", retry_after_ms=30_000
            )
        origin = self._origins.of(event.address, now=now)
        if origin.sockets >= limits.sockets_per_address:
            raise NotAdmitted(
                "too-many",
                "too many connections from your address; close some (operator: if a proxy is "
                "before this server, name it as --trusted-proxy)",
            )
        if not (origin.connects.available(now=now) and origin.messages.available(now=now)):
            raise NotAdmitted(
                "rate", "connections or messages from your address come too fast; wait",
                retry_after_ms=5_000,
            )  # fmt: skip
        origin.connects.take(1, now=now)
        origin.sockets += 1
        visitor = self.visitors[event.socket] = Visitor(
            event,
            origin,
            nonce,
            now,
            TokenBucket(limits.messages_per_s, burst_octets=limits.messages_burst, now=now),
            TokenBucket(limits.octets_per_s, burst_octets=4 * limits.octets_per_s, now=now),
        )
        return visitor

    def close(self, socket: Socket) -> Visitor | None:
        """A socket is gone."""
        visitor = self.visitors.pop(socket, None)
        if visitor is not None:
            visitor.origin.sockets -= 1
        return visitor

    def late(self, *, now: float) -> list[Socket]:
        """Sockets whose station has not proved itself in time."""
        before = now - self._limits.authenticate_within_s
        late = []
        for socket, visitor in self.visitors.items():
            if visitor.station is None and visitor.opened_at <= before:
                late.append(socket)
        return late

    def prove(self, visitor: Visitor, proof: wire.Authenticate, *, now: float) -> Proved:
        """Check who a socket says it is.

        Raises:
            NotAdmitted: it is not, or is unwanted.
        """
        if proof.protocol != wire.PROTOCOL_VERSION:
            raise NotAdmitted(
                "protocol-version",
                f"this server speaks protocol {wire.PROTOCOL_VERSION}, not {proof.protocol}; "
                "update the older of the two",
            )
        try:
            call = callsign(proof.callsign)
        except ValueError as error:
            raise NotAdmitted("malformed", f"{error}; set your own") from error
        statement = proofs.authentication(
            server_name=visitor.opened.server_name,
            nonce=visitor.nonce,
            callsign=proof.callsign,
            station_key=proof.station_key,
            instance=proof.instance,
        )
        if not signed_by(proof.station_key, proof.signature, statement):
            raise NotAdmitted(
                "signature",
                "the signature does not hold for this server's name "
                f"({visitor.opened.server_name}); dial it by that name, or have its operator set "
                "--public-name to the one that you dial",
            )
        if self.denied.has_station(call, station_id(station_key(proof.station_key))):
            raise NotAdmitted(
                "denied", f"the operator of this server does not want {call}; ask them why"
            )
        return self._compare(visitor, call, proof, now)

    def _compare(
        self, visitor: Visitor, call: Callsign, proof: wire.Authenticate, now: float
    ) -> Proved:
        key, pinned = station_key(proof.station_key), self.pins.get(call)
        if pinned == key:
            return Proved(call, key, pinned=True)
        if pinned is None:
            if len(self.pins) >= self._limits.pins:
                raise TooManyPins(call)
        elif not follows(proof.rotations, callsign=call, pinned=pinned, shown=key):
            raise PinnedToAnother(call)
        if not visitor.origin.pins.take_if_available(1, now=now):
            raise NotAdmitted(
                "rate", f"too many new callsigns or keys came from your address, {call} too; wait",
                retry_after_ms=NEW_CALLSIGN_AFTER_MS,
            )  # fmt: skip
        return Proved(call, key, pinned=False, old=pinned)


class PinnedToAnother(NotAdmitted):
    """The callsign goes with another key."""

    def __init__(self, call: Callsign) -> None:
        super().__init__(
            "callsign-pinned",
            f"{call} came with another key first; hand over with that key's signature "
            "(meshdl key rotate), or ask the operator of this server",
        )


class TooManyPins(NotAdmitted):
    """No callsign can be pinned that is not pinned yet."""

    def __init__(self, call: Callsign) -> None:
        super().__init__(
            "too-many",
            f"this server remembers no more callsigns, and {call} is a new one; ask its operator",
        )
