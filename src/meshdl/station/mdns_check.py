"""Is multicast DNS heard on this machine? One voice announces, another ear listens.

Both have sockets of their own, so the announcement goes through the system's
multicast as it would between two stations. It has a service type of its own: no
station takes it for a station.
"""

import asyncio
import ipaddress
import secrets
import socket

import ifaddr
from zeroconf import IPVersion, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

HEARD_WITHIN_S = 5.0
"""Probing takes up to 1 s (RFC 6762 8.1), a quiet machine 1.9 s in all; a busy one more."""

_TYPE = "_meshdl-check._udp.local."
_PORT = 9  # discard: nobody connects to it
_BROWSE_EVERY_MS = 200


class MulticastSilent(Exception):
    """Nothing was heard; the text says what to look at."""


def own_addresses() -> tuple[str, ...]:
    """Addresses of this machine that others can reach: neither loopback nor link-local v6."""
    # ifaddr gives an IPv4 address as text, an IPv6 one as (text, flow, scope).
    texts = [
        entry.ip if isinstance(entry.ip, str) else entry.ip[0]
        for adapter in ifaddr.get_adapters()
        for entry in adapter.ips
    ]
    return tuple(text for text in texts if _reachable(ipaddress.ip_address(text)))


def _reachable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    link_local_v6 = address.version == 6 and address.is_link_local
    return not (address.is_loopback or link_local_v6)


async def hear_ourselves(addresses: tuple[str, ...]) -> float:
    """Announce on ``addresses`` and wait to hear it.

    Returns:
        How long it took, in seconds, probing included.

    Raises:
        MulticastSilent: nothing was heard in time, or multicast is not to be had.
    """
    started_at = asyncio.get_running_loop().time()
    try:
        _claim(addresses)
        async with asyncio.timeout(HEARD_WITHIN_S):
            await _announce_and_listen(addresses)
    except TimeoutError:
        raise MulticastSilent(
            f"our own announcement was not heard within {HEARD_WITHIN_S:g} s; let UDP port 5353 "
            "and multicast (224.0.0.251, ff02::fb) through the firewall"
        ) from None
    except OSError as error:
        raise MulticastSilent(
            f"multicast is not to be had on {', '.join(addresses)} ({error.strerror or error}); "
            "look at the network interfaces"
        ) from error
    return asyncio.get_running_loop().time() - started_at


def _claim(addresses: tuple[str, ...]) -> None:
    # The library leaks its sockets when an address turns out not to be ours: ask first.
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))


async def _announce_and_listen(addresses: tuple[str, ...]) -> None:
    wanted = f"check-{secrets.token_hex(4)}.{_TYPE}"
    heard = asyncio.Event()

    def changed(
        zeroconf: Zeroconf,  # noqa: ARG001 - the library's signature, by keyword
        service_type: str,  # noqa: ARG001
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if name == wanted and state_change is not ServiceStateChange.Removed:
            heard.set()

    v4 = [address for address in addresses if ":" not in address]
    version = IPVersion.V4Only if v4 else IPVersion.V6Only
    interfaces = v4 or list(addresses)
    async with (
        AsyncZeroconf(interfaces=interfaces, ip_version=version) as ear,
        AsyncZeroconf(interfaces=interfaces, ip_version=version) as voice,
        AsyncServiceBrowser(ear.zeroconf, _TYPE, handlers=[changed], delay=_BROWSE_EVERY_MS),
    ):
        info = ServiceInfo(_TYPE, wanted, port=_PORT, parsed_addresses=interfaces)
        announced = await voice.async_register_service(info)
        await heard.wait()
        await announced
