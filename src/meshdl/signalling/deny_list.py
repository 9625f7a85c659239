"""Whom the operator of a signalling server does not want.

Made once when the operator's file is read, which takes a while for a long one; then it is asked
for every socket and every proof, and answers at one cost however long it is.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from meshdl.ids import Callsign, StationId


@dataclass(slots=True)
class DenyList:
    """Callsigns, station ids, addresses and networks that are not wanted.

    Attributes:
        words: callsigns and station ids, in upper case.
        networks: their first bits, by version and by how many bits behind them are free. So a
            list of a hundred thousand costs who connects no more than one of a hundred.
    """

    words: frozenset[str] = frozenset()
    networks: dict[tuple[int, int], set[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[str]) -> "DenyList":
        """Sort the entries; a callsign stands for all its SSIDs."""
        words, networks = set(), dict[tuple[int, int], set[int]]()
        for entry in entries:
            try:
                network = ipaddress.ip_network(entry, strict=False)
            except ValueError:
                words.add(entry.upper())
                continue
            free = network.max_prefixlen - network.prefixlen
            first = int(network.network_address) >> free
            networks.setdefault((network.version, free), set()).add(first)
        return cls(frozenset(words), networks)

    def has_address(self, text: str) -> bool:
        """Whether nobody from there is wanted."""
        try:
            address = plain(text)
        except ValueError:
            return False
        return any(
            version == address.version and int(address) >> free in first
            for (version, free), first in self.networks.items()
        )

    def has_station(self, call: Callsign, station: StationId) -> bool:
        """Whether this station is not wanted."""
        named = {call, call.partition("-")[0], station.upper()}
        return not self.words.isdisjoint(named)


def plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; one of IPv4 as such, also where it is written as one of IPv6.

    Raises:
        ValueError: it is none.
    """
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
