"""What operators are told behind real NATs: by `meshdl doctor`, `status`, `peers`, `get`, `log`."""

import json
import os
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.support.nat import PUBLIC, SERVER_URL, STUN_PORT, TURN_PORT, Nat, internet
from tests.support.netns import Host
from tests.support.processes import COMMAND_WITHIN_S, StationProcess, stations, until

pytestmark = pytest.mark.real

FAR = f"""
[internet]
servers = ["{SERVER_URL}"]
"""

WITHOUT_MDNS = f"""
[lan]
enabled = false
{FAR}
[limits]
download_octets_per_s = 1500000
"""

STUN = [f"stun:{PUBLIC}:{port}" for port in (TURN_PORT, STUN_PORT)]
TURN_UDP, TURN_TCP = (f"turn:{PUBLIC}:{TURN_PORT}?transport={kind}" for kind in ("udp", "tcp"))


def online(one: StationProcess) -> bool:
    (status,) = one.tell("status")
    return bool(status["internet"]["servers"][0]["ice_servers"])


def diagnosis(one: StationProcess) -> "Found":
    """Verdicts and texts by subject; the doctor may find fault with other things here."""
    until(lambda: online(one), "the server has handed out STUN and TURN servers")
    done = subprocess.run(
        one.words("doctor", "--json"),
        env=os.environ | {"MESHDL_HOME": str(one.home)},
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    found: Found = {}
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        found.setdefault(finding["subject"], []).append((finding["verdict"], finding["text"]))
    assert found["internet"] == [("OK", f"{SERVER_URL} knows the station, in cq")], done.stdout
    return found


def host_behind(world: Any, nat: Nat | None) -> Host:
    if nat is not None:
        return world.homes[0][0]  # type: ignore[no-any-return]
    # Of IPv6 as well, which the STUN server is not.
    world.public.ip("addr", "add", "fd73::1/64", "dev", "br0", "nodad")
    return world.public  # type: ignore[no-any-return]


Found = dict[str, list[tuple[str, str]]]


def check_the_diagnosis(found: Found, nat: Nat | None, kind: str) -> None:
    blocked = nat is Nat.UDP_BLOCKED
    udp = "WARN" if blocked else "OK"
    ((verdict, text),) = found["nat"]
    assert text.startswith(kind)
    assert verdict == ("WARN" if nat in {Nat.SYMMETRIC, Nat.UDP_BLOCKED} else "OK")
    assert [answer[0] for answer in found["stun"]] == [udp, udp]
    assert all(text.startswith(url) for (_, text), url in zip(found["stun"], STUN, strict=True))
    by_url = {text.split(" ")[0].removesuffix(":"): verdict for verdict, text in found["turn"]}
    assert by_url == {TURN_UDP: udp, TURN_TCP: "OK"}
    if blocked:
        assert all("blocked on the way" in text for _, text in found["stun"])
    elif nat is not None:
        assert all("sees this machine as 203.0.113.1" in text for _, text in found["stun"])


@pytest.mark.parametrize(
    ("nat", "kind"),
    [(None, "none:"), (Nat.UDP_BLOCKED, "not known: no STUN server answers")],
    ids=["no-nat", "udp-blocked"],
)
def test_the_doctor_tells_the_nat_and_which_servers_answer(
    tmp_path: Path, nat: Nat | None, kind: str
) -> None:
    """Of the other kinds of NAT below, where there are links behind them."""
    with (
        internet(tmp_path, nat or Nat.ORDINARY) as world,
        stations([host_behind(world, nat)], tmp_path, settings=FAR) as (one,),
    ):
        found = diagnosis(one)
    check_the_diagnosis(found, nat, kind)
    assert found["relay"] == [("OK", "none in use")]


def shown_on_a_terminal(one: StationProcess, *command: str) -> str:
    """Everything that a command shows on its terminal."""
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        one.words(*command),
        env=os.environ | {"MESHDL_HOME": str(one.home), "TERM": "xterm", "COLUMNS": "200"},
        stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while octets := os.read(ours, 65_536):
            seen += octets
    except OSError:
        pass  # EIO: the last writer has closed it
    os.close(ours)
    assert running.wait(COMMAND_WITHIN_S) == 0, seen.decode()
    return seen.decode()


_KINDS = {Nat.ORDINARY: "endpoint-independent mapping", Nat.SYMMETRIC: "symmetric"}


def logged(one: StationProcess) -> dict[str, int]:
    """Octets of the station log's transfers, by path."""
    found: dict[str, int] = {}
    for entry in one.tell("log", "--kind", "transfer"):
        found[entry["path"]] = found.get(entry["path"], 0) + entry["octets"]
    return found


@pytest.mark.parametrize(
    ("nats", "path", "octets"),
    [
        # The local network is exempt from the limit that makes the others last.
        ((Nat.ORDINARY,), "lan", 150_000_000),
        ((Nat.ORDINARY, Nat.ORDINARY), "direct", 3_000_000),
        ((Nat.SYMMETRIC, Nat.SYMMETRIC), "relayed", 3_000_000),
    ],
    ids=["lan", "direct", "relayed"],
)
def test_the_path_is_shown_wherever_a_peer_is_shown(
    tmp_path: Path, nats: tuple[Nat, ...], path: str, octets: int
) -> None:
    original = tmp_path / "map.bin"
    original.write_bytes(Random(7).randbytes(octets))
    with internet(tmp_path, *nats, hosts=3 - len(nats)) as world:
        hosts = [host for home in world.homes for host in home]
        with stations(hosts, tmp_path, settings=WITHOUT_MDNS) as (source, sink):
            callsign = source.tell("status")[0]["callsign"]
            link = source.tell("share", str(original))[-1]["content"]["link"]
            shown = shown_on_a_terminal(sink, "get", link, "--directory", str(sink.downloads))
            assert f"{callsign} ({path} " in shown
            ((peer,),) = sink.tell("peers")
            assert (peer["callsign"], peer["path"]) == (callsign, path)
            relays = (f"by turn:{PUBLIC}:{TURN_PORT}", "by the other station's relay")
            assert any(relay in peer["address"] for relay in relays) == (path == "relayed")
            assert not peer["address"].startswith((":", " "))
            (status,) = sink.tell("status")
            by_path = {one: status["internet"][one] for one in ("direct", "relayed")}
            others: dict[str, list[str]] = {"direct": [], "relayed": []}
            assert by_path == (others | {path: [callsign]} if path != "lan" else others)
            until(lambda: logged(sink) == {path: octets}, "the log has all of the transfer")
            if path == "lan":
                return
            found = diagnosis(sink)
            check_the_diagnosis(found, nats[1], _KINDS[nats[1]])
            relayed = path == "relayed"
            through = f"in use for {callsign}" if relayed else "none in use"
            assert found["relay"] == [("OK", through)]
            ((verdict, text),) = found["path"]
            assert text.startswith(f"{callsign}: {path}")
            assert verdict == ("WARN" if relayed else "OK")
            assert ("a relay carries it" in text) == relayed
