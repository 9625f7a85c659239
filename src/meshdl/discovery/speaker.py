"""What every user of the mDNS library needs: joining interfaces, and its errors as ours.

A speaker is made without interfaces, which join one by one afterwards: its constructor fails
altogether, with its sockets open, when an address has just gone.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import zeroconf
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncZeroconf

from meshdl.discovery.interfaces import Reach


async def join(speaker: AsyncZeroconf, reach: Reach) -> None:
    """Speak and listen on these interfaces and no others."""
    joining = asyncio.ensure_future(
        speaker.async_update_interfaces(list(reach.senders), families(reach))
    )
    try:
        await asyncio.shield(joining)
    except asyncio.CancelledError:
        # The library would no longer find the sockets that it was opening, to close them.
        await asyncio.gather(joining, return_exceptions=True)
        raise
    # The library logs an interface that fails and goes on with the others.
    if not speaker.zeroconf.engine.senders:
        raise OSError("no interface takes it")


def families(reach: Reach) -> IPVersion:
    """Which families of addresses sockets are to be made for."""
    # A system without IPv6 refuses a socket for both families.
    six = any(":" in address for address in reach.senders)
    return IPVersion.All if six else IPVersion.V4Only


@contextmanager
def as_os_error() -> Iterator[None]:
    """The library raises RuntimeError for an address that is gone, and errors of its own."""
    try:
        yield
    except (RuntimeError, zeroconf.Error) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
