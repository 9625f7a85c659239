"""One door to the air: a ``Key`` is made in one module, and only the transmitter uses that one.

What is read here is the source, so these tests see what a contributor may do by mistake: make
a key or a copy of one, under another name too; tell a modem something else; write to a TNC past
its modem. Whoever means to go around them can.
"""

import ast
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import meshdl
from meshdl.radio import keying, transmitter_events

ROOT = Path(meshdl.__file__).parent


def constructors_of(name: str) -> set[str]:
    """Modules that call ``name``."""
    return {
        path
        for path, node in nodes(ast.Call)
        if isinstance(node.func, ast.Name | ast.Attribute)
        and ast.unparse(node.func).split(".")[-1] == name
    }


@cache
def modules() -> tuple[tuple[str, tuple[ast.AST, ...]], ...]:
    """The nodes of every module."""
    return tuple(
        (
            path.relative_to(ROOT).as_posix(),
            tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8")))),
        )
        for path in sorted(ROOT.rglob("*.py"))
    )


NodeT = TypeVar("NodeT", bound=ast.AST)


def nodes(kind: type[NodeT]) -> Iterator[tuple[str, NodeT]]:
    """All nodes of a kind, each with its module."""
    return ((path, one) for path, found in modules() for one in found if isinstance(one, kind))


def calls_of(method: str) -> set[tuple[str, str]]:
    """Modules that call a method of that name, and on what."""
    return {
        (path, ast.unparse(node.func.value))
        for path, node in nodes(ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr == method
    }


def importers_of(module: str) -> set[str]:
    parent, _, name = module.rpartition(".")
    found = set()
    for path, tree in modules():
        for node in tree:
            imports = (
                isinstance(node, ast.ImportFrom)
                and (
                    node.module == module
                    or (node.module == parent and any(one.name == name for one in node.names))
                )
            ) or (isinstance(node, ast.Import) and any(one.name == module for one in node.names))
            if imports:
                found.add(path)
    return found


def test_only_the_keyer_makes_a_key() -> None:
    assert constructors_of("Key") == {"radio/keyer.py"}


def test_only_the_transmitter_has_a_keyer() -> None:
    assert constructors_of("Keyer") == {"radio/transmitter.py"}
    assert importers_of("meshdl.radio.keyer") == {"radio/transmitter.py"}


def test_a_key_is_made_in_one_function() -> None:
    tree = ast.parse((ROOT / "radio" / "keyer.py").read_text(encoding="utf-8"))
    makers = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Key"
    ]
    assert makers == ["key"]


def test_a_key_cannot_be_changed_or_made_of_less_than_a_logged_burst() -> None:
    fields = typing.get_type_hints(keying.Key)
    assert list(fields) == ["serial", "frames", "burst_s", "mode"]
    assert keying.Key.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_everything_the_transmitter_does_is_a_named_effect() -> None:
    effects = typing.get_args(transmitter_events.TransmitterEffect)
    transmitting = [effect for effect in effects if "frames" in typing.get_type_hints(effect)]
    assert transmitting == [keying.Key]


def test_nobody_has_another_name_for_what_makes_a_key() -> None:
    found = set()
    for path, tree in modules():
        for node in tree:
            names = node.names if isinstance(node, ast.ImportFrom) else []
            found |= {
                (path, one.name, one.asname)
                for one in names
                if one.name in {"Key", "Keyer"} and (one.asname or one.name == "Keyer")
            }
            value = getattr(node, "value", None)
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Name):
                found |= {(path, value.id, "=")} if value.id in {"Key", "Keyer"} else set()
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
                found |= {(path, base, node.name) for base in bases & {"Key", "Keyer"}}
    # A modem's word for it is an annotation, and nothing is made by it.
    assert found == {
        ("radio/transmitter.py", "Keyer", None), ("transports/modems/modem.py", "Key", "="),
    }  # fmt: skip
    # (Two rooms of the radio have bursts of their own.)
    assert {path for path in constructors_of("Burst") if not path.startswith("radio/")} == set()


def test_a_key_is_handed_to_nothing_that_could_make_another() -> None:
    found = {
        (path, ast.unparse(node))
        for path, node in nodes(ast.Call)
        for argument in (*node.args, *(one.value for one in node.keywords))
        if isinstance(argument, ast.Name) and argument.id in {"Key", "Keyer"}
    }
    assert found == set()  # partial(Key), type.__call__(Key, ...), object.__new__(Key)


def test_modems_are_keyed_in_one_place_by_the_transmitters_effect() -> None:
    assert calls_of("key") == {
        ("radio/transmitter.py", "self._keyer"),
        ("radio/keyer.py", "self"),  # where no rig has to be asked again
        ("station/radio/shell.py", "modem"),
        ("sim/radio.py", "self.modem"),
        # PTT, of a burst that the modem was given.
        ("transports/modems/dire_wolf.py", "self._ptt"),
        ("transports/modems/sound_modem.py", "self._ptt"),
    }
    for path, tree in modules():
        if path in {"station/radio/shell.py", "sim/radio.py", "radio/station.py"}:
            copies = [
                ast.unparse(node)
                for node in tree
                if isinstance(node, ast.Call)
                and ast.unparse(node.func).split(".")[-1] in {"replace", "copy", "deepcopy"}
            ]
            assert copies == [], f"{path} could key a copy"
            source = (ROOT / path).read_text(encoding="utf-8")
            assert "type: ignore" not in source, f"{path} could key what is no Key"


def test_the_keyer_is_the_transmitters_own() -> None:
    owners = {path for path, node in nodes(ast.Attribute) if node.attr == "_keyer"}
    assert owners == {"radio/transmitter.py"}


def test_nothing_but_a_modem_writes_frames_to_a_tnc_or_sound_to_a_card() -> None:
    encoders = {path for path, on in calls_of("encode") if on == "kiss"}
    assert encoders == {"transports/modems/kiss_frames.py"}
    assert {path for path, on in calls_of("encode_ui") if on == "ax25"} == encoders
    players = {
        path
        for path, node in nodes(ast.Attribute)
        if node.attr in {"OutputStream", "RawOutputStream"}
    }
    assert players <= {"transports/modems/sound_card.py"}
