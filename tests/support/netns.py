"""Networks of several hosts on one machine: Linux network namespaces on a bridge.

Everything stands in namespaces of its own, the bridge too: nothing of the machine's own
network is touched, and deleting the namespaces takes all of it away.
"""

import enum
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from bench.paths.namespaces import make_bridge, namespace, run

HOSTS_MAX = 200


class Addressing(enum.Enum):
    """Which addresses the hosts have on their one interface, ``lan``."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    """A unique local one (RFC 4193) and a link-local one."""

    LINK_LOCAL = "link-local"
    """Nothing but what IPv6 makes by itself."""

    UNPLUGGED = "unplugged"
    """The interface is not there; see :meth:`Host.plug_in`."""


@dataclass(frozen=True, slots=True)
class Host:
    """One namespace.

    Attributes:
        name: of the namespace.
        number: from 1; its addresses end with it.
    """

    name: str
    number: int
    bridge: str

    def words(self, *command: str) -> list[str]:
        """The command that runs ``command`` on this host."""
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *words: str) -> None:
        """Run ``ip`` on this host."""
        run("ip", "-n", self.name, *words)

    def plug_in(self, addressing: Addressing) -> None:
        """Give the host its interface: a cable to the bridge."""
        port = f"port{self.number}"
        run(
            "ip", "-n", self.bridge, "link", "add", port, "type", "veth",
            "peer", "name", "lan", "netns", self.name,
        )  # fmt: skip
        run("ip", "-n", self.bridge, "link", "set", port, "master", "br0", "up")
        six = addressing is not Addressing.IPV4
        self._set("net/ipv6/conf/lan/disable_ipv6", "0" if six else "1")
        # Nobody else is there who could have the same address.
        self._set("net/ipv6/conf/lan/accept_dad", "0")
        self.ip("link", "set", "lan", "up")
        if addressing is Addressing.IPV4:
            self.ip("addr", "add", f"{self.ipv4}/24", "dev", "lan")
        elif addressing is Addressing.IPV6:
            self.ip("addr", "add", f"fd73::{self.number}/64", "dev", "lan")

    @property
    def ipv4(self) -> str:
        """Its address, when it has one of IPv4."""
        return f"10.73.0.{self.number}"

    def _set(self, key: str, setting: str) -> None:
        run(*self.words("sh", "-c", f"echo {setting} > /proc/sys/{key}"))


@contextmanager
def network(count: int, addressing: Addressing) -> Iterator[tuple[Host, ...]]:
    """``count`` hosts that reach each other and nobody else, while the block runs.

    Skips the test where namespaces cannot be made.
    """
    assert count <= HOSTS_MAX
    need_namespaces()
    family = f"meshdl-{os.getpid()}-{secrets.token_hex(3)}"
    with ExitStack() as stack:
        bridge = stack.enter_context(namespace(f"{family}-br"))
        make_bridge(bridge)
        hosts = []
        for number in range(1, count + 1):
            host = Host(stack.enter_context(namespace(f"{family}-{number}")), number, bridge)
            host.ip("link", "set", "lo", "up")
            if addressing is not Addressing.UNPLUGGED:
                host.plug_in(addressing)
            hosts.append(host)
        yield tuple(hosts)


def need_namespaces() -> None:
    """Skip the test where namespaces cannot be made."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux and the program ip (iproute2)")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if not Path("/proc/self/ns/net").exists():
        pytest.skip("this kernel has no network namespaces")


@contextmanager
def routed(*addresses: str) -> Iterator[tuple[Host, ...]]:
    """A host with each of these addresses, each in a network of its own; a router joins them.

    There is no NAT. Nobody hears another's mDNS. Skips the test where namespaces cannot be made.
    """
    need_namespaces()
    family = f"meshdl-{os.getpid()}-{secrets.token_hex(3)}"
    with ExitStack() as stack:
        router = stack.enter_context(namespace(f"{family}-rt"))
        run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        hosts = []
        for number, address in enumerate(addresses, start=1):
            host = Host(stack.enter_context(namespace(f"{family}-{number}")), number, router)
            port, gateway = f"port{number}", f"{address.rpartition('.')[0]}.254"
            run("ip", "-n", router, "link", "add", port, "type", "veth",
                "peer", "name", "lan", "netns", host.name)  # fmt: skip
            run("ip", "-n", router, "addr", "add", f"{gateway}/24", "dev", port)
            run("ip", "-n", router, "link", "set", port, "up")
            host.ip("link", "set", "lo", "up")
            host.ip("link", "set", "lan", "up")
            host.ip("addr", "add", f"{address}/24", "dev", "lan")
            host.ip("route", "add", "default", "via", gateway)
            hosts.append(host)
        yield tuple(hosts)
