"""Who may speak to the control API."""

import pytest

from meshdl.control.guard import Guard

GUARD = Guard(port=4000, token="secret")
OURS = {"Host": "127.0.0.1:4000", "Authorization": "Bearer secret"}


def status(**changes: str) -> int | None:
    refusal = GUARD.refusal({**OURS, **changes})
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4000", "localhost:4000", "[::1]:4000", "LOCALHOST:4000"]
)
def test_every_name_of_loopback_is_ours(host: str) -> None:
    assert status(Host=host) is None


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1", "127.0.0.1:4001", "evil.example:4000", "127.0.0.1:4000.evil.example"]
)
def test_a_rebound_name_is_refused(host: str) -> None:
    assert status(Host=host) == 403


def test_a_page_of_another_site_is_refused_even_with_the_token() -> None:
    assert status(Origin="http://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin="https://127.0.0.1:4000") == 403


def test_our_own_page_is_not_refused() -> None:
    assert status(Origin="http://127.0.0.1:4000") is None


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer wrong", "bearer secret", "Bearer secret ", "Bearer s\udcffcret"]
)
def test_a_wrong_token_is_refused(shown: str) -> None:
    assert status(Authorization=shown) == 401


def test_a_foreign_host_is_told_nothing_about_the_token() -> None:
    assert status(Host="evil.example", Authorization="") == 403
