"""Radio entries of the log as contacts, ADIF, ICS-309 and datagrams for a logger."""

import socket
import struct
from datetime import UTC, datetime

import adif_io
from hypothesis import given
from hypothesis import strategies as st

from meshdl.control.log_entry import Direction, LogEntry
from meshdl.control.radio_log import RadioEventName, RadioFacts
from meshdl.station.radio.adif import BANDS_MHZ, datagram, record, to_adif
from meshdl.station.radio.adif_udp import AdifSender
from meshdl.station.radio.contacts import OPEN_MAX, Contact, Contacts, contacts_of
from meshdl.station.radio.ics309 import WIDTH, to_ics309

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC).timestamp()


def entry(
    minutes: float,
    event: RadioEventName,
    call: str | None,
    *,
    dial_hz: int = 14_103_000,
    text: str = "symbols",
    precedence: str = "routine",
    content: str | None = None,
) -> LogEntry:
    """A burst to ``call``, or a frame from it."""
    sent = event != "reception"
    direction: Direction = "sent" if sent else "received"
    return LogEntry(
        serial=1,
        at=NOON + 60 * minutes,
        kind="radio",
        direction=direction,
        callsign=call,
        station_id=None,
        content_hash=content,
        octets=100,
        path=None,
        text=text,
        radio=RadioFacts(
            event=event,
            own_call="KA1ABC" if sent else None,
            to=call if sent else None,
            control_operator="N0BBB" if sent else None,
            dial_hz=dial_hz,
            modem="DATAC1",
            duration_s=12.0,
            power_w=20.0,
            precedence=precedence if sent else None,
        ),
    )


def exchange(minutes: float, call: str = "N0AAA-7") -> list[LogEntry]:
    return [entry(minutes, "reception", call), entry(minutes + 1, "transmission", call)]


def test_a_contact_is_two_way_and_ends_after_ten_quiet_minutes() -> None:
    entries = [
        *exchange(0), *exchange(5), *exchange(30), entry(31, "transmission", "W1ABC"),
        entry(32, "reception", "K1ABC"), entry(33, "switch", None),
    ]  # fmt: skip
    first, second = contacts_of(entries)
    assert (first.call, first.sent, first.received) == ("N0AAA", 2, 2)
    assert (first.began_at, first.ended_at) == (NOON, NOON + 360 + 12.0)
    assert (second.began_at, second.own_call, second.operator) == (NOON + 1800, "KA1ABC", "N0BBB")


def test_another_dial_is_another_contact() -> None:
    there = [entry(2, "reception", "N0AAA", dial_hz=7_101_000)]
    there += [entry(3, "transmission", "N0AAA", dial_hz=7_101_000)]
    assert [one.dial_hz for one in contacts_of([*exchange(0), *there])] == [14_103_000, 7_101_000]


def test_forged_callsigns_fill_no_memory() -> None:
    contacts = Contacts()
    for n in range(OPEN_MAX + 50):
        contacts.add(entry(0, "reception", f"N{n % 10}A{n}"))
    assert len(contacts._open) == OPEN_MAX


def test_another_authors_program_reads_the_adif() -> None:
    text = "".join(to_adif(contacts_of([*exchange(0), *exchange(20, "W1ABC")])))
    qsos, header = adif_io.read_from_string(text)
    assert (header["PROGRAMID"], header["ADIF_VER"]) == ("meshdl", "3.1.4")
    assert [qso["CALL"] for qso in qsos] == ["N0AAA", "W1ABC"]
    first = qsos[0]
    assert (first["BAND"], first["MODE"], first["FREQ"]) == ("20m", "PKT", "14.103000")
    assert (first["STATION_CALLSIGN"], first["OPERATOR"], first["TX_PWR"]) == (
        "KA1ABC", "N0BBB", "20",
    )  # fmt: skip
    assert adif_io.time_on(first) == datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    assert adif_io.time_off(first) == datetime(2026, 11, 26, 12, 1, 12, tzinfo=UTC)
    assert first["APP_MESHDL_MODEM"] == "DATAC1"


contacts = st.builds(
    Contact,
    call=st.text(max_size=12),
    own_call=st.text(max_size=12),
    operator=st.text(max_size=12),
    dial_hz=st.none() | st.integers(0, 2_000_000_000),
    modem=st.text(max_size=20),
    began_at=st.floats(0, 4e9),
    ended_at=st.floats(0, 4e9),
    sent=st.integers(1, 1000),
    received=st.integers(1, 1000),
    power_w=st.none() | st.floats(0, 1500),
)


@given(contacts)
def test_whatever_a_field_holds_the_adif_stays_readable(contact: Contact) -> None:
    contact.call = "N0AAA" + contact.call
    qsos, _ = adif_io.read_from_string("".join(to_adif([contact])))
    assert len(qsos) == 1
    assert qsos[0]["CALL"].startswith("N0AAA")
    assert record(contact).isascii()


def test_bands_do_not_overlap() -> None:
    edges = [edge for _, low, high in BANDS_MHZ for edge in (low, high)]
    assert edges == sorted(edges)


def test_a_logger_gets_one_datagram_a_contact() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as logger:
        logger.bind(("127.0.0.1", 0))
        logger.settimeout(10.0)
        sender = AdifSender(logger.getsockname())
        for one in exchange(0):
            sender.add(one)
        sender.close()
        octets = logger.recv(65_536)
    magic, schema, kind, length = struct.unpack_from(">IIII", octets)
    assert (magic, schema, kind, octets[16 : 16 + length]) == (0xADBCCBDA, 2, 12, b"meshdl")
    qsos, _ = adif_io.read_from_string(octets[20 + length :].decode("ascii"))
    assert [qso["CALL"] for qso in qsos] == ["N0AAA"]


def test_a_datagram_says_how_long_it_is() -> None:
    [contact] = contacts_of(exchange(0))
    octets = datagram(contact)
    (length,) = struct.unpack_from(">I", octets, 22)
    assert len(octets) == 26 + length


def test_the_ics_309_tells_who_called_whom_about_what() -> None:
    help_ = entry(2, "transmission", None, text="shelter list", precedence="emergency")
    entries = [
        *exchange(0), entry(1.5, "transmission", "N0AAA-7"), help_,
        entry(3, "refusal", "DL1ABC", text="third party"), entry(4, "ended", None),
    ]  # fmt: skip
    form = list(to_ics309(entries, station="KA1ABC", prepared_at=NOON + 600))
    lines = [line.split() for line in form if line.startswith("2026")]
    assert [(line[2], line[3]) for line in lines] == [
        ("N0AAA-7", "-"), ("KA1ABC", "N0AAA-7"), ("KA1ABC", "ALL"), ("KA1ABC", "DL1ABC"),
    ]  # fmt: skip
    assert "EMERGENCY shelter list" in form[9]
    assert "REFUSAL third party" in form[10]
    assert "3. Radio Operator:      N0BBB\n" in form
    assert "2026-11-26 12:00Z to 2026-11-26 12:03Z" in form[2]


@given(st.text(max_size=500))
def test_no_text_breaks_the_form(text: str) -> None:
    for line in to_ics309(
        [entry(0, "transmission", None, text=text.replace("\n", " ").replace("\r", " "))],
        station="KA1ABC",
        prepared_at=NOON,
    ):
        assert len(line) <= WIDTH + 1
        assert line.endswith("\n")


def test_an_empty_log_is_a_form_too() -> None:
    assert list(to_ics309([], station="KA1ABC", prepared_at=NOON))[-1].startswith("6. Prepared")
