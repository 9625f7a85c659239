"""Which STUN and TURN servers answer, and what they see: by the engine that makes the links.

A connection that is never made gathers candidates from one server, or from several at
once by the same socket. So what is found is what links will find: the same library, the
same retransmissions, the same credentials.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import webrtc

from meshdl.policy.nat import Seen
from meshdl.transports.sdp import shown_address
from meshdl.wire.signalling import IceServer

PROBE_WITHIN_S = 3.0
"""The engine asks at 0, 0.25, 0.75 and 1.75 s: four chances, and a second for the last answer."""


_INCOMPATIBLE = "incompatible"
"""In what the engine says of a socket of IPv6 and a server of IPv4, or the other way round: the
socket of the right kind asks."""


@dataclass(slots=True)
class Probe:
    """What came of asking some servers.

    Attributes:
        answered: everybody was done before time was up; nobody was silent.
        took_s: until the first candidate from a server, or else in all.
        sockets: of ours that could ask.
        seen: addresses of our sockets, and what STUN servers saw of them.
        relayed: an address of a TURN server that would relay for us; empty without.
        refusals: what servers said against it.
    """

    answered: bool = False
    took_s: float = 0.0
    sockets: int = 0
    seen: set[Seen] = field(default_factory=set)
    relayed: str = ""
    refusals: list[str] = field(default_factory=list)

    @property
    def heard(self) -> bool:
        """Whether a STUN server answered: with another address, or with the socket's own."""
        return bool(self.seen) or (self.answered and not self.refusals and self.sockets > 0)


async def probe(servers: Sequence[IceServer], *, relay: bool) -> Probe:
    """Gather candidates from these servers, for :data:`PROBE_WITHIN_S` at most.

    Args:
        servers: with their credentials.
        relay: whether a relay is asked for, and nothing else; TURN servers only.
    """
    found = Probe()
    try:
        connection = _connection(servers, relay=relay)
    except (webrtc.RTCException, ValueError, TypeError) as error:
        found.refusals.append(str(error))
        found.answered = True
        return found
    try:
        await _gather(connection, found)
    finally:
        connection.close()
    return found


def _connection(servers: Sequence[IceServer], *, relay: bool) -> webrtc.RTCPeerConnection:
    policy = webrtc.RTCIceTransportPolicy.relay if relay else webrtc.RTCIceTransportPolicy.all
    return webrtc.RTCPeerConnection(
        webrtc.RTCConfiguration(
            ice_servers=[
                webrtc.RTCIceServer(list(one.urls), one.username or None, one.credential or None)
                for one in servers
            ],
            ice_transport_policy=policy,
        )
    )


async def _gather(connection: webrtc.RTCPeerConnection, found: Probe) -> None:
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    done = asyncio.Event()

    def candidate_found(event: webrtc.RTCPeerConnectionIceEvent) -> None:
        if event.candidate is None:
            done.set()
        elif event.candidate.candidate and _note(event.candidate, found):
            found.took_s = found.took_s or loop.time() - began_at

    def refused(event: webrtc.RTCPeerConnectionIceErrorEvent) -> None:
        if _INCOMPATIBLE not in (event.error_text or ""):
            found.refusals.append(f"{event.error_text or 'no reason given'} ({event.error_code})")

    connection.on("icecandidate", candidate_found)
    connection.on("icecandidateerror", refused)
    connection.create_data_channel("probe")
    await connection.set_local_description(await connection.create_offer())
    try:
        async with asyncio.timeout(PROBE_WITHIN_S):
            await done.wait()
    except TimeoutError:
        found.answered = False
    else:
        found.answered = True
    found.took_s = found.took_s or loop.time() - began_at


def _note(candidate: webrtc.RTCIceCandidate, found: Probe) -> bool:
    """Whether it came from a server."""
    address = shown_address(candidate.address or "", str(candidate.port))
    kind = str(candidate.type)
    if kind == "srflx":
        own = shown_address(candidate.related_address or "", str(candidate.related_port))
        found.seen.add(Seen(own, address))
    elif kind == "host" and str(candidate.protocol) == "udp":
        found.sockets += 1
    elif kind == "relay":
        found.relayed = found.relayed or address
    return kind in {"srflx", "relay"}
