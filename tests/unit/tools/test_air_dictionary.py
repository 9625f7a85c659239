"""The dictionary that is shipped is the one that the tool makes."""

from tools.air_texts import KINDS, MEASURING, TRAINING
from tools.train_air_dictionary import TARGET, page, trained

from meshdl.radio import air_dictionary


def test_the_tool_makes_the_dictionary_that_is_shipped() -> None:
    octets = trained()
    assert octets == air_dictionary.OCTETS
    assert TARGET.read_text(encoding="utf-8") == page(octets)


def test_what_is_measured_on_was_not_trained_on() -> None:
    for name in TRAINING.__slots__:
        assert not set(getattr(TRAINING, name)) & set(getattr(MEASURING, name))


def test_a_seed_is_one_text() -> None:
    from tools.air_texts import texts

    for kind in KINDS:
        once, again, other = (texts(kind, MEASURING, seed=seed, count=2) for seed in (1, 1, 2))
        assert once == again != other
