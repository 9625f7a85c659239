"""TNCs that announce themselves by DNS-SD are found, and nothing else is."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support import loops
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from meshdl.discovery.tncs import SERVICE_TYPE, TncFound, find_tncs

pytestmark = pytest.mark.real

LOOPBACK = ["127.0.0.1"]


@asynccontextmanager
async def announced(*names: str, service: str = SERVICE_TYPE) -> AsyncIterator[None]:
    speaker = AsyncZeroconf(interfaces=LOOPBACK)
    try:
        for port, name in enumerate(names, start=8001):
            info = ServiceInfo(
                service,
                f"{name}.{service}",
                addresses=[socket.inet_aton("192.0.2.7")],
                port=port,
                server=f"tnc-{port}.local.",
            )
            await (await speaker.async_register_service(info))
        yield
    finally:
        await speaker.async_close()


def test_tncs_are_found_with_their_ports() -> None:
    async def scene() -> tuple[TncFound, ...]:
        async with (
            announced("Dire Wolf on meshdl-test", "meshdl-test \u202eTNC"),
            announced("meshdl-test printer", service="_ipp._tcp.local."),
        ):
            return await find_tncs(interfaces=LOOPBACK)

    found = loops.run(scene())
    # Others on this machine may have TNCs too.
    assert [one for one in found if "meshdl-test" in one.name] == [
        TncFound("Dire Wolf on meshdl-test", "192.0.2.7", 8001),
        TncFound("meshdl-test ?TNC", "192.0.2.7", 8002),
    ]


def test_a_network_that_is_not_there_is_said() -> None:
    with pytest.raises(OSError, match=r"."):
        loops.run(find_tncs(interfaces=["192.0.2.99"], listen_s=0.1))
