"""``docs/protocol/signalling.md`` and the code say the same: both are held to the vectors."""

import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support import signalling_vectors as made

from meshdl.errors import RemoteProtocolError
from meshdl.signalling import proofs
from meshdl.signalling.envelope import Opener
from meshdl.signalling.invitation import Invitation
from meshdl.signatures import signed_by
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Envelope, decode_signal, encode_signal

VECTORS: dict[str, Any] = json.loads(made.FILE.read_text(encoding="utf-8"))
PAGE = (made.FILE.parents[1] / "signalling.md").read_text(encoding="utf-8")


def decode(text: str) -> wire.StationMessage | wire.ServerMessage | None:
    """As whoever gets it does."""
    return wire.decode_station_message(text) or wire.decode_server_message(text)


def test_the_vectors_are_those_that_the_code_makes() -> None:
    assert made.vectors() == VECTORS


def test_a_room_is_made_from_its_passphrase() -> None:
    closed = VECTORS["closed_room"]
    secret = proofs.room_secret(closed["name"], closed["passphrase"])
    assert proofs.closed_room(closed["name"], secret) == closed["whole_name"]


@pytest.mark.parametrize("vector", VECTORS["statements"], ids=lambda one: one["name"])
def test_a_statement_is_signed_as_told(vector: dict[str, str]) -> None:
    if vector["key"] == "room":
        key = proofs.room_key(VECTORS["closed_room"]["whole_name"])
    else:
        seed = bytes.fromhex(VECTORS["private_keys"][vector["key"]])
        key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert key is not None
    octets, signature = bytes.fromhex(vector["octets"]), bytes.fromhex(vector["signature"])
    assert signed_by(key, signature, octets)
    assert not signed_by(key, signature, octets + b"\0")


@pytest.mark.parametrize("vector", VECTORS["invitations"], ids=lambda one: one["for"])
def test_an_invitation_is_read_and_written_and_lets_its_guest_in(vector: dict[str, str]) -> None:
    invitation = Invitation.parse(vector["link"])
    assert invitation.to_text() == vector["link"]
    room = VECTORS["closed_room"]["whole_name"]
    assert invitation.room == room
    guest = made.public_key("alice" if vector["for"] == "alice" else "bob")
    leave = invitation.membership(guest)
    assert proofs.is_member(room, guest, leave, unix_now_s=made.EXPIRES_AT_S - 1)


@pytest.mark.parametrize("vector", VECTORS["envelopes"])
def test_an_envelope_is_opened_once(vector: dict[str, str]) -> None:
    envelope = Envelope(vector["signal"], bytes.fromhex(vector["signature"]))
    opener = Opener(made.BOB)
    signal = opener.open(envelope, sender=made.ALICE, carrier_now_ms=made.NOW_MS)
    assert signal is not None
    assert encode_signal(signal) == vector["signal"]
    with pytest.raises(RemoteProtocolError, match="before"):
        opener.open(envelope, sender=made.ALICE, carrier_now_ms=made.NOW_MS)


@pytest.mark.parametrize("text", VECTORS["messages"])
def test_a_message_is_read_and_written(text: str) -> None:
    message = decode(text)
    assert message is not None
    assert wire.encode(message) == text


def test_every_message_and_signal_has_a_vector_and_a_line_on_the_page() -> None:
    kinds = wire.StationMessage.__args__ + wire.ServerMessage.__args__
    tags = {str(kind.__struct_config__.tag) for kind in kinds}
    assert {json.loads(text)["type"] for text in VECTORS["messages"]} == tags
    sealed = {json.loads(one["signal"])["type"] for one in VECTORS["envelopes"]}
    told = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", PAGE))
    codes = set(re.findall(r"`([a-z-]+)`", "".join(_column(PAGE, "`code`"))))
    assert codes == wire.REFUSAL_CODES
    headings = {"type", "code"}
    assert told - codes - headings == (tags | sealed) - codes


def test_what_is_of_the_future_is_ignored() -> None:
    unknown, known = VECTORS["ignored"]
    assert wire.decode_station_message(unknown) is None
    assert wire.decode_station_message(known) == wire.Leave("cq")


@pytest.mark.parametrize("text", VECTORS["refused"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        wire.decode_station_message(text)


@pytest.mark.parametrize("text", ["", "{}", '{"type":"offer"}'])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_signal(text)


def _column(page: str, heading: str) -> list[str]:
    """The first cells of the table that begins with this heading."""
    rows = page[page.index(f"| {heading} |") :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [row.split("|")[1] for row in rows]
