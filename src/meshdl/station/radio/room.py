"""The place of a station's radio: there may be one or none, and its settings may change.

Theory of operation
===================

A station without a ``[radio]`` table has no radio. :meth:`RadioRoom.reload` reads ``config.toml``
again: a table that appears makes a radio, and one that differs goes to the radio that runs. A
table that is gone, and all else in the file, is for the next start, and is named.
"""

import asyncio
from collections.abc import Callable
from dataclasses import fields
from typing import Protocol

from meshdl.control.content_status import ContentStatus
from meshdl.control.radio_view import RadioReload, RadioView
from meshdl.ids import ContentHash, StationId
from meshdl.radio.transfer.events import GatewayChanged
from meshdl.station import config_file
from meshdl.station.background import watch
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.config import StationConfig
from meshdl.station.home import Home
from meshdl.station.library import Library
from meshdl.station.log import StationLog
from meshdl.station.radio.radio import Radio
from meshdl.station.radio.view import LiveRadio, NoRadio
from meshdl.station.radio_config import RadioConfig
from meshdl.station.record_book import RecordBook
from meshdl.station.swarm_shell import SwarmShell
from meshdl.swarm.inputs import OfferRecord, StartDownload, SwarmInput

LOOK_EVERY_S = 10.0
"""At whether the Internet is there."""


class Shows(Protocol):
    """What is needed of the station's view."""

    radio: RadioView

    def show_radio(self, radio: Radio, shown: RadioView) -> None:
        """Say whose radio is shown, and as what."""

    def content_changed(self, content: ContentHash) -> None:
        """Look at a content again."""

    def warn(self, text: str, station: StationId | None = None) -> None:
        """Tell the operator."""


class RadioRoom:
    """See the theory of operation.

    Args:
        config: the settings that the station was started with.
        home: of the station.
        log: its one log.
        swarm: its downloads.
        library: its contents.
        records: its records.
        view: shows the radio.
        describe: tells how far a content has come.
        reaches: whether the station reaches others by the Internet now; a CQ says so.
        tasks: of the station.

    Attributes:
        radio: the radio, if there is one.
    """

    def __init__(
        self,
        config: StationConfig,
        home: Home,
        *,
        log: StationLog,
        swarm: SwarmShell,
        library: Library,
        records: RecordBook,
        view: Shows,
        describe: Callable[[CatalogueEntry], ContentStatus],
        reaches: Callable[[], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._config, self._home, self._log, self._swarm = config, home, log, swarm
        self._library, self._records, self._view, self._tasks = library, records, view, tasks
        self._describe, self._reaches = describe, reaches
        self._reloading = asyncio.Lock()
        self.radio: Radio | None = None
        view.radio = NoRadio(config.callsign, self.reload)
        if config.radio is not None:
            self._begin(config.radio)

    def told(self, event: SwarmInput) -> None:
        """What the library tells the swarm core."""
        if self.radio is not None:
            self.radio.contents.told(event)

    async def close(self) -> None:
        """Sign off and end."""
        if self.radio is not None:
            await self.radio.close()

    async def reload(self) -> RadioReload:
        """Read the settings again; returns when those of the radio hold.

        Raises:
            ConfigError: they are wrong; nothing has changed.
            FileUnreadable: they cannot be read.
        """
        async with self._reloading:
            new = await asyncio.to_thread(config_file.load, self._home.config_file)
            before = self.radio.shell.config if self.radio is not None else None
            restart = differences("", self._config, new)
            if new.radio is None:
                restart += ("radio",) if before is not None else ()
            elif self.radio is None:
                self._begin(new.radio)
                await self._catch_up(self.radio)
            else:
                await self.radio.reconfigure(new.radio)
            changed = differences("radio.", before or RadioConfig(), new.radio)
        return RadioReload(changed=changed, restart=restart, status=await self._view.radio.status())

    def _begin(self, settings: RadioConfig) -> None:
        radio = Radio(
            settings,
            self._config,
            self._home,
            log=self._log,
            swarm=self._swarm,
            library=self._library,
            records=self._records,
            changed=self._view.content_changed,
            warn=self._view.warn,
        )
        self.radio = radio
        shown = LiveRadio(radio.shell, radio.contents, self._library, self._describe, self.reload)
        self._view.show_radio(radio, shown)
        self._tasks.create_task(radio.run())
        self._tasks.create_task(self._watch_internet(radio))
        for failure in radio.failures:
            self._tasks.create_task(watch(failure))

    async def _watch_internet(self, radio: Radio) -> None:
        """A CQ goes out every two minutes at the most: a look now and then is enough."""
        while True:
            radio.shell.driver.post(GatewayChanged(self._reaches()))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _catch_up(self, radio: Radio | None) -> None:
        """Tell a radio that begins late what was told before there was one."""
        assert radio is not None  # it has just begun
        for entry in [*self._library.entries.values()]:
            content: ContentHash = entry.content_hash
            radio.contents.meet(content)
            if entry.state is StoredState.DOWNLOADING:
                radio.contents.told(StartDownload(content, entry.precedence))
            record = await self._records.find(content)
            if record is not None:
                radio.contents.told(OfferRecord(content, record.encode()))


def differences(prefix: str, before: object, after: object) -> tuple[str, ...]:
    """Names of settings that are not the same, as in the file; a table's keys one by one.

    Args:
        prefix: before each name.
        before: a dataclass of settings.
        after: another of the same class; ``None``: nothing differs.
    """
    if after is None:
        return ()
    names: list[str] = []
    for field in fields(before):  # type: ignore[arg-type] # every settings class is one
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new or field.name == "radio":
            continue
        inner = hasattr(old, "__dataclass_fields__")
        table = prefix or ("" if inner else "station.")
        names += differences(f"{field.name}.", old, new) if inner else [f"{table}{field.name}"]
    return tuple(names)
