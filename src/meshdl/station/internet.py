"""The Internet of a station: signalling servers, rooms, and links that they introduce."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, assert_never

from yarl import URL

from meshdl import __version__
from meshdl.discovery.interfaces import look
from meshdl.discovery.internet import (
    Complaint,
    Found,
    Gone,
    InternetDiscovery,
    InternetEvent,
    ServerReady,
    Signalled,
    Unsignalled,
    server_name,
)
from meshdl.errors import FileUnreadable
from meshdl.ids import station_id
from meshdl.links import LinkEvent, Way
from meshdl.signalling import client_events, proofs
from meshdl.signalling.identity import ClientIdentity
from meshdl.station.config import InternetConfig
from meshdl.swarm import effects
from meshdl.swarm.handshake import Identity
from meshdl.swarm.inputs import StationGone, StationSeen, SwarmInput
from meshdl.transports.signalled import SignalledTransport
from meshdl.wire.signalling import Membership

Report: TypeAlias = Callable[[LinkEvent], None]

LOOK_EVERY_S = 2.0
"""How often this machine's addresses are compared; costs 0.5 ms."""

MEMBERSHIP_S = 30 * 24 * 3600
"""How long a membership lasts that a station signs for itself: longer than it runs."""

PASSPHRASE_OCTETS_MAX = 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interfaces:
    """Which of the machine's addresses count; see :class:`meshdl.station.config.LanConfig`."""

    names: tuple[str, ...]
    loopback: bool


class Internet:
    """Served by :meth:`run`.

    Args:
        settings: of the operator.
        identity: of the station.
        rooms: directory with the passphrases of closed rooms.
        interfaces: whose changes mend links and sockets.
        post: takes what is heard.
        warn: takes sentences for the operator.

    Raises:
        FileUnreadable: a passphrase.
    """

    def __init__(
        self,
        settings: InternetConfig,
        identity: Identity,
        *,
        rooms: Path,
        interfaces: Interfaces,
        post: Callable[[SwarmInput], None],
        warn: Callable[[str], None],
    ) -> None:
        self._post, self._warn, self._interfaces = post, warn, interfaces
        self._said: set[str] = set()
        named = dict(_room(name, rooms, identity) for name in settings.rooms)
        self._discovery = InternetDiscovery(
            {
                (url := URL(text)): ClientIdentity(
                    server_name=server_name(url),
                    callsign=identity.callsign,
                    key=identity.key,
                    instance=identity.instance,
                    sign=identity.sign,
                    rooms=named,
                    agent=f"meshdl {__version__}",
                    rotations=identity.rotations,
                )
                for text in settings.servers
            }
        )
        self.transport = SignalledTransport(
            station_id(identity.key),
            self._discovery.send,
            links_max=settings.max_links,
            loopback=interfaces.loopback,
        )

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.transport.run(report))
            tasks.create_task(self._discovery.run(self._heard))
            tasks.create_task(self._watch_addresses())

    def contents_moved(self, effect: effects.Advertise | effects.Seek) -> None:
        """The swarm has, or wants, something else."""
        match effect:
            case effects.Advertise(content, held):
                self._discovery.advertise(client_events.Advertise(content, held))
            case effects.Seek(content, wanted):
                self._discovery.seek(client_events.Seek(content, wanted))
            case _:
                assert_never(effect)

    def state(self) -> str:
        """One sentence for people."""
        states = self._discovery.states()
        if not states:
            return "starting"
        return "; ".join(
            f"{url.host}: {state.value}{f' ({problem})' if problem else ''}"
            for url, state, problem in states
        )

    def _heard(self, event: InternetEvent) -> None:
        match event:
            case Found(station, callsign):
                self._post(StationSeen(station, callsign, Way.INTERNET))
            case Gone(station):
                self._post(StationGone(station, Way.INTERNET))
            case Signalled(station, session, body):
                self.transport.receive(station, session, body)
            case Unsignalled(station, session, reason):
                self.transport.signal_lost(station, session, reason)
            case ServerReady(ice_servers):
                self.transport.use(ice_servers)
                self.transport.mend()
            case Complaint(text):
                self._complain(text)
            case _:
                assert_never(event)

    def _complain(self, text: str) -> None:
        """Once: a server that refuses us does so every few minutes."""
        _log.info("%s", text)
        if text not in self._said and len(self._said) < 100:
            self._said.add(text)
            self._warn(text)

    async def _watch_addresses(self) -> None:
        names, loopback = self._interfaces.names, self._interfaces.loopback
        known = look(names, loopback=loopback).addresses
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            found = look(names, loopback=loopback).addresses
            if found != known:
                known = found
                _log.info("addresses are now %s", ", ".join(found) or "none")
                self._discovery.network_changed()
                self.transport.network_changed()


def _room(name: str, directory: Path, identity: Identity) -> tuple[str, Membership | None]:
    """The room's whole name and our membership; a passphrase makes it a closed one."""
    path = directory / f"{name}.passphrase"
    try:
        with path.open("rb") as file:
            passphrase = file.read(PASSPHRASE_OCTETS_MAX).decode("utf-8").strip()
    except FileNotFoundError:
        return name, None
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"cannot read the passphrase in {path}: {error}") from error
    if not passphrase:
        raise FileUnreadable(f"{path} is empty; write the room's passphrase into it, or remove it")
    secret = proofs.room_secret(name, passphrase)
    room = proofs.closed_room(name, secret)
    until_s = int(time.time()) + MEMBERSHIP_S
    return room, proofs.admit(room, identity.key, secret=secret, expires_at_s=until_s)
