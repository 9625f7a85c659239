"""A whole station: what ``meshdl up`` runs, and what Python programs embed.

Theory of operation
===================

This is the composition root: it makes every room and connects them, and decides nothing.

::

    LanDiscovery --StationSeen--> Driver(Swarm) --Dial--> Switchboard --> WebRtcTransport
                                    |      ^                                   |
                          WriteRange|      |RangeWritten              LinkUp, messages
                                    v      |                                   |
                                  Library (disk thread) <----- LinkEvent ------'

Everything runs in one event loop but what blocks: see :mod:`meshdl.station.library` for
the threads. When a thread or the core meets a bug of ours, the station stops and the
exception leaves the ``async with`` block.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Self

from meshdl import __version__
from meshdl.content.metainfo import Metainfo
from meshdl.control.content_status import ContentStatus, Via
from meshdl.control.server import ControlServer
from meshdl.control.station_status import LanStatus
from meshdl.errors import StationNotRunning, StorageError
from meshdl.ids import ContentHash, StationId, StationKey, station_id
from meshdl.links import Way
from meshdl.policy.bucket import UNLIMITED
from meshdl.station import key_rotation, keys
from meshdl.station.background import background, watch
from meshdl.station.catalogue import Catalogue
from meshdl.station.catalogue_entry import CatalogueEntry
from meshdl.station.config import StationConfig
from meshdl.station.disk import RealDisk
from meshdl.station.hashing import remove_leftovers
from meshdl.station.home import Home, locate
from meshdl.station.internet import Interfaces, Internet
from meshdl.station.introducing import Introducing
from meshdl.station.lan import Lan
from meshdl.station.library import Library
from meshdl.station.log import StationLog
from meshdl.station.outcome import outcome, unless_stopped
from meshdl.station.radio.radio import Radio
from meshdl.station.radio.room import RadioRoom
from meshdl.station.record_book import RecordBook
from meshdl.station.rooms import Room, Rooms
from meshdl.station.swarm_shell import SwarmShell
from meshdl.station.unwritten import Book, Unwritten
from meshdl.station.view import LiveView
from meshdl.swarm.handshake import Identity
from meshdl.swarm.inputs import Shutdown, SwarmInput
from meshdl.swarm.state import SwarmSettings

GOODBYE_WITHIN_S = 1.5
"""How long links may take to close when the station stops."""


class Station:
    """One station, running while the ``async with`` block does.

    Example::

        async with Station(StationConfig(callsign=callsign("KA1ABC"))) as station:
            content = await station.share(Path("bulletins"))
            print(content.link)

    Args:
        config: settings; :func:`meshdl.station.config.load` reads the operator's.
        home: where the station keeps its key and its state; by default the operator's
            own. It is made, with a new key, when it is not there.

    Attributes:
        view: everything else that can be seen and done, as the control API has it.
    """

    def __init__(self, config: StationConfig, *, home: Home | None = None) -> None:
        self._config = config
        self._home = home if home is not None else locate(None, os.environ)
        self._stack = AsyncExitStack()
        self._lan: Lan | None = None
        self._radios: RadioRoom | None = None
        self._internet: Internet | None = None
        self.view: LiveView

    @property
    def radio(self) -> Radio | None:
        """Its radio, if there is one; only to be looked at."""
        return self._radios.radio if self._radios is not None else None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.__aexit__(*exception)  # type: ignore[arg-type] # passed on as they came

    async def share(self, path: Path, *, title: str | None = None) -> ContentStatus:
        """Hash a file or folder and share it where it is.

        Links, devices, pipes and sockets in a folder are left out; the log says how many.

        Raises:
            StorageError, UnsafePath, RecordInvalid: see
                :meth:`meshdl.control.view.StationView.share`.
            StationNotRunning: the station stops.
        """
        steps = self.view.share([str(path)], title=title, precedence="routine", tags=())
        # Who is cancelled here must stop the hashing, not leave it to the collector.
        async with unless_stopped(f"{path} was not shared"), aclosing(steps) as progress:
            async for step in progress:
                if isinstance(step, ContentStatus):
                    return step
        raise StationNotRunning(f"{path} was not shared: the station stops")

    async def download(
        self,
        target: ContentHash | str,
        *,
        directory: Path | None = None,
        via: Via = "auto",
    ) -> ContentStatus:
        """Download a content and return when every octet of it is verified.

        It waits for as long as nobody has it; put :func:`asyncio.timeout` around it to
        give up. Cancelling it leaves the download going on: see ``view.pause``.

        Args:
            target: content hash, or a link.
            directory: where it lands; the configured directory by default.
            via: over which paths.

        Raises:
            ContentLinkInvalid: ``target`` is no link.
            StorageError: it cannot be stored; what is verified is kept.
            ContentUnknown: it was removed meanwhile.
            StationNotRunning: the station stops; the download goes on at its next start.
        """
        text = target.hex() if isinstance(target, bytes) else target
        place = os.path.abspath(directory) if directory is not None else None  # noqa: ASYNC240, PTH100 - looks at no disk
        async with unless_stopped(f"{text} was not asked for"):
            status = await self.view.download(text, directory=place, via=via)
        return await outcome(self.view, ContentHash(bytes.fromhex(status.content_hash)))

    async def run_until(self, stop: asyncio.Event) -> None:
        """Return when ``stop`` is set."""
        await stop.wait()

    async def _start(self, stack: AsyncExitStack) -> None:
        home, config = self._home, self._config
        home.create()
        stack.enter_context(home.lock())
        private_key = keys.load_or_create(home.key_file)
        public_key = keys.public_key(private_key)
        own = station_id(public_key)
        remove_leftovers(home.contents_directory)
        catalogue = Catalogue(home.catalogue_file)
        stack.callback(catalogue.close)
        log = StationLog(home.log_file)
        stack.callback(log.close)
        view = LiveView(config, home, own, catalogue=catalogue, log=log, lan=self._lan_status)
        rotations = key_rotation.load(home.rotations_file, callsign=config.callsign, key=public_key)
        identity = Identity(
            config.callsign, public_key, secrets.token_bytes(8), private_key.sign, rotations
        )
        rooms = self._rooms(public_key)
        gaps = Unwritten(view.warn, view.withdraw)
        shell = SwarmShell(
            identity,
            _settings(config, Introducing.suits(rooms)),
            catalogue=catalogue,
            log=log,
            unwritten=gaps,
            changed=view.content_changed,
            warn=view.warn,
        )
        stack.push_async_callback(shell.close)
        told: list[Callable[[SwarmInput], None]] = [shell.driver.post]

        def tell(event: SwarmInput) -> None:
            for takes in told:
                takes(event)

        records = RecordBook(catalogue, gaps, key=private_key, callsign=config.callsign, post=tell)
        stack.push_async_callback(records.close)

        tasks = await stack.enter_async_context(background())
        library = Library(
            RealDisk(),
            home,
            catalogue,
            gaps,
            tasks=tasks,
            changed=view.content_changed,
            whole=partial(_announce, records, gaps),
        )
        stack.push_async_callback(library.stores.close)
        stack.push_async_callback(library.close)
        # What is written from here on is durable, but nobody is told: the catalogue closes first.
        stack.callback(shell.driver.stop)
        shell.connect(library, records)
        library.connect(tell)
        view.connect(shell, library, records)
        self.view = view
        radios = self._radios = RadioRoom(
            config,
            home,
            log=log,
            swarm=shell,
            library=library,
            records=records,
            view=view,
            describe=view.observer.content,
            reaches=lambda: self._internet is not None and self._internet.reaches(),
            tasks=tasks,
        )
        told.append(radios.told)
        stack.push_async_callback(radios.close)
        failures = [*library.failures, *library.stores.failures, *shell.failures, records.failure]
        for failure in failures:
            tasks.create_task(watch(failure))
        tasks.create_task(view.observer.run())
        if config.lan.enabled:
            await self._join_lan(stack, own, view, shell, tasks)
        if config.internet.servers or config.internet.peer_exchange:
            self._join_internet(identity, rooms, view, shell, tasks)
        stack.push_async_callback(_say_goodbye, shell)
        await library.load()
        await stack.enter_async_context(
            ControlServer(view, home=home.directory, port=config.control.port)
        )
        stack.callback(view.close)
        shell.log_event(f"station {config.callsign} ({own}) is up, meshdl {__version__}")

    async def _join_lan(
        self,
        stack: AsyncExitStack,
        own: StationId,
        view: LiveView,
        shell: SwarmShell,
        tasks: asyncio.TaskGroup,
    ) -> None:
        config = self._config
        lan = Lan(
            config.lan,
            station=own,
            callsign=config.callsign,
            post=shell.driver.post,
            warn=view.warn,
        )
        self._lan = await stack.enter_async_context(lan)
        view.observer.where(lan.address_of)
        tasks.create_task(lan.run(shell.switchboard.attach(lan.transport, Way.LAN)))

    def _rooms(self, key: StationKey) -> Sequence[Room]:
        """To be in; without a server there are none."""
        config = self._config.internet
        if not config.servers:
            return ()
        return Rooms(self._home.rooms_directory).to_be_in(config.rooms, key)

    def _join_internet(
        self,
        identity: Identity,
        rooms: Sequence[Room],
        view: LiveView,
        shell: SwarmShell,
        tasks: asyncio.TaskGroup,
    ) -> None:
        config = self._config
        internet = self._internet = Internet(
            config.internet,
            identity,
            rooms=rooms,
            room_files=Rooms(self._home.rooms_directory),
            interfaces=Interfaces(names=config.lan.interfaces, loopback=config.lan.allow_loopback),
            post=shell.driver.post,
            warn=view.warn,
        )
        shell.contents_moved = internet.contents_moved
        shell.exchanged = internet.exchanged
        view.show_internet(internet)
        tasks.create_task(internet.run(shell.switchboard.attach(internet.transport, Way.INTERNET)))

    def _lan_status(self) -> LanStatus:
        if self._lan is None:
            return LanStatus(enabled=False, addresses=(), port=None, state="switched off")
        return self._lan.status()


async def _say_goodbye(shell: SwarmShell) -> None:
    shell.driver.post(Shutdown())
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_WITHIN_S):
            await shell.switchboard.all_down()


async def _announce(
    records: RecordBook, gaps: Unwritten, entry: CatalogueEntry, metainfo: Metainfo
) -> None:
    try:
        await records.announce_held(
            entry.content_hash,
            title=entry.title,
            octets=metainfo.total_octets,
            path=entry.path,
            is_folder=metainfo.is_folder,
            precedence=entry.precedence,
        )
    except StorageError as error:
        gaps.note(Book.CATALOGUE, error)


def _settings(config: StationConfig, introducing: Introducing) -> SwarmSettings:
    limits = config.limits
    return SwarmSettings(
        max_links=config.lan.max_links + config.internet.max_links,
        upload_slots=limits.upload_slots,
        upload_octets_per_s=limits.upload_octets_per_s or UNLIMITED,
        download_octets_per_s=limits.download_octets_per_s or UNLIMITED,
        agent=f"meshdl {__version__}",
        exchange=config.internet.peer_exchange,
        introduces_far=introducing.far,
        introduces_across=introducing.across,
    )
