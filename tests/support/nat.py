"""Homes behind NATs, and a public segment with a signalling server and a TURN server.

::

    home 1: hosts 192.168.1.2, .3 -- NAT 203.0.113.11 --.
                                                        |-- 203.0.113.1 (coturn, meshdl signal)
    home 2: hosts 192.168.2.2, .3 -- NAT 203.0.113.12 --'

All of it stands in network namespaces and reaches nothing else. A NAT drops what nobody
inside asked for; otherwise its connection tracking would give the hole to the stranger.
"""

import enum
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bench.paths.namespaces import make_bridge, namespace, run
from tests.support.netns import Host, need_namespaces
from tests.support.processes import until

PUBLIC = "203.0.113.1"
SIGNAL_PORT, TURN_PORT, STUN_PORT = 7374, 3478, 3479
SERVER_URL = f"ws://{PUBLIC}:{SIGNAL_PORT}"
SECRET = "a secret of this test alone"

COTURN = f"""\
listening-ip={PUBLIC}
listening-port={TURN_PORT}
relay-ip={PUBLIC}
use-auth-secret
static-auth-secret={SECRET}
realm=meshdl.example
no-tls
no-dtls
no-cli
no-multicast-peers
aux-server={PUBLIC}:{STUN_PORT}
log-file=stdout
simple-log
denied-peer-ip=192.168.0.0-192.168.255.255
"""
"""``aux-server``: a second port, so that stations can compare how they are seen.
``denied-peer-ip``: the TURN server has no route to the homes' own addresses, and trying one
would spoil the allocation."""


class Nat(enum.Enum):
    """What a NAT does to UDP."""

    ORDINARY = ""
    """One public port for an inner one, whoever is spoken to: holes can be punched."""

    SYMMETRIC = "random,fully-random"
    """Another port for every other end."""

    UDP_BLOCKED = "blocked"


@dataclass(slots=True)
class Internet:
    """A public host and homes, while the block runs."""

    public: Host
    homes: list[list[Host]]
    directory: Path
    _signal: subprocess.Popen[bytes] | None = field(default=None)

    def start_signal(self) -> None:
        """Start the signalling server; return when it listens."""
        secret = self.directory / "turn-secret"
        secret.write_text(SECRET)
        turn = f"turn:{PUBLIC}:{TURN_PORT}"
        with (self.directory / "signal.log").open("ab") as log:
            self._signal = subprocess.Popen(
            self.public.words(
                sys.executable, "-m", "meshdl", "signal", "--host", PUBLIC,
                "--port", str(SIGNAL_PORT), "--state", str(self.directory / "signal"),
                "--stun-url", f"stun:{PUBLIC}:{TURN_PORT}",
                "--stun-url", f"stun:{PUBLIC}:{STUN_PORT}",
                "--turn-url", f"{turn}?transport=udp", "--turn-url", f"{turn}?transport=tcp",
                "--turn-secret-file", str(secret),
            ),
            stderr=log,
        )  # fmt: skip
        until(lambda: _listens(self.public, SIGNAL_PORT), "the signalling server listens")

    def kill_signal(self) -> None:
        """End it as a crash would."""
        if self._signal is not None:
            self._signal.send_signal(signal.SIGKILL)
            self._signal.wait()
            self._signal = None


def move(host: Host, number: int) -> None:
    """Give a host of a home another address."""
    home = _home_of(host)
    host.ip("addr", "flush", "dev", "lan", "scope", "global")
    host.ip("addr", "add", f"192.168.{home}.{number}/24", "dev", "lan")
    host.ip("route", "replace", "default", "via", f"192.168.{home}.254")


def plug(host: Host, *, up: bool) -> None:
    """Take a host's interface down, or up again with its route."""
    host.ip("link", "set", "lan", "up" if up else "down")
    if up:
        host.ip("route", "replace", "default", "via", f"192.168.{_home_of(host)}.254")


def visit(host: Host, there: Host) -> None:
    """Go to another home, as a telephone does that leaves the Wi-Fi: another interface and NAT."""
    home = _home_of(there)
    run("ip", "-n", there.bridge, "link", "add", f"guest{host.number}", "type", "veth",
        "peer", "name", "guest", "netns", host.name)  # fmt: skip
    run("ip", "-n", there.bridge, "link", "set", f"guest{host.number}", "master", "home", "up")
    host.ip("link", "set", "lan", "down")
    host.ip("addr", "add", f"192.168.{home}.{100 + host.number}/24", "dev", "guest")
    host.ip("link", "set", "guest", "up")
    host.ip("route", "replace", "default", "via", f"192.168.{home}.254")


@dataclass(frozen=True, slots=True)
class Passed:
    """Octets of packets that the NAT of a home let through, both ways together.

    Attributes:
        direct: UDP, with other homes.
        turn_udp: UDP, with the public host; signalling is TCP.
        turn_tcp: with the TURN server.
    """

    direct: int
    turn_udp: int
    turn_tcp: int

    @classmethod
    def of(cls, host: Host) -> "Passed":
        """Until now, of the home that a host is in."""
        shown = subprocess.run(
            ["ip", "netns", "exec", host.bridge, "nft", "-j", "list", "counters"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        listed = [
            one["counter"] for one in json.loads(shown.stdout)["nftables"] if "counter" in one
        ]
        return cls(**{one["name"]: one["bytes"] for one in listed})


def need_turn() -> None:
    """Skip the test where there is no coturn."""
    need_program("turnserver", "coturn")


def need_program(program: str, package: str) -> None:
    """Skip the test where a program is missing."""
    if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"needs the program {program} (Debian's package {package})")


@contextmanager
def internet(directory: Path, *nats: Nat, hosts: int = 1) -> Iterator[Internet]:
    """A public segment with both servers, and a home with ``hosts`` hosts behind each NAT.

    Skips the test where such a thing cannot be made.
    """
    need_namespaces()
    need_turn()
    need_program("nft", "nftables")
    family = f"meshdl-{os.getpid()}-{secrets.token_hex(3)}"
    with ExitStack() as stack:
        public = stack.enter_context(namespace(f"{family}-pub"))
        _bridge(public, "br0", f"{PUBLIC}/24")
        homes = [
            _home(stack, family, public, number, nat, hosts)
            for number, nat in enumerate(nats, start=1)
        ]
        made = Internet(Host(public, 0, ""), homes, directory)
        stack.enter_context(turn_server(made.public, COTURN, directory))
        stack.callback(made.kill_signal)
        made.start_signal()
        yield made


def _home(
    stack: ExitStack, family: str, public: str, number: int, nat: Nat, hosts: int
) -> list[Host]:
    box = stack.enter_context(namespace(f"{family}-nat{number}"))
    run("ip", "-n", public, "link", "add", f"nat{number}", "type", "veth",
        "peer", "name", "wan", "netns", box)  # fmt: skip
    run("ip", "-n", public, "link", "set", f"nat{number}", "master", "br0", "up")
    run("ip", "-n", box, "addr", "add", f"203.0.113.{10 + number}/24", "dev", "wan")
    run("ip", "-n", box, "link", "set", "wan", "up")
    _bridge(box, "home", f"192.168.{number}.254/24")
    run("ip", "netns", "exec", box, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    rules = _RULES.format(
        masquerade=nat.value if nat is Nat.SYMMETRIC else "",
        udp="meta l4proto udp drop" if nat is Nat.UDP_BLOCKED else "",
        public=PUBLIC,
        turn_port=TURN_PORT,
    )
    run("ip", "netns", "exec", box, "nft", rules)
    return [_host(stack, family, box, number, inner) for inner in range(2, 2 + hosts)]


_RULES = """\
table ip nat {{
  chain out {{
    type nat hook postrouting priority 100;
    oifname "wan" masquerade {masquerade}
  }}
}}
table ip filter {{
  counter direct {{ }}
  counter turn_udp {{ }}
  counter turn_tcp {{ }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    {udp}
    iifname "wan" meta l4proto udp ip saddr {public} counter name turn_udp
    oifname "wan" meta l4proto udp ip daddr {public} counter name turn_udp
    iifname "wan" tcp sport {turn_port} counter name turn_tcp
    oifname "wan" tcp dport {turn_port} counter name turn_tcp
    iifname "wan" meta l4proto udp ip saddr != {public} counter name direct
    oifname "wan" meta l4proto udp ip daddr != {public} counter name direct
    ct state established,related accept
    iifname "home" accept
  }}
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "wan" ct state new drop
  }}
}}
"""


def _host(stack: ExitStack, family: str, box: str, home: int, inner: int) -> Host:
    name = stack.enter_context(namespace(f"{family}-home{home}.{inner}"))
    host = Host(name, 10 * home + inner, box)
    run("ip", "-n", box, "link", "add", f"to{inner}", "type", "veth",
        "peer", "name", "lan", "netns", name)  # fmt: skip
    run("ip", "-n", box, "link", "set", f"to{inner}", "master", "home", "up")
    host.ip("link", "set", "lo", "up")
    host.ip("link", "set", "lan", "up")
    move(host, inner)
    return host


def _home_of(host: Host) -> int:
    return host.number // 10


def _bridge(where: str, device: str, address: str) -> None:
    make_bridge(where, device=device)
    run("ip", "-n", where, "addr", "add", address, "dev", device)


@contextmanager
def turn_server(host: Host, config: str, directory: Path) -> Iterator[None]:
    """coturn on a host, listening, while the block runs; it writes ``coturn.log``."""
    file = directory / "turnserver.conf"
    file.write_text(config)
    with (directory / "coturn.log").open("wb") as log:
        running = subprocess.Popen(
            host.words(
                "turnserver", "-c", str(file), "--db", str(directory / "turndb"),
                "--pidfile", str(directory / "turn.pid"),
            ),
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            until(lambda: _listens(host, TURN_PORT), "the TURN server listens")
            yield
        finally:
            running.kill()
            running.wait()


def _listens(host: Host, port: int) -> bool:
    shown = subprocess.run(
        host.words("ss", "-Hltn", f"sport = :{port}"), capture_output=True, text=True, check=True
    )
    return bool(shown.stdout.strip())
