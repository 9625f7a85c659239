"""File names that came from outside, as a type that cannot be unsafe.

A :class:`RelativePath` can be joined to a directory on Linux, macOS and Windows and
names a file below it: it never leaves the directory, never means a device, and never
needs a character that one of the three refuses. Content is named by its hash, so a
name that one system cannot store would make the same content impossible there; it is
refused where it is shared, not where it arrives.

Source:
    "Naming Files, Paths, and Namespaces" (Microsoft Learn, Win32); POSIX.1-2017,
    3.170 "Filename"; git's CVE-2014-9390 for characters that a file system ignores.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from meshdl.errors import UnsafePath

MAX_NAME_OCTETS = 250
"""File systems take 255 octets a name; five are left for ``.part``."""

MAX_PATH_OCTETS = 800
"""macOS takes 1,024 octets for a whole path; the download directory needs some."""

MAX_COMPONENTS = 32
"""Deeper trees are mistakes or tricks; it also bounds the nesting of the info dictionary."""

_REFUSED = re.compile(
    r'[/\\<>:"|?*'  # separators, and what Windows refuses
    # Control characters; line breaks; half of a surrogate pair, which UTF-8 cannot
    # hold and which Python makes of names that are not UTF-8.
    r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    # Direction overrides make "gpj.exe" read as "exe.jpg"; right-to-left names do
    # without them.
    r"\u202a-\u202e\u2066-\u2069]"
)

_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    # Windows takes the superscript digits of Latin-1 for digits here.
    + [port + digit for port in ("COM", "LPT") for digit in "0123456789\u00b9\u00b2\u00b3"]
)

_IGNORED_BY_FILE_SYSTEMS = dict.fromkeys(
    [
        *range(0x200B, 0x2010), *range(0x2060, 0x2070), 0xFEFF,
        0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164,
        *range(0xFE00, 0xFE10), 0xFFA0, *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE1000),
    ]
)  # fmt: skip
"""HFS+ compares names without those of the first line, Linux in folders that ignore case (as
those of Android) without any of these (Unicode: Default_Ignorable_Code_Point): two such names
would be one file."""


@dataclass(frozen=True, slots=True)
class RelativePath:
    """A safe path below some directory. Make one with :meth:`parse`.

    Attributes:
        parts: the components, outermost first; at least one.
    """

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.parts) <= MAX_COMPONENTS:
            raise UnsafePath(
                f"a path of {len(self.parts)} names is refused: 1 to {MAX_COMPONENTS} are allowed; "
                "share the folder in a flatter form"
            )
        for name in self.parts:
            problem = _problem(name)
            if problem:
                raise UnsafePath(
                    f"the file name {_shown(self.parts)} is refused: {problem}; "
                    "rename the file or folder, then share it again"
                )
        octets = len("/".join(self.parts).encode())
        if octets > MAX_PATH_OCTETS:
            raise UnsafePath(
                f"the path {_shown(self.parts)} is refused: it has {octets} octets, more than "
                f"{MAX_PATH_OCTETS}; shorten its names, then share it again"
            )

    @classmethod
    def parse(cls, parts: Sequence[str]) -> Self:
        """Check the components of a path that came from a peer, a file or a directory.

        Raises:
            UnsafePath: the path is empty, leaves its directory, means a device, or
                cannot be stored on one of the systems we run on. The message names
                the path, why, and what to do.
        """
        return cls(tuple(parts))

    def __str__(self) -> str:
        return "/".join(self.parts)


def check_no_collisions(paths: Iterable[RelativePath]) -> None:
    """Refuse paths that would be one file on a file system that ignores case or form.

    Raises:
        UnsafePath: two paths are equal after case folding and Unicode normalisation,
            or one is a file where another needs a directory. The message names both.
    """
    files: dict[tuple[str, ...], RelativePath] = {}
    folded: dict[str, str] = {}
    above: dict[tuple[str, ...], tuple[str, ...]] = {}
    for path in paths:
        parent = path.parts[:-1]
        if parent not in above:
            above[parent] = tuple(_folded(name, folded) for name in parent)
        key = (*above[parent], _folded(path.parts[-1], folded))
        if key in files:
            raise _collision(files[key], path)
        files[key] = path
    _check_directories(files, above)


def _check_directories(
    files: dict[tuple[str, ...], RelativePath], above: dict[tuple[str, ...], tuple[str, ...]]
) -> None:
    directories: dict[tuple[str, ...], tuple[str, ...]] = {}
    for key, path in files.items():
        # What holds of one file of a directory, as it is spelt, holds of all.
        if above.pop(path.parts[:-1], None) is None:
            continue
        for depth in range(1, len(key)):
            if key[:depth] in files:
                raise _collision(files[key[:depth]], path)
            # "Maps/a" and "maps/b" are two directories here and one on Windows:
            # merged, they are no longer the tree that was shared.
            spelt = directories.setdefault(key[:depth], path.parts[:depth])
            if spelt != path.parts[:depth]:
                raise _collision(RelativePath(spelt), path)


def _collision(one: RelativePath, other: RelativePath) -> UnsafePath:
    return UnsafePath(
        f"{_shown(one.parts)} and {_shown(other.parts)} would be the same file or folder on some "
        "systems; rename one of them, then share again"
    )


def _folded(name: str, known: dict[str, str]) -> str:
    if name not in known:
        visible = unicodedata.normalize("NFD", name).translate(_IGNORED_BY_FILE_SYSTEMS)
        known[name] = unicodedata.normalize("NFC", visible.casefold())
    return known[name]


@lru_cache(maxsize=4096)  # the names of folders come again and again
def _problem(name: str) -> str | None:
    """Why ``name`` may not be a component, or ``None``."""
    if name in {"", ".", ".."}:
        return "a name may not be empty, '.' or '..'"
    refused = _REFUSED.search(name)
    if refused:
        return f"the character {refused.group()!a} is not allowed in a name"
    if name[-1] in {".", " "}:
        return "Windows drops a dot or space at the end of a name"
    if name.partition(".")[0].rstrip().upper() in _DEVICES:
        return "Windows keeps this name for a device"
    octets = len(name.encode())
    if octets > MAX_NAME_OCTETS:
        return f"a name of {octets} octets is longer than {MAX_NAME_OCTETS}"
    return None


def _shown(parts: tuple[str, ...]) -> str:
    """The path for a message: quoted, escaped, not endless."""
    text = repr("/".join(parts))
    return text if len(text) <= 200 else f"{text[:150]}...{text[-40:]}"
