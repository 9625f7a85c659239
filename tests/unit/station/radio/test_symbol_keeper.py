"""Symbols over a restart: kept until their object is whole, whatever the disk does."""

import asyncio
from pathlib import Path

from meshdl.errors import DiskFull
from meshdl.radio.transfer.contents import ObjectKey
from meshdl.radio.transfer.gathering import NewSymbol
from meshdl.station.disk import RealDisk
from meshdl.station.radio.symbol_keeper import SymbolKeeper
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import Codec, Form, ObjectKind

TAG = ContentTag(b"\x01\x02\x03\x04")
LEAF = ObjectKey(TAG, ObjectKind.LEAF, 7)
INFO = ObjectKey(TAG, ObjectKind.INFO, 0)


def symbol(key: ObjectKey, number: int) -> NewSymbol:
    return NewSymbol(key, Form(Codec.RAW, 342), number, bytes([number]) * 48, "N0AAA")


def keeper(path: Path, warnings: list[str], disk: RealDisk | None = None) -> SymbolKeeper:
    return SymbolKeeper(disk or RealDisk(), path / "symbols.journal", warnings.append)


def test_symbols_come_back_after_a_restart_until_their_object_is_whole(tmp_path: Path) -> None:
    async def scenario() -> tuple[NewSymbol, ...]:
        first = keeper(tmp_path, [])
        assert await first.kept() == ()
        first.keep((symbol(LEAF, 1), symbol(INFO, 2)))
        first.keep((symbol(LEAF, 3),))
        first.forget(INFO)
        await first.close()
        second = keeper(tmp_path, [])
        kept = await second.kept()
        await second.close()
        return kept

    assert asyncio.run(scenario()) == (symbol(LEAF, 1), symbol(LEAF, 3))


class FullDisk(RealDisk):
    """Has no room any more."""

    def write(self, path: Path, offset: int, octets: bytes | memoryview) -> None:
        raise DiskFull(f"no room to write {path}")


def test_a_disk_that_refuses_is_told_once_and_costs_nothing_else(tmp_path: Path) -> None:
    warnings: list[str] = []

    async def scenario() -> None:
        keeps = keeper(tmp_path, warnings)
        await keeps.kept()
        await keeps.close()
        full = keeper(tmp_path, warnings, FullDisk())
        await full.kept()
        full.keep((symbol(LEAF, 1),))
        full.keep((symbol(LEAF, 2),))
        full.forget(LEAF)
        await full.close()

    asyncio.run(scenario())
    assert len(warnings) == 1
    assert "no room to write" in warnings[0]
