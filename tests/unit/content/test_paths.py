"""Names from a peer: safe on every system, or refused."""

import ntpath
import posixpath
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import paths
from meshdl.content.paths import RelativePath, check_no_collisions
from meshdl.errors import UnsafePath

hostile = st.text(st.sampled_from(list("/\\.:~ aA\x00\n\u202e*é\ud800")) | st.characters())


@pytest.mark.parametrize(
    "name",
    [
        "map.pdf",
        ".hidden",
        "…",
        "a b",
        "été.txt",
        "e\u0301te\u0301.txt",
        "地図",
        "👨\u200d👩\u200d👧",
        "مرحبا",
        "CONSOLE",
        "COM",
        "COM10",
        "null",
        "~root",
        "-rf",
        "x" * 250,
    ],
)
def test_ordinary_names_are_accepted(name: str) -> None:
    assert RelativePath.parse(["folder", name]).parts == ("folder", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "/etc",
        "a/b",
        "a\\b",
        "..\\x",
        "C:",
        "C:\\x",
        "file:stream",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\x9bb",
        "a\u2028b",
        "photo\u202egpj.exe",
        "a<b",
        "a>b",
        'a"b',
        "a|b",
        "a?b",
        "a*b",
        "trailing.",
        "trailing ",
        "...",
        " ",
        "CON",
        "con",
        "Nul.txt",
        "aux.tar.gz",
        "COM1",
        "com1.x",
        "LPT9 .txt",
        "COM²",
        "CONIN$",
        "\ud800",
        "x" * 251,
        "é" * 126,
    ],
)
def test_a_name_that_one_system_refuses_is_refused(name: str) -> None:
    with pytest.raises(UnsafePath, match="rename"):
        RelativePath.parse(["folder", name])


def test_the_error_names_the_file_and_the_reason() -> None:
    with pytest.raises(UnsafePath, match=r"'maps/a:b' is refused: the character ':' is not"):
        RelativePath.parse(["maps", "a:b"])


def test_an_error_can_always_be_printed() -> None:
    with pytest.raises(UnsafePath) as caught:
        RelativePath.parse(["\ud800\x1b[2J" + "x" * 5000])
    assert str(caught.value).encode().isascii()
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "parts", [[], ["a"] * (paths.MAX_COMPONENTS + 1), ["x" * 200] * 4], ids=["no", "many", "long"]
)
def test_a_path_of_no_or_too_many_names_is_refused(parts: list[str]) -> None:
    with pytest.raises(UnsafePath):
        RelativePath.parse(parts)


def test_a_path_cannot_be_made_unsafe_without_parsing() -> None:
    with pytest.raises(UnsafePath):
        RelativePath(("..", "x"))


@given(st.lists(hostile, max_size=4))
def test_whatever_is_accepted_stays_below_its_directory(parts: list[str]) -> None:
    try:
        path = RelativePath.parse(parts)
    except UnsafePath:
        return
    assert posixpath.normpath(f"/d/{path}") == f"/d/{path}"
    windows = ntpath.join("C:\\d", *path.parts)
    assert ntpath.normpath(windows) == windows
    assert ntpath.splitdrive(windows)[0] == "C:"
    assert not ntpath.isabs(str(path))
    assert str(path).split("/") == list(parts)
    assert str(path).encode().decode() == str(path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a"),
        ("Map", "map"),
        ("caf\u00e9", "cafe\u0301"),
        ("CAF\u00c9", "cafe\u0301"),
        ("stra\u00dfe", "STRASSE"),
        ("a\u200bb", "ab"),
        ("\u2764\ufe0f.png", "\u2764.png"),
        ("soft\u00adhyphen", "softhyphen"),
        ("d/Maps/a", "d/maps/b"),
        ("a", "a/b"),
        ("A", "a/b/c"),
        ("x/Maps/a", "x/maps/b"),
    ],
)
def test_names_that_are_one_file_on_some_system_collide(one: str, other: str) -> None:
    both = [RelativePath.parse(one.split("/")), RelativePath.parse(other.split("/"))]
    for pair in (both, both[::-1]):
        with pytest.raises(UnsafePath, match="rename one") as caught:
            check_no_collisions(pair)
        assert repr(one.partition("/")[0])[1:-1] in str(caught.value)


@pytest.mark.parametrize(
    "names", [[], ["a"], ["a/b", "a/c"], ["a", "b/a"], ["a.b", "a/b"], ["ab/c", "a/bc"]]
)
def test_different_names_do_not_collide(names: list[str]) -> None:
    check_no_collisions(RelativePath.parse(name.split("/")) for name in names)


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "A", "b", "\u00e9", "e\u0301"]), min_size=1, max_size=4)
    )
)
def test_paths_collide_exactly_if_two_of_them_do(tree: list[list[str]]) -> None:
    paths = [RelativePath.parse(parts) for parts in tree]
    pairs = [(one, other) for at, one in enumerate(paths) for other in paths[:at]]
    assert collides(paths) is any(collides(pair) for pair in pairs)


def collides(paths: Iterable[RelativePath]) -> bool:
    try:
        check_no_collisions(paths)
    except UnsafePath:
        return True
    return False
