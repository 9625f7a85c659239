"""Where the sockets of a signalling server come from, and what all of one origin may use together.

Theory of operation
===================

A limit of one socket is no limit for who opens hundreds. So what a socket says, and what others
are told because of it, counts for its *origin*, too: an address, or of public IPv6 addresses
the network of 64 bits, for that is what one household has. A message is taken while the
origin's account is not overdrawn; whatever it costs is then charged, and the next one waits.
"""

import ipaddress
import itertools
from collections import OrderedDict
from dataclasses import dataclass

from meshdl.policy.bucket import TokenBucket
from meshdl.signalling.deny_list import plain
from meshdl.signalling.directory import Shelf
from meshdl.signalling.server_events import ServerLimits

ORIGINS_MAX = 65_536
"""Remembered; of those without a socket the longest unused is forgotten first."""

HOUSEHOLD_BITS = 64
"""Of an IPv6 address: the network; in the rest everybody may take what he likes (RFC 4291)."""

HOUR_S = 3600.0


@dataclass(slots=True)
class Origin:
    """One of them.

    Attributes:
        connects: new sockets.
        messages: said by its sockets, and to others because of them.
        pins: callsigns that were new.
        shelf: of contents that its stations announce and look for.
        number: its own, for those who need not know the address.
        sockets: open at present.
    """

    connects: TokenBucket
    messages: TokenBucket
    pins: TokenBucket
    shelf: Shelf
    number: int
    sockets: int = 0


class Origins:
    """All of them.

    Args:
        limits: of the operator.
    """

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._numbers = itertools.count(1)
        self._known: OrderedDict[str, Origin] = OrderedDict()

    def of(self, address: str, *, now: float) -> Origin:
        """The origin of an address, as the one used last."""
        name = origin_of(address)
        found = self._known.pop(name, None) or self._new(now)
        self._known[name] = found
        while len(self._known) > ORIGINS_MAX:
            oldest, unused = self._known.popitem(last=False)
            if unused.sockets:  # the limits of who is here are not forgotten
                self._known[oldest] = unused
        return found

    def _new(self, now: float) -> Origin:
        limits = self._limits
        return Origin(
            TokenBucket(
                limits.connects_per_address_per_s, burst_octets=limits.connects_burst, now=now
            ),
            TokenBucket(
                limits.messages_per_address_per_s,
                burst_octets=limits.messages_per_address_burst,
                now=now,
            ),
            TokenBucket(
                limits.pins_per_address_per_hour / HOUR_S,
                burst_octets=limits.pins_per_address_burst,
                now=now,
            ),
            Shelf(limits.contents_per_address),
            next(self._numbers),
        )


def origin_of(address: str) -> str:
    """What limits count for. In networks of one's own it is each address, in IPv6, too."""
    try:
        parsed = plain(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or not parsed.is_global:
        return str(parsed)
    bits = parsed.max_prefixlen - HOUSEHOLD_BITS
    return str(ipaddress.IPv6Network((int(parsed) >> bits << bits, HOUSEHOLD_BITS)))
