"""What the doctor says of the Internet: true, and with what to do where something is wrong."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from tests.support.fake_station import FakeStation, peer_of

from meshdl.control.internet_status import InternetStatus, RoomStatus, ServerStatus
from meshdl.control.server import ControlServer
from meshdl.ids import Callsign
from meshdl.links import Path as LinkPath
from meshdl.policy.bottleneck import Bottleneck
from meshdl.policy.nat import Seen
from meshdl.station import internet_doctor as doctor
from meshdl.station.config import InternetConfig, StationConfig
from meshdl.station.finding import Finding, Verdict
from meshdl.station.home import Home
from meshdl.transports.ice_probe import Probe
from meshdl.wire.signalling import IceServer

URL = "wss://signal.example.org"
SETTINGS = StationConfig(callsign=Callsign("KA1ABC"), internet=InternetConfig(servers=(URL,)))
ONLINE = ServerStatus(
    url=URL,
    state="online",
    problem="",
    rooms=(RoomStatus(name="cq", closed=False, joined=True),),
)
STUNS = ["stun:a.example:3478", "stun:b.example:3478"]
OWN = "192.168.1.2:5000"


def examined(home: Path, settings: StationConfig | None) -> list[Finding]:
    async def whole() -> list[Finding]:
        return [one async for one in doctor.examine_internet(Home(home), settings)]

    return asyncio.run(whole())


def test_without_servers_there_is_nothing_wrong(tmp_path: Path) -> None:
    alone = StationConfig(callsign=Callsign("KA1ABC"))
    for settings in (None, alone):
        (finding,) = examined(tmp_path, settings)
        assert (finding.verdict, finding.subject) == (Verdict.OK, "internet")


def test_paths_are_told_without_servers_too(tmp_path: Path) -> None:
    async def whole() -> list[Finding]:
        async with ControlServer(FakeStation(), home=tmp_path):
            return [one async for one in doctor.examine_internet(Home(tmp_path), None)]

    assert [one.subject for one in asyncio.run(whole())] == ["internet", "path"]


def test_without_a_running_station_the_doctor_says_to_start_it(tmp_path: Path) -> None:
    (finding,) = examined(tmp_path, SETTINGS)
    assert (finding.verdict, "meshdl up" in finding.text) == (Verdict.WARN, True)


def test_a_station_without_stun_and_turn_is_told_what_will_fail(tmp_path: Path) -> None:
    station = FakeStation(internet=InternetStatus(enabled=True, servers=(ONLINE,)))

    async def whole() -> list[Finding]:
        async with ControlServer(station, home=tmp_path):
            return [one async for one in doctor.examine_internet(Home(tmp_path), SETTINGS)]

    found = {one.subject: one for one in asyncio.run(whole())}
    assert found["internet"].text == f"{URL} knows the station, in cq"
    assert found["stun"].verdict is Verdict.WARN
    assert "through NATs" in found["stun"].text
    assert found["path"].text.startswith("W1AW: lan, 2 ms, window 976 KiB (at most 8192 a link); ")


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({}, Verdict.OK, "knows the station, in cq"),
        ({"state": "offline", "problem": "Connection refused"}, Verdict.WARN, "refused; it is tri"),
        ({"state": "connecting"}, Verdict.WARN, "no answer yet"),
        ({"state": "proving", "problem": "no welcome"}, Verdict.WARN, "ask its operator"),
        ({"rooms": ()}, Verdict.WARN, "in no room, where it would meet others: name one"),
        (
            {"rooms": (RoomStatus(name="county-net", closed=True, joined=False),)},
            Verdict.WARN,
            "into county-net; see: meshdl room ls",
        ),
    ],
)
def test_a_server_is_judged_by_its_state(
    changes: dict[str, object], verdict: Verdict, words: str
) -> None:
    server = msgspec.structs.replace(ONLINE, **changes)
    (finding,) = doctor.judge_servers(InternetStatus(enabled=True, servers=(server,)))
    assert (finding.verdict, words in finding.text) == (verdict, True)


def test_a_station_that_was_started_before_the_settings_is_told_to_start_again() -> None:
    (finding,) = doctor.judge_servers(InternetStatus(enabled=False))
    assert (finding.verdict, "start it again" in finding.text) == (Verdict.WARN, True)


@pytest.mark.parametrize(
    ("seen", "heard", "verdict", "words"),
    [
        (set(), STUNS, Verdict.OK, "none:"),
        ({Seen(OWN, "203.0.113.1:1")}, STUNS, Verdict.OK, "endpoint-independent"),
        ({Seen(OWN, "x:1"), Seen(OWN, "x:2")}, STUNS, Verdict.WARN, "symmetric"),
        ({Seen(OWN, "x:1")}, STUNS[:1], Verdict.OK, "of which kind cannot be told"),
        (set(), [], Verdict.WARN, "not known: no STUN server answers. Where UDP is blocked, links"),
    ],
)
def test_what_is_not_known_of_a_nat_is_said(
    seen: set[Seen], heard: list[str], verdict: Verdict, words: str
) -> None:
    finding = doctor.judge_nat(seen, heard=heard, asked=2)
    assert (finding.verdict, words in finding.text) == (verdict, True)


def test_servers_that_cannot_be_asked_over_udp_are_not_told_to_be_silent() -> None:
    finding = doctor.judge_nat(set(), heard=[], asked=0)
    assert (finding.verdict, "no STUN server is named" in finding.text) == (Verdict.WARN, True)


TELL = "tell the operator of the signalling server"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Probe(answered=True, sockets=1), "sees this machine as its own address, after 0 ms"),
        (Probe(seen={Seen(OWN, "x:1")}, took_s=0.02), "sees this machine as x:1, after 20 ms"),
        (
            Probe(sockets=1),
            f"no answer: UDP is blocked on the way, or the server is down; l.*{TELL}",
        ),
        (Probe(answered=True), f"no answer: UDP is blocked .*{TELL}"),
        (
            Probe(answered=True, sockets=1, refusals=["STUN host lookup received error. (701)"]),
            f"not reached: STUN host lookup .*; look at this machine's network and DNS, or {TELL}",
        ),
    ],
)
def test_a_stun_server_is_judged_by_what_came_of_asking_it(found: Probe, words: str) -> None:
    finding = doctor.judge_stun(STUNS[0], found)
    assert re.fullmatch(f"{STUNS[0]}:? {words}", finding.text)
    assert (finding.verdict is Verdict.OK) == ("sees" in words)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Probe(relayed="x:9", took_s=0.3), "would relay at x:9, after 300 ms"),
        (Probe(), f"no answer: it is blocked on the way, or the server is down; .*{TELL}"),
        (Probe(refusals=["Unauthorized. (401)"]), rf"refused: Unauthorized. \(401\); {TELL}"),
    ],
)
def test_a_turn_server_is_judged_by_whether_it_would_relay(found: Probe, words: str) -> None:
    finding = doctor.judge_turn("turn:t.example", found)
    assert re.fullmatch(f"turn:t.example:? {words}", finding.text)
    assert (finding.verdict is Verdict.OK) == ("would" in words)


def test_who_is_at_no_server_is_not_told_that_the_servers_name_no_stun(tmp_path: Path) -> None:
    offline = msgspec.structs.replace(ONLINE, state="offline", problem="refused")
    station = FakeStation(internet=InternetStatus(enabled=True, servers=(offline,)))

    async def whole() -> list[Finding]:
        async with ControlServer(station, home=tmp_path):
            return [one async for one in doctor.examine_internet(Home(tmp_path), SETTINGS)]

    found = {one.subject: one for one in asyncio.run(whole())}
    assert "none is there" in found["stun"].text
    assert "ask the operator" in doctor.judge_no_addresses(online=True).text


def test_a_link_without_a_path_is_told_as_such() -> None:
    peer = peer_of(path=None, rtt_ms=None, window_octets=None)
    (finding,) = doctor.judge_paths([peer])
    assert finding.text.startswith("W1AW: no path; ")


def test_two_ports_of_one_host_tell_less_than_two_hosts() -> None:
    seen = {Seen(OWN, "203.0.113.1:1")}
    ports = doctor.judge_nat(seen, heard=["stun:a.example:3478", "stun:a.example:3479"], asked=2)
    hosts = doctor.judge_nat(seen, heard=STUNS, asked=2)
    assert "as far as two ports of one server can tell" in ports.text
    assert "as far as" not in hosts.text


def test_every_address_is_asked_once_by_the_protocol_that_its_url_names() -> None:
    turn = IceServer(
        (
            "turn:t.example",
            "turn:t.example:3478?transport=udp",
            "turn:t.example:3478?transport=tcp",
            "turns:t.example",
        ),
        "user",
        "secret",
    )
    stun = IceServer(("stun:t.example:3479", "stun:[2001:db8::1]", "http://t.example", "stun:"))
    found = doctor.ice_addresses([turn, stun, stun])
    assert [(one.url, one.relay, one.udp, one.stun_url) for one in found] == [
        ("turn:t.example", True, True, "stun:t.example:3478"),
        ("turn:t.example:3478?transport=udp", True, True, "stun:t.example:3478"),
        ("turn:t.example:3478?transport=tcp", True, False, "stun:t.example:3478"),
        ("turns:t.example", True, False, "stun:t.example:5349"),
        ("stun:t.example:3479", False, True, "stun:t.example:3479"),
        ("stun:[2001:db8::1]", False, True, "stun:[2001:db8::1]:3478"),
    ]
    assert found[0].server == IceServer(("turn:t.example",), "user", "secret")


def test_a_server_cannot_have_any_number_of_addresses_asked() -> None:
    many = IceServer(tuple(f"stun:s{number}.example" for number in range(100)))
    assert len(doctor.ice_addresses([many])) == doctor.ADDRESSES_MAX


@pytest.mark.parametrize("reason", Bottleneck)
@pytest.mark.parametrize("path", [LinkPath.LAN, LinkPath.DIRECT, LinkPath.RELAYED])
def test_a_slow_path_has_a_reason_and_a_relay_is_always_one(
    reason: Bottleneck, path: LinkPath
) -> None:
    peer = peer_of(path=path, limited_by=reason)
    relay = doctor.judge_relays([peer])
    (finding,) = doctor.judge_paths([peer])
    relayed = path is LinkPath.RELAYED
    assert relay.text == ("in use for W1AW" if relayed else "none in use")
    assert ("a relay carries it" in finding.text) == relayed
    if relayed:
        assert finding.verdict is Verdict.WARN
    texts = {doctor.judge_paths([peer_of(limited_by=one)])[0].text for one in Bottleneck}
    assert len(texts) == len(Bottleneck)


def test_of_many_peers_some_have_a_line_and_the_others_are_counted() -> None:
    peers = [peer_of(callsign=Callsign(f"KA{n}ABC")) for n in range(doctor.PEERS_MAX + 3)]
    *_, last = doctor.judge_paths(peers)
    assert last.text == "3 more; see: meshdl peers"
