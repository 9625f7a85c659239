"""The addresses of this machine at which others can reach it."""

import ipaddress

import ifaddr

from meshdl.errors import ConfigError


def own_addresses(chosen: tuple[str, ...] = (), *, loopback: bool = False) -> tuple[str, ...]:
    """Addresses to announce, IPv4 first.

    Args:
        chosen: addresses or interface names; empty for all.
        loopback: 127.0.0.1 and ::1 too.

    Returns:
        Texts without scope, in a stable order; none when there is no network.
    """
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            # ifaddr gives an IPv4 address as text, an IPv6 one as (text, flow, scope).
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ipaddress.ip_address(text)
            wanted = not chosen or adapter.name in chosen or text in chosen
            if wanted and (loopback or not address.is_loopback):
                found.append(address)
    ordered = sorted(set(found), key=lambda one: (one.version, one.is_link_local, int(one)))
    return tuple(str(address) for address in ordered)


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
