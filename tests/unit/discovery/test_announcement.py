"""Announcements come from strangers."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.discovery.announcement import SERVICE_TYPE, Announcement, is_service_name
from meshdl.ids import Callsign, StationId

GOOD = Announcement(StationId("0123456789abcdef"), Callsign("KA1ABC-7"), "89abcdef01234567")

digits = st.text("0123456789abcdef", min_size=16, max_size=16)
callsigns = st.from_regex(r"[A-Z]{1,2}[0-9][A-Z]{1,3}(-[0-9])?", fullmatch=True)
announcements = st.builds(Announcement, digits.map(StationId), callsigns.map(Callsign), digits)
hostile_txt = st.dictionaries(
    st.sampled_from([b"v", b"id", b"call", b"run"]) | st.binary(max_size=9),
    st.none() | st.sampled_from([b"1", b"0123456789abcdef", b"KA1ABC"]) | st.binary(max_size=40),
)


def txt(**changes: bytes | None) -> dict[bytes, bytes | None]:
    fields: dict[bytes, bytes | None] = {
        key.encode(): value.encode() for key, value in GOOD.to_txt().items()
    }
    return fields | {key.encode(): value for key, value in changes.items()}


@given(announcements)
def test_what_is_announced_is_read_back(announcement: Announcement) -> None:
    octets = {key.encode(): value.encode() for key, value in announcement.to_txt().items()}
    assert Announcement.from_txt(dict(octets)) == announcement


@given(hostile_txt)
def test_whatever_is_announced_is_read_or_passed_over(
    fields: dict[bytes, bytes | None],
) -> None:
    found = Announcement.from_txt(fields)
    if found is not None:
        assert len(found.station) == 16
        assert len(found.service_name.partition(".")[0]) <= 63  # a DNS label, RFC 1035


def test_unknown_fields_are_passed_over() -> None:
    assert Announcement.from_txt(txt(colour=b"blue", note=None)) == GOOD


def test_an_announcement_that_is_not_quite_right_is_none() -> None:
    for wrong in (
        txt(v=b"2"),
        txt(v=None),
        txt(id=b"0123456789ABCDEF"),
        txt(id=b"0123456789abcde"),
        txt(id=b"0123456789abcdef\n"),
        txt(run=b"123"),
        txt(run=b"0" * 33),
        txt(call=b"nobody"),
        txt(call=b""),
        txt(call=b"\xff\xfe"),
        {},
    ):
        assert Announcement.from_txt(wrong) is None


def test_the_service_name_tells_runs_apart() -> None:
    again = Announcement(GOOD.station, GOOD.callsign, "0000000000000000")
    assert GOOD.service_name != again.service_name
    assert GOOD.service_name.endswith(SERVICE_TYPE)


@given(announcements)
def test_a_station_may_announce_under_its_service_name(announcement: Announcement) -> None:
    assert is_service_name(announcement.service_name)


def test_no_other_name_is_a_station() -> None:
    for wrong in (
        "",
        "x",
        SERVICE_TYPE,
        f".{SERVICE_TYPE}",
        "shack._http._tcp.local.",
        GOOD.service_name.removesuffix("."),
        GOOD.service_name.upper(),
        GOOD.service_name.replace("_meshdl", "_other"),
        GOOD.service_name + "\n",
        f"x.{GOOD.service_name}",
        f"{'0' * 16}-{'0' * 33}.{SERVICE_TYPE}",
    ):
        assert not is_service_name(wrong)
