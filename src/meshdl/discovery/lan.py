"""Stations of the local network announce themselves and hear each other, by mDNS.

Theory of operation
===================

One zeroconf instance speaks on every interface, IPv4 and IPv6. The service name holds a
random number for each run, so nobody has to be asked whether it is taken and the
announcement goes out at once. A station is what its TXT record says it is; one that was
restarted has a new instance and may announce it before the old one runs out, so the
instance heard last counts.

Every few seconds the addresses of the machine are compared with those announced. When
they differ, the interfaces are joined anew and the announcement is sent again; with no
interface at all, everything is closed and tried again later.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from zeroconf import (
    IPVersion,
    NonUniqueNameException,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from meshdl.discovery.announcement import SERVICE_TYPE, Announcement
from meshdl.discovery.events import (
    Endpoint,
    KeyInUseElsewhere,
    LanEvent,
    StationFound,
    StationLost,
)
from meshdl.discovery.interfaces import own_addresses
from meshdl.ids import StationId

LOOK_EVERY_S = 3.0
"""How often the machine's addresses are compared with those announced."""

RESOLVE_WITHIN_MS = 3000
STATIONS_MAX = 1024
"""Announcements remembered; whoever floods the network makes us forget others, no more."""

ENDPOINTS_MAX = 8

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
        loopback: announce 127.0.0.1 too.

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
    ) -> None:
        self._own, self._port = own, port
        self._interfaces, self._loopback = interfaces, loopback
        self._report: Callable[[LanEvent], None] = _unheard
        self._heard: dict[str, _Heard] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self.state = "starting"
        self.addresses: tuple[str, ...] = ()

    async def run(self, report: Callable[[LanEvent], None]) -> None:
        """Announce and listen until cancelled; then say goodbye."""
        self._report = report
        while True:
            self.addresses = self._look()
            if not self.addresses:
                self.state = "no network interface; trying again"
            else:
                try:
                    await self._serve()
                except OSError as error:
                    self.state = f"multicast is not to be had ({error}); trying again"
                    _log.warning("%s", self.state)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _serve(self) -> None:
        """Announce and listen until no interface is left."""
        zeroconf = AsyncZeroconf(interfaces=list(self.addresses), ip_version=IPVersion.All)
        browser = AsyncServiceBrowser(
            zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed], delay=_BROWSE_DELAY_MS
        )
        try:
            service = self._service()
            # Cooperating: the name is ours alone, so nobody is asked about it first.
            await zeroconf.async_register_service(service, cooperating_responders=True)
            self.state = "announced"
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                found = self._look()
                if not found:
                    return
                if found != self.addresses:
                    _log.info("addresses are now %s", ", ".join(found))
                    self.addresses = found
                    await zeroconf.async_update_interfaces(list(found))
                    await zeroconf.async_update_service(self._service())
        except NonUniqueNameException as error:
            raise OSError(f"the name {self._own.service_name} is taken") from error
        finally:
            for task in self._resolving.values():
                task.cancel()
            self._resolving.clear()
            await browser.async_cancel()
            await zeroconf.async_close()

    def _look(self) -> tuple[str, ...]:
        return own_addresses(self._interfaces, loopback=self._loopback)

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
        if name == self._own.service_name:
            return
        if state_change is ServiceStateChange.Removed:
            self._removed(name)
        elif name not in self._resolving and (
            name in self._heard or len(self._heard) < STATIONS_MAX
        ):
            info = AsyncServiceInfo(service_type, name)
            if info.load_from_cache(zeroconf):
                self._resolved(name, info)
            else:
                self._resolving[name] = asyncio.create_task(self._resolve(zeroconf, name, info))

    async def _resolve(self, zeroconf: Zeroconf, name: str, info: AsyncServiceInfo) -> None:
        try:
            if await info.async_request(zeroconf, RESOLVE_WITHIN_MS):
                self._resolved(name, info)
        finally:
            self._resolving.pop(name, None)

    def _resolved(self, name: str, info: AsyncServiceInfo) -> None:
        announcement = Announcement.from_txt(info.properties)
        if announcement is None or not info.port:
            _log.debug("%s announces what is no station", name)
            return
        hosts = info.parsed_scoped_addresses()[:ENDPOINTS_MAX]
        endpoints = tuple(Endpoint(host, info.port) for host in hosts)
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
        gone = self._heard.pop(name, None)
        if gone is None:
            return
        left = self._last_of(gone.announcement.station)
        if left is None:
            self._report(StationLost(gone.announcement.station))
        else:
            self._report(_found(left))

    def _last_of(self, station: StationId) -> _Heard | None:
        found = [one for one in self._heard.values() if one.announcement.station == station]
        return found[-1] if found else None


def _found(heard: _Heard) -> StationFound:
    said = heard.announcement
    return StationFound(said.station, said.callsign, heard.endpoints, said.instance)


def _unheard(_: LanEvent) -> None:
    raise RuntimeError("discovery does not run")
