"""Makes ``docs/protocol/vectors/signalling.json``: ``python -m tests.support.signalling_vectors``.

All keys are fixed and Ed25519 is deterministic, so the file is the same each time.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.ids import StationKey, station_id
from meshdl.signalling import proofs
from meshdl.signalling.envelope import seal
from meshdl.signalling.invitation import Invitation
from meshdl.wire import signalling as wire
from meshdl.wire.rotation import KeyRotation
from meshdl.wire.rotation import statement as rotation_statement
from meshdl.wire.signals import (
    Address,
    Answer,
    Candidate,
    Candidates,
    Envelope,
    Offer,
    SessionRefused,
    Signal,
)

FILE = Path(__file__).parents[2] / "docs" / "protocol" / "vectors" / "signalling.json"

SERVER_NAME, ROOM, PASSPHRASE = "signal.example.org", "county-net", "correct horse battery staple"
NONCE, SESSION, CONTENT = bytes(range(32)), bytes(range(16)), bytes(range(64, 96))
EXPIRES_AT_S, NOW_MS = 1_800_000_000, 1_790_000_000_000


def private_key(name: str) -> Ed25519PrivateKey:
    """A key that everybody knows."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public_key(name: str) -> StationKey:
    """Its other half."""
    return StationKey(private_key(name).public_key().public_bytes_raw())


ALICE = Address(public_key("alice"), bytes(range(8)))
BOB = Address(public_key("bob"), bytes(range(8, 16)))


def signals() -> list[Signal]:
    """One of each kind."""
    head: dict[str, Any] = {"sender": ALICE, "recipient": BOB, "session": SESSION, "at_ms": NOW_MS}
    sdp = "v=0\r\na=fingerprint:sha-256 00\r\n"
    found = Candidate("candidate:1 1 udp 2130706431 198.51.100.7 50000 typ host")
    return [
        Offer(**head, serial=0, sdp=sdp),
        Answer(**head, serial=1, sdp=sdp),
        Candidates(**head, serial=2, candidates=(found,)),
        SessionRefused(**head, serial=3, reason="no room for another link"),
    ]


def messages() -> list[wire.StationMessage | wire.ServerMessage]:
    """One of each kind."""
    secret = proofs.room_secret(ROOM, PASSPHRASE)
    room = proofs.closed_room(ROOM, secret)
    leave = proofs.admit(room, public_key("alice"), secret=secret, expires_at_s=EXPIRES_AT_S)
    member = wire.Member("KA1ABC", ALICE.station_key, ALICE.instance, leave)
    guest = invitation().membership(public_key("bob"))
    envelope = sealed(signals()[0])
    to = station_id(public_key("bob"))
    ice = (wire.IceServer(("turn:turn.example.org:3478?transport=udp",), "1790000000:x", "y"),)
    rotated = rotation_statement(
        callsign="KA1ABC", old_key=public_key("old"), new_key=public_key("alice")
    )
    rotation = KeyRotation(public_key("old"), private_key("old").sign(rotated))
    return [
        wire.Authenticate(
            1, "KA1ABC", ALICE.station_key, ALICE.instance,
            private_key("alice").sign(authentication()), "meshdl 0.1", (rotation,),
        ),
        wire.Join(room, leave),
        wire.Join(room, guest),
        wire.Join("cq"),
        wire.Leave("cq"),
        wire.Announce("cq", (CONTENT,), 1800),
        wire.Withdraw("cq", (CONTENT,)),
        wire.Lookup("cq", CONTENT, 1800),
        wire.Unwatch("cq", (CONTENT,)),
        wire.Relay("cq", to, envelope),
        wire.IceRequest(),
        wire.Challenge(1, NONCE),
        wire.Welcome(to, NOW_MS, 1800, ice, 43_200),
        wire.IceAnswer(ice, 43_200),
        wire.Joined(room, (member,), 1),
        wire.MemberJoined(room, member),
        wire.MemberLeft(room, to),
        wire.Found(room, CONTENT, (member,), 1),
        wire.Relayed(room, member, envelope),
        wire.Undeliverable("cq", to, "the station is not in this room"),
        wire.Refused("rate", "messages come too fast", "relay", "cq", 10_000),
        wire.Goodbye("the server stops", 500),
    ]  # fmt: skip


def invitation() -> Invitation:
    """To whoever has it."""
    secret = proofs.room_secret(ROOM, PASSPHRASE)
    room = proofs.closed_room(ROOM, secret)
    seed = private_key("invite").private_bytes_raw()
    return Invitation.for_anybody(room, seed=seed, secret=secret, expires_at_s=EXPIRES_AT_S)


def bound_invitation() -> Invitation:
    """To Alice."""
    secret = proofs.room_secret(ROOM, PASSPHRASE)
    room = proofs.closed_room(ROOM, secret)
    return Invitation.for_station(
        room, public_key("alice"), secret=secret, expires_at_s=EXPIRES_AT_S
    )


def authentication() -> bytes:
    """What Alice signs."""
    return proofs.authentication(
        server_name=SERVER_NAME, nonce=NONCE, callsign="KA1ABC",
        station_key=ALICE.station_key, instance=ALICE.instance,
    )  # fmt: skip


def sealed(signal: Signal) -> Envelope:
    """As Alice sends it."""
    return seal(signal, private_key("alice").sign)


def vectors() -> dict[str, Any]:
    """The whole file."""
    secret = proofs.room_secret(ROOM, PASSPHRASE)
    room = proofs.closed_room(ROOM, secret)
    member = proofs.membership(room=room, station_key=ALICE.station_key, expires_at_s=EXPIRES_AT_S)
    rotated = rotation_statement(
        callsign="KA1ABC", old_key=public_key("old"), new_key=public_key("alice")
    )
    envelopes = [sealed(signal) for signal in signals()]
    invited = proofs.invitation(
        room=room, invite_key=public_key("invite"), expires_at_s=EXPIRES_AT_S
    )
    guest = proofs.membership(room=room, station_key=public_key("bob"), expires_at_s=EXPIRES_AT_S)
    return {
        "private_keys": {
            name: private_key(name).private_bytes_raw().hex()
            for name in ("alice", "bob", "old", "invite")
        },
        "closed_room": {"name": ROOM, "passphrase": PASSPHRASE, "whole_name": room},
        "statements": [
            {"name": "authentication", "key": "alice", "octets": authentication().hex(),
             "signature": private_key("alice").sign(authentication()).hex()},
            {"name": "membership", "key": "room", "octets": member.hex(),
             "signature": secret.sign(member).hex()},
            {"name": "invitation", "key": "room", "octets": invited.hex(),
             "signature": secret.sign(invited).hex()},
            {"name": "membership of a guest", "key": "invite", "octets": guest.hex(),
             "signature": private_key("invite").sign(guest).hex()},
            {"name": "rotation", "key": "old", "octets": rotated.hex(),
             "signature": private_key("old").sign(rotated).hex()},
        ],
        "invitations": [
            {"for": "whoever has it", "link": invitation().to_text()},
            {"for": "alice", "link": bound_invitation().to_text()},
        ],
        "envelopes": [
            {"signal": one.signal, "signature": one.signature.hex()} for one in envelopes
        ],
        "messages": [wire.encode(one) for one in messages()],
        "ignored": [
            '{"type":"of-the-future","room":"cq"}',
            '{"type":"leave","room":"cq","member":"of the future"}',
        ],
        "refused": [
            "", "[]", "{}", '{"type":5}', '{"type":"join"}', '{"type":"join","room":""}',
            '{"type":"join","room":"-cq"}', '{"type":"join","room":"CQ"}',
            '{"type":"join","room":"cq#00"}', '{"type":"leave","room":null}',
            '{"type":"announce","room":"cq","contentHashes":[],"lifetimeS":60}',
            '{"type":"announce","room":"cq","contentHashes":["AAAA"],"lifetimeS":60}',
            '{"type":"relay","room":"cq","to":"0","envelope":{"signal":"","signature":""}}',
        ],
    }  # fmt: skip


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")
