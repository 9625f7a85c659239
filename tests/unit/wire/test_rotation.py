"""A pin follows a chain of signatures from key to key, and nothing else."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.support.weak_keys import station_keys

from meshdl.wire.rotation import KeyRotation, follows, statement

CALL = "KA1ABC"


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return private(name).public_key().public_bytes_raw()


def step(old: str, new: str, *, signer: str = "", call: str = CALL) -> KeyRotation:
    signed = statement(callsign=call, old_key=public(old), new_key=public(new))
    return KeyRotation(public(old), private(signer or old).sign(signed))


CHAIN = (step("a", "b"), step("b", "c"), step("c", "d"))


@pytest.mark.parametrize("pinned", ["a", "b", "c"])
def test_whoever_pinned_any_key_of_the_chain_can_follow_it(pinned: str) -> None:
    assert follows(CHAIN, callsign=CALL, pinned=public(pinned), shown=public("d"))


@pytest.mark.parametrize(
    ("chain", "pinned", "shown"),
    [
        ((), "a", "b"),
        (CHAIN, "x", "d"),
        (CHAIN, "a", "x"),
        (CHAIN[:2], "a", "d"),
        (CHAIN[1:], "a", "d"),
        ((CHAIN[0], CHAIN[2]), "a", "d"),
        ((CHAIN[0], step("b", "c", signer="x"), CHAIN[2]), "a", "d"),
        ((step("a", "b", call="KB2DEF"),), "a", "b"),
        ((step("a", "b", signer="b"),), "a", "b"),
    ],
    ids=[
        "none",
        "pin",
        "key",
        "cut",
        "begun-late",
        "gap",
        "forged",
        "callsign",
        "self",
    ],
)
def test_a_chain_that_does_not_lead_there_is_none(
    chain: tuple[KeyRotation, ...], pinned: str, shown: str
) -> None:
    assert not follows(chain, callsign=CALL, pinned=public(pinned), shown=public(shown))


def test_what_came_before_the_pinned_key_does_not_matter() -> None:
    chain = (KeyRotation(public("a"), bytes(64)), *CHAIN[1:])
    assert follows(chain, callsign=CALL, pinned=public("b"), shown=public("d"))


rotations = st.builds(KeyRotation, station_keys, st.binary(min_size=64, max_size=64))


@given(st.lists(rotations, max_size=8), st.binary(min_size=32, max_size=32))
def test_strangers_octets_lead_nowhere_and_raise_nothing(
    chain: list[KeyRotation], shown: bytes
) -> None:
    for one in chain:
        assert not follows(chain, callsign=CALL, pinned=one.old_key, shown=shown)


@given(st.text(), st.text(), st.binary(max_size=40), st.binary(max_size=40))
def test_no_two_statements_have_the_same_octets(a: str, b: str, old: bytes, new: bytes) -> None:
    one = statement(callsign=a, old_key=old, new_key=new)
    other = statement(callsign=b, old_key=new, new_key=old)
    assert (one == other) == (a == b and old == new)
