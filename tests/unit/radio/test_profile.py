"""A rules profile is read whole or refused with the place that is wrong."""

import re
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.radio.stations import US

from meshdl.errors import ConfigError
from meshdl.radio import profiles
from meshdl.radio.profile import PROFILE_MAX_OCTETS, parse

TEXT = files(profiles.__name__).joinpath("us-part97.toml").read_text(encoding="utf-8")


def test_every_line_of_the_rules_cites_its_section() -> None:
    document = tomllib.loads(TEXT)
    uncited: list[object] = []

    def walk(value: object, name: str) -> None:
        if isinstance(value, dict):
            if name not in {"", "purposes", "partners"} and "section" not in value:
                uncited.append(name)
            for key, inner in value.items():
                walk(inner, key)
        elif isinstance(value, list):
            for inner in value:
                if isinstance(inner, dict):
                    walk(inner, name)

    walk(document, "")
    assert uncited == []
    cited = re.findall(r'section = "([^"]+)"', TEXT)
    assert all(
        re.fullmatch(r"97\.\d+(\([a-z0-9]+\))*(, 97\.\d+(\([a-z0-9]+\))*)*", one) for one in cited
    )


def test_unknown_rules_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no rules named 'xx'.*us-part97"):
        profiles.load("xx")
    assert profiles.names() == ["us-part97"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("low_khz = 50000", "low_khz = 60000"), "a segment from 60000"),
        (("[one_way]", "[oneway]"), "oneway"),
        (('classes = ["novice"]', 'classes = ["expert"]'), "'expert'"),
        (("[purposes.test]", "[purposes.fun]"), "'fun' is no purpose"),
        (("every_s = 600", "every_s = 6000"), "identification.every_s"),
        (("width_hz = 500\n", ""), "width_hz"),
        (('section = "97.403, 97.405"', ""), "section"),
        (("name =", "name"), "the profile is wrong"),
    ],
)  # fmt: skip
def test_a_wrong_profile_says_what_is_wrong(change: tuple[str, str], said: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(TEXT.replace(*change, 1))


def test_a_profile_of_absurd_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most"):
        parse(TEXT + "#" * PROFILE_MAX_OCTETS)


@given(st.integers(0, len(TEXT)), st.text(max_size=20))
def test_a_damaged_profile_raises_nothing_else(cut: int, noise: str) -> None:
    try:
        parsed = parse(TEXT[:cut] + noise)
    except ConfigError:
        return
    assert parsed.name == US.name
