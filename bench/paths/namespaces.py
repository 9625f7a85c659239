"""Network namespaces, and bridges in them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

COMMAND_WITHIN_S = 20.0


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """A namespace while the block runs."""
    run("ip", "netns", "add", name)
    try:
        yield name
    finally:
        run("ip", "netns", "delete", name)


def make_bridge(name: str, *, device: str = "br0") -> None:
    """Make a bridge in the namespace ``name``; it never waits before it forwards."""
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", name, "link", "add", device, "type", "bridge", "mcast_snooping", "0")
    run("ip", "-n", name, "link", "set", device, "up")


def plug_in(name: str, bridge: str, *, port: str, address: str) -> None:
    """Give a namespace an interface ``lan`` at the bridge of another.

    Args:
        name: of the namespace.
        bridge: name of the other.
        port: name of the bridge's end; at most 15 characters.
        address: with its prefix length.
    """
    run("ip", "-n", bridge, "link", "add", port, "type", "veth",
        "peer", "name", "lan", "netns", name)  # fmt: skip
    run("ip", "-n", bridge, "link", "set", port, "master", "br0", "up")
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", name, "addr", "add", address, "dev", "lan")
    run("ip", "-n", name, "link", "set", "lan", "up")


def run(*words: str) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=COMMAND_WITHIN_S
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
