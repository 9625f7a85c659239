"""An emergency comes up at a station that is in the middle of a long answer."""

from dataclasses import replace

import pytest
from tests.simulation.test_radio_transfer import HF_DATA, PACKET, Channel, content

from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.radio.log_records import RadioEvent
from meshdl.wire.onair import frames
from meshdl.wire.onair.frames import Frame
from meshdl.wire.onair.pdus import Cq, Symbols


def is_urgent_call(octets: bytes) -> bool:
    frame = frames.decode(octets)
    return isinstance(frame, Frame) and any(
        isinstance(pdu, Cq) and any(one.precedence is Precedence.EMERGENCY for one in pdu.haves)
        for pdu in frame.pdus
    )


def symbols_of(octets: bytes) -> int:
    frame = frames.decode(octets)
    pdus = frame.pdus if isinstance(frame, Frame) else ()
    return sum(pdu.count for pdu in pdus if isinstance(pdu, Symbols))


@pytest.mark.parametrize("traits", [PACKET, HF_DATA], ids=["packet", "hf"])
@pytest.mark.parametrize("curtails", [True, False], ids=["by the frame", "by the burst"])
def test_an_emergency_is_told_and_the_answer_goes_on_with_what_was_not_sent(
    traits: ModemTraits, curtails: bool
) -> None:
    channel = Channel(traits=traits)
    sender, receiver = channel.station("N0AAA", calls=True), channel.station("N0BBB")
    sender.modem.curtails = curtails
    large, form = content(30_000), content(1_000, name="form.txt")
    sender.hold(large)
    receiver.fetch(large.content)
    world = channel.world
    world.run(
        1800.0,
        stop=lambda: bool(sender.modem.keyed) and len(sender.modem.keyed[-1][1].frames) > 6,
    )
    began_at, answer = sender.modem.keyed[-1]
    # In the middle of its third frame.
    lengths = [len(frame) for frame in answer.frames]
    world.run(began_at + traits.burst_s(lengths[:2]) + traits.frame_s(lengths[2]) / 2)
    asked_at = world.now
    hold = sender.memory.hold(form, precedence=Precedence.EMERGENCY)
    sender.host.post(replace(hold, declared=True))
    channel.run(large, [receiver], within_s=3600.0)

    ended_at, whole = sender.modem.ended[answer.serial]
    assert whole == (3 if curtails else len(answer.frames))
    following = [(at, key) for at, key in sender.modem.keyed if at > began_at]
    assert is_urgent_call(following[0][1].frames[0])
    assert ended_at - asked_at <= (traits.frame_s(lengths[2]) if curtails else answer.burst_s)
    [told] = [
        record.text
        for _, record in sender.records
        if record.event is RadioEvent.ENDED and record.burst == answer.serial
    ]
    carried = f"sent 3 of {len(answer.frames)} frames: something more urgent goes first"
    assert told == (carried if curtails else "sent")
    # What was cut off is the next of the content, in the same frames; nothing went out twice.
    rest = next(key for _, key in following if symbols_of(key.frames[0]))
    if curtails:
        assert rest.frames[: len(answer.frames) - 3] == answer.frames[3:]
