"""Which announced addresses are tried, and in which order."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from meshdl.discovery.endpoints import ENDPOINTS_MAX, dial_order
from meshdl.discovery.events import Endpoint

OWN = ("192.168.1.2", "fe80::2", "172.17.0.1")

scopes = st.sampled_from(["", "%1", "%27"])
addresses = st.ip_addresses(v=4).map(str) | st.builds(
    lambda address, scope: f"{address}{scope}", st.ip_addresses(v=6), scopes
)


def order(*hosts: str, port: int = 7373, loopback: bool = False) -> list[str]:
    found = dial_order(hosts, port, own_hosts=OWN, own_port=7373, loopback=loopback)
    assert all(endpoint.port == port for endpoint in found)
    return [endpoint.host for endpoint in found]


def test_families_take_turns_and_six_begins() -> None:
    assert order("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2") == [
        "fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2", "10.0.0.3",
    ]  # fmt: skip


def test_routable_addresses_come_before_link_local_ones_and_loopback_last() -> None:
    hosts = ("127.0.0.1", "169.254.1.1", "fe80::1%2", "::1", "10.0.0.1")
    assert order(*hosts, port=7374, loopback=True) == [
        "10.0.0.1", "fe80::1%2", "169.254.1.1", "::1", "127.0.0.1",
    ]  # fmt: skip


def test_a_link_local_address_without_scope_leads_nowhere() -> None:
    assert order("fe80::1", "fe80::3%2") == ["fe80::3%2"]


def test_nobody_can_point_us_at_programs_of_this_machine() -> None:
    assert order("127.0.0.1", "::1", "127.9.9.9", port=631) == []
    assert order("0.0.0.0", "::", "224.0.0.251", "ff02::fb%1") == []
    assert order("::ffff:127.0.0.1", "::ffff:192.168.1.2", port=631, loopback=True) == []


def test_our_own_door_is_not_another_station() -> None:
    hosts = ("172.17.0.1", "fe80::2%3", "192.168.1.3")
    assert order(*hosts) == ["192.168.1.3"]
    assert order("127.0.0.1", loopback=True) == []
    # Another station of this machine has another port.
    assert order("172.17.0.1", "127.0.0.1", port=7374, loopback=True) == [
        "172.17.0.1", "127.0.0.1",
    ]  # fmt: skip


def test_repeated_addresses_are_tried_once() -> None:
    assert order("10.0.0.1", "10.0.0.1") == ["10.0.0.1"]


@given(st.lists(addresses, max_size=40), st.integers(1, 65_535), st.booleans())
def test_whatever_is_announced_gives_a_few_clean_endpoints(
    hosts: list[str], port: int, loopback: bool
) -> None:
    found = dial_order(hosts, port, own_hosts=OWN, own_port=7373, loopback=loopback)
    assert len(found) <= ENDPOINTS_MAX
    assert len(set(found)) == len(found)
    for endpoint in found:
        assert isinstance(endpoint, Endpoint)
        assert endpoint.host in hosts
        assert loopback or not ipaddress.ip_address(endpoint.host.partition("%")[0]).is_loopback
