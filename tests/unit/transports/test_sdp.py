"""Session descriptions come from strangers."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import LinkRefused
from meshdl.links import Path
from meshdl.transports.sdp import (
    MESSAGE_OCTETS_WITHOUT_ATTRIBUTE,
    SDP_OCTETS_MAX,
    admitted,
    check_media,
    check_message_octets,
    fingerprint,
    has_candidate,
    is_candidate,
    is_local,
    message_octets_max,
    shown_address,
    where_described,
)

ONE = bytes(range(32))
OTHER = bytes(reversed(range(32)))

octets_32 = st.binary(min_size=32, max_size=32)

LINES = st.sampled_from(
    [
        "a=fingerprint:sha-256 ",
        "a=fingerprint:sha-1 ",
        "a=fingerprint:",
        "a=max-message-size:",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=",
        "a=candidate:1 1 udp 1 ",
        "a=candidate:1 1 tcp 1 ",
        "192.0.2.1 9 typ host",
        "fe80::1 9 typ host",
        "\r\n",
        "99999999999999",
        "-1",
        "0",
    ]
)


def in_hex(octets: bytes) -> str:
    return octets.hex(":").upper()


def with_fingerprints(*lines: str) -> str:
    return "v=0\r\n" + "".join(f"a=fingerprint:{line}\r\n" for line in lines) + "a=mid:0\r\n"


@given(octets_32, st.booleans())
def test_the_fingerprint_is_read_in_either_case(octets: bytes, lower: bool) -> None:
    text = in_hex(octets)
    sdp = with_fingerprints(f"sha-256 {text.lower() if lower else text}")
    assert fingerprint(sdp) == octets


def test_the_same_fingerprint_may_stand_twice_and_others_are_passed_over() -> None:
    sdp = with_fingerprints(
        f"sha-1 {in_hex(ONE[:20])}", f"SHA-256 {in_hex(ONE)}", f"sha-256 {in_hex(ONE)}"
    )
    assert fingerprint(sdp) == ONE


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (f"sha-1 {in_hex(ONE[:20])}",),
        (f"sha-512 {in_hex(ONE + ONE)}",),
        (f"sha-256 {in_hex(ONE)}", f"sha-256 {in_hex(OTHER)}"),
        (f"sha-256 {in_hex(ONE[:31])}",),
        (f"sha-256 {in_hex(ONE + b'0')}",),
        ("sha-256 ZZ" + in_hex(ONE)[2:],),
        (f"sha-256 {ONE.hex()}",),
    ],
)
def test_a_description_without_one_clear_fingerprint_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(LinkRefused, match="fingerprint"):
        fingerprint(with_fingerprints(*lines))


def test_a_long_description_is_refused() -> None:
    sdp = with_fingerprints(f"sha-256 {in_hex(ONE)}")
    fingerprint(sdp + "x" * (SDP_OCTETS_MAX - len(sdp)))
    with pytest.raises(LinkRefused, match="too long"):
        fingerprint(sdp + "x" * (SDP_OCTETS_MAX - len(sdp) + 1))


@given(st.text() | st.lists(LINES | st.text(max_size=20)).map("".join))
def test_whatever_is_sent_is_read_or_refused(sdp: str) -> None:
    with suppress(LinkRefused):
        assert len(fingerprint(sdp)) == 32
    with suppress(LinkRefused):
        check_media(sdp)
    assert message_octets_max(sdp) >= 1
    path, address = where_described(sdp)
    assert isinstance(path, Path)
    assert isinstance(address, str)
    assert has_candidate(sdp) in {True, False}


@pytest.mark.parametrize(
    ("lines", "octets"),
    [
        ("", MESSAGE_OCTETS_WITHOUT_ATTRIBUTE),
        ("a=max-message-size:262144\r\n", 262_144),
        ("a=max-message-size:100000\r\na=max-message-size:90000\r\n", 90_000),
        ("a=max-message-size:0\r\n", 2**31 - 1),
        ("a=max-message-size:many\r\n", MESSAGE_OCTETS_WITHOUT_ATTRIBUTE),
        ("a=max-message-size:99999999999\r\n", MESSAGE_OCTETS_WITHOUT_ATTRIBUTE),
    ],
)
def test_the_longest_message_is_read(lines: str, octets: int) -> None:
    assert message_octets_max(f"v=0\r\n{lines}") == octets


@pytest.mark.parametrize("line", ["", "a=max-message-size:196607\r\n"])
def test_who_takes_no_message_as_long_as_ours_is_refused(line: str) -> None:
    with pytest.raises(LinkRefused, match="196608 or more is needed"):
        check_message_octets(f"v=0\r\n{line}")
    check_message_octets("v=0\r\na=max-message-size:196608\r\n")


DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
SOUND = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


def test_data_channels_and_nothing_else_are_described() -> None:
    check_media(f"v=0\r\n{DATA}a=mid:0\r\n")
    for sections in ("", SOUND, DATA + SOUND, DATA + DATA, DATA.replace("SCTP", "RTP")):
        with pytest.raises(LinkRefused, match="media sections"):
            check_media(f"v=0\r\n{sections}")


def candidate(address: str, kind: str = "host", protocol: str = "udp") -> str:
    return f"a=candidate:1 1 {protocol} 2122 {address} 4711 typ {kind}\r\n"


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        (candidate("192.168.1.7"), (Path.LAN, "192.168.1.7:4711")),
        (candidate("fd00::7"), (Path.LAN, "[fd00::7]:4711")),
        (candidate("1b2c.local"), (Path.LAN, "1b2c.local:4711")),
        (candidate("8.8.8.8") + candidate("10.0.0.7"), (Path.LAN, "10.0.0.7:4711")),
        (candidate("8.8.8.8", "srflx"), (Path.DIRECT, "8.8.8.8:4711")),
        ("", (Path.DIRECT, "")),
    ],
)
def test_the_other_end_is_placed_by_its_candidates(
    candidates: str, expected: tuple[Path, str]
) -> None:
    assert where_described(f"v=0\r\n{candidates}") == expected


def test_only_a_candidate_for_udp_is_a_way_in() -> None:
    assert has_candidate(candidate("192.168.1.7"))
    assert has_candidate(candidate("1b2c.local"))
    assert not has_candidate(candidate("192.168.1.7", protocol="tcp"))
    assert not has_candidate("v=0\r\n")


def test_local_means_private_link_local_or_loopback() -> None:
    assert all(map(is_local, ["10.1.2.3", "169.254.1.2", "fe80::1%3", "fd00::1", "::1", "a.local"]))
    assert not any(map(is_local, ["8.8.8.8", "2600::1", "example.org", "", "%"]))


def test_addresses_are_shown_with_their_port() -> None:
    assert shown_address("192.0.2.1", "9") == "192.0.2.1:9"
    assert shown_address("2001:db8::1", "9") == "[2001:db8::1]:9"
    assert shown_address("", "9") == ""


STRANGE = [
    "candidate:1 1 udp 2122260223 tracker.example.com 9 typ host",
    "candidate:1 1 udp 2122260223 router.local 9 typ host",
    "candidate:1 1 udp 2122260223 shack 9 typ host",
    "candidate:1 1 tcp 1518214911 127.0.0.1 6379 typ host tcptype passive",
    "candidate:1 1 ssltcp 1518214911 192.0.2.1 443 typ host",
    "candidate:1 1 udp 2122260223 224.0.0.251 5353 typ host",
    "candidate:1 1 udp 2122260223 ff02::fb 5353 typ host",
    "candidate:1 1 udp 2122260223 255.255.255.255 9 typ host",
    "candidate:1 1 udp 2122260223 0.0.0.0 9 typ host",
    "candidate:1 1 udp  192.0.2.1 9 typ host",
    "candidate:",
]


@pytest.mark.parametrize("text", STRANGE)
def test_nobody_is_looked_for_by_name_or_by_tcp_or_where_many_listen(text: str) -> None:
    assert not is_candidate(text)


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 1 udp 2122194687 10.74.0.1 38953 typ host generation 0 network-id 1",
        "candidate:1 1 UDP 1677729535 192.0.2.1 4 typ srflx raddr 0.0.0.0 rport 0",
        "candidate:1 1 udp 2122265343 fd74::1 56032 typ host",
        "candidate:1 1 udp 41885439 192.0.2.1 4 typ relay raddr 192.0.2.2 rport 9",
        "candidate:1 1 udp 2113937151 8f4d2ec1-a5b4-4a5e-9d2c-0a1b2c3d4e5f.local 9 typ host",
    ],
)
def test_what_stations_and_pages_write_is_a_candidate(text: str) -> None:
    assert is_candidate(text)


def test_the_engine_sees_nothing_of_strange_candidates() -> None:
    sdp = with_fingerprints(f"sha-256 {in_hex(ONE)}").replace(
        "a=mid:0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=max-message-size:262144"
    )
    good = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    strange = "".join(f"a={one}\r\n" for one in STRANGE)
    assert admitted(sdp + strange + good + strange) == (ONE, sdp + good)
