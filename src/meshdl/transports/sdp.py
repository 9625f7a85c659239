"""What we read out of session descriptions (RFC 8866): they come from strangers."""

import ipaddress
import re

from meshdl.errors import LinkRefused
from meshdl.links import Path
from meshdl.wire.control import CONTROL_MESSAGE_MAX

SDP_OCTETS_MAX = 32 * 1024
"""A data-channel description with forty candidates has about 5 kB."""

MESSAGE_OCTETS_WITHOUT_ATTRIBUTE = 65_536
"""RFC 8841, 6.1: what holds when ``a=max-message-size`` is missing."""

_FINGERPRINT = re.compile(r"^a=fingerprint:(\S+) +(\S+)\s*$", re.MULTILINE | re.IGNORECASE)
_MESSAGE_SIZE = re.compile(r"^a=max-message-size:([0-9]{1,10})\s*$", re.MULTILINE)
_CANDIDATE = re.compile(
    # RFC 8839, 5.1: foundation, component, transport, priority, address, port, type.
    r"^a=candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ (\S+)",
    re.MULTILINE | re.IGNORECASE,
)
_LOCAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        # RFC 1918, RFC 3927, loopback; RFC 4193, RFC 4291. Not 100.64.0.0/10 (RFC 6598):
        # whoever else is there is another customer of the same provider.
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
_ASKED = re.compile(r"(?:a=)?candidate:\S+ \d+ udp \d+ (\S+) \d+ typ \S+", re.IGNORECASE | re.ASCII)
_HIDDEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local", re.IGNORECASE)
"""How a browser hides its address (draft-ietf-mmusic-mdns-ice-candidates): asked by mDNS."""

_EVERYBODY = ipaddress.ip_address("255.255.255.255")
_MEDIA = re.compile(r"^m=(.*?)\s*$", re.MULTILINE)
_DATA_CHANNELS = re.compile(r"application \d+ (?:UDP|TCP)/DTLS/SCTP webrtc-datachannel")  # RFC 8841
_SHA_256 = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){31}")


def admitted(sdp: str) -> tuple[bytes, str]:
    """Look through a description before the engine does.

    Returns:
        The fingerprint that it promises, and what of it the engine may see.

    Raises:
        LinkRefused: it is not one that a station, or a page, would make.
    """
    theirs = fingerprint(sdp)
    check_media(sdp)
    check_message_octets(sdp)
    lines = sdp.split("\n")
    kept = [one for one in lines if not one.startswith("a=candidate") or is_candidate(one)]
    return theirs, "\n".join(kept)


def is_candidate(text: str) -> bool:
    """Whether the other end may be looked for there: by UDP, at the address of one machine.

    The engine does what a stranger writes: it asks a DNS server for a name, which tells his own
    server where we are, and says its first words to any TCP port, also one that only programs
    of this machine should reach. Stations and pages have no use for either.
    """
    found = _ASKED.match(text)
    if found is None:
        return False
    try:
        address = ipaddress.ip_address(found[1])
    except ValueError:
        return _HIDDEN.fullmatch(found[1]) is not None
    return not (address.is_multicast or address.is_unspecified or address == _EVERYBODY)


def fingerprint(sdp: str) -> bytes:
    """The SHA-256 of the DTLS certificate that a description promises (RFC 8122).

    Returns:
        32 octets.

    Raises:
        LinkRefused: there is none, or several that differ, or the text is too long.
    """
    if len(sdp) > SDP_OCTETS_MAX:
        raise LinkRefused(f"a session description of {len(sdp)} characters is refused: too long")
    found = {
        value.upper() for name, value in _FINGERPRINT.findall(sdp) if name.lower() == "sha-256"
    }
    if len(found) != 1:
        raise LinkRefused(
            f"a session description with {len(found)} SHA-256 fingerprints is refused; "
            "one certificate, with its sha-256 fingerprint, is expected"
        )
    value = found.pop()
    if not _SHA_256.fullmatch(value):
        raise LinkRefused("a session description with a malformed fingerprint is refused")
    return bytes.fromhex(value.replace(":", ""))


def check_media(sdp: str) -> None:
    """Refuse a description of anything but data channels: sound and pictures cost us work.

    Raises:
        LinkRefused: it has other media sections, or none.
    """
    found = _MEDIA.findall(sdp)
    if len(found) != 1 or not _DATA_CHANNELS.fullmatch(found[0]):
        raise LinkRefused(
            f"a session description with {len(found)} media sections is refused; "
            "one, of data channels, is expected"
        )


def message_octets_max(sdp: str) -> int:
    """The longest message that the other end takes."""
    found = [int(octets) for octets in _MESSAGE_SIZE.findall(sdp)]
    if not found:
        return MESSAGE_OCTETS_WITHOUT_ATTRIBUTE
    # RFC 8841: 0 means no limit.
    limited = [octets for octets in found if octets > 0]
    return min(limited) if limited else 2**31 - 1


def check_message_octets(sdp: str) -> None:
    """Refuse who takes no message as long as those of the protocol may be.

    Raises:
        LinkRefused: a message of ours would not fit.
    """
    octets = message_octets_max(sdp)
    if octets < CONTROL_MESSAGE_MAX:
        raise LinkRefused(
            f"a session description that takes messages of {octets} octets is refused; "
            f"a=max-message-size of {CONTROL_MESSAGE_MAX} or more is needed"
        )


def where_described(sdp: str) -> tuple[Path, str]:
    """Where the other end probably is, by the candidates in its description."""
    found = _CANDIDATE.findall(sdp)
    for address, port, kind in found:
        if kind == "host" and is_local(address):
            return Path.LAN, shown_address(address, port)
    if not found:
        return Path.DIRECT, ""
    return Path.DIRECT, shown_address(found[0][0], found[0][1])


def has_candidate(sdp: str) -> bool:
    """Whether the description names any way to reach the other end."""
    return _CANDIDATE.search(sdp) is not None


def is_local(address: str) -> bool:
    """Whether an address is of a local network, as far as an address can tell."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address.endswith(".local")  # a browser hides its address behind such a name
    return any(found in network for network in _LOCAL)


def shown_address(address: str, port: str) -> str:
    """For people; empty when the address was not told, as of a relay's other end."""
    if not address:
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
