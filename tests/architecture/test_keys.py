"""Keys of others come in by one function, and their signatures are verified in one module."""

from tests.architecture.test_one_door import ROOT, constructors_of


def test_every_station_key_is_made_by_the_function_that_looks_at_it() -> None:
    assert constructors_of("StationKey") == {"ids.py"}


def test_only_one_module_knows_how_to_verify() -> None:
    verifying = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "Ed25519PublicKey" in path.read_text(encoding="utf-8")
    }
    assert verifying == {"signatures.py"}
