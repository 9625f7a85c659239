"""The tree of errors in :mod:`meshdl.errors` is what its docstring draws."""

import inspect
import re

import pytest

from meshdl import errors
from meshdl.errors import MeshdlError

CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if one.__module__ == errors.__name__
]


def drawn() -> dict[str, str | None]:
    """Each class in the drawing, with the class that it is drawn below."""
    above: list[str] = []
    found: dict[str, str | None] = {}
    for indent, name in re.findall(r"^( *)\* :exc:`(\w+)`", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        above[depth:] = [name]
        found[name] = above[depth - 1] if depth else None
    return found


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
def test_an_error_says_what_it_means(one: type) -> None:
    assert one.__dict__.get("__doc__")


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
def test_an_error_is_one_of_ours(one: type) -> None:
    assert issubclass(one, MeshdlError)


def test_the_drawing_is_the_tree() -> None:
    tree = {
        one.__name__: None if one is MeshdlError else one.__mro__[1].__name__ for one in CLASSES
    }
    assert drawn() == tree
