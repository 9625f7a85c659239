"""The transfer core by itself: what it puts on the air for what it hears."""

from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.radio.stations import DATAC1, DATAC13, KA1ABC
from tests.unit.radio.transfer.radio import (
    FORM,
    N0AAA,
    N0BBB,
    NOISE,
    PACKET,
    Radio,
    have,
    hold,
    leaf_symbols,
    wanted,
)

from meshdl.air import ModemDown, ModemUp
from meshdl.content import merkle
from meshdl.content.precedence import Precedence
from meshdl.errors import RemoteProtocolError
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.radio.traffic import Purpose
from meshdl.radio.transfer import events
from meshdl.sim.radio_memory import RadioContent, content_of
from meshdl.wire.onair import frames
from meshdl.wire.onair.codes import check_of, content_tag, station_tag
from meshdl.wire.onair.frames import Frame, Identification
from meshdl.wire.onair.info_segments import Info, segments
from meshdl.wire.onair.pdus import (
    AirObject,
    Codec,
    Cq,
    Enough,
    Form,
    Have,
    ObjectKind,
    Objects,
    Symbols,
    Want,
)


def test_what_the_operator_shares_in_an_emergency_is_called_ahead_of_all_else() -> None:
    radio = Radio(calls=True)
    radio.run(60.0)
    radio.sent()
    radio.post(hold(NOISE))
    assert radio.on_its_way == []  # it waits for its time
    radio.post(replace(hold(FORM, Precedence.EMERGENCY), declared=True))
    [call] = radio.on_its_way
    assert (call.purpose, call.precedence) == (Purpose.CALL, Precedence.EMERGENCY)
    [cq] = radio.sent()
    assert isinstance(cq, Cq)
    assert cq.haves[0].content == content_tag(FORM.content)
    radio.post(replace(hold(FORM, Precedence.EMERGENCY), declared=True))
    assert radio.on_its_way == []  # it was told


def test_what_becomes_an_emergency_is_called_then() -> None:
    radio = Radio(calls=True)
    radio.run(60.0)
    radio.sent()
    radio.post(replace(hold(FORM), declared=True))
    assert radio.on_its_way == []
    radio.post(replace(hold(FORM, Precedence.EMERGENCY), declared=True))
    [call] = radio.on_its_way
    assert call.precedence is Precedence.EMERGENCY


def test_an_emergency_that_came_from_another_is_told_in_its_time() -> None:
    radio = Radio(calls=True)
    radio.run(60.0)
    radio.sent()
    radio.post(hold(FORM, Precedence.EMERGENCY))
    assert radio.on_its_way == []


def test_a_want_without_a_known_holder_is_a_call_and_else_it_has_a_name() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    [traffic] = radio.on_its_way
    assert (traffic.purpose, traffic.to) == (Purpose.CALL, None)
    other = Radio()
    other.hear(have(NOISE))
    other.post(events.Fetch(NOISE.content))
    other.run(5.0)
    [traffic] = other.on_its_way
    assert (traffic.purpose, traffic.to) == (Purpose.EXCHANGE, N0AAA)


def test_what_is_due_together_goes_in_one_frame() -> None:
    radio = Radio(calls=True)
    radio.post(events.Fetch(NOISE.content))
    radio.post(events.Fetch(FORM.content))
    radio.post(hold(content_of("b", b"b")))
    radio.run(0.0)
    kinds = []
    for _ in range(4):
        radio.run(40.0)
        kinds += [[type(pdu) for pdu in radio.sent()]]
    assert any({Cq, Want} <= set(frame) for frame in kinds) or [Want, Want] in kinds


def test_an_emergency_does_not_wait_behind_a_frame_that_does() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    assert len(radio.on_its_way) == 1
    radio.post(events.Fetch(FORM.content, Precedence.EMERGENCY))
    radio.run(5.0)
    urgent = radio.on_its_way[1]
    assert urgent.precedence is Precedence.EMERGENCY
    assert urgent.withdraw_key != radio.on_its_way[0].withdraw_key


def test_a_want_that_waits_is_taken_back_when_another_asks_the_same() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    radio.hear(wanted(NOISE, ObjectKind.INFO), sender=N0BBB)
    assert radio.on_its_way == []


def test_a_want_that_waits_is_taken_back_when_it_is_sent_already() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    radio.hear(leaf_symbols(NOISE, 0, 5))
    assert radio.on_its_way == []
    assert events.ExchangeGoesOn() in radio.others


def test_an_answer_that_waits_is_taken_back_when_another_answers() -> None:
    radio = Radio()
    radio.post(hold(NOISE))
    radio.hear(wanted(NOISE), sender=N0BBB)
    octets = NOISE.octets
    [read] = [one for one in radio.others if isinstance(one, events.ReadObject)]
    radio.post(events.ObjectRead(read.key, octets))
    radio.run(5.0)
    assert len(radio.on_its_way) == 1
    radio.hear(leaf_symbols(NOISE, 0, 5))
    assert radio.on_its_way == []


def test_enough_is_said_when_much_comes_of_what_is_here() -> None:
    radio = Radio()
    radio.post(replace(hold(NOISE), held=0))
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    assert [type(pdu) for pdu in radio.sent()] == [Want]
    for first in range(0, 342, 18):
        radio.hear(leaf_symbols(NOISE, first, 18))
    [found] = [one for one in radio.others if isinstance(one, events.LeafFound)]
    assert found.octets == NOISE.octets
    radio.hear(leaf_symbols(NOISE, 0, 10))
    radio.run(5.0)
    assert radio.sent() == []
    radio.hear(leaf_symbols(NOISE, 10, 10))
    radio.run(5.0)
    leaf = Objects(ObjectKind.LEAF, 0, 1)
    assert radio.sent() == [Enough(content_tag(NOISE.content), (leaf,))]


def test_enough_is_not_said_while_another_asks() -> None:
    radio = Radio()
    radio.post(replace(hold(NOISE), held=0))
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    radio.sent()
    for first in range(0, 342, 18):
        radio.hear(leaf_symbols(NOISE, first, 18))
    radio.hear(wanted(NOISE), sender=N0BBB)
    radio.hear(leaf_symbols(NOISE, 0, 18))
    radio.hear(leaf_symbols(NOISE, 18, 18))
    radio.run(5.0)
    assert radio.sent() == []


def test_what_the_rules_refuse_is_not_asked_for_again() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    [traffic] = radio.on_its_way
    radio.on_its_way.clear()
    radio.post(events.NotSent(traffic, "not in this segment", refused=True))
    assert events.FetchFailed(NOISE.content, "not in this segment") in radio.others
    radio.hear(have(NOISE))
    radio.run(600.0)
    assert radio.on_its_way == []


def test_what_could_not_be_sent_is_asked_for_again() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    radio.run(5.0)
    [traffic] = radio.on_its_way
    radio.on_its_way.clear()
    radio.post(events.NotSent(traffic, "waited too long"))
    radio.run(60.0)
    assert [type(pdu) for pdu in radio.sent()] == [Want]


def test_without_addresses_frames_say_who_sends_them() -> None:
    for traits, sender in ((DATAC1, KA1ABC), (DATAC13, station_tag(KA1ABC))):
        radio = Radio(traits)
        radio.post(replace(hold(NOISE), held=0))
        radio.post(events.Fetch(NOISE.content))
        radio.run(60.0)
        frame = frames.decode(radio.on_its_way[0].frames[0])
        assert isinstance(frame, Frame)
        assert frame.sender == sender
        assert len(radio.on_its_way[0].frames[0]) <= traits.payload_octets_max


def test_our_own_frames_heard_elsewhere_mean_nothing() -> None:
    radio = Radio()
    radio.post(hold(NOISE))
    radio.hear(wanted(NOISE), sender=KA1ABC)
    assert not any(isinstance(one, events.ReadObject) for one in radio.others)
    radio.post(events.Heard(Identification(KA1ABC)))
    assert len(radio.core.stations) == 0


def test_without_a_modem_nothing_is_due() -> None:
    radio = Radio(calls=True)
    radio.post(events.Fetch(NOISE.content))
    radio.post(ModemDown("unplugged"))
    assert radio.core.deadline() is None
    radio.post(ModemUp(PACKET))
    radio.run(40.0)
    assert radio.on_its_way


def test_metainfo_that_is_none_is_told_and_asked_for_anew() -> None:
    radio = Radio()
    radio.post(events.Fetch(NOISE.content))
    # Under the tag of the content that is wanted, with the check that goes with it.
    tag = content_tag(NOISE.content)
    [segment] = segments(Info(record=b"", info_octets=b"d4:infoe", chunk_hashes=b""))
    forged = sha256(tag + bytes([0]) + segment[4:]).digest()[:4] + segment[4:]
    form = Form(Codec.RAW, -(-len(forged) // 48))
    of = AirObject(content=tag, kind=ObjectKind.INFO, number=0, form=form)
    radio.hear(Symbols(of, 0, forged.ljust(48 * form.source_symbols, b"\0")))
    [failed] = [one for one in radio.others if isinstance(one, events.FetchFailed)]
    assert "INFO cannot be used" in failed.reason
    radio.run(60.0)
    assert [type(pdu) for pdu in radio.sent()] == [Want]


def test_a_mistyped_hash_does_not_fill_the_channel_with_answers_of_another_content() -> None:
    radio = Radio()
    mistyped = ContentHash(FORM.content[:4] + bytes(28))
    radio.post(events.Fetch(mistyped))
    asked_at = []
    while radio.now < 24 * 3600.0:
        radio.run(5.0)
        if Want in map(type, radio.sent()):
            asked_at.append(radio.now)
            radio.hear(info_symbols(FORM))
            radio.hear(have(FORM))
    waits = [later - earlier for earlier, later in pairwise(asked_at)]
    assert waits[0] >= 30.0
    assert max(waits) <= 2_000.0  # it goes on: the first answers may have been forged
    assert len(asked_at) < 60
    assert sum(isinstance(one, events.FetchFailed) for one in radio.others) == len(asked_at)


@given(octets=st.lists(st.binary(max_size=300), max_size=20))
def test_whatever_is_heard_it_goes_on(octets: list[bytes]) -> None:
    radio = Radio()
    radio.post(hold(NOISE))
    radio.post(events.Fetch(FORM.content))
    for one in octets:
        head = bytes([frames.PDUS_HEAD])
        with suppress(RemoteProtocolError):
            frame = frames.decode(head + check_of(head + one).to_bytes(2, "big") + one)
            if frame is not None:
                radio.post(events.Heard(frame, N0AAA))
        radio.run(1.0)
    radio.run(100.0)


@pytest.mark.parametrize("kept", [0, 100, 341])
def test_symbols_of_an_earlier_run_count(kept: int) -> None:
    first = Radio()
    first.post(replace(hold(NOISE), held=0))
    for at in range(kept):
        first.hear(leaf_symbols(NOISE, at, 1))
    found = [one for one in first.others if isinstance(one, events.KeepSymbols)]
    again = Radio()
    again.post(replace(hold(NOISE), held=0))
    again.post(events.SymbolsKept(tuple(one for keep in found for one in keep.symbols)))
    again.post(events.Fetch(NOISE.content))
    again.run(5.0)
    [want] = again.sent()
    assert isinstance(want, Want)
    needed = want.wanted[0].needed
    assert needed == (0 if not kept else min(255, 342 - kept))


LEAVES = content_of("leaves.bin", Random(5).randbytes(100_000), chunk_octets=65_536)
"""Two chunks: of four leaves, and of three."""


def leaf_hashes(chunk: int) -> bytes:
    octets = LEAVES.octets[chunk * 65_536 : (chunk + 1) * 65_536]
    return b"".join(merkle.hash_leaves(octets))


def test_leaf_hashes_that_another_path_brought_are_not_asked_for() -> None:
    radio = Radio()
    radio.post(replace(hold(LEAVES), held=0b1110))
    radio.post(events.LeafHashesHeld(LEAVES.content, ChunkIndex(0), leaf_hashes(0)))
    radio.post(events.LeafHashesHeld(LEAVES.content, ChunkIndex(1), bytes(96)))
    radio.post(events.Fetch(LEAVES.content))
    radio.run(60.0)
    [asked] = [pdu for pdu in radio.sent() if isinstance(pdu, Want)]
    # Of the second chunk they were wrong.
    asked_for = [(one.objects.kind, one.objects.first) for one in asked.wanted]
    assert asked_for[:2] == [(ObjectKind.LEAF, 0), (ObjectKind.HASHES, 1)]


def test_what_is_held_changes_and_the_leaf_hashes_stay() -> None:
    radio = Radio()
    radio.post(replace(hold(LEAVES), held=0))
    for chunk in (0, 1):
        radio.post(events.LeafHashesHeld(LEAVES.content, ChunkIndex(chunk), leaf_hashes(chunk)))
    radio.post(replace(hold(LEAVES), held=0b11))
    radio.post(events.Fetch(LEAVES.content))
    radio.run(60.0)
    [asked] = [pdu for pdu in radio.sent() if isinstance(pdu, Want)]
    assert [(one.objects.kind, one.objects.first) for one in asked.wanted] == [(ObjectKind.LEAF, 2)]


def info_symbols(content: RadioContent) -> Symbols:
    """All of its INFO, which is short."""
    [info] = segments(Info(record=b"", info_octets=content.metainfo.info_octets, chunk_hashes=b""))
    octets = info.ljust(-(-len(info) // 48) * 48, b"\0")
    of = AirObject(
        content=content_tag(content.content),
        kind=ObjectKind.INFO,
        number=0,
        form=Form(Codec.RAW, len(octets) // 48),
    )
    return Symbols(of, 0, octets)


def test_of_what_is_to_be_described_the_info_is_asked_for_and_nothing_else() -> None:
    radio = Radio()
    radio.hear(have(FORM))
    radio.run(60.0)
    assert radio.on_its_way == []
    radio.post(events.Describe(content_tag(FORM.content)))
    radio.run(10.0)
    assert radio.sent() == [wanted(FORM, ObjectKind.INFO)]
    radio.hear(info_symbols(FORM))
    [found] = [one for one in radio.others if isinstance(one, events.MetainfoFound)]
    assert (found.metainfo.content_hash, found.wanted) == (FORM.content, False)
    radio.run(600.0)
    assert radio.on_its_way == []
    radio.post(events.Describe(content_tag(FORM.content)))
    assert [one for one in radio.others if isinstance(one, events.MetainfoFound)] == [found] * 2


def test_a_call_holds_others_back_when_it_tells_of_an_emergency_for_the_first_time() -> None:
    radio = Radio()
    first, second = (
        Cq(haves=(Have(content=content_tag(one.content), precedence=Precedence.EMERGENCY,
                       size_class=60),))
        for one in (FORM, NOISE)
    )  # fmt: skip
    emergencies = []
    for cq in (first, first, second, have(NOISE), first):
        radio.hear(cq)
        radio.hear(cq, sender=N0BBB)
        emergencies.append(sum(isinstance(one, events.EmergencyHeard) for one in radio.others))
    assert emergencies == [1, 1, 2, 2, 2]


def test_what_turns_out_to_be_encrypted_is_so_from_then_on() -> None:
    radio = Radio()
    for cleartext in (True, False):
        radio.post(replace(hold(FORM, Precedence.ROUTINE), cleartext=cleartext))
        content = radio.core.contents.find(FORM.content)
        assert content is not None
        assert content.cleartext is cleartext


def test_an_emergency_is_described_ahead_of_all_else() -> None:
    radio = Radio()
    tag = content_tag(FORM.content)
    radio.hear(Cq(haves=(Have(content=tag, precedence=Precedence.EMERGENCY, size_class=60),)))
    radio.post(events.Describe(tag))
    radio.run(10.0)
    [want] = radio.on_its_way
    assert want.precedence is Precedence.EMERGENCY


@pytest.mark.parametrize("told_first", [True, False])
def test_an_emergency_is_asked_for_by_its_whole_hash_as_urgently_as_it_is_told(
    told_first: bool,
) -> None:
    radio = Radio()
    call = Have(content=content_tag(FORM.content), precedence=Precedence.EMERGENCY, size_class=60)
    if told_first:
        radio.hear(Cq(haves=(call,)))
    radio.post(events.Fetch(FORM.content))
    if not told_first:
        radio.hear(Cq(haves=(call,)))
    radio.run(10.0)
    assert [one.precedence for one in radio.on_its_way] == [Precedence.EMERGENCY]
    # Once its INFO is here, it is what its record and the operator say.
    radio.post(replace(hold(FORM), held=0))
    found = radio.core.contents.open(FORM.content)
    assert found is not None
    assert found.precedence is Precedence.ROUTINE


def test_what_was_overheard_and_not_kept_is_told_again_when_it_is_wanted() -> None:
    radio = Radio()
    radio.hear(info_symbols(FORM))
    [first] = [one for one in radio.others if isinstance(one, events.MetainfoFound)]
    assert not first.wanted
    radio.post(events.Fetch(FORM.content))
    _, again = [one for one in radio.others if isinstance(one, events.MetainfoFound)]
    assert again == replace(first, wanted=True)
