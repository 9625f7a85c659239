"""Does for the swarm core what it wants done: one flat match from effect to room."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from functools import partial
from typing import assert_never

from meshdl.discovery.masking import masked
from meshdl.driver import Driver
from meshdl.ids import Callsign, ContentHash, StationId, StationKey, station_id
from meshdl.station.catalogue import Catalogue
from meshdl.station.catalogue_entry import StoredState
from meshdl.station.library import Library
from meshdl.station.log import StationLog
from meshdl.station.record_book import RecordBook
from meshdl.station.switchboard import Switchboard
from meshdl.station.unwritten import Book, Unwritten
from meshdl.station.worker import Worker
from meshdl.swarm import effects
from meshdl.swarm.effects import SwarmEffect
from meshdl.swarm.handshake import Identity
from meshdl.swarm.inputs import SwarmInput
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmSettings
from meshdl.swarm.swarm import Swarm

_STORED = {
    Stage.METAINFO: StoredState.DOWNLOADING,
    Stage.CREATING: StoredState.DOWNLOADING,
    Stage.FETCHING: StoredState.DOWNLOADING,
    Stage.FINISHING: StoredState.DOWNLOADING,
    Stage.COMPLETE: StoredState.COMPLETE,
    Stage.PAUSED: StoredState.PAUSED,
    Stage.FAILED: StoredState.BROKEN,
}

_log = logging.getLogger(__name__)


class SwarmShell:
    """The swarm core with its driver and everything that it acts on.

    Args:
        identity: of the station.
        settings: of the operator.
        catalogue: keeps the pinned keys.
        log: takes transfers and identifications.
        unwritten: told of what those two did not take.
        changed: told which content an observer should look at again.
        warn: takes sentences for the operator, and the station that they are about.

    Attributes:
        core: to be looked at.
        keys: of every station that proved one in this run.
        exchanged: told what peers say of others, and pass on.
        leaf_hashes_proved: told of leaf hashes that any path brought.
        contents_moved: told what to advertise and what to look for beyond the local
            network.
    """

    def __init__(
        self,
        identity: Identity,
        settings: SwarmSettings,
        *,
        catalogue: Catalogue,
        log: StationLog,
        unwritten: Unwritten,
        changed: Callable[[ContentHash], None],
        warn: Callable[[str, StationId | None], None],
    ) -> None:
        self._catalogue, self._log_book = catalogue, log
        self._changed, self._warn, self._unwritten = changed, warn, unwritten
        self._pens = Worker("log")
        pins = {callsign: pin.key for callsign, pin in catalogue.pins.all().items()}
        now = asyncio.get_running_loop().time()
        self.core = Swarm(identity, settings, rng=random.SystemRandom(), pins=pins, now=now)
        self.driver: Driver[SwarmInput, SwarmEffect] = Driver(self.core, self._perform)
        self.switchboard = Switchboard(self.driver.post)
        self.keys: dict[StationId, StationKey] = {}
        self.contents_moved: Callable[[effects.Advertise | effects.Seek], None] = _nobody_waits
        self.exchanged: Callable[[effects.ExchangeEffect], None] = _nobody_waits
        self.leaf_hashes_proved: Callable[[effects.WriteLeafHashes], None] = _nobody_waits
        self._library: Library | None = None
        self._records: RecordBook | None = None

    def connect(self, library: Library, records: RecordBook) -> None:
        """Say what the effects act on; before anything is posted."""
        self._library, self._records = library, records

    @property
    def failures(self) -> list[asyncio.Future[None]]:
        """Futures that are done, with an exception, when a bug of ours was met."""
        return [self.driver.failure, self._pens.failure]

    def log_event(self, text: str) -> None:
        """Write a sentence into the station log."""
        self._append(kind="event", text=text)

    async def log_written(self) -> None:
        """Return when what has happened until now stands in the station log."""
        await self._pens.call(lambda: None)

    async def close(self) -> None:
        """Return when the log is written."""
        self.driver.stop()
        await self._pens.close()

    def _perform(self, effect: SwarmEffect) -> None:  # noqa: C901, PLR0912, PLR0915 - one flat match
        library, records = self._library, self._records
        assert library is not None
        assert records is not None
        match effect:
            case effects.Send(link, message):
                self.switchboard.send(link, message)
            case effects.WriteRange():
                library.stores.write(effect)
            case effects.ReadRange():
                library.stores.read(effect)
            case effects.ReadHashes():
                library.stores.read_hashes(effect)
            case effects.WriteLeafHashes():
                self._write_leaf_hashes(library, effect)
            case effects.DownloadChanged(content):
                self._download_changed(content)
            case effects.CheckInfo():
                library.check_info(effect)
            case effects.CreateContent():
                library.create(effect)
            case effects.FinishContent(content):
                library.stores.finish(content)
            case effects.CloseLink(link, reason):
                self.switchboard.close(link, reason)
            case effects.Dial(station, way):
                self.switchboard.dial(station, way)
            case effects.Advertise() | effects.Seek():
                self.contents_moved(effect)
            case (
                effects.PeersHeard()
                | effects.SignalCarried()
                | effects.SignalUncarried()
                | effects.CarrierGone()
            ):
                self.exchanged(effect)
            case effects.PinStation(callsign, key):
                self._pin(callsign, key)
            case effects.PinMoved():
                self._pin_moved(effect)
            case effects.PeerUp():
                self._peer_up(effect)
            case effects.PeerMoved():
                self._peer_moved(effect)
            case effects.PeerDown():
                self._peer_down(effect)
            case effects.PeerRefused():
                self._refused(effect)
            case effects.RecordsHeard():
                records.heard(effect)
            case effects.RecordsForgotten():
                records.forgotten(effect)
            case effects.Identified():
                self._identified(effect)
            case effects.Transferred():
                self._transferred(effect)
            case _:
                assert_never(effect)

    def _write_leaf_hashes(self, library: Library, effect: effects.WriteLeafHashes) -> None:
        library.stores.write_leaf_hashes(effect)
        self.leaf_hashes_proved(effect)

    def _download_changed(self, content: ContentHash) -> None:
        download = self.core.downloads.get(content)
        if download is not None and self._library is not None:
            self._library.note(content, _STORED[download.stage], download.problem or "")
        self._changed(content)

    def _pin(self, callsign: Callsign, key: StationKey) -> None:
        pin = partial(self._catalogue.pins.pin, callsign, key, now=time.time())
        self._unwritten.submit(self._pens, Book.CATALOGUE, pin)

    def _pin_moved(self, effect: effects.PinMoved) -> None:
        old, new = station_id(effect.old_key), station_id(effect.key)
        move = partial(self._catalogue.pins.repin, effect.callsign, effect.key, now=time.time())
        self._unwritten.submit(self._pens, Book.CATALOGUE, move)
        self._warn(
            f"{effect.callsign} has a new station key ({new}); its old one ({old}) signed for it",
            new,
        )

    def _peer_up(self, effect: effects.PeerUp) -> None:
        self.keys[station_id(effect.key)] = effect.key
        _log.info("%s is up over %s, %s", effect.callsign, effect.path.value, effect.address)

    def _peer_moved(self, effect: effects.PeerMoved) -> None:
        where = f"{effect.path.value}, {effect.address}"
        _log.info("%s is now reached over %s", effect.callsign, where)

    def _peer_down(self, effect: effects.PeerDown) -> None:
        _log.info("%s is down: %s", effect.callsign, effect.reason)
        gone = not any(other.station.key == effect.key for other in self.core.peers())
        if gone and self._records is not None:
            self._records.left(effect.key)

    def _refused(self, effect: effects.PeerRefused) -> None:
        who = effect.callsign or "a station"
        station = None
        if effect.key is not None:
            station = station_id(effect.key)
            self.keys[station] = effect.key
        self._warn(f"{who} at {masked(effect.address)} was refused: {effect.reason}", station)

    def _identified(self, effect: effects.Identified) -> None:
        self._append(
            kind="identification",
            text=effect.text,
            direction="sent" if effect.sent else "received",
            callsign=effect.callsign,
        )

    def _transferred(self, effect: effects.Transferred) -> None:
        self._append(
            kind="transfer",
            direction="sent" if effect.sent else "received",
            callsign=effect.callsign,
            station_id=station_id(effect.key),
            content=effect.content,
            octets=effect.octets,
            path=effect.path,
        )

    def _append(self, **entry: object) -> None:
        write = partial(self._log_book.append, at=time.time(), **entry)  # type: ignore[arg-type]
        self._unwritten.submit(self._pens, Book.LOG, write)


def _nobody_waits(_: object) -> None:
    """What became of it is in the file."""
