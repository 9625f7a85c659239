"""What ``meshdl doctor`` says of the Internet: servers, STUN, TURN, the NAT, slow paths.

The running station knows its signalling servers and what they hand out; this process
asks each STUN and TURN server itself, by the engine that makes the links. So a station
must run for these checks, and nothing of it is disturbed.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshdl.control.client import ControlClient
from meshdl.control.internet_status import InternetStatus, ServerStatus
from meshdl.control.station_status import LinkState, PeerStatus
from meshdl.errors import MeshdlError
from meshdl.links import Path
from meshdl.policy.bottleneck import Bottleneck
from meshdl.policy.nat import Nat, Seen, nat_kind
from meshdl.policy.window import MAX_OCTETS
from meshdl.station.config import StationConfig
from meshdl.station.finding import Finding, Verdict
from meshdl.station.home import Home
from meshdl.wire.signalling import IceServer

if TYPE_CHECKING:
    from meshdl.transports.ice_probe import Probe

ADDRESSES_MAX = 16
"""STUN and TURN servers that are asked: a signalling server may name any."""

PEERS_MAX = 16
"""Peers with a line of their own."""

_ICE_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[^:?\s]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)

UNREACHED = "(701)"
"""Of what the engine says of a server that it could not ask, as when its name is looked up in vain
(W3C "WebRTC", 4.8.2)."""

_NO_UDP = (
    "not known: no STUN server is named that could be asked over UDP. Where UDP is blocked, links "
    "need TURN over TCP"
)

_NAT_TEXT: Mapping[Nat, tuple[Verdict, str]] = {
    Nat.NONE: (
        Verdict.OK,
        "none: others see the addresses of this machine; only a firewall can keep them out",
    ),
    Nat.ENDPOINT_INDEPENDENT: (
        Verdict.OK,
        "endpoint-independent mapping: holes can be punched, few links need a relay",
    ),
    Nat.SYMMETRIC: (
        Verdict.WARN,
        "symmetric (each other end sees another port): two stations behind such need a TURN server",
    ),
}

_LIMIT_TEXT: Mapping[Bottleneck, tuple[Verdict, str]] = {
    Bottleneck.IDLE: (Verdict.OK, "nothing is asked of it"),
    Bottleneck.DISK: (
        Verdict.WARN,
        "this machine's disk takes it slower than it comes; look at what else uses the disk",
    ),
    Bottleneck.LIMIT: (Verdict.OK, "held at your own limits.download_octets_per_s"),
    Bottleneck.SENDER: (Verdict.WARN, "the other station is busy or silent; it is asked again"),
    Bottleneck.LOSS: (
        Verdict.WARN,
        "messages are lost on the way: come closer to the access point, or see who fills the line",
    ),
    Bottleneck.WINDOW: (Verdict.OK, "the window is as large as it may be"),
    Bottleneck.PATH: (
        Verdict.OK,
        "the path, or a limit of the other station, carries no more: which, cannot be told here",
    ),
}


@dataclass(frozen=True, slots=True)
class IceAddress:
    """One STUN or TURN server by one URL.

    Attributes:
        server: with this URL alone.
        udp: whether it is asked over UDP.
        stun_url: the same host and port as a STUN server.
    """

    url: str
    server: IceServer
    relay: bool
    udp: bool
    stun_url: str


async def examine_internet(home: Home, settings: StationConfig | None) -> AsyncIterator[Finding]:
    """Look at the Internet side of a station, and at the paths of its links."""
    far = settings is not None and bool(settings.internet.servers)
    if not far:
        text = "no signalling server in internet.servers: stations of the local network only"
        yield Finding(Verdict.OK, "internet", text)
    try:
        async with ControlClient(home.directory) as station:
            status = await station.status()
            handed_out = await station.ice_servers()
            peers = await station.peers()
    except MeshdlError:
        if far:
            text = "signalling servers are looked at while the station runs: meshdl up"
            yield Finding(Verdict.WARN, "internet", text)
        return
    if far:
        for finding in judge_servers(status.internet):
            yield finding
        online = any(one.state == "online" for one in status.internet.servers)
        async for finding in _examine_ice(ice_addresses(handed_out), online=online):
            yield finding
        yield judge_relays(peers)
    for finding in judge_paths(peers):
        yield finding


def judge_servers(internet: InternetStatus) -> list[Finding]:
    """How the station stands with its signalling servers."""
    if not internet.enabled:
        text = "the running station was started without internet.servers; start it again"
        return [Finding(Verdict.WARN, "internet", text)]
    return [_judge_server(server) for server in internet.servers]


def _judge_server(server: ServerStatus) -> Finding:
    if server.state != "online":
        problem = server.problem or "no answer yet"
        text = f"{server.url} is {server.state}: {problem}; it is tried again"
        text += ". If that lasts, look at its name in internet.servers, or ask its operator"
        return Finding(Verdict.WARN, "internet", text)
    out = [room.name for room in server.rooms if not room.joined]
    if out:
        text = f"{server.url} does not let the station into {', '.join(out)}; see: meshdl room ls"
        return Finding(Verdict.WARN, "internet", text)
    rooms = ", ".join(room.name for room in server.rooms)
    if not rooms:
        text = f"{server.url} knows the station, but it is in no room, where it would meet others"
        return Finding(Verdict.WARN, "internet", f"{text}: name one in internet.rooms")
    return Finding(Verdict.OK, "internet", f"{server.url} knows the station, in {rooms}")


def ice_addresses(servers: Sequence[IceServer]) -> list[IceAddress]:
    """Every URL once, by itself; what is no URL of STUN or TURN is left out."""
    found: dict[str, IceAddress] = {}
    for server in servers:
        for url in server.urls:
            parts = _ICE_URL.fullmatch(url)
            if parts is None or url in found or len(found) >= ADDRESSES_MAX:
                continue
            secure = parts["scheme"].endswith("s")
            port = parts["port"] or ("5349" if secure else "3478")
            relay = parts["scheme"].startswith("turn")
            udp = not secure and parts["transport"] != "tcp"
            one = IceServer((url,), server.username, server.credential)
            stun_url = f"stun:{parts['host']}:{port}"
            found[url] = IceAddress(url, one, relay, udp, stun_url)
    return list(found.values())


async def _examine_ice(addresses: Sequence[IceAddress], *, online: bool) -> AsyncIterator[Finding]:
    if not addresses:
        yield judge_no_addresses(online=online)
        return
    try:
        from meshdl.transports.ice_probe import probe
    except ImportError:
        return  # told already, of WebRTC
    stuns = {one.stun_url: IceServer((one.stun_url,)) for one in addresses if one.udp}
    relays = [one for one in addresses if one.relay]
    asked = await asyncio.gather(
        *(probe([server], relay=False) for server in stuns.values()),
        *(probe([one.server], relay=True) for one in relays),
    )
    by_stun: dict[str, Probe] = dict(zip(stuns, asked, strict=False))
    for url, found in by_stun.items():
        yield judge_stun(url, found)
    for relay, found in zip(relays, asked[len(stuns) :], strict=True):
        yield judge_turn(relay.url, found)
    heard = [url for url, found in by_stun.items() if found.heard]
    if len(heard) > 1:
        # The same sockets, or their mappings could not be compared.
        together = await probe([stuns[url] for url in heard], relay=False)
        if together.answered:
            yield judge_nat(together.seen, heard=heard, asked=len(stuns))
            return
    seen = {one for url in heard[:1] for one in by_stun[url].seen}
    yield judge_nat(seen, heard=heard[:1], asked=len(stuns))


def judge_no_addresses(*, online: bool) -> Finding:
    """Nobody hands out STUN or TURN servers.

    Args:
        online: whether a signalling server is there that could.
    """
    text = (
        "no server hands out STUN or TURN servers: links through NATs will hardly come about; ask "
        "the operator of a signalling server for them"
        if online
        else "not known: they are handed out by signalling servers, and none is there"
    )
    return Finding(Verdict.WARN, "stun", text)


def judge_stun(url: str, found: "Probe") -> Finding:
    """What came of asking a STUN server."""
    if not found.heard:
        return Finding(Verdict.WARN, "stun", f"{url}: {_why_silent(found, 'UDP')}")
    mapped = ", ".join(sorted({one.mapped for one in found.seen})) or "its own address"
    text = f"{url} sees this machine as {mapped}, after {found.took_s * 1000:.0f} ms"
    return Finding(Verdict.OK, "stun", text)


def judge_turn(url: str, found: "Probe") -> Finding:
    """What came of asking a TURN server to relay."""
    if not found.relayed:
        return Finding(Verdict.WARN, "turn", f"{url}: {_why_silent(found, 'it')}")
    text = f"{url} would relay at {found.relayed}, after {found.took_s * 1000:.0f} ms"
    return Finding(Verdict.OK, "turn", text)


def _why_silent(found: "Probe", what: str) -> str:
    tell = "tell the operator of the signalling server"
    if not found.refusals:
        text = f"no answer: {what} is blocked on the way, or the server is down"
        return f"{text}; look at the firewall, or {tell}"
    first = found.refusals[0]
    if first.endswith(UNREACHED):
        return f"not reached: {first}; look at this machine's network and DNS, or {tell}"
    return f"refused: {first}; {tell}"


def judge_nat(seen: set[Seen], *, heard: Sequence[str], asked: int) -> Finding:
    """What kind of NAT this machine is behind, as far as the answers tell.

    Args:
        seen: by all of the servers that answered, asked by the same sockets.
        heard: those servers.
        asked: servers, those that were silent included.
    """
    if not asked:
        return Finding(Verdict.WARN, "nat", _NO_UDP)
    kind = nat_kind(seen, answered=len(heard))
    if kind is not Nat.UNKNOWN:
        verdict, text = _NAT_TEXT[kind]
        hosts = {url.rpartition(":")[0] for url in heard}
        if kind is Nat.ENDPOINT_INDEPENDENT and len(hosts) == 1:
            text += " (as far as two ports of one server can tell)"
        return Finding(verdict, "nat", text)
    if not heard:
        text = "not known: no STUN server answers. Where UDP is blocked, links need TURN over TCP"
        return Finding(Verdict.WARN, "nat", text)
    text = (
        f"there is one ({heard[0]} sees another address); of which kind cannot be told with one "
        "STUN server: a second one, or a second port, would tell"
    )
    return Finding(Verdict.OK, "nat", text)


def judge_relays(peers: Sequence[PeerStatus]) -> Finding:
    """Whose links run through a TURN server."""
    relayed = [one.callsign for one in peers if one.path is Path.RELAYED]
    through = f"in use for {', '.join(relayed)}" if relayed else "none in use"
    return Finding(Verdict.OK, "relay", through)


def judge_paths(peers: Sequence[PeerStatus]) -> list[Finding]:
    """Where links run, and why they are not faster."""
    linked = [peer for peer in peers if peer.link_state is LinkState.UP]
    found = [_judge_path(peer) for peer in linked[:PEERS_MAX]]
    if len(linked) > PEERS_MAX:
        text = f"{len(linked) - PEERS_MAX} more; see: meshdl peers"
        found.append(Finding(Verdict.OK, "path", text))
    return found


def _judge_path(peer: PeerStatus) -> Finding:
    verdict, reason = _LIMIT_TEXT[peer.limited_by or Bottleneck.IDLE]
    facts = [peer.path.value if peer.path is not None else "no path"]
    if peer.rtt_ms is not None:
        facts.append(f"{peer.rtt_ms:.0f} ms")
    if peer.window_octets is not None:
        facts.append(
            f"window {peer.window_octets // 1024} KiB (at most {MAX_OCTETS // 1024} a link)"
        )
    if peer.path is Path.RELAYED:
        facts[0] = f"relayed {peer.address}".rstrip()
        verdict = max(verdict, Verdict.WARN, key=list(Verdict).index)
        reason = f"a relay carries it, which is slower than a direct link; {reason}"
    return Finding(verdict, "path", f"{peer.callsign}: {', '.join(facts)}; {reason}")
