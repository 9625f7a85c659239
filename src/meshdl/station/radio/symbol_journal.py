"""Symbols heard on the air, so written that they survive a restart and a change of mode.

Theory of operation
===================

One file for everything that is collected. A header of 16 octets names the format and this
very file; then come records of 80 octets, appended and never changed. A record is one
symbol with all that was known when it was heard, or says that an object is *done*: its
symbols before this record mean nothing any more.

A symbol is evidence, not truth: what it is worth is decided by the hash of the leaf. So
nothing here waits for the disk, and a lost record costs 48 octets of airtime. A record has
a checksum over itself, its position and the header; what does not prove is skipped, whether
a torn tail, a page of zeros, or octets of an older file.

When the file is full, it is written anew without what is done; if the rest is more than
three quarters of the room, without the oldest symbols. So it never has more than
:data:`RECORDS_MAX` records, whoever fills it.

One thread uses it. The octets are laid out in ``docs/reference/home-directory.md``.
"""

import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from meshdl.disk import Disk
from meshdl.radio.erasure.encoder import SYMBOL_OCTETS
from meshdl.radio.leaf_symbols import SymbolHeard
from meshdl.station.journal import replace_file
from meshdl.wire.onair.pdus import Form

MAGIC = b"meshdlS\1"
"""The last octet is the version of the format."""

RECORDS_MAX = 131_072
"""10 MiB: some 380 whole leaves that are not compressed, far more than a day of airtime
brings at any rate of a voice channel."""

READ_RECORDS = 4_096
"""The journal is read in steps of 320 KiB."""

_HEADER = struct.Struct(">8s4s")
_BODY = struct.Struct(">4sIIHxx12s48s")
_CHECKSUM = struct.Struct(">I")

HEADER_OCTETS = _HEADER.size + _CHECKSUM.size
RECORD_OCTETS = _BODY.size + _CHECKSUM.size

_DONE = 0
"""In the place of a form, none of which is 0."""


@dataclass(frozen=True, slots=True)
class AirObject:
    """What symbols belong to, as the air names it.

    Attributes:
        content_tag: first four octets of the content hash.
        number: 4 times the number of the object, plus its kind; 32 bits.
    """

    content_tag: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """One symbol and what it belongs to."""

    belongs_to: AirObject
    heard: SymbolHeard


class SymbolJournal:
    """See the theory of operation. Made by :meth:`open`."""

    def __init__(self, disk: Disk, path: Path, header: bytes, records: int) -> None:
        self._disk, self._path = disk, path
        self._header, self._records = header, records

    @classmethod
    def open(cls, disk: Disk, path: Path) -> Self:
        """Go on with the journal at ``path``, or begin one there.

        What is no journal, or one of another version, is replaced: nothing of worth is in it.

        Raises:
            StorageError: the disk refused.
        """
        found = disk.stat(path)
        header = b"" if found is None else disk.read(path, 0, HEADER_OCTETS)
        if found is None or not _is_header(header):
            header = _new_header()
            replace_file(disk, path, header)
            return cls(disk, path, header, 0)
        # What is left of a record at the end is written over by the next. No journal of
        # ours is longer than it may be, so what is beyond is not ours.
        records = (found.octets - HEADER_OCTETS) // RECORD_OCTETS
        return cls(disk, path, header, min(records, RECORDS_MAX))

    @property
    def records(self) -> int:
        """How many it has, damaged ones too."""
        return self._records

    def symbols(self) -> Iterator[Recorded]:
        """All symbols of objects that are not done, in the order in which they were heard.

        Raises:
            FileUnreadable: the disk refused to read it.
        """
        done = {
            belongs_to: position for position, belongs_to, heard in self._read() if heard is None
        }
        for position, belongs_to, heard in self._read():
            if heard is not None and position > done.get(belongs_to, -1):
                yield Recorded(belongs_to, heard)

    def append(self, symbols: Iterable[Recorded]) -> None:
        """Write symbols down. They then outlive the process.

        Raises:
            StorageError: the disk refused; none or some of them are there.
        """
        self._put([_body(one) for one in symbols])

    def done(self, belongs_to: AirObject) -> None:
        """Forget the symbols of an object: it is verified, or nobody wants it.

        Raises:
            StorageError: the disk refused.
        """
        nobody, nothing = b"", b""
        self._put(
            [_BODY.pack(belongs_to.content_tag, belongs_to.number, _DONE, 0, nobody, nothing)]
        )

    def sync(self) -> None:
        """Return when everything so far would survive a power cut.

        Raises:
            StorageError: the disk refused.
        """
        self._disk.sync(self._path)

    def _put(self, bodies: list[bytes]) -> None:
        if self._records + len(bodies) > RECORDS_MAX:
            self._replace(bodies)
            return
        self._disk.write(self._path, self._end_octets, self._sealed(bodies, self._records))
        # Only now: what a full disk left half done will be written over.
        self._records += len(bodies)

    def _replace(self, more: list[bytes]) -> None:
        kept = list(dict.fromkeys([*(_body(one) for one in self.symbols()), *more]))
        del kept[: -(RECORDS_MAX * 3 // 4)]
        header = _new_header()
        replace_file(self._disk, self._path, header + self._sealed(kept, 0, header))
        self._header, self._records = header, len(kept)

    @property
    def _end_octets(self) -> int:
        return HEADER_OCTETS + self._records * RECORD_OCTETS

    def _sealed(self, bodies: list[bytes], position: int, header: bytes | None = None) -> bytes:
        start = zlib.crc32(header or self._header)
        return b"".join(
            body + _checksum(start, body, position + at) for at, body in enumerate(bodies)
        )

    def _read(self) -> Iterator[tuple[int, AirObject, SymbolHeard | None]]:
        start = zlib.crc32(self._header)
        for first in range(0, self._records, READ_RECORDS):
            count = min(READ_RECORDS, self._records - first)
            offset = HEADER_OCTETS + first * RECORD_OCTETS
            octets = self._disk.read(self._path, offset, count * RECORD_OCTETS)
            for at in range(len(octets) // RECORD_OCTETS):
                record = octets[at * RECORD_OCTETS : (at + 1) * RECORD_OCTETS]
                body = record[: _BODY.size]
                if record[_BODY.size :] != _checksum(start, body, first + at):
                    continue
                # A damaged record whose checksum is right is rare, and no reason to fail.
                with suppress(ValueError):
                    yield first + at, *_parsed(body)


def _new_header() -> bytes:
    # The random octets tell this file's records from those of an older one, whose pages
    # the file system may have given to this one.
    fields = _HEADER.pack(MAGIC, secrets.token_bytes(4))
    return fields + _CHECKSUM.pack(zlib.crc32(fields))


def _is_header(octets: bytes) -> bool:
    fields = octets[: _HEADER.size]
    return fields.startswith(MAGIC) and octets == fields + _CHECKSUM.pack(zlib.crc32(fields))


def _checksum(start: int, body: bytes, position: int) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(position.to_bytes(4, "big"), zlib.crc32(body, start)))


def _body(recorded: Recorded) -> bytes:
    belongs_to, heard = recorded.belongs_to, recorded.heard
    assert len(heard.octets) == SYMBOL_OCTETS
    return _BODY.pack(
        belongs_to.content_tag,
        belongs_to.number,
        heard.form.pack(),
        heard.symbol_id,
        heard.sender.encode("ascii"),
        heard.octets,
    )


def _parsed(body: bytes) -> tuple[AirObject, SymbolHeard | None]:
    content_tag, number, form, symbol_id, sender, octets = _BODY.unpack(body)
    belongs_to = AirObject(content_tag, number)
    if form == _DONE:
        return belongs_to, None
    return belongs_to, SymbolHeard(
        form=Form.unpack(form),
        symbol_id=symbol_id,
        octets=octets,
        sender=sender.rstrip(b"\0").decode("ascii"),
    )
