"""A sealed signal is opened once, by whom it is for, in time; or not at all."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import RemoteProtocolError
from meshdl.signalling.envelope import AHEAD_S, LIFETIME_S, Opener, seal
from meshdl.wire.signals import Address, Answer, Envelope, Offer

ALICE_SECRET = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
ALICE = Address(ALICE_SECRET.public_key().public_bytes_raw(), b"a" * 8)
BOB = Address(b"b" * 32, b"b" * 8)
SENT_MS = 1_000_000


def an_offer(serial: int = 0, recipient: Address = BOB, sender: Address = ALICE) -> Offer:
    return Offer(sender, recipient, b"s" * 16, serial, SENT_MS, "v=0")


def sealed(offer: Offer) -> Envelope:
    return seal(offer, ALICE_SECRET.sign)


def test_what_was_sealed_is_opened_once() -> None:
    bob, envelope = Opener(BOB), sealed(an_offer())
    assert bob.open(envelope, sender=ALICE, carrier_now_ms=SENT_MS) == an_offer()
    with pytest.raises(RemoteProtocolError, match="came before"):
        bob.open(envelope, sender=ALICE, carrier_now_ms=SENT_MS)


def test_a_carrier_cannot_change_a_signal() -> None:
    changed = msgspec.structs.replace(
        sealed(an_offer()), signal=sealed(an_offer()).signal.replace("v=0", "v=1")
    )
    with pytest.raises(RemoteProtocolError, match="signature"):
        Opener(BOB).open(changed, sender=ALICE, carrier_now_ms=SENT_MS)


def test_a_carrier_cannot_pass_a_signal_for_one_of_another_station() -> None:
    mallory = Address(b"m" * 32, b"m" * 8)
    with pytest.raises(RemoteProtocolError, match="another station"):
        Opener(BOB).open(sealed(an_offer()), sender=mallory, carrier_now_ms=SENT_MS)
    named_alice = sealed(an_offer(sender=Address(b"m" * 32, b"a" * 8)))
    with pytest.raises(RemoteProtocolError, match="signature"):
        Opener(BOB).open(named_alice, sender=None, carrier_now_ms=SENT_MS)


@pytest.mark.parametrize(
    "recipient", [Address(BOB.station_key, b"z" * 8), Address(b"z" * 32, BOB.instance)]
)
def test_a_signal_for_another_station_or_an_earlier_run_is_refused(recipient: Address) -> None:
    with pytest.raises(RemoteProtocolError, match="earlier run"):
        Opener(BOB).open(sealed(an_offer(0, recipient)), sender=None, carrier_now_ms=SENT_MS)


@pytest.mark.parametrize(
    ("age_s", "taken"),
    [(0, True), (LIFETIME_S, True), (LIFETIME_S + 1, False), (-AHEAD_S, True), (-11, False)],
)
def test_a_signal_that_was_held_back_is_refused(age_s: float, taken: bool) -> None:
    now_ms = SENT_MS + age_s * 1000
    if taken:
        assert Opener(BOB).open(sealed(an_offer()), sender=ALICE, carrier_now_ms=now_ms)
    else:
        with pytest.raises(RemoteProtocolError, match="s old"):
            Opener(BOB).open(sealed(an_offer()), sender=ALICE, carrier_now_ms=now_ms)


def test_the_oldest_is_forgotten_first_when_too_many_are_remembered() -> None:
    bob = Opener(BOB, remembered_max=2)
    envelopes = [sealed(an_offer(serial)) for serial in range(3)]
    for envelope in envelopes:
        bob.open(envelope, sender=None, carrier_now_ms=SENT_MS)
    for envelope in envelopes[1:]:
        with pytest.raises(RemoteProtocolError, match="came before"):
            bob.open(envelope, sender=None, carrier_now_ms=SENT_MS)
    assert bob.open(envelopes[0], sender=None, carrier_now_ms=SENT_MS) == an_offer(0)


def test_a_signal_of_the_future_is_no_error() -> None:
    text = sealed(an_offer()).signal.replace('"offer"', '"telepathy"')
    envelope = Envelope(text, bytes(64))
    assert Opener(BOB).open(envelope, sender=ALICE, carrier_now_ms=SENT_MS) is None


@given(st.text(max_size=300), st.binary(min_size=64, max_size=64))
def test_no_text_makes_it_raise_anything_else(text: str, signature: bytes) -> None:
    try:
        found = Opener(BOB).open(Envelope(text, signature), sender=None, carrier_now_ms=0)
    except RemoteProtocolError:
        return
    assert found is None


def test_answers_travel_as_offers_do() -> None:
    answer = Answer(ALICE, BOB, b"s" * 16, 1, SENT_MS, "v=0\r\n")
    opened = Opener(BOB).open(
        seal(answer, ALICE_SECRET.sign), sender=ALICE, carrier_now_ms=SENT_MS + 5
    )
    assert opened == answer
