"""Addresses of this machine, as far as every machine has them."""

import ipaddress

import ifaddr
import pytest

from meshdl.discovery import interfaces
from meshdl.discovery.interfaces import check_interfaces, look, own_addresses
from meshdl.errors import ConfigError


def adapter(name: str, index: int, *addresses: str) -> ifaddr.Adapter:
    ips = [
        ifaddr.IP((text, 0, 0) if ":" in text else text, 64 if ":" in text else 24, name)
        for text in addresses
    ]
    return ifaddr.Adapter(name, name, ips, index=index)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [
        adapter("lo", 1, "127.0.0.1", "::1"),
        adapter("eth0", 2, "fe80::2", "fd00::2", "192.168.1.2", "192.168.1.3"),
        adapter("wlan0", 3, "fe80::3", "169.254.7.7", "10.0.0.3"),
        adapter("tent0", 4, "fe80::4"),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    monkeypatch.setattr(interfaces, "_is_usable", lambda address, scope: scope != 4)


@pytest.mark.usefixtures("machine")
def test_addresses_are_announced_link_local_last_and_loopback_not() -> None:
    assert look().addresses == (
        "10.0.0.3", "192.168.1.2", "192.168.1.3", "169.254.7.7", "fd00::2", "fe80::2", "fe80::3",
    )  # fmt: skip


@pytest.mark.usefixtures("machine")
def test_one_address_of_each_family_speaks_on_an_interface() -> None:
    # Of IPv6 the link-local one: only its packets carry a scope.
    assert look().senders == ("10.0.0.3", "192.168.1.2", "fe80::2", "fe80::3")
    assert look(loopback=True).senders[:1] == ("10.0.0.3",)
    assert {"127.0.0.1", "::1"} < set(look(loopback=True).senders)


@pytest.mark.usefixtures("machine")
def test_interfaces_are_chosen_by_name_or_address() -> None:
    assert own_addresses(("wlan0",)) == ("10.0.0.3", "169.254.7.7", "fe80::3")
    assert own_addresses(("fd00::2", "192.168.1.3")) == ("192.168.1.3", "fd00::2")
    assert own_addresses(("127.0.0.1",)) == ()
    assert own_addresses(("127.0.0.1",), loopback=True) == ("127.0.0.1",)
    assert look(("nowhere0",)) == interfaces.Reach((), ())


def test_this_machine_has_usable_addresses() -> None:
    assert "127.0.0.1" in own_addresses(loopback=True)
    for address in own_addresses():
        assert not ipaddress.ip_address(address).is_loopback


def test_an_address_that_no_socket_can_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [adapter("eth9", 9, "192.0.2.99", "2001:db8::99", "fe80::99")]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert own_addresses() == ()


@pytest.mark.usefixtures("machine")
def test_a_setting_that_names_no_interface_is_refused() -> None:
    check_interfaces(("eth0", "192.0.2.200", "fe80::1"))
    with pytest.raises(ConfigError, match=r"no interface 'eth7'.*eth0, lo, tent0, wlan0"):
        check_interfaces(("eth0", "eth7"))
