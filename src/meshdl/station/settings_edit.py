"""Changes settings in the text of ``config.toml``, and leaves the rest as the operator wrote it.

Theory of operation
===================

A table is the lines from its heading to the next one. A key of it that is there is replaced
where it stands; one that stands behind ``#``, as in a new file, is put in that place; any
other is added at the table's end. A heading behind ``#`` is put in force likewise, and a
missing table is added at the end of the file.

TOML can be written in ways that lines do not show (multi-line texts, dotted keys, inline
tables). So the result is read again, and must differ from the old document in the changed
settings alone; otherwise nothing is written, and the operator is told to edit by hand.
"""

import copy
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from meshdl.errors import ConfigError, FileUnreadable
from meshdl.station.config import StationConfig
from meshdl.station.config_file import CONFIG_MAX_OCTETS
from meshdl.station.private_file import write_private

Value: TypeAlias = str | int | float | bool
Changes: TypeAlias = Mapping[str, Mapping[str, Value]]
"""Of each table, its keys and their new values."""

_HEADING = re.compile(r"#?\s*\[(?P<name>[A-Za-z0-9_]+)\]\s*(?:#.*)?")
_ESCAPED = {'"': '\\"', "\\": "\\\\"}


def change_file(
    path: Path, changes: Changes, *, check: Callable[[StationConfig], object] | None = None
) -> StationConfig:
    """Change settings of a file; it is replaced whole or not at all.

    Args:
        path: of the file.
        changes: to be made.
        check: raises if the settings as a whole would not do; then nothing is written.

    Returns:
        The settings as they are from now on.

    Raises:
        ConfigError: a changed setting would be wrong, or the file cannot be changed by lines.
        FileUnreadable: the file cannot be read.
        FileUnwritable: it cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"cannot read {path} ({error})") from error
    changed = change(text, changes)
    settings = StationConfig.from_mapping(tomllib.loads(changed))
    if check is not None:
        check(settings)
    octets = changed.encode("utf-8")
    if len(octets) > CONFIG_MAX_OCTETS:
        raise ConfigError("config.toml", f"would be longer than {CONFIG_MAX_OCTETS} octets")
    write_private(path, octets)
    return settings


def change(text: str, changes: Changes) -> str:
    """The text with these settings.

    Raises:
        ConfigError: it is no TOML, or written so that lines do not show its tables.
    """
    try:
        wanted = copy.deepcopy(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("config.toml", f"it is no TOML: {error}") from error
    lines = text.splitlines()
    for table, settings in changes.items():
        _change_table(lines, table, settings)
        inner = wanted.setdefault(table, {})
        if isinstance(inner, dict):
            inner.update(settings)
    changed = "\n".join(lines) + "\n"
    if not _says(changed, wanted):
        by_hand = "; ".join(
            f"[{table}] {key} = {toml(value)}"
            for table, settings in changes.items()
            for key, value in settings.items()
        )
        raise ConfigError(
            "config.toml", f"is written in a way that this cannot change; put in by hand: {by_hand}"
        )
    return changed


def toml(value: Value) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{"".join(_escaped(one) for one in value)}"'
        case _:
            return repr(value)


def _escaped(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    control = ord(character) < 0x20 or ord(character) == 0x7F
    return f"\\u{ord(character):04x}" if control else character


def _change_table(lines: list[str], table: str, settings: Mapping[str, Value]) -> None:
    start = _start_of(lines, table)
    if start is None:
        start = len(lines) + 1
        lines += ["", f"[{table}]"]
    lines[start] = lines[start].removeprefix("#").lstrip()
    for key, value in settings.items():
        end = _end_of(lines, start)
        at = _line_of(lines, start + 1, end, key)
        line = f"{key} = {toml(value)}"
        if at is None:
            lines.insert(end, line)
        else:
            lines[at] = line


def _start_of(lines: list[str], table: str) -> int | None:
    """The table's heading; one behind ``#`` when there is no other."""
    found = [
        at
        for at, line in enumerate(lines)
        if (heading := _HEADING.fullmatch(line.strip())) and heading["name"] == table
    ]
    return min(found, key=lambda at: (lines[at].lstrip().startswith("#"), at), default=None)


def _end_of(lines: list[str], start: int) -> int:
    """Behind the table's last line that is not empty."""
    end = start + 1
    while end < len(lines) and not lines[end].lstrip("# \t").startswith("["):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return end


def _line_of(lines: list[str], start: int, end: int, key: str) -> int | None:
    """The key's line; one behind ``#`` when there is no other."""
    pattern = re.compile(rf"\s*#?\s*{re.escape(key)}\s*=.*")
    found = [at for at in range(start, end) if pattern.fullmatch(lines[at])]
    return min(found, key=lambda at: (lines[at].lstrip().startswith("#"), at), default=None)


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False
