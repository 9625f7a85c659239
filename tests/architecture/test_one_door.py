"""One door to the air: a ``Key`` is made in one module, and only the transmitter uses that one."""

import ast
import typing
from pathlib import Path

import meshdl
from meshdl.radio import keying, transmitter_events

ROOT = Path(meshdl.__file__).parent


def constructors_of(name: str) -> set[str]:
    """Modules that call ``name``."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
                found.add(path.relative_to(ROOT).as_posix())
    return found


def importers_of(module: str) -> set[str]:
    parent, _, name = module.rpartition(".")
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imports = (
                isinstance(node, ast.ImportFrom)
                and (
                    node.module == module
                    or (node.module == parent and any(one.name == name for one in node.names))
                )
            ) or (isinstance(node, ast.Import) and any(one.name == module for one in node.names))
            if imports:
                found.add(path.relative_to(ROOT).as_posix())
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
    assert list(fields) == ["serial", "frames", "burst_s"]
    assert keying.Key.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_everything_the_transmitter_does_is_a_named_effect() -> None:
    effects = typing.get_args(transmitter_events.TransmitterEffect)
    transmitting = [effect for effect in effects if "frames" in typing.get_type_hints(effect)]
    assert transmitting == [keying.Key]
