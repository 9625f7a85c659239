"""Discovery alone, by real mDNS between hosts of their own: network namespaces."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from tests.support.netns import Addressing, Host, network

pytestmark = pytest.mark.real

WITHIN_S = 20.0
ANNOUNCED_AFTER_S = 2.0
"""An announcement is repeated for less than that."""

EAR = """
import asyncio, json, secrets, sys, uvloop
from meshdl.discovery.announcement import Announcement
from meshdl.discovery.lan import LanDiscovery
from meshdl.ids import Callsign, StationId

own = Announcement(StationId(sys.argv[1]), Callsign("KA1ABC"), secrets.token_hex(8))

def tell(event):
    hosts = [endpoint.host for endpoint in getattr(event, "endpoints", ())]
    print(json.dumps([type(event).__name__, event.station, hosts]), flush=True)

async def main():
    task = asyncio.create_task(LanDiscovery(own, port=7373).run(tell))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

uvloop.run(main())  # as a station
"""


@dataclass
class Ear:
    """A discovery on a host of its own.

    Attributes:
        known: addresses of the stations that it has found and not lost.
    """

    host: Host
    station: str
    process: "subprocess.Popen[str]"
    known: dict[str, list[str]] = field(default_factory=dict)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._take(*json.loads(line))

    def _take(self, kind: str, station: str, hosts: list[str]) -> None:
        match kind:
            case "StationFound":
                self.known[station] = hosts
            case "StationLost":
                del self.known[station]
            case _:
                raise AssertionError(kind)

    def leave(self) -> None:
        """With a goodbye."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def listening(hosts: tuple[Host, ...]) -> Iterator[list[Ear]]:
    with ExitStack() as stack:
        ears = []
        for host in hosts:
            station = f"{host.number:016x}"
            process = stack.enter_context(
                subprocess.Popen(
                    host.words(sys.executable, "-c", EAR, station),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
            ear = Ear(host, station, process)
            thread = threading.Thread(target=ear.listen)
            thread.start()
            stack.callback(thread.join)
            stack.callback(process.kill)
            ears.append(ear)
        yield ears


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def all_known(ears: list[Ear]) -> bool:
    return all(
        ear.known.keys() == {other.station for other in ears} - {ear.station} for ear in ears
    )


@pytest.mark.parametrize("addressing", [Addressing.IPV4, Addressing.IPV6])
def test_who_comes_last_asks_and_all_find_each_other(addressing: Addressing) -> None:
    with (
        network(3, addressing) as hosts,
        listening(hosts[:2]) as early,
        ExitStack() as stack,
    ):
        until(lambda: all_known(early))
        time.sleep(ANNOUNCED_AFTER_S)  # who comes now has to ask
        ears = [*early, *stack.enter_context(listening(hosts[2:]))]
        until(lambda: all_known(ears))
        for ear in ears:
            for other in ears:
                if other is not ear:
                    families = {":" in address for address in ear.known[other.station]}
                    assert families == {addressing is Addressing.IPV6}
        ears[0].leave()
        until(lambda: all(ears[0].station not in ear.known for ear in ears[1:]))
        assert all_known(ears[1:])


@pytest.mark.parametrize(
    ("addressing", "new"), [(Addressing.IPV4, "10.73.0.99/24"), (Addressing.IPV6, "fd73::99/64")]
)
def test_an_interface_that_comes_back_with_another_address_is_followed(
    addressing: Addressing, new: str
) -> None:
    with network(3, addressing) as hosts, listening(hosts) as ears:
        until(lambda: all_known(ears))
        moved, *others = ears
        moved.host.ip("link", "set", "lan", "down")
        moved.host.ip("addr", "flush", "dev", "lan")
        until(lambda: not moved.known)
        moved.host.ip("link", "set", "lan", "up")
        moved.host.ip("addr", "add", new, "dev", "lan")
        address = new.partition("/")[0]
        until(lambda: all(address in ear.known.get(moved.station, ()) for ear in others))
        until(lambda: all_known(ears))
