"""What is heard: explained to whoever watches, and in the log as one entry a burst."""

import asyncio
from collections.abc import Callable

from tests.unit.radio.stations import AFSK, DATAC1, DATAC13, KA1ABC, VHF

from meshdl.air import FrameHeard, ModemUp
from meshdl.content import merkle
from meshdl.control.radio_view import HeardFrame
from meshdl.ids import ContentHash
from meshdl.radio.log_records import RadioEvent, RadioRecord
from meshdl.sim.radio_memory import RadioContent, content_of
from meshdl.station.radio.ear import (
    CONTENTS_MAX,
    FRAME_OCTETS_KEPT,
    FRAMES_MAX,
    RECORDS_PER_MINUTE_MAX,
    Ear,
)
from meshdl.wire import ax25
from meshdl.wire.ax25 import Address
from meshdl.wire.capture import Captured, Framing
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.pdus import (
    AirObject,
    Codec,
    Cq,
    Form,
    ObjectKind,
    Objects,
    Symbols,
    Want,
    Wanted,
)

BASE_AT = 1_790_000_000.0
RAW = Form(Codec.RAW, merkle.LEAF_OCTETS // 48 + 1)
MAP, FORM = (
    content_of(name, name.encode() * 23_405, chunk_octets=4 * merkle.LEAF_OCTETS)
    for name in ("map.bin", "frm.bin")
)
"""Ten leaves in three chunks, each."""


def leaf(content: RadioContent, number: int) -> AirObject:
    return AirObject(
        content=content_tag(content.content), kind=ObjectKind.LEAF, number=number, form=RAW
    )


class Listener:
    """An ear, and what it has written."""

    def __init__(self) -> None:
        self.written: list[tuple[RadioRecord, float]] = []
        self.at = BASE_AT
        self.ear = Ear(KA1ABC, lambda: VHF, self._write, lambda: self.at)
        self.ear.modem = ModemUp(AFSK)

    def _write(self, record: RadioRecord, at: float) -> None:
        self.written.append((record, at))

    def frame(self, source: str, info: bytes = b"hello") -> None:
        octets = ax25.encode_ui(Address(source, 0), info)
        self.ear.captured(Captured(at=self.at, framing=Framing.AX25, octets=octets))
        self.at += 0.25


def listen(scenario: Callable[[Listener], None]) -> Listener:
    async def whole() -> Listener:
        listener = Listener()
        scenario(listener)
        listener.ear.close()
        return listener

    return asyncio.run(whole())


def test_frames_without_a_pause_are_one_entry() -> None:
    def burst(listener: Listener) -> None:
        for _ in range(5):
            listener.frame("N0AAA")

    [(record, at)] = listen(burst).written
    assert record.event is RadioEvent.RECEPTION
    assert (record.callsign, at, len(record.frames)) == ("N0AAA", BASE_AT, 5)
    assert record.text.endswith("(and 4 more frames)")
    assert (record.dial_hz, record.modem) == (VHF.dial_hz, AFSK.name)
    assert record.width_hz == VHF.occupied(AFSK).width_hz  # type: ignore[union-attr]
    one = record.frames[0]
    assert record.duration_s == 5 * AFSK.frame_s(len(one))


def test_a_reception_of_a_known_content_has_its_hash_and_what_it_carried() -> None:
    content = MAP.content
    about = frames.encode([Cq(), Symbols(leaf(MAP, 3), 0, bytes(48))])
    more = frames.encode([Symbols(leaf(MAP, 9), 0, bytes(96))])
    stranger = frames.encode([Want(ContentTag(b"abcd"), (Wanted(Objects(ObjectKind.LEAF, 0, 1)),))])

    def hear(listener: Listener) -> None:
        listener.frame("N0AAA", about)
        listener.frame("N0BBB", stranger)
        listener.ear.know(content, MAP.metainfo)
        listener.ear.know(content)  # what is known stays known
        listener.frame("N0AAA", frames.encode([Cq()]))
        listener.frame("N0AAA", about)
        listener.frame("N0AAA", more)

    (unknown, _), (other, _), (known, _) = listen(hear).written
    assert (unknown.content, other.content, known.content) == (None, None, content)
    assert (unknown.chunks, unknown.octets_before, unknown.octets_after) == ((), 0, 48)
    assert (known.chunks, known.octets_before, known.octets_after) == ((0, 2), 3 * 48, 3 * 48)
    assert (known.control_operator, known.control) == ("KA1ABC", VHF.control)


def test_a_reception_of_two_contents_tells_what_it_carried_of_the_first() -> None:
    def hear(listener: Listener) -> None:
        for content in (MAP, FORM):
            listener.ear.know(content.content, content.metainfo)
        for content, number in ((MAP, 0), (FORM, 9), (MAP, 5)):
            symbols = Symbols(leaf(content, number), 0, bytes(48))
            listener.frame("N0AAA", frames.encode([symbols]))

    [(record, _)] = listen(hear).written
    assert record.content == MAP.content
    assert (record.chunks, record.octets_after) == ((0, 1), 96)


def test_no_more_contents_are_remembered_than_a_station_sends() -> None:
    def hear(listener: Listener) -> None:
        first = ContentHash(bytes(32))
        listener.ear.know(first)
        for number in range(1, CONTENTS_MAX + 1):
            listener.ear.know(ContentHash(number.to_bytes(4, "big") + bytes(28)))
        of = AirObject(content=content_tag(first), kind=ObjectKind.LEAF, number=0, form=RAW)
        listener.frame("N0AAA", frames.encode([of]))

    [(record, _)] = listen(hear).written
    assert record.content is None


def test_another_station_is_another_entry() -> None:
    def both(listener: Listener) -> None:
        for source in ("N0AAA", "N0BBB", "N0BBB", "N0AAA"):
            listener.frame(source)

    written = listen(both).written
    assert [record.callsign for record, _ in written] == ["N0AAA", "N0BBB", "N0AAA"]


def test_silence_ends_an_entry_by_itself() -> None:
    async def whole() -> list[str | None]:
        listener = Listener()
        listener.frame("N0AAA")
        timer = listener.ear._timer
        assert timer is not None
        assert listener.written == []
        timer._run()  # as the loop does after the pause
        return [record.callsign for record, _ in listener.written]

    assert asyncio.run(whole()) == ["N0AAA"]


def test_nobody_fills_the_disk_by_sending() -> None:
    def flood(listener: Listener) -> None:
        for number in range(RECORDS_PER_MINUTE_MAX + 50):
            listener.frame(f"N{number % 10}AAA")
        # A station whose frames were written is written again once there is room.
        listener.ear._bucket._level_octets = 1.0
        listener.frame("N0ZZZ")

    written = listen(flood).written
    assert len(written) <= RECORDS_PER_MINUTE_MAX + 5
    assert any("frames before it were not logged" in record.text for record, _ in written)


def test_an_endless_burst_is_written_piece_by_piece_and_not_all_of_its_octets() -> None:
    def endless(listener: Listener) -> None:
        for _ in range(FRAMES_MAX + 1):
            listener.frame("N0AAA", bytes(100))

    first, second = listen(endless).written
    assert sum(map(len, first[0].frames)) <= FRAME_OCTETS_KEPT
    assert f"{FRAMES_MAX - 1} more frames" in first[0].text
    assert "more frames" not in second[0].text


def test_a_frame_without_addresses_keeps_what_the_modem_measured() -> None:
    def hear(listener: Listener) -> None:
        listener.ear.modem = ModemUp(DATAC1, (DATAC13,))
        listener.ear.heard(FrameHeard(octets=b"DE N0AAA", at=0.0, snr_db=4.0))
        listener.ear.heard(FrameHeard(octets=b"DE N0AAA", at=0.0, snr_db=2.0))
        listener.ear.heard(FrameHeard(octets=b"DE N0BBB", at=0.0, snr_db=1.0, mode="DATAC13"))

    one, other = (record for record, _ in listen(hear).written)
    assert (one.callsign, one.snr_db, one.modem) == ("N0AAA", 2.0, "DATAC1")
    assert (other.callsign, other.modem) == ("N0BBB", "DATAC13")


def test_whoever_watches_sees_every_frame_and_nothing_that_commands_a_terminal() -> None:
    async def whole() -> list[HeardFrame]:
        listener = Listener()
        with listener.ear.feed.subscribe() as frames:
            listener.frame("N0AAA", b">\x1b[2Jred")
            listener.frame("N0AAA", bytes(256))
            listener.ear.close()
            return [frame async for frame in frames]

    shown = asyncio.run(whole())
    assert [frame.source for frame in shown] == ["N0AAA", "N0AAA"]
    assert all(frame.line.isprintable() for frame in shown)
    assert not any(frame.ours for frame in shown)
