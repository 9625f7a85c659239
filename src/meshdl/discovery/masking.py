"""Addresses in text that is kept or shown around: without the half that tells the host.

Whoever sends a log to somebody else should not send with it where other people live.
"""

import ipaddress
import re

_CANDIDATE = re.compile(
    # Dotted quads, and at least two colons between hexadecimal groups. What of it is an address,
    # the parser decides: versions, times and fingerprints are none.
    r"(?<![\w.:])(?:"
    r"\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)"
    r"|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![.:]?\w)(?:%[\w.-]+)?"
    r")"
)


def masked(text: str) -> str:
    """The text with ``192.168.*`` for an IPv4 address and ``fd73:0:*`` for one of IPv6.

    Loopback and unspecified addresses tell nothing and stay.
    """
    return _CANDIDATE.sub(lambda found: _masked(found.group()), text)


def _masked(candidate: str) -> str:
    try:
        address = ipaddress.ip_address(candidate.partition("%")[0])
    except ValueError:
        return candidate
    if address.is_loopback or address.is_unspecified:
        return candidate
    if isinstance(address, ipaddress.IPv4Address):
        return ".".join(str(address).split(".")[:2]) + ".*"
    groups = [group.lstrip("0") or "0" for group in address.exploded.split(":")]
    return ":".join(groups[:2]) + ":*"
