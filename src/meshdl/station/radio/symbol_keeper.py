"""Keeps the symbols that the radio collects over a restart: the journal, in a thread of its own.

Nobody waits for it. A disk that refuses costs airtime, not octets; the operator is told once.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from meshdl.disk import Disk
from meshdl.errors import StorageError
from meshdl.radio.leaf_symbols import SymbolHeard
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.station.radio.symbol_journal import AirObject, Recorded, SymbolJournal
from meshdl.station.worker import Worker
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import ObjectKind


class SymbolKeeper:
    """The journal of one home.

    Args:
        disk: where it is.
        path: of the journal.
        warn: takes a sentence for the operator.
    """

    def __init__(self, disk: Disk, path: Path, warn: Callable[[str], None]) -> None:
        self._disk, self._path, self._warn = disk, path, warn
        self._thread = Worker("symbols")
        self._journal: SymbolJournal | None = None
        self._warned = False

    @property
    def failure(self) -> asyncio.Future[None]:
        """Done with an exception when the thread met a bug of ours."""
        return self._thread.failure

    async def kept(self) -> tuple[NewSymbol, ...]:
        """What an earlier run collected; before anything else is called."""
        found = await self._thread.call(self._open)
        if isinstance(found, str):
            self._tell(found)
            return ()
        return found

    def keep(self, symbols: tuple[NewSymbol, ...]) -> None:
        """Write new symbols down."""
        self._thread.submit(partial(self._append, symbols), self._tell)

    def forget(self, key: ObjectKey) -> None:
        """An object is whole, its symbols are of no use any more."""
        self._thread.submit(partial(self._done, key), self._tell)

    async def close(self) -> None:
        """Return when everything is written."""
        await self._thread.close()

    def _tell(self, problem: str) -> None:
        if problem and not self._warned:
            self._warned = True
            self._warn(f"symbols heard on the air are not kept over a restart: {problem}")

    # In the thread.

    def _open(self) -> tuple[NewSymbol, ...] | str:
        try:
            self._journal = SymbolJournal.open(self._disk, self._path)
            return tuple(
                one for found in self._journal.symbols() if (one := _symbol_of(found)) is not None
            )
        except StorageError as error:
            return str(error)

    def _append(self, symbols: tuple[NewSymbol, ...]) -> str:
        if self._journal is None:
            return ""
        try:
            self._journal.append(map(_record_of, symbols))
        except StorageError as error:
            return str(error)
        return ""

    def _done(self, key: ObjectKey) -> str:
        if self._journal is None:
            return ""
        try:
            self._journal.done(_object_of(key))
        except StorageError as error:
            return str(error)
        return ""


def _object_of(key: ObjectKey) -> AirObject:
    return AirObject(key.content, key.number << 2 | key.kind)


def _record_of(symbol: NewSymbol) -> Recorded:
    heard = SymbolHeard(
        form=symbol.form, symbol_id=symbol.symbol, octets=symbol.octets, sender=symbol.sender
    )
    return Recorded(_object_of(symbol.key), heard)


def _symbol_of(recorded: Recorded) -> NewSymbol | None:
    number, heard = recorded.belongs_to.number, recorded.heard
    try:
        kind = ObjectKind(number & 3)
    except ValueError:  # a damaged record whose checksum is right
        return None
    key = ObjectKey(ContentTag(recorded.belongs_to.content_tag), kind, number >> 2)
    return NewSymbol(key, heard.form, heard.symbol_id, heard.octets, heard.sender)
