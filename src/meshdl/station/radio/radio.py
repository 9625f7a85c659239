"""A station's radio with everything around it: composed here, decided elsewhere.

::

    modem <--> RadioShell(RadioStation) --WriteLog--> station log
                    |           ^
     MetainfoFound, |           | Hold, LeafHeld, Fetch
     LeafFound      v           |
                 RadioContents ----> swarm core, store
"""

import asyncio
from collections.abc import Callable

from meshdl.ids import ChunkIndex, ContentHash
from meshdl.radio.transfer import events
from meshdl.station.config import StationConfig
from meshdl.station.home import Home
from meshdl.station.library import Library
from meshdl.station.log import StationLog
from meshdl.station.radio.contents import RadioContents
from meshdl.station.radio.overheard import Overheard
from meshdl.station.radio.shell import RadioShell
from meshdl.station.radio_config import RadioConfig
from meshdl.station.record_book import RecordBook
from meshdl.station.swarm_shell import SwarmShell
from meshdl.swarm.inputs import ContentOpened
from meshdl.swarm.swarm import Swarm


class Radio:
    """One radio of a station.

    Args:
        settings: the ``[radio]`` table.
        config: of the station.
        home: of the station.
        log: its one log.
        swarm: its downloads.
        library: its contents.
        records: its records.
        changed: told which content an observer should look at again.
        warn: takes sentences for the operator.

    Attributes:
        shell: drives the core.
        contents: what passes between the radio and the rest.

    Raises:
        ConfigError: see :class:`~meshdl.station.radio.shell.RadioShell`.
    """

    def __init__(
        self,
        settings: RadioConfig,
        config: StationConfig,
        home: Home,
        *,
        log: StationLog,
        swarm: SwarmShell,
        library: Library,
        records: RecordBook,
        changed: Callable[[ContentHash], None],
        warn: Callable[[str], None],
    ) -> None:
        self.shell = RadioShell(
            settings, call=config.callsign, grid=config.grid, home=home, log=log, warn=warn
        )
        self.contents = RadioContents(
            library,
            records,
            Overheard(library, home, settings.overheard_octets_max),
            offers=settings.offers,
            radio=self._tell,
            swarm=swarm.driver.post,
            held=lambda content: held_now(swarm.core, content),
            changed=changed,
            lacking=self.shell.core.transfer.prospects.symbols_lacking,
        )
        self.shell.connect(self.contents)
        swarm.leaf_hashes_proved = self.contents.leaf_hashes_proved

    def _tell(self, event: events.TransferInput) -> None:
        match event:
            case events.Hold():
                metainfo = event.metainfo
                self.shell.ear.know(metainfo.content_hash, metainfo)
            case events.Fetch(content):
                self.shell.ear.know(content)
            case _:
                pass
        self.shell.driver.post(event)

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Done with an exception when a bug of ours was met."""
        return self.shell.failures

    async def reconfigure(self, settings: RadioConfig) -> None:
        """Take other settings; returns when they hold.

        Raises:
            ConfigError: they cannot be; nothing has changed.
        """
        await self.shell.reconfigure(settings)
        self.contents.offer(settings.offers, settings.overheard_octets_max)

    async def run(self) -> None:
        """Serve until cancelled."""
        await self.shell.run()

    async def close(self) -> None:
        """Sign off and end."""
        await self.shell.close()


def held_now(core: Swarm, content: ContentHash) -> ContentOpened | None:
    """What the swarm core has of a content at this moment, as if the store had just opened it."""
    holding = core.holdings.get(content)
    if holding is None:
        return None
    partial: dict[ChunkIndex, int] = dict(holding.partial)
    download = core.downloads.get(content)
    if download is not None:
        partial |= {index: chunk.written for index, chunk in download.active.items()}
    return ContentOpened(
        content, holding.metainfo, holding.chunk_hashes, holding.have, partial, holding.precedence
    )
