"""What is signed for a signalling server holds for what it says, and for nothing else."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.ids import StationKey
from meshdl.signalling import proofs
from meshdl.signatures import signed_by

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ROOM = proofs.closed_room("county-net", SECRET)
KEY = StationKey(b"k" * 32)


def test_a_passphrase_always_makes_the_same_room_and_another_one_another() -> None:
    one, same = (proofs.room_secret("county-net", "five words") for _ in range(2))
    other = proofs.room_secret("county-net", "six words")
    elsewhere = proofs.room_secret("state-net", "five words")
    names = [proofs.closed_room("county-net", secret) for secret in (one, same, other, elsewhere)]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_who_was_admitted_is_a_member_until_the_membership_ends() -> None:
    proof = proofs.admit(ROOM, KEY, secret=SECRET, expires_at_s=1000)
    assert proofs.is_member(ROOM, KEY, proof, unix_now_s=999)
    assert not proofs.is_member(ROOM, KEY, proof, unix_now_s=1000)


@pytest.mark.parametrize(
    ("room", "key", "secret"),
    [
        (ROOM, b"x" * 32, SECRET),
        ("other" + ROOM[10:], KEY, SECRET),
        (ROOM, KEY, STRANGER),
    ],
)
def test_a_membership_of_another_station_room_or_key_is_none(
    room: str, key: bytes, secret: Ed25519PrivateKey
) -> None:
    proof = proofs.admit(ROOM, KEY, secret=secret, expires_at_s=1000)
    assert not proofs.is_member(room, key, proof, unix_now_s=0)


def test_nobody_needs_a_membership_for_an_open_room_and_everybody_for_a_closed_one() -> None:
    assert proofs.is_member("cq", KEY, None, unix_now_s=0)
    assert not proofs.is_member(ROOM, KEY, None, unix_now_s=0)


def test_an_authentication_for_one_server_is_none_for_another() -> None:
    said = {"nonce": b"n" * 32, "callsign": "KA1ABC", "station_key": KEY, "instance": b"i" * 8}
    signature = SECRET.sign(proofs.authentication(server_name="a.example", **said))  # type: ignore[arg-type]
    key = SECRET.public_key().public_bytes_raw()
    same = proofs.authentication(server_name="A.EXAMPLE", **said)  # type: ignore[arg-type]
    assert signed_by(key, signature, same)
    other = proofs.authentication(server_name="b.example", **said)  # type: ignore[arg-type]
    assert not signed_by(key, signature, other)
