"""Bencoding (BEP 3), canonical or not at all.

Every value has exactly one encoding, so that octets which decode here encode again
to the same octets, and a hash over a part of them can be taken from either. Sloppy
encodings that other programs let pass are refused: two programs could otherwise
read one hash as two contents.
"""

import re
from typing import TypeAlias

from meshdl.errors import MetainfoInvalid

Value: TypeAlias = int | bytes | list["Value"] | dict[bytes, "Value"]

MAX_DEPTH = 64
"""Nesting of lists and dictionaries: above any file tree that
:data:`meshdl.content.paths.MAX_COMPONENTS` allows, far below Python's stack."""

MAX_VALUES = 2_000_000
"""Strings, numbers, lists, dictionaries and their ends in one encoding. 100,000 files
have a million; without a limit, megabytes of ``de`` would become gigabytes of empty
dictionaries."""


def encode(value: Value) -> bytes:
    """Encode ``value``; dictionary keys are sorted as raw octets (BEP 3)."""
    parts: list[bytes] = []
    _encode(value, parts)
    return b"".join(parts)


def decode(octets: bytes) -> Value:
    """Decode exactly one value that fills ``octets``.

    Raises:
        MetainfoInvalid: not canonical bencoding, or over a limit of this module.
    """
    return _Decoder(octets).decode()


def _encode(value: Value, parts: list[bytes]) -> None:
    match value:
        case bytes():
            parts.append(b"%d:%b" % (len(value), value))
        case int():
            parts.append(b"i%de" % value)
        case list():
            parts.append(b"l")
            for item in value:
                _encode(item, parts)
            parts.append(b"e")
        case dict():
            parts.append(b"d")
            for key in sorted(value):
                parts.append(b"%d:%b" % (len(key), key))
                _encode(value[key], parts)
            parts.append(b"e")


_TOKEN = re.compile(
    # The canonical forms only: no leading zero, no "-0", no "+".
    rb"(0|[1-9][0-9]{0,9}):"  # 1: a string of this length
    rb"|i(0|-?[1-9][0-9]{0,19})e"  # 2: a number
    rb"|(d)|(l)|(e)"  # 3, 4, 5: a dictionary, a list, the end of either
)
_STRING, _NUMBER, _DICTIONARY, _LIST, _END = range(1, 6)


class _Decoder:
    """One pass over octets that nobody has checked. Tokens are read by :data:`_TOKEN`."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0
        self._values = 0

    def decode(self) -> Value:
        kind, token = self._token()
        value = self._value(kind, token, MAX_DEPTH)
        if self._at != len(self._octets):
            raise self._refused("something follows the value")
        return value

    def _token(self) -> tuple[int, bytes]:
        match = _TOKEN.match(self._octets, self._at)
        if match is None or match.lastindex is None:
            raise self._refused("no value starts here")
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refused(f"more than {MAX_VALUES} values")
        self._at = match.end()
        return match.lastindex, match[match.lastindex]

    def _value(self, kind: int, token: bytes, depth_left: int) -> Value:
        if kind == _STRING:
            return self._string(token)
        if kind == _NUMBER:
            return int(token)
        if kind == _END:
            raise self._refused("an end without a beginning")
        if depth_left == 0:
            raise self._refused(f"values nest deeper than {MAX_DEPTH}")
        return (
            self._dictionary(depth_left - 1) if kind == _DICTIONARY else self._list(depth_left - 1)
        )

    def _string(self, length: bytes) -> bytes:
        start = self._at
        self._at += int(length)
        if self._at > len(self._octets):
            raise self._refused("a string is longer than what is left")
        return self._octets[start : self._at]

    def _list(self, depth_left: int) -> list[Value]:
        items: list[Value] = []
        while (found := self._token())[0] != _END:
            items.append(self._value(*found, depth_left))
        return items

    def _dictionary(self, depth_left: int) -> dict[bytes, Value]:
        items: dict[bytes, Value] = {}
        previous: bytes | None = None
        while (found := self._token())[0] != _END:
            if found[0] != _STRING:
                raise self._refused("a dictionary key is no string")
            key = self._string(found[1])
            if previous is not None and key <= previous:
                raise self._refused("dictionary keys are not unique and sorted")
            items[key] = self._value(*self._token(), depth_left)
            previous = key
        return items

    def _refused(self, problem: str) -> MetainfoInvalid:
        return MetainfoInvalid(
            f"not canonical bencoding near octet {self._at}: {problem}; fetch the metainfo again "
            "from somebody else"
        )
