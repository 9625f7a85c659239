"""No key is believed for which anybody can sign: not where it comes in, not where it verifies."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.weak_keys import (
    NEUTRAL,
    NOT_CANONICAL_KEYS,
    SMALL_ORDER,
    SMALL_ORDER_KEYS,
    WEAK_KEYS,
    station_keys,
    times,
)

from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord, sign
from meshdl.errors import InvitationInvalid, RecordInvalid, RemoteProtocolError
from meshdl.ids import Callsign, ContentHash, station_key
from meshdl.signalling.invitation import Invitation
from meshdl.signatures import signed_by
from meshdl.wire import control, siblings, signalling, signals
from meshdl.wire.rotation import KeyRotation, follows

REFUSED = r"small order|canonical"
SECRET = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
GOOD_KEY = SECRET.public_key().public_bytes_raw()
FORGED = [r + bytes(32) for r in SMALL_ORDER_KEYS]
"""Signatures that need no private key: R of small order, S = 0."""


def test_there_are_eight_points_of_small_order_and_their_keys_are_refused() -> None:
    assert len(SMALL_ORDER) == 8
    assert {times(8, one) for one in SMALL_ORDER} == {NEUTRAL}
    for key in SMALL_ORDER_KEYS:
        with pytest.raises(ValueError, match="small order"):
            station_key(key)


def test_a_point_has_no_second_key() -> None:
    assert len(set(NOT_CANONICAL_KEYS)) == 40
    for key in NOT_CANONICAL_KEYS:
        with pytest.raises(ValueError, match=REFUSED):
            station_key(key)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_the_key_of_every_station_is_one_and_only_it_signs(seed: bytes, octets: bytes) -> None:
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    key = secret.public_key().public_bytes_raw()
    assert station_key(key) == key
    assert signed_by(key, secret.sign(octets), octets)
    assert not signed_by(key, secret.sign(octets), octets + b"more")
    assert not signed_by(key, bytes(64), octets)


def verifies(key: bytes, signature: bytes, octets: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, octets)
    except (InvalidSignature, ValueError):
        return False
    return True


@settings(max_examples=20)
@given(st.binary(max_size=100))
def test_what_verifies_though_nobody_signed_it_is_not_believed(octets: bytes) -> None:
    # The reason of all this: with each of the eight points, octets of one's own choice verify.
    choice = [octets + bytes([last]) for last in range(32)]
    for key in SMALL_ORDER_KEYS:
        forged = [(one, said) for said in choice for one in FORGED]
        assert any(verifies(key, one, said) for one, said in forged)
        assert not any(signed_by(key, one, said) for one, said in forged)


@given(st.sampled_from(WEAK_KEYS) | st.binary(max_size=40), st.binary(max_size=70), st.binary())
def test_what_is_no_key_or_no_signature_raises_nothing(
    key: bytes, signature: bytes, octets: bytes
) -> None:
    assert not signed_by(key, signature, octets)


# Where keys come in, as JSON.


def text_of(octets: bytes) -> str:
    return b64encode(octets).decode()


def run_of(key: bytes) -> dict[str, Any]:
    return {"stationKey": text_of(key), "instance": text_of(bytes(8))}


def member(key: bytes, **more: Any) -> dict[str, Any]:
    return {"callsign": "KA1ABC", **run_of(key), **more}


def hello(key: bytes, *old_keys: bytes) -> dict[str, Any]:
    rotations = [{"oldKey": text_of(old), "signature": text_of(bytes(64))} for old in old_keys]
    nonce = text_of(bytes(32))
    return {"type": "hello", "protocol": 1, "nonce": nonce, "rotations": rotations, **member(key)}


def membership(invite_key: bytes) -> dict[str, Any]:
    leave = {"expiresAtS": 9, "signature": text_of(bytes(64))}
    return {**leave, "invitation": {**leave, "key": text_of(invite_key)}}


def answer(sender: bytes, recipient: bytes) -> dict[str, Any]:
    ends = {"sender": run_of(sender), "recipient": run_of(recipient)}
    session = text_of(bytes(16))
    return {"type": "answer", **ends, "session": session, "serial": 0, "atMs": 0, "sdp": "v=0"}


def news(fact: dict[str, Any]) -> dict[str, Any]:
    return {"type": "news", "process": "f" * 16, "serial": 1, "fact": fact}


def in_room(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "room": "cq", **more}


DOORS: dict[str, tuple[Callable[[str], object], Callable[[bytes], dict[str, Any]]]] = {
    "hello": (control.decode, hello),
    "hello-rotation": (control.decode, lambda key: hello(GOOD_KEY, GOOD_KEY, key)),
    "peers": (
        control.decode,
        lambda key: {
            "type": "peers",
            "contentHash": text_of(bytes(32)),
            "peers": [member(GOOD_KEY, path="lan"), member(key, path="lan")],
            "nowMs": 0,
        },
    ),
    "undeliverable": (
        control.decode,
        lambda key: {"type": "undeliverable", "stationKey": text_of(key), "reason": ""},
    ),
    "authenticate": (
        signalling.decode_station_message,
        lambda key: member(
            key, type="authenticate", protocol=1, signature=text_of(bytes(64)), agent=""
        ),
    ),
    "join": (
        signalling.decode_station_message,
        lambda key: in_room("join", membership=membership(key)),
    ),
    "member-joined": (
        signalling.decode_server_message,
        lambda key: in_room("member-joined", member=member(key)),
    ),
    "member-invited": (
        signalling.decode_server_message,
        lambda key: in_room("member-joined", member=member(GOOD_KEY, membership=membership(key))),
    ),
    "signal-sender": (signals.decode_signal, lambda key: answer(key, GOOD_KEY)),
    "signal-recipient": (signals.decode_signal, lambda key: answer(GOOD_KEY, key)),
    "bus-came": (
        siblings.decode,
        lambda key: news({"type": "came", "member": member(key), "atMs": 1}),
    ),
    "bus-pinned": (
        siblings.decode,
        lambda key: news({"type": "pinned", "callsign": "KA1ABC", "stationKey": text_of(key)}),
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_message_brings_in_a_weak_key(door: str) -> None:
    read, message = DOORS[door]
    assert read(json.dumps(message(GOOD_KEY))) is not None
    for key in WEAK_KEYS:
        with pytest.raises(RemoteProtocolError, match=REFUSED):
            read(json.dumps(message(key)))


@given(station_keys)
def test_every_other_key_gets_in(key: bytes) -> None:
    for read, message in DOORS.values():
        assert read(json.dumps(message(key))) is not None


# Where they come in otherwise.


def test_a_record_signed_with_a_weak_key_is_dropped() -> None:
    good = sign(
        content_hash=ContentHash(bytes(32)),
        title="bulletin",
        octets=5,
        originator=Callsign("KA1ABC"),
        precedence=Precedence.ROUTINE,
        tags=(),
        media_type="",
        created_at=1,
        expires_at=2,
        private_key=SECRET,
    )
    for key in WEAK_KEYS:
        body = good.encode()[:-64].replace(GOOD_KEY, key)
        for signature in FORGED:
            with pytest.raises(RecordInvalid, match=REFUSED):
                ContentRecord.decode(body + signature)


def test_neither_a_room_nor_an_invited_station_has_a_weak_key() -> None:
    for weak in WEAK_KEYS:
        for room, station in ((weak, GOOD_KEY), (GOOD_KEY, weak)):
            for signature in FORGED:
                text = (
                    f"meshdl-room:county?key={room.hex()}&expires=1000&station={station.hex()}"
                    f"&signature={signature.hex()}"
                )
                with pytest.raises(InvitationInvalid):
                    Invitation.parse(text)


def test_no_rotation_begins_with_a_weak_key_and_no_pin_is_one() -> None:
    for key in WEAK_KEYS:
        with pytest.raises(ValueError, match=REFUSED):
            KeyRotation(key, bytes(64))
        assert not follows((), callsign="KA1ABC", pinned=key, shown=GOOD_KEY)
        assert siblings.decode_pin(b"KA1ABC", key.hex().encode()) is None
