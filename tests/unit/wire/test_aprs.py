"""APRS: the common reports in plain words, and anything else as text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshdl.wire import aprs
from meshdl.wire.aprs import Kind


@pytest.mark.parametrize(
    ("info", "kind", "words"),
    [
        # From the APRS Protocol Reference where it has such an example.
        (
            b"!4903.50N/07201.75W-Test 001234",
            Kind.POSITION,
            "position at 49.0583°N 72.0292°W: Test",
        ),
        (b"=4903.50S\\07201.75E#", Kind.POSITION, "position at 49.0583°S 72.0292°E"),
        (b"/092345z4903.50N/07201.75W>Test1234", Kind.POSITION, "49.0583°N 72.0292°W: Test1234"),
        (b"@092345/4903.50N/07201.75W>Test1234", Kind.POSITION, "49.0583°N 72.0292°W: Test1234"),
        (b"!49  .  N/072  .  W-", Kind.POSITION, "position at 49.0000°N 72.0000°W"),
        (b"=/5L!!<*e7>7P[", Kind.POSITION, "position at 49.5000°N 72.7500°W"),
        (
            b"!4903.50N/07201.75W_220/004g005t077r000p000P000h50b09900wRSW",
            Kind.WEATHER,
            "wind_mph 4, temperature_f 77, gust_mph 5, humidity_percent 50, pressure_tenths_hpa",
        ),
        (b"_10090556c220s004g005t-07r000h50b09900", Kind.WEATHER, "wind_mph 4, temperature_f -7"),
        (b":WU2Z     :Testing{003", Kind.MESSAGE, "message number 003 to WU2Z: Testing"),
        (b":WU2Z     :no number", Kind.MESSAGE, "message to WU2Z: no number"),
        (b":KB2ICI-14:ack003", Kind.MESSAGE, "message to KB2ICI-14: acknowledges 003"),
        (b":KB2ICI-14:rej003", Kind.MESSAGE, "message to KB2ICI-14: rejects 003"),
        (b":BLN3     :Snow expected in Tampa", Kind.BULLETIN, "bulletin to BLN3: Snow expected"),
        (b":BLN4WX   :Stand by", Kind.BULLETIN, "bulletin to BLN4WX: Stand by"),
        (b">Net Control Center", Kind.STATUS, "status: Net Control Center"),
        (b";LEADER   *092345z4903.50N/07201.75W>", Kind.OBJECT, "object LEADER at 49.0583°N"),
        (b";LEADER   _092345z4903.50N/07201.75W>", Kind.OBJECT, "object LEADER (gone) at 49.0583"),
        (b")AID #2!4903.50N/07201.75WA", Kind.OBJECT, "object AID #2 at 49.0583°N"),
        (b"T#005,199,000", Kind.OTHER, "telemetry: #005,199,000"),
        (b'`(_fn"Oj/', Kind.OTHER, 'Mic-E position: (_fn"Oj/'),
        (b"hello", Kind.OTHER, "text: hello"),
        (b"!no position at all", Kind.OTHER, "text: !no position at all"),
        (b"!9903.50N/07201.75W-", Kind.OTHER, "text: !9903.50N/07201.75W-"),
        (b":short:x", Kind.OTHER, "text: :short:x"),
        (b"", Kind.OTHER, "text"),
    ],
)
def test_a_report_is_said_in_plain_words(info: bytes, kind: Kind, words: str) -> None:
    report = aprs.read(info)
    assert report.kind is kind
    assert words in str(report)


@given(st.binary(max_size=120))
@example(b"!4903.50N/07201.75W_...g")
def test_any_octets_are_at_least_text(info: bytes) -> None:
    assert str(aprs.read(info))


@given(first=st.sampled_from(b"!=/@:>;)_`'T$<?}"), rest=st.binary(max_size=80))
def test_any_octets_of_a_known_type_are_at_least_text(first: int, rest: bytes) -> None:
    assert str(aprs.read(bytes([first]) + rest))


@given(report=st.from_regex(rb"[!=][0-9]{4}\.[0-9]{2}[NS][/\\][0-9]{5}\.[0-9]{2}[EW].{0,30}"))
def test_a_position_is_on_earth(report: bytes) -> None:
    position = aprs.read(report).position
    assert position is None or (abs(position.latitude) <= 90 and abs(position.longitude) <= 180)
