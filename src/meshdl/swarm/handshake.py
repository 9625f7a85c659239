"""Who is at the other end of a link: hello, then proof, both ways.

Theory of operation
===================

Both stations send ``hello`` (callsign, station key, a fresh nonce) as soon as the link
is up, and on the other's hello a ``hello-proof``: an Ed25519 signature over a transcript
that holds both keys, both nonces and the binding of the link, which for WebRTC is the
pair of DTLS fingerprints. Whoever stands in the middle, say a signalling server that
swaps offers, has two links with two bindings and can produce neither signature.

    WAITING_FOR_HELLO --hello--> WAITING_FOR_PROOF --proof--> PROVED

The sides also tell how many links they keep with one station, and the one that dialled
which of these *lanes* this link shall be. The proof does not cover that: the binding
already ties the hellos to this link.

The transcript names the signer first, so a proof cannot be reflected to its maker; the
nonces are fresh, so it cannot be replayed. Rotations in a ``hello`` are no part of it: they
carry signatures of their own, and mean the same whoever hands them over.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from meshdl.errors import LinkRefused, RemoteProtocolError
from meshdl.ids import Callsign, StationKey, callsign, station_key
from meshdl.links import LinkBinding
from meshdl.signatures import signed_by
from meshdl.wire.control import PROTOCOL_VERSION, Hello, HelloProof
from meshdl.wire.rotation import KeyRotation

_TRANSCRIPT_PREFIX = b"meshdl hello proof 1\0"
NONCE_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this station is.

    Attributes:
        instance: 8 octets, fresh for each run of the program; tells a restart from a
            second link.
        sign: makes an Ed25519 signature with the private key that belongs to ``key``.
        rotations: from keys that the callsign had before, see :mod:`meshdl.wire.rotation`.
    """

    callsign: Callsign
    key: StationKey
    instance: bytes
    sign: Callable[[bytes], bytes]
    rotations: tuple[KeyRotation, ...] = ()


@dataclass(frozen=True, slots=True)
class ProvedPeer:
    """Who proved to be at the other end.

    Attributes:
        exchange: it may be told of to others, and takes what is relayed.
        lanes: links that it keeps with one station.
        lane: which of them it says that this link is; 0 when it was dialled.
        watches: it asks others for signs of life, and tells of those that give none.
    """

    callsign: Callsign
    key: StationKey
    instance: bytes
    agent: str
    rotations: tuple[KeyRotation, ...] = ()
    exchange: bool = False
    lanes: int = 1
    lane: int = 0
    watches: bool = False


class HandshakeState(enum.Enum):
    """Where a handshake stands; see the module's theory of operation."""

    WAITING_FOR_HELLO = enum.auto()
    WAITING_FOR_PROOF = enum.auto()
    PROVED = enum.auto()


class Handshake:
    """One link's handshake, from our side.

    Args:
        identity: who we are.
        binding: of the link.
        nonce: fresh by chance.
        agent: name and version of the program.
        exchange: whether we take part in peer exchange.
        lanes: links that we keep with one station.
        lane: which of them this is, if we dialled it.
        watches: whether we watch other stations, see :mod:`meshdl.policy.watch`.
    """

    def __init__(
        self,
        identity: Identity,
        binding: LinkBinding,
        *,
        nonce: bytes,
        agent: str = "",
        exchange: bool = False,
        lanes: int = 1,
        lane: int = 0,
        watches: bool = False,
    ) -> None:
        if len(nonce) != NONCE_OCTETS:
            raise ValueError(f"a nonce has {NONCE_OCTETS} octets, not {len(nonce)}")
        self._identity = identity
        self._binding = binding
        self._nonce = nonce
        self._agent, self._exchange = agent, exchange
        self._lanes, self._lane, self._watches = lanes, lane, watches
        self._theirs: Hello | None = None
        self.state = HandshakeState.WAITING_FOR_HELLO

    @property
    def rank(self) -> bytes:
        """The same at both ends, and by chance: decides between two links."""
        theirs = self._theirs.nonce if self._theirs is not None else b""
        return b"".join(sorted((self._nonce, theirs)))

    @property
    def proof_given(self) -> bool:
        """Whether the other side can know by now who we are."""
        return self.state is not HandshakeState.WAITING_FOR_HELLO

    def hello(self) -> Hello:
        """Our first message."""
        return Hello(
            protocol=PROTOCOL_VERSION,
            callsign=self._identity.callsign,
            station_key=self._identity.key,
            instance=self._identity.instance,
            nonce=self._nonce,
            agent=self._agent,
            rotations=self._identity.rotations,
            exchange=self._exchange,
            lanes=self._lanes,
            lane=self._lane,
            watches=self._watches,
        )

    def receive_hello(self, theirs: Hello) -> HelloProof:
        """Take their hello, give our proof.

        Raises:
            RemoteProtocolError: out of turn, or no callsign.
            LinkRefused: another protocol version, or it is ourselves.
        """
        if self.state is not HandshakeState.WAITING_FOR_HELLO:
            raise RemoteProtocolError("a second hello on one link", penalty=100)
        if theirs.protocol != PROTOCOL_VERSION:
            raise LinkRefused(
                f"{theirs.callsign!r} speaks protocol {theirs.protocol}, we speak "
                f"{PROTOCOL_VERSION}: update the older station"
            )
        try:
            callsign(theirs.callsign)
        except ValueError as error:
            raise RemoteProtocolError(str(error), penalty=100) from error
        if theirs.station_key == self._identity.key:
            raise LinkRefused(_own_key(theirs, self._identity))
        self._theirs = theirs
        self.state = HandshakeState.WAITING_FOR_PROOF
        ours = _transcript(self.hello(), theirs, self._binding.local, self._binding.remote)
        return HelloProof(signature=self._identity.sign(ours))

    def receive_proof(self, proof: HelloProof) -> ProvedPeer:
        """Take their proof.

        Raises:
            RemoteProtocolError: out of turn, or the signature does not hold: forged, or
                somebody stands in the middle.
        """
        if self.state is not HandshakeState.WAITING_FOR_PROOF or self._theirs is None:
            raise RemoteProtocolError("a hello-proof out of turn", penalty=100)
        theirs = self._theirs
        signed = _transcript(theirs, self.hello(), self._binding.remote, self._binding.local)
        if not signed_by(theirs.station_key, proof.signature, signed):
            raise RemoteProtocolError(
                f"the proof of {theirs.callsign} does not hold: its signature or the link's "
                "fingerprints are forged",
                penalty=100,
            )
        self.state = HandshakeState.PROVED
        return ProvedPeer(
            callsign=callsign(theirs.callsign),
            key=station_key(theirs.station_key),
            instance=theirs.instance,
            agent=theirs.agent,
            lanes=theirs.lanes,
            lane=theirs.lane,
            rotations=theirs.rotations,
            exchange=theirs.exchange,
            watches=theirs.watches,
        )


def _transcript(signer: Hello, other: Hello, local: bytes, remote: bytes) -> bytes:
    parts = (
        signer.station_key,
        signer.nonce,
        signer.instance,
        signer.callsign.encode(),
        other.station_key,
        other.nonce,
        local,
        remote,
    )
    return _TRANSCRIPT_PREFIX + b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _own_key(theirs: Hello, identity: Identity) -> str:
    if theirs.instance == identity.instance:
        return "this is our own station"
    return (
        f"another station, {theirs.callsign!r}, uses this station's key: give one of the two a "
        "home directory and key of its own (meshdl init)"
    )
