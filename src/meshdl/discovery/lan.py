"""Stations of the local network announce themselves and hear each other, by mDNS.

Theory of operation
===================

One zeroconf instance speaks on every interface, IPv4 and IPv6. The service name holds a
random number for each run, so nobody has to be asked whether it is taken and the
announcement goes out at once. A station is what its TXT record says it is; one that was
restarted has a new instance and may announce it before the old one runs out, so the
instance heard last counts.

Every few seconds the addresses of the machine are compared with those announced. When
they differ, the interfaces are joined anew, the announcement is sent again, and everybody
there is asked again. So it is after a sleep: others may have come meanwhile, and neither
heard the other. With no interface at all, everything is closed, whoever was heard
counts as lost, and it is tried again later.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from meshdl.discovery.announcement import SERVICE_TYPE, Announcement, is_service_name
from meshdl.discovery.endpoints import dial_order
from meshdl.discovery.events import (
    Endpoint,
    KeyInUseElsewhere,
    LanEvent,
    StationFound,
    StationLost,
)
from meshdl.discovery.interfaces import Reach, look
from meshdl.discovery.speaker import as_os_error, families, join
from meshdl.discovery.wall_clock import pause
from meshdl.ids import StationId

LOOK_EVERY_S = 3.0
"""How often the machine's addresses are compared with those announced; costs 0.5 ms."""

RESOLVE_WITHIN_MS = 3000
STATIONS_MAX = 1024
"""Announcements remembered; whoever floods the network makes us miss others, no more."""

_BROWSE_DELAY_MS = 0
"""Ask at once: RFC 6762 wants a random delay when many start together, which zeroconf adds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    """One announcement as it was resolved last."""

    announcement: Announcement
    endpoints: tuple[Endpoint, ...]


class LanDiscovery:
    """Announces this station and reports others.

    Args:
        own: what is announced.
        port: of ``/rtc/offer``.
        interfaces: addresses or names to use; empty for all.
        loopback: announce 127.0.0.1 too, and look for stations there.
        look_every_s: how soon a change of addresses is noticed.

    Attributes:
        state: one sentence for people.
        addresses: announced at present.
    """

    def __init__(
        self,
        own: Announcement,
        *,
        port: int,
        interfaces: tuple[str, ...] = (),
        loopback: bool = False,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._own, self._port = own, port
        self._interfaces, self._loopback = interfaces, loopback
        self._look_every_s = look_every_s
        self._report: Callable[[LanEvent], None] = _unheard
        self._heard: dict[str, _Heard] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._announcing: Awaitable[object] | None = None
        self.state = "starting"
        self.addresses: tuple[str, ...] = ()

    async def run(self, report: Callable[[LanEvent], None]) -> None:
        """Announce and listen until cancelled; then say goodbye."""
        self._report = report
        while True:
            try:
                reach = self._look()
                if reach.senders:
                    await self._serve(reach)
                self.state = "no network interface; trying again"
            except OSError as error:
                self.state = f"multicast is not to be had ({error}); trying again"
                _log.warning("%s", self.state)
            self._lose_all()
            await asyncio.sleep(self._look_every_s)

    async def _serve(self, reach: Reach) -> None:
        """Announce and listen until no interface is left."""
        async with AsyncExitStack() as stack:
            with as_os_error():
                # Made without interfaces, which join one by one afterwards: the constructor
                # fails altogether, with its sockets open, when an address has just gone.
                speaker = AsyncZeroconf(interfaces=[], ip_version=families(reach))
                stack.push_async_callback(speaker.async_close)
                await join(speaker, reach)
                # Cooperating: the name is ours alone, so nobody is asked about it first.
                self._announcing = await speaker.async_register_service(
                    self._service(), cooperating_responders=True
                )
            stack.push_async_callback(self._stop_tasks)
            while reach.senders:
                self.state = _state_of(reach)
                browser = AsyncServiceBrowser(
                    speaker.zeroconf,
                    SERVICE_TYPE,
                    handlers=[self._changed],
                    delay=_BROWSE_DELAY_MS,
                )
                try:
                    reach = await self._other_than(reach)
                finally:
                    await browser.async_cancel()
                if reach.senders:
                    _log.info("addresses are now %s", ", ".join(reach.addresses))
                    with as_os_error():
                        self._announcing = await speaker.async_update_service(self._service())
                        await join(speaker, reach)

    async def _other_than(self, reach: Reach) -> Reach:
        """Wait until the addresses are not what they were, or this machine slept."""
        while True:
            slept = await pause(self._look_every_s)
            found = self._look()
            if slept or found != reach:
                return found

    def _look(self) -> Reach:
        reach = look(self._interfaces, loopback=self._loopback)
        self.addresses = reach.addresses
        return reach

    def _service(self) -> AsyncServiceInfo:
        return AsyncServiceInfo(
            SERVICE_TYPE,
            self._own.service_name,
            port=self._port,
            properties=self._own.to_txt(),
            parsed_addresses=list(self.addresses),
            # Not the machine's name: several stations may run on it.
            server=f"{self._own.station}-{self._own.instance}.local.",
        )

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if name == self._own.service_name or not is_service_name(name):
            return
        if state_change is ServiceStateChange.Removed:
            self._removed(name)
        elif name not in self._resolving and self._has_room(name):
            info = AsyncServiceInfo(service_type, name)
            if info.load_from_cache(zeroconf):
                self._resolved(name, info)
            else:
                self._resolving[name] = asyncio.create_task(self._resolve(zeroconf, name, info))

    def _has_room(self, name: str) -> bool:
        return name in self._heard or len(self._heard) + len(self._resolving) < STATIONS_MAX

    async def _resolve(self, zeroconf: Zeroconf, name: str, info: AsyncServiceInfo) -> None:
        try:
            if await info.async_request(zeroconf, RESOLVE_WITHIN_MS):
                self._resolved(name, info)
        finally:
            self._resolving.pop(name, None)

    def _resolved(self, name: str, info: AsyncServiceInfo) -> None:
        announcement = Announcement.from_txt(info.properties)
        if announcement is None or announcement.service_name != name or not info.port:
            _log.debug("%s announces what is no station", name)
            return
        endpoints = dial_order(
            info.parsed_scoped_addresses(),
            info.port,
            own_hosts=self.addresses,
            own_port=self._port,
            loopback=self._loopback,
        )
        heard = _Heard(announcement, endpoints)
        if not endpoints or self._heard.get(name) == heard:
            return
        # Last in the dictionary is heard last.
        self._heard.pop(name, None)
        self._heard[name] = heard
        if announcement.station == self._own.station:
            self._report(KeyInUseElsewhere(endpoints))
        else:
            self._report(_found(heard))

    def _removed(self, name: str) -> None:
        task = self._resolving.pop(name, None)
        if task is not None:
            task.cancel()
        gone = self._heard.get(name)
        if gone is None:
            return
        station = gone.announcement.station
        was_last = self._last_of(station) is gone
        del self._heard[name]
        left = self._last_of(station)
        if station == self._own.station or not was_last:
            return  # what was reported of it last still holds
        self._report(StationLost(station) if left is None else _found(left))

    def _lose_all(self) -> None:
        stations = {heard.announcement.station for heard in self._heard.values()}
        self._heard.clear()
        for station in stations - {self._own.station}:
            self._report(StationLost(station))

    def _last_of(self, station: StationId) -> _Heard | None:
        found = [one for one in self._heard.values() if one.announcement.station == station]
        return found[-1] if found else None

    async def _stop_tasks(self) -> None:
        tasks: list[asyncio.Future[Any]] = [*self._resolving.values()]
        self._resolving.clear()
        if isinstance(self._announcing, asyncio.Future):
            tasks.append(self._announcing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _found(heard: _Heard) -> StationFound:
    said = heard.announcement
    return StationFound(said.station, said.callsign, heard.endpoints, said.instance)


def _state_of(reach: Reach) -> str:
    if all(ipaddress.ip_address(text).is_link_local and ":" in text for text in reach.addresses):
        return (
            "announced, but links need another address than IPv6 link-local ones, which WebRTC "
            "does not use: give this machine one of IPv4, or a unique local one such as fd00::1"
        )
    return "announced"


def _unheard(_: LanEvent) -> None:
    raise RuntimeError("discovery does not run")
