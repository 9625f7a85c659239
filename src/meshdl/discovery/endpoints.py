"""Which of the addresses that a station announces are tried, and in which order.

They come from strangers: what cannot be a station's address on this network is left out,
so that nobody can point us at a program of this machine, or at ourselves.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from meshdl.discovery.events import Endpoint

ENDPOINTS_MAX = 8
"""Tried for one station: a machine with more useful addresses is a router."""


def dial_order(
    hosts: Sequence[str], port: int, *, own_hosts: Iterable[str], own_port: int, loopback: bool
) -> tuple[Endpoint, ...]:
    """The endpoints to try, in this order.

    Routable addresses come first, then link-local ones, then loopback; in each of these
    groups the families take turns, IPv6 first (RFC 8305, section 4), and the order is kept.

    Args:
        hosts: as announced; a link-local IPv6 address has its scope or is useless.
        port: as announced.
        own_hosts: addresses of this machine, without scope.
        own_port: where this station itself takes offers.
        loopback: whether stations are looked for on this machine's loopback.
    """
    ours = {ipaddress.ip_address(host) for host in own_hosts} if port == own_port else set()
    groups: tuple[list[str], ...] = ([], [], [])
    for host in dict.fromkeys(hosts):
        text, _, scope = host.partition("%")
        address = ipaddress.ip_address(text)
        if address in ours or address.is_multicast or address.is_unspecified:
            continue
        if address.version == 6 and address.ipv4_mapped is not None:
            continue  # no host has it, yet ::ffff:127.0.0.1 reaches this machine's programs
        if address.is_loopback:
            if loopback and port != own_port:
                groups[2].append(host)
        elif not address.is_link_local:
            groups[0].append(host)
        elif scope or address.version == 4:
            groups[1].append(host)
    turns = chain.from_iterable(map(_families_in_turn, groups))
    return tuple(Endpoint(host, port) for host in turns)[:ENDPOINTS_MAX]


def _families_in_turn(hosts: list[str]) -> list[str]:
    of_six = [host for host in hosts if ":" in host]
    of_four = [host for host in hosts if ":" not in host]
    pairs = zip_longest(of_six, of_four)
    return [host for host in chain.from_iterable(pairs) if host is not None]
