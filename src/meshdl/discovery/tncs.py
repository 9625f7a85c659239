"""TNCs of the local network, as they announce themselves: ``_kiss-tnc._tcp`` (DNS-SD).

Dire Wolf does so from version 1.7 on, and other software TNCs with it. A TNC is found once,
by whoever sets up a radio; the settings then name its host and port.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import zeroconf
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from meshdl.discovery.interfaces import look
from meshdl.discovery.speaker import as_os_error, families, join

SERVICE_TYPE = "_kiss-tnc._tcp.local."

LISTEN_S = 2.0
"""Answers come within a second (RFC 6762, 6); asked twice in that time."""

RESOLVE_WITHIN_MS = 1500
TNCS_MAX = 64
"""Nobody chooses from more; who floods the network is cut off here."""


@dataclass(frozen=True, slots=True, order=True)
class TncFound:
    """A TNC that says it is there.

    Attributes:
        name: as announced; fit for a terminal.
        address: IPv4 if it has one, of the machine it runs on.
        port: where it speaks KISS over TCP.
    """

    name: str
    address: str
    port: int


async def find_tncs(
    *, listen_s: float = LISTEN_S, interfaces: Sequence[str] = ()
) -> tuple[TncFound, ...]:
    """Ask the local network, and return who answered, by name.

    Args:
        listen_s: how long to wait for answers.
        interfaces: addresses or names to ask on; empty for all, the loopback too.

    Raises:
        OSError: there is no network to ask.
    """
    names: dict[str, None] = {}

    def changed(name: str, state_change: ServiceStateChange, **_other: object) -> None:
        if state_change is ServiceStateChange.Removed:
            names.pop(name, None)
        elif len(names) < TNCS_MAX:
            names[name] = None

    reach = look(tuple(interfaces), loopback=True)
    if not reach.senders:
        raise OSError("no network interface to ask for TNCs on; check the cable or the Wi-Fi")
    with as_os_error():
        speaker = AsyncZeroconf(interfaces=[], ip_version=families(reach))
        try:
            await join(speaker, reach)
            browser = AsyncServiceBrowser(speaker.zeroconf, SERVICE_TYPE, handlers=[changed])
            await asyncio.sleep(listen_s)
            await browser.async_cancel()
            found = await asyncio.gather(*(_resolve(speaker.zeroconf, name) for name in names))
        finally:
            await speaker.async_close()
    return tuple(sorted(tnc for tnc in found if tnc is not None))


async def _resolve(speaker: Zeroconf, name: str) -> TncFound | None:
    try:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if not await info.async_request(speaker, RESOLVE_WITHIN_MS):
            return None
    except zeroconf.Error:  # a name that is none
        return None
    addresses = info.parsed_scoped_addresses(zeroconf.IPVersion.All)
    addresses.sort(key=lambda address: ":" in address)
    if not addresses or not info.port:
        return None
    shown = "".join(one if one.isprintable() else "?" for one in info.get_name())
    return TncFound(shown, addresses[0], info.port)
