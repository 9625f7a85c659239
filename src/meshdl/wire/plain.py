"""Frozen values as plain ones, ready for JSON: what a monitor prints and vectors hold.

A dataclass becomes an object with its fields in the camelCase of our other JSON, octets
become hexadecimal digits, members of enumerations their names in lower case.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeAlias

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def plain(value: object) -> Plain:
    """``value`` without types of ours.

    Raises:
        TypeError: it holds something that JSON has no word for.
    """
    match value:
        case enum.Enum():
            return value.name.lower()
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.hex()
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
        case Sequence():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            return {_camel(one.name): plain(getattr(value, one.name)) for one in fields(value)}
        case _:
            raise TypeError(f"no plain value of a {type(value).__name__}")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
