"""Settings are changed in the operator's own file, and everything else stays as it was."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import ConfigError, FileUnreadable
from meshdl.ids import Callsign
from meshdl.station import config_file
from meshdl.station.settings_edit import Value, change, change_file, toml

NEW_FILE = config_file.template(call=Callsign("KA1ABC"), grid="FN42")
RADIO: dict[str, Value] = {
    "rules": "us-part97",
    "dial_hz": 14_103_000,
    "modem": "freedv",
    "power_w": 5.5,
}


def test_a_new_file_gets_the_table_where_its_comments_stand() -> None:
    changed = change(NEW_FILE, {"radio": RADIO})
    assert tomllib.loads(changed) == {**tomllib.loads(NEW_FILE), "radio": RADIO}
    before, after = NEW_FILE.splitlines(), changed.splitlines()
    assert len(before) == len(after)
    differing = [new for old, new in zip(before, after, strict=True) if old != new]
    assert differing == [
        "[radio]",
        'rules = "us-part97"',
        "dial_hz = 14103000",
        "power_w = 5.5",
        'modem = "freedv"',
    ]


def test_a_change_stands_where_the_old_value_stood() -> None:
    text = "[radio]\n# of the county\ndial_hz = 1 # wrong\n# dial_hz = 2\n\n[lan]\nport = 7\n"
    assert change(text, {"radio": {"dial_hz": 3, "mode": "datac1"}}) == (
        '[radio]\n# of the county\ndial_hz = 3\n# dial_hz = 2\nmode = "datac1"\n\n[lan]\nport = 7\n'
    )


def test_two_tables_can_be_changed_at_once() -> None:
    text = '[station]\ncallsign = "N0CALL"\n'
    changed = change(text, {"station": {"callsign": "KA1ABC"}, "radio": {"ptt": "vox"}})
    assert changed == '[station]\ncallsign = "KA1ABC"\n\n[radio]\nptt = "vox"\n'


@pytest.mark.parametrize(
    "text",
    [
        "radio = { dial_hz = 1 }\n[lan]\n",
        "radio.dial_hz = 1\n[lan]\n",
        '[station]\nnote = """\n[radio]\ndial_hz = 1\n"""\n',
        '[radio]\nmodem = """\nfree\ndv"""\n',
        '["radio"]\ndial_hz = 1\n',
    ],
)  # fmt: skip
def test_what_lines_do_not_show_is_left_alone_and_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"by hand: \[radio\] dial_hz = 2; \[radio\] modem = "):
        change(text, {"radio": {"dial_hz": 2, "modem": "freedv"}})


def test_no_toml_is_told() -> None:
    with pytest.raises(ConfigError, match="no TOML"):
        change("[radio\n", {"radio": {"dial_hz": 2}})


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
    )
)
def test_every_value_is_read_back_as_it_was(value: str | float | bool) -> None:
    assert tomllib.loads(f"key = {toml(value)}") == {"key": value}


@given(
    st.lists(
        st.sampled_from(
            ["[radio]", "# [radio]", "[lan]", "dial_hz = 1", "# dial_hz = 2", "", 'ptt = "vox"',
             "x = [", "]", '"""', "# a [radio] of words", "port = 3", "[[radio]]", "[radio.x]"]
        ),
        max_size=10,
    )
)  # fmt: skip
def test_whatever_the_file_is_nothing_else_changes(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        changed = change(text, {"radio": {"dial_hz": 5}})
    except ConfigError:
        return
    before, after = tomllib.loads(text), tomllib.loads(changed)
    radio = {**before.pop("radio", {}), "dial_hz": 5}
    assert after == {**before, "radio": radio}
    assert [line for line in text.splitlines() if line.startswith("# a")] == [
        line for line in changed.splitlines() if line.startswith("# a")
    ]


def test_a_file_is_changed_whole_and_a_wrong_setting_leaves_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(NEW_FILE)
    assert change_file(file, {"radio": {"control": "local"}}).radio is not None
    held = file.read_text()
    with pytest.raises(ConfigError, match=r"radio\.control"):
        change_file(file, {"radio": {"control": "remotely"}})
    assert file.read_text() == held
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]
    with pytest.raises(FileUnreadable):
        change_file(tmp_path / "none.toml", {})
