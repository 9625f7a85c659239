"""The addresses of this machine at which others can reach it."""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import ifaddr

from meshdl.errors import ConfigError

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Reach:
    """How this machine can be reached at a moment; texts without scope.

    Attributes:
        addresses: to announce; IPv4 first, link-local last, in a stable order.
        senders: to speak multicast from, one of each family on an interface. The
            link-local one of IPv6: its packets tell the receiver the scope without which
            it cannot use the link-local addresses announced in them.
    """

    addresses: tuple[str, ...]
    senders: tuple[str, ...]


def look(chosen: tuple[str, ...] = (), *, loopback: bool = False) -> Reach:
    """See which addresses there are now.

    Args:
        chosen: addresses or interface names; empty for all.
        loopback: 127.0.0.1 and ::1 too.
    """
    addresses: set[_Address] = set()
    senders: set[_Address] = set()
    for adapter in ifaddr.get_adapters():
        usable = [
            address
            for address in map(_address_of, adapter.ips)
            if (not chosen or adapter.name in chosen or str(address) in chosen)
            and (loopback or not address.is_loopback)
            and _is_usable(address, adapter.index or 0)
        ]
        addresses.update(usable)
        for version in (4, 6):
            of_family = [one for one in usable if one.version == version]
            senders.update(sorted(of_family, key=_link_local_first)[:1])
    return Reach(_in_order(addresses), _in_order(senders))


def own_addresses(chosen: tuple[str, ...] = (), *, loopback: bool = False) -> tuple[str, ...]:
    """The addresses of :func:`look`; none when there is no network."""
    return look(chosen, loopback=loopback).addresses


def check_interfaces(chosen: tuple[str, ...]) -> None:
    """Refuse settings that name what cannot be an interface of this machine.

    Raises:
        ConfigError: an entry that is neither an address nor a known name.
    """
    names = {adapter.name for adapter in ifaddr.get_adapters()}
    for entry in chosen:
        try:
            ipaddress.ip_address(entry)
        except ValueError:
            if entry not in names:
                raise ConfigError(
                    "lan.interfaces",
                    f"there is no interface {entry!r} on this machine; "
                    f"it has {', '.join(sorted(map(str, names))) or 'none'}",
                ) from None


def _address_of(entry: ifaddr.IP) -> _Address:
    # ifaddr gives an IPv4 address as text, an IPv6 one as (text, flow, scope).
    text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
    return ipaddress.ip_address(text.partition("%")[0])


def _is_usable(address: _Address, scope: int) -> bool:
    """Whether a socket can have it: an IPv6 address is tentative for a second at first."""
    try:
        if isinstance(address, ipaddress.IPv4Address):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((str(address), 0))
        else:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind((str(address), 0, 0, scope if address.is_link_local else 0))
    except OSError:
        return False
    return True


def _link_local_first(address: _Address) -> tuple[bool, int]:
    # Of IPv4 a routable one is as good, and a better guess of what others can answer to.
    return (address.is_link_local == (address.version == 4), int(address))


def _in_order(addresses: Iterable[_Address]) -> tuple[str, ...]:
    ordered = sorted(addresses, key=lambda one: (one.version, one.is_link_local, int(one)))
    return tuple(str(address) for address in ordered)
