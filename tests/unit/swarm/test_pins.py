"""A callsign goes with the key that it came with, until that key or the operator says otherwise."""

from tests.unit.swarm.rig import Peer, Rig, identity, refusals

from meshdl.ids import Callsign
from meshdl.swarm import effects, inputs
from meshdl.wire import control as wire
from meshdl.wire.rotation import KeyRotation, statement


def test_a_changed_key_is_refused_until_the_operator_trusts_it() -> None:
    rig = Rig(pins={Callsign("KA1AAA"): identity("KA1AAA").key})
    stranger = rig.peer("KA1AAA", key="new")
    assert not stranger.linked()
    refused = rig.of(effects.PeerRefused)[0]
    assert f"meshdl trust KA1AAA {stranger.id}" in refused.reason
    assert refused.key == stranger.identity.key
    assert any(isinstance(message, wire.Bye) for message in stranger.heard())
    rig.post(inputs.StationTrusted(Callsign("KA1AAA"), stranger.identity.key))
    assert rig.peer("KA1AAA", key="new").linked()


def handed_over(old: str, *, signer: str = "") -> KeyRotation:
    """KA1AAA goes over from one key to the key "new"."""
    given, taken = identity("KA1AAA", key=old), identity("KA1AAA", key="new")
    signed = statement(callsign="KA1AAA", old_key=given.key, new_key=taken.key)
    return KeyRotation(given.key, identity("KA1AAA", key=signer or old).sign(signed))


def with_new_key(rig: Rig, *rotations: KeyRotation) -> Peer:
    peer = rig.bare_link("KA1AAA", key="new", rotations=rotations)
    peer.shake_hands()
    return peer


def test_a_key_that_the_pinned_one_signed_for_takes_its_place() -> None:
    old = identity("KA1AAA", key="old").key
    rig = Rig(pins={Callsign("KA1AAA"): old})
    peer = with_new_key(rig, handed_over("old"))
    assert peer.linked()
    moved = effects.PinMoved(Callsign("KA1AAA"), old, peer.identity.key)
    assert rig.of(effects.PinMoved) == [moved]
    assert rig.of(effects.PinStation) == []
    former = rig.peer("KA1AAA", key="old")
    assert not former.linked()
    assert "another station key" in refusals(rig)[0]


def test_a_key_that_somebody_else_signed_for_is_refused() -> None:
    rig = Rig(pins={Callsign("KA1AAA"): identity("KA1AAA", key="old").key})
    assert not with_new_key(rig, handed_over("old", signer="thief")).linked()
    assert not with_new_key(rig, handed_over("other")).linked()
    assert rig.of(effects.PinMoved) == []
    assert all("meshdl trust" in reason for reason in refusals(rig))


def test_a_ban_does_not_end_with_a_new_key() -> None:
    rig = Rig()
    banned = rig.peer("KA1AAA", key="old")
    for _ in range(10):
        banned.say_text("garbage")
    assert not banned.linked()
    assert not with_new_key(rig, handed_over("old")).linked()
    assert rig.of(effects.PinMoved) == []
