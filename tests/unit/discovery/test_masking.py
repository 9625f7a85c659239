"""What is left of addresses in text, and what is none."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.discovery.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("KA1ABC is up over lan, 192.168.1.17:50123", "KA1ABC is up over lan, 192.168.*:50123"),
        ("addresses are now 10.0.0.5, fd73::5", "addresses are now 10.0.*, fd73:0:*"),
        ("[2001:db8:1:2::9]:7373 answered", "[2001:db8:*]:7373 answered"),
        ("at fe80::1%2 and fe80::1%lan.5", "at fe80:0:* and fe80:0:*"),
        ("at ::ffff:192.168.1.17.", "at 0:0:*."),
        ("ws://198.51.100.7:7374/v1", "ws://198.51.*:7374/v1"),
        ("(203.0.113.9)", "(203.0.*)"),
    ],
)
def test_the_host_is_left_out_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "listening at ws://127.0.0.1:7374 and [::1]:5",
        "any of 0.0.0.0 and ::",
        "2026-01-02 12:34:56,789 INFO meshdl 0.1.0: 1.2.3.4.5",
        "999.1.1.1 is no address",
        "fingerprint AB:CD:EF:01:23:45:67:89:AB",
    ],
)
def test_what_is_no_address_of_anybody_stays(text: str) -> None:
    assert masked(text) == text


@given(address=st.ip_addresses(v=4), before=st.sampled_from(["", "at ", "[", "//", "=", "("]))
def test_no_host_of_ipv4_is_left(address: ipaddress.IPv4Address, before: str) -> None:
    if not (address.is_loopback or address.is_unspecified):
        assert str(address) not in masked(f"{before}{address}:5 and {address}")


@given(address=st.ip_addresses(v=6), port=st.integers(1, 65535))
def test_no_host_of_ipv6_is_left(address: ipaddress.IPv6Address, port: int) -> None:
    if not (address.is_loopback or address.is_unspecified):
        shown = masked(f"[{address}]:{port}, {address} and {address.exploded}")
        assert shown.count(":*") == 3


@given(text=st.text(alphabet="0123456789abcdef.:%[] ", max_size=80))
def test_what_was_masked_stays_as_it_is(text: str) -> None:
    assert masked(masked(text)) == masked(text)
