"""What an operator sets fits together, or is named."""

from pathlib import Path

import pytest

from meshdl.errors import ConfigError, FileUnreadable
from meshdl.signal_server.settings import (
    DENY_LIST_OCTETS_MAX,
    ServerSettings,
    read_deny_list,
    read_secret,
)


def test_turn_urls_need_a_secret_and_the_other_way_round() -> None:
    ServerSettings(turn_urls=("turn:a",), turn_secret="secret")
    with pytest.raises(ConfigError, match="--turn-secret-file"):
        ServerSettings(turn_urls=("turn:a",))
    with pytest.raises(ConfigError, match="--turn-url"):
        ServerSettings(turn_secret="secret")


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--key"):
        ServerSettings(certificate=tmp_path / "a")
    with pytest.raises(FileUnreadable, match="PEM"):
        ServerSettings(certificate=tmp_path / "a", key=tmp_path / "b").tls()
    assert ServerSettings().tls() is None


def test_the_secret_is_not_shown() -> None:
    assert "hidden" not in repr(ServerSettings(turn_urls=("turn:a",), turn_secret="hidden"))


def test_a_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hidden\n")
    assert read_secret(path) == "hidden"
    path.write_text("\n")
    with pytest.raises(FileUnreadable, match="empty"):
        read_secret(path)
    with pytest.raises(FileUnreadable, match="nowhere"):
        read_secret(tmp_path / "nowhere")


def test_a_deny_list_has_comments(tmp_path: Path) -> None:
    path = tmp_path / "deny"
    path.write_text("; nobody\nKA1ABC ; floods\n\n203.0.113.0/24\n")
    assert read_deny_list(path) == {"KA1ABC", "203.0.113.0/24"}
    path.write_bytes(b"\xff")
    with pytest.raises(FileUnreadable):
        read_deny_list(path)


@pytest.mark.parametrize("entry", ["203.0.113.0/33", "KA1", "# a comment", "a11ce0000000000g"])
def test_what_cannot_be_denied_is_said_and_not_passed_over(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "deny"
    path.write_text(f"ka1abc-7\n\n{entry}\n")
    with pytest.raises(FileUnreadable, match=r"line 3: .* put a ; before it"):
        read_deny_list(path)


def test_every_kind_of_entry_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "deny"
    entries = {"ka1abc-7", "a11ce00000000000", "192.0.2.1", "2001:db8::/32", "203.0.113.9/24"}
    path.write_text("\n".join(entries))
    assert read_deny_list(path) == entries


def test_a_list_that_is_too_long_is_not_cut_in_the_middle_of_a_network(tmp_path: Path) -> None:
    path = tmp_path / "deny"
    path.write_text("203.0.113.0/24\n" * (DENY_LIST_OCTETS_MAX // 15 + 1))
    with pytest.raises(FileUnreadable, match="make it shorter"):
        read_deny_list(path)
